"""The page in a real Chromium: with the real engine, and where it is alone with other pages.

It needs Chromium and playwright (`.ci/setup`, the extra `browser`). Pictures of every step are left
in the test's own folder.
"""

from __future__ import annotations

import http.server
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.bridge.talking import Starter, heard
from tests.page.browser import chromium
from tests.page.clips import talking
from tests.page.conftest import Opened
from tests.page.visiting import StandIn, until

from soundmatte.hosts.bridge_client import BridgeClient, BridgeError
from soundmatte.page.work import HEARD, Listener, Offer, Outcome, Sound

pytestmark = pytest.mark.outside
Open = Callable[..., Opened]
BRIDGE = [sys.executable, "-m", "soundmatte", "bridge"]
READY = "#separate:not([disabled])"
#: Notes down what is to be heard: when, how much, and how far three sounds that are due together
#: are from adding up.
NOTES = """
window.due = [];
const start = AudioBufferSourceNode.prototype.start;
const rows = [];
AudioBufferSourceNode.prototype.start = function (when) {
  rows.push(this.buffer.getChannelData(0));
  due.push({ when, rate: this.buffer.sampleRate, frames: this.buffer.length });
  if (rows.length == 3) {
    const [mix, target, residual] = rows.splice(0);
    due.at(-1).off = mix.reduce((m, v, n) => Math.max(m, Math.abs(v - target[n] - residual[n])), 0);
    due.at(-1).loud = mix.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  }
  return start.call(this, when);
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def person(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Persons with a tab each; whatever the browser complains of fails the test."""
    contexts, complaints = [], list[str]()

    def sitting(width: int = 760, scheme: str = "dark") -> Any:
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(30_000)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda said: complaints.append(said.text))
        tab.shot = lambda name: tab.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        return tab

    yield sitting
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def talk(tmp_path: Path) -> tuple[Path, Path]:
    """A clip that nobody has prepared, and its matte."""
    return talking(tmp_path)


@contextmanager
def asked(tmp_path: Path, talk: tuple[Path, Path], **order: Any) -> Iterator[tuple[Any, ...]]:
    """The real engine, asked for a page; the request, and the page's address."""
    # A command that cannot open anything: the address is told instead.
    variables = {"BROWSER": "false", "SOUNDMATTE_STATE": str(tmp_path / "state")}
    starter = Starter(tmp_path)
    client = starter(BRIDGE, **variables)
    clip, matte = map(str, talk)
    selection = {"media": clip, "matte": {"path": matte}, "prompt": "speech"}
    selection |= {"start": "1/5", "end": "2", "container": "mkv"}
    whole = {"selection": selection, "engine": "offline", "output": str(tmp_path / "out"), **order}
    name = client.send("separate", order=whole, page=True)
    note = heard(client, lambda event: event["event"] == "log" and "http" in event["text"])
    try:
        yield client, name, note["text"].split()[-1]
    finally:
        starter.close()


def ended(client: BridgeClient, name: str) -> BridgeError:
    """How a request failed."""
    with pytest.raises(BridgeError) as failure:
        client.wait(name, 20)
    return failure.value


def test_choose_look_separate_listen(
    person: Callable[..., Any], tmp_path: Path, talk: tuple[Path, Path]
) -> None:
    tab = person()
    with asked(tmp_path, talk) as (client, name, address):
        tab.goto(address)
        tab.wait_for_selector("#still:visible")
        assert tab.url == address.partition("#")[0], "the word is gone from the address"
        tab.wait_for_selector("#movie:visible")
        tab.wait_for_selector(READY)
        tab.shot("1-choose")
        assert tab.evaluate("document.querySelector('#movie').duration") == pytest.approx(1.8, 0.1)
        assert "Nothing is paid" in tab.inner_text("#price")
        assert not tab.is_visible("#style"), "the offline engine has no styles"
        tab.check("#invert")
        tab.wait_for_selector("#movie", state="hidden")
        tab.wait_for_selector("#movie:visible")
        tab.shot("2-inverted")
        tab.uncheck("#invert")
        # What the engine refuses has its way out; nothing can be agreed to meanwhile.
        tab.fill("#prompt", "dog barking")
        tab.wait_for_selector("#problem:visible")
        assert tab.is_disabled("#separate")
        assert "speech" in tab.inner_text("#problem")
        tab.shot("3-refused")
        tab.fill("#prompt", "speech")
        tab.press("#prompt", "Enter")
        tab.wait_for_selector(READY)
        assert tab.is_visible("#choosing"), "Enter agrees to nothing"
        tab.click("#separate")
        tab.wait_for_selector("#running:visible")
        assert tab.evaluate("document.activeElement.id") == "running-title"
        tab.shot("4-running")
        tab.wait_for_selector("#player:visible")
        tab.click("#play")
        until(lambda: float(tab.input_value("#seek")) > 0.3)
        tab.keyboard.press("3")
        assert tab.is_checked("[value=residual]")
        at = float(tab.input_value("#seek"))
        until(lambda: float(tab.input_value("#seek")) > at + 0.2)
        tab.shot("5-finished")
        assert "to the last bit" in tab.inner_text("#figures")
        assert client.waiting
        tab.click("[data-act=done]")
        tab.wait_for_selector("#over:visible")
        tab.shot("6-over")
        done = client.wait(name, 20)
    assert done["null_db"] == -300
    assert soundfile.info(done["target"]).frames == done["frames"] == 1.8 * 48000


def test_an_error_has_its_way_out(
    person: Callable[..., Any], tmp_path: Path, talk: tuple[Path, Path]
) -> None:
    tab = person(width=400, scheme="light")
    with asked(tmp_path, talk) as (client, name, address):
        tab.goto(address)
        tab.wait_for_selector(READY)
        in_the_way = tmp_path / "out" / "a talk_target.wav"
        in_the_way.parent.mkdir()
        in_the_way.write_bytes(b"somebody's own")
        tab.click("#separate")
        tab.wait_for_selector("#failed:visible")
        assert "is there already" in tab.inner_text("#error")
        assert tab.evaluate("document.activeElement.id") == "failed-title"
        tab.shot("failed")
        in_the_way.unlink()
        tab.click("[data-act=again]")
        tab.wait_for_selector(READY)
        tab.click("#separate")
        tab.wait_for_selector("#player:visible")
        tab.shot("finished")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400
        tab.click("[data-act=done]")
        assert client.wait(name, 20)["null_db"] == -300


@pytest.mark.parametrize("how", ["button", "tab", "editor"])
def test_ended_before_anything_was_agreed_to(
    person: Callable[..., Any], tmp_path: Path, talk: tuple[Path, Path], how: str
) -> None:
    tab = person()
    with asked(tmp_path, talk) as (client, name, address):
        tab.goto(address)
        tab.wait_for_selector(READY)
        # Loaded again, it is the same page.
        tab.reload()
        tab.wait_for_selector(READY)
        if how == "button":
            tab.click("#choosing [data-act=cancel]")
        elif how == "editor":
            client.cancel(name)
        else:
            tab.close(run_before_unload=True)
        assert ended(client, name).kind == "Cancelled"
        if how != "tab":
            tab.wait_for_selector("#over:visible")
            said = {"button": "Cancelled.", "editor": "ended in the editor"}[how]
            assert said in tab.inner_text("#over")
    assert not (tmp_path / "out").exists()


def test_an_engine_that_has_gone_is_said_to_be_gone(
    browser: Any, tmp_path: Path, talk: tuple[Path, Path]
) -> None:
    context = browser.new_context()
    tab = context.new_page()
    with asked(tmp_path, talk) as (client, _, address):
        tab.goto(address)
        tab.wait_for_selector(READY)
        os.kill(client.pid, 9)
        tab.wait_for_selector("#over:visible")
        assert "The engine has ended" in tab.inner_text("#over")
    context.close()


def test_cancel_while_it_runs(person: Callable[..., Any], opened: Open) -> None:
    hold = threading.Event()
    visiting, _ = opened(StandIn(hold=hold), enter=False)
    tab = person()
    tab.goto("http://127.0.0.1:{}/#{}".format(*visiting.editor.address()))
    tab.click(READY)
    tab.wait_for_selector("text=Separating")
    tab.shot("running")
    tab.click("#running [data-act=cancel]")
    tab.wait_for_selector("#failed:visible")
    assert "nothing that was paid for is paid again" in tab.inner_text("#error")
    tab.shot("cancelled")
    hold.set()
    tab.click("[data-act=again]")
    tab.click(READY)
    tab.wait_for_selector("#finished:visible")
    tab.close()


class Audible(StandIn):
    """A stand-in with twelve seconds to listen to."""

    def separate(self, offer: Offer, listener: Listener, folder: Path) -> Outcome:
        """See `Work`."""
        self.agreed.append(offer)
        sounds = {}
        peaks = tuple(-60.0 + abs(n % 120 - 60) for n in range(240))
        noise = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 12 * 44100))
        waves = {"target": noise[0], "residual": noise[1], "mix": noise.sum(0)}
        for role in HEARD:
            path = folder / f"{role}.wav"
            soundfile.write(path, np.stack([waves[role]] * 2, 1), 44100, subtype="PCM_16")
            sounds[role] = Sound(path, peaks, ("−9 LUFS",))
        return Outcome("It nulls.", "/stems", ("a.wav",), (), sounds, "the result")


def test_sounds_are_left_for_one_another_at_the_same_sample(
    person: Callable[..., Any], opened: Open
) -> None:
    visiting, _ = opened(Audible(), enter=False)
    tab = person()
    tab.add_init_script(NOTES)
    tab.goto("http://127.0.0.1:{}/#{}".format(*visiting.editor.address()))
    tab.click(READY)
    tab.wait_for_selector("#player:visible")
    tab.focus("#seek")
    tab.keyboard.press("Space")
    until(lambda: tab.evaluate("due.length") >= 6)
    tab.keyboard.press("2")
    assert tab.is_checked("[value=target]")
    due = tab.evaluate("due")
    for mix, target, residual in (due[:3], due[3:6]):
        assert mix["when"] == target["when"] == residual["when"]
        assert {one["frames"] for one in (mix, target, residual)} == {5 * 44100}
        assert mix["rate"] == 44100
        assert residual["loud"] > 0.3
        assert residual["off"] <= 1.5 / 32768, "three roundings to 16 bits"
    # The second stretch begins with the sample behind the first one's last.
    between = (due[3]["when"] - due[0]["when"]) * 44100
    assert between == pytest.approx(5 * 44100, abs=1e-3)
    # Elsewhere, and to the end, where it stops by itself.
    tab.fill("#seek", "11.5")
    until(lambda: [one for one in tab.evaluate("due") if one["frames"] == 22050] or None)
    until(lambda: tab.inner_text("#play") == "Play")
    tab.shot("sounds")
    tab.close()


def test_every_field_has_a_name_and_is_reached_by_keys(
    person: Callable[..., Any], opened: Open
) -> None:
    visiting, _ = opened(Audible(), enter=False)
    tab = person(width=400)
    tab.goto("http://127.0.0.1:{}/#{}".format(*visiting.editor.address()))
    tab.wait_for_selector(READY)
    tab.wait_for_selector("#movie:visible")
    tab.shot("cloud")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    for role, name in [
        ("checkbox", "Invert matte"),
        ("textbox", "Which sound is it?"),
        ("combobox", "Engine"),
        ("combobox", "Stems"),
        ("combobox", "Quality"),
        ("combobox", "Attempts to choose from"),
        ("checkbox", "Deliver doubtful stems too"),
        ("button", "Separate"),
        ("button", "Cancel"),
    ]:
        assert tab.get_by_role(role, name=name, exact=True).is_visible(), name
    tab.evaluate("document.querySelector('#invert').focus()")
    order = []
    for _ in range(12):
        order.append(tab.evaluate("document.activeElement.id || document.activeElement.localName"))
        tab.keyboard.press("Tab")
    wanted = ["invert", "prompt", "engine", "style", "acceleration", "candidates", "doubtful"]
    places = [order.index(one) for one in [*wanted, "separate"]]
    assert places == sorted(places)
    # The price follows what is chosen.
    tab.select_option("#candidates", "3")
    tab.wait_for_selector("text=You pay at most 3 USD.")
    tab.focus("#separate")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#player:visible")
    assert tab.evaluate("document.activeElement.id") == "finished-title"
    for role, name in [("button", "Play"), ("slider", "Position"), ("button", "Done")]:
        assert tab.get_by_role(role, name=name, exact=True).is_visible(), name
    assert tab.get_by_role("radio").count() == 3
    assert tab.get_by_role("group", name="What you hear").count() == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    assert visiting.work.agreed[0].choice.candidates == 3
    tab.close()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another page of this computer: the same site, for a browser, on another port."""

    def do_GET(self) -> None:
        """An empty page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


#: What such a page can try; each says whether it got anything.
TRIES = """async (address) => {
  const got = {};
  const tell = async (name, words) => {
    try { const answer = await fetch(address + words[0], words[1]);
          got[name] = answer.type == "opaque" ? "opaque" : await answer.text(); }
    catch { got[name] = "refused"; }
  };
  const all = { credentials: "include" };
  const post = { ...all, method: "POST", body: "{}" };
  await tell("read", ["state", all]);
  await tell("speak", ["cancel", { ...post, headers: { "Content-Type": "application/json" } }]);
  await tell("whisper", ["cancel", { ...post, mode: "no-cors" }]);
  for (const [name, tag] of [["picture", "img"], ["script", "script"]]) {
    got[name] = await new Promise((resolve) => {
      const made = document.createElement(tag);
      made.onload = () => resolve("loaded");
      made.onerror = () => resolve("refused");
      made.src = address + (tag == "img" ? "file/still" : "page.js");
      document.body.append(made);
    });
  }
  return got;
}"""


def test_another_page_gets_nothing(browser: Any, opened: Open) -> None:
    visiting, _ = opened(enter=False)
    port, word = visiting.editor.address()
    context = browser.new_context()
    own = context.new_page()
    own.goto(f"http://127.0.0.1:{port}/#{word}")
    own.wait_for_selector(READY)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for host in ("127.0.0.1", "localhost"):
            other = context.new_page()
            other.goto(f"http://{host}:{server.server_address[1]}/")
            got = other.evaluate(TRIES, f"http://127.0.0.1:{port}/")
            assert set(got.values()) == {"refused"}, got
            # Another window may show the page, but a frame may not.
            other.set_content(f'<iframe src="http://127.0.0.1:{port}/"></iframe>')
            time.sleep(0.5)
            assert not [f for f in other.frames[1:] if f.query_selector("#separate")]
        assert own.is_visible(READY), "it is as it was"
        # Somebody else's browser, with the address as it was.
        stranger = browser.new_context().new_page()
        stranger.goto(f"http://127.0.0.1:{port}/#{word}")
        stranger.wait_for_selector("text=This page is open in another browser.")
        stranger.context.close()
    finally:
        server.shutdown()
        server.server_close()
        context.close()
    assert not visiting.work.agreed
