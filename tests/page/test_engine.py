"""The page of a real bridge, by hand: its pictures, its prices, its sounds, and how it ends."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from tests.bridge.talking import Starter, heard
from tests.page.clips import COLOUR, HEIGHT, SIDE, WIDTH, talking
from tests.page.visiting import Visitor

from soundmatte.documents import MatteChoice, Order, Selection
from soundmatte.errors import SettingsRefused, UsageError
from soundmatte.hosts.bridge_client import BridgeClient, BridgeError
from soundmatte.jobs.bridge_page import _Work
from soundmatte.jobs.lanes import Lanes
from soundmatte.page.work import Choice


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip and its matte."""
    return talking(tmp_path_factory.mktemp("talk"))


@pytest.fixture
def order(talk: tuple[Path, Path], tmp_path: Path) -> Callable[..., Order]:
    """Orders for a part of it."""

    def ordered(engine: str = "offline", prompt: str = "", **terms: Any) -> Order:
        matte = MatteChoice(path=talk[1])
        selection = Selection(media=talk[0], start="1/5", end="2", matte=matte, prompt=prompt)
        return Order(selection=selection, engine=engine, terms=terms, output=tmp_path / "out")

    return ordered


def shown(order: Order, tmp_path: Path) -> tuple[BridgeClient, str, Visitor]:
    """An engine that was asked for a page, and somebody who was let in."""
    client = Starter(tmp_path)(BROWSER="false", SOUNDMATTE_STATE=str(tmp_path / "state"))
    name = client.send("separate", order=order.model_dump(mode="json"), page=True)
    note = heard(client, lambda event: event["event"] == "log" and "http" in event["text"])
    head, _, word = note["text"].partition("/#")
    visitor = Visitor(int(head.rpartition(":")[2]))
    assert visitor.enter(word).status == 204
    return client, name, visitor


def colours(png: bytes) -> tuple[Any, Any]:
    """Mean colour in the object's middle and in a corner, of the picture in the middle."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    # The picture in the middle of 0.2 s to 2 s is number 27.
    left = 40 + 2 * 27
    return picture[60:110, left + 20 : left + 70].mean((0, 1)), picture[4:30, 4:60].mean((0, 1))


def test_a_separation_by_page(order: Callable[..., Order], tmp_path: Path) -> None:
    client, name, visitor = shown(order(), tmp_path)
    with client:
        state = visitor.look(lambda state: "movie" in state.get("files", {}) and state.get("offer"))
        assert (state["clip"], state["range"]) == ("a talk.mov", "0:00.20 to 0:02.00 · 1.80 s")
        assert [engine["name"] for engine in state["engines"]] == ["offline"]
        assert state["offer"]["price"].startswith("Nothing is paid")
        inside, outside = colours(visitor.ask("GET", "/file/still").body)
        assert np.abs(inside - COLOUR).max() < 40, "the object keeps its colours"
        assert outside.max() < 60, "everything else is dark"
        share = float(state["drawing"]["covered"].partition("%")[0])
        assert share == pytest.approx(100 * SIDE**2 / (WIDTH * HEIGHT), abs=1)
        assert visitor.ask("GET", "/file/movie").body[4:8] == b"ftyp"
        assert visitor.ask("GET", "/file/sheet").body.startswith(b"\x89PNG")
        offer = visitor.offered(engine="offline", invert=True, prompt="")
        visitor.look(lambda state: "still" in state["files"])
        inside, outside = colours(visitor.ask("GET", "/file/still").body)
        assert inside.max() < 110
        assert outside.max() > 120
        assert visitor.agree(offer).status == 204
        state = visitor.at("finished")
        sounds = {}
        for one in state["result"]["sounds"]:
            body = visitor.ask("GET", f"/file/{one['role']}").body
            sounds[one["role"]], rate = soundfile.read(io.BytesIO(body), always_2d=True)
            assert len(one["peaks"]) == 240
            loudest = 20 * np.log10(np.abs(sounds[one["role"]]).max())
            assert max(one["peaks"]) == pytest.approx(loudest, abs=0.1)
        assert "to the last bit" in state["result"]["figures"]
        assert client.waiting
        visitor.say("done")
        done = client.wait(name, 20)
    assert rate == done["rate"] == 48000
    assert len(sounds["mix"]) == done["frames"]
    off = sounds["mix"] - sounds["target"] - sounds["residual"]
    assert np.abs(off).max() <= 1.5 / 32768, "three roundings to 16 bits"
    target, _ = soundfile.read(done["target"], always_2d=True)
    assert np.abs(target - sounds["target"]).max() <= 0.51 / 32768
    assert done["null_db"] == -300


def test_the_editor_ends_the_page(order: Callable[..., Order], tmp_path: Path) -> None:
    client, name, visitor = shown(order(prompt="wait"), tmp_path)
    with client:
        visitor.agree(visitor.look(lambda state: state.get("offer"))["offer"])
        visitor.look(lambda state: state.get("progress", {}).get("words") == "Separating")
        client.cancel(name)
        assert "ended in the editor" in visitor.at("over")["farewell"]
        with pytest.raises(BridgeError) as failure:
            client.wait(name, 5)
        assert failure.value.kind == "Cancelled"


def test_cancel_on_the_page_is_cancelled_over_the_bridge(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    client, name, visitor = shown(order(prompt="wait"), tmp_path)
    with client:
        visitor.agree(visitor.look(lambda state: state.get("offer"))["offer"])
        visitor.look(lambda state: state.get("progress", {}).get("words") == "Separating")
        visitor.say("cancel")
        visitor.at("failed")
        # It waits for the person, and the journal has the job to go on with.
        (job,) = client.wait(client.send("jobs"), 20)["jobs"]
        assert (job["state"], client.waiting) == ("cancelled", True)
        visitor.say("cancel")
        with pytest.raises(BridgeError) as failure:
            client.wait(name, 5)
        assert (failure.value.kind, failure.value.exit_code) == ("Cancelled", 130)


def test_what_cannot_be_shown_is_refused_before_a_browser_opens(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no engine"):
        _Work(order("other"), Lanes(1, 1)).proposal()
    with pytest.raises(UsageError, match="too long"):
        _Work(order(prompt="x" * 501), Lanes(1, 1)).proposal()


def test_the_limit_is_the_price_that_was_shown(
    order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "key-id:0123456789abcdef0123456789abcdef")
    first = _Work(order("offline"), Lanes(1, 1)).estimate(Choice(engine="cloud"))
    # The proposal's limit was the price of what it proposes, not of what is chosen instead.
    work = _Work(first.order, Lanes(1, 1))
    proposal = work.proposal()
    assert proposal.choice == Choice(engine="cloud")
    (cloud,) = [engine for engine in proposal.engines if engine.name == "cloud"]
    assert cloud.options == ("style", "acceleration", "candidates")
    prices = []
    for count in (1, 2, 4):
        choice = Choice(engine="cloud", candidates=count, acceleration="quality", style="clean")
        offer = work.estimate(choice)
        terms = offer.order.terms
        assert (terms["candidates"], terms["acceleration"]) == (count, "quality")
        assert offer.order.selection.style == "clean"
        assert f"at most {terms['max_cost']} USD" in offer.price
        prices.append(Decimal(terms["max_cost"]))
    assert 0 < prices[0] < prices[1] < prices[2]
    # An engine that does not take an option is not asked for it.
    offline = work.estimate(Choice(engine="offline", style="clean", prompt="speech"))
    assert (offline.order.engine, offline.order.terms) == ("offline", {})
    assert offline.order.selection.style == "original"


def test_a_limit_of_the_settings_holds_on_the_page_too(
    order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "key-id:0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("SOUNDMATTE_CLOUD_MAX_COST", "0.000001")
    work = _Work(order("offline"), Lanes(1, 1))
    with pytest.raises(Exception, match="USD are allowed") as failure:
        work.estimate(Choice(engine="cloud"))
    trouble = work.trouble(failure.value)
    assert (trouble.kind, bool(trouble.hint)) == ("CostRefused", True)


def test_terms_that_are_none_are_refused_by_their_name(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    """Before any page is opened: there is nothing on it to correct them with."""
    work = _Work(order("cloud", colour=1), Lanes(1, 1))
    with pytest.raises(SettingsRefused, match="colour cannot be used") as refused:
        work.proposal()
    assert refused.value.hint == "Correct that setting of the cloud engine."
