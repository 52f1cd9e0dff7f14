"""A page that is visited without a browser: somebody who does as told, and requests by hand."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundmatte.errors import EngineRefused, UsageError
from soundmatte.page.visit import visit
from soundmatte.page.work import (
    Choice,
    EngineChoice,
    Listener,
    Matte,
    Offer,
    Outcome,
    Proposal,
    Shown,
    Sound,
    Trouble,
)
from stemmux.errors import Cancelled
from stemmux.ffmpeg import Progress

CLOUD = EngineChoice("cloud", "Cloud service", ("style", "acceleration", "candidates"))
ENGINES = (EngineChoice("offline", "On this computer"), CLOUD)
PEAKS = (-90.0, -6.0, 0.0)


@dataclass
class StandIn:
    """Work of which everything is known; what it was asked is kept.

    Attributes:
        hold: the work waits for it, asking whether it should end.
        errors: raised by the work, one after the other, before it goes well.
        drawn: lets the movie be drawn.
    """

    matte: bool = True
    hold: threading.Event | None = None
    drawn: threading.Event | None = None
    errors: list[Exception] = field(default_factory=list)
    estimated: list[Choice] = field(default_factory=list)
    agreed: list[Offer] = field(default_factory=list)
    given_up: list[bool] = field(default_factory=list)

    def proposal(self) -> Proposal:
        """See `Work`, as everything below."""
        choice = Choice(prompt="dog", engine="cloud")
        return Proposal("shot.mov", "0:00.00 to 0:02.00 · 2.00 s", self.matte, ENGINES, choice)

    def estimate(self, choice: Choice) -> Offer:
        self.estimated.append(choice)
        if choice.prompt == "refused":
            raise EngineRefused("Nobody can look for that.", hint="Ask for a sound.")
        price = f"You pay at most {choice.candidates} USD."
        return Offer(choice, price, ("Read this.",), f"order {choice.prompt}")

    def show(
        self, invert: bool, folder: Path, show: Callable[[Shown, Path], None], progress: Progress
    ) -> Matte:
        def drawn(role: Shown, suffix: str) -> None:
            path = folder / f"{role}{suffix}"
            path.write_bytes(f"{role} {invert}".encode() + bytes(range(256)) * 40)
            show(role, path)

        drawn("still", ".png")
        try:
            while self.drawn is not None and not self.drawn.wait(0.01):
                progress(0.5)
            progress(0.9)
        except Cancelled:
            self.given_up.append(invert)
            raise
        drawn("sheet", ".png")
        drawn("movie", ".mp4")
        return Matte(0.25, ("It is odd.",))

    def separate(self, offer: Offer, listener: Listener, folder: Path) -> Outcome:
        self.agreed.append(offer)
        with listener.stage("separate") as progress:
            listener.note("It has begun.")
            progress(0.5)
            while self.hold is not None and not self.hold.wait(0.01):
                progress(0.5)
            if self.errors:
                raise self.errors.pop(0)
        sounds = {}
        for role in ("mix", "target", "residual"):
            path = folder / f"{role}.wav"
            path.write_bytes(role.encode())
            sounds[role] = Sound(path, PEAKS, ("−20.0 LUFS",))
        return Outcome("It nulls.", "/stems", ("a.wav",), ("Fine.",), sounds, "the result")  # type: ignore[arg-type]

    def trouble(self, error: BaseException) -> Trouble:
        return Trouble(type(error).__name__, str(error), getattr(error, "hint", ""))


@dataclass
class Editor:
    """Who asked for the page: hears everything, and can end it."""

    notes: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """See `Listener`."""
        self.stages.append(name)

        def progress(share: float) -> None:
            if self.ended.is_set():
                raise Cancelled("The request was cancelled.")

        progress(0.0)
        yield progress

    def note(self, text: str) -> None:
        """See `Listener`."""
        self.notes.append(text)

    def address(self) -> tuple[int, str]:
        """Port and one-time word, once they were told."""
        told = until(lambda: next((note for note in self.notes if "http" in note), None))
        head, _, word = told.partition("/#")
        return int(head.rpartition(":")[2]), word


class Visiting:
    """A visit on a thread of its own, and how it ended."""

    def __init__(self, work: StandIn) -> None:
        self.work, self.editor = work, Editor()
        self.ended: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.ended = visit(self.work, self.editor)
        except Exception as error:
            self.ended = error

    def result(self) -> Any:
        """What came of it, or the error."""
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.ended

    def close(self) -> None:
        """End it, whatever it is at."""
        self.editor.ended.set()
        self._thread.join(10)


def until(found: Callable[[], Any], limit: float = 10.0) -> Any:
    """Wait for something to be there."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if (value := found()) is not None and value is not False:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come")


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """What the body holds."""
        return json.loads(self.body)


class Visitor:
    """A browser of few words.

    Attributes:
        tab: the page's name, another one whenever it is loaded.
    """

    def __init__(self, port: int) -> None:
        self.port, self.cookie, self.tab = port, "", "a"
        self.number, self.seen = -1, dict[str, Any]()

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> Answer:
        """One request as it is.

        Args:
            headers: an underscore in a name is a dash; one that is None is left out.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        said: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}"}
        if self.cookie:
            said["Cookie"] = self.cookie
        if method == "POST":
            origin = f"http://127.0.0.1:{self.port}"
            said |= {"Origin": origin, "Content-Type": "application/json"}
            said["Content-Length"] = str(len(body or b""))
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in said.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    def enter(self, word: str) -> Answer:
        """Give the one-time word."""
        answer = self.say("enter", word=word)
        self.cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0] or self.cookie
        return answer

    def say(self, act: str, **words: Any) -> Answer:
        """Do something."""
        return self.ask("POST", f"/{act}", json.dumps(words).encode())

    def leave(self) -> None:
        """Close the page."""
        self.say("left", tab=self.tab)

    def look(self, wanted: Callable[[dict[str, Any]], Any] = lambda state: True) -> dict[str, Any]:
        """What is seen, once it is what is wanted."""
        for _ in range(200):
            if self.seen and wanted(self.seen):
                return self.seen
            self.seen = self.ask("GET", f"/state?after={self.number}&tab={self.tab}").json
            self.number = self.seen["number"]
        raise AssertionError(self.seen)

    def at(self, phase: str) -> dict[str, Any]:
        """What is seen in a phase."""
        return self.look(lambda state: state.get("phase") == phase)

    def offered(self, **choice: Any) -> dict[str, Any]:
        """The offer of a choice, chosen where anything is given."""
        if choice:
            whole = Choice(**{"prompt": "dog", "engine": "cloud", **choice}).model_dump()
            assert self.say("choose", choice=whole).status == 204
            self.forget()
        offer: dict[str, Any] = self.look(lambda state: state.get("offer"))["offer"]
        return offer

    def forget(self) -> None:
        """What was seen counts no more."""
        self.seen, self.number = {}, -1

    def agree(self, offer: dict[str, Any]) -> Answer:
        """Press Separate."""
        return self.say("separate", choice=offer["choice"], offer=offer["number"])

    def raw(self, data: bytes) -> bytes:
        """Send bytes; whatever comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            connection.sendall(data)
            answer = b""
            while block := connection.recv(1 << 16):
                answer += block
        return answer


#: What an error of ours is, to be raised by the stand-in.
BROKEN = UsageError("It broke.", hint="Mend it.")
