"""A visit of the page, by hand: what is seen in each phase, and how it can end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.page.conftest import Opened
from tests.page.visiting import BROKEN, StandIn, Visiting, Visitor, until

from soundmatte.page import seen as timing
from soundmatte.page.seen import ALLOWED, Seen
from soundmatte.page.visit import PageCancelled, PageClosed
from soundmatte.page.work import HEARD, Choice, Offer
from stemmux.errors import Cancelled

Open = Callable[..., Opened]


def test_the_whole_way(opened: Open) -> None:
    visiting, visitor = opened()
    state = visitor.look(lambda state: "movie" in state.get("files", {}) and state.get("offer"))
    assert state["clip"] == "shot.mov"
    assert [one["name"] for one in state["engines"]] == ["offline", "cloud"]
    assert state["choice"]["prompt"] == "dog"
    assert state["drawing"] == {
        "covered": "25.0% of the picture is object",
        "warnings": ["It is odd."],
    }
    still = visitor.ask("GET", "/file/still?v=1")
    assert still.body.startswith(b"still False")
    assert still.headers["Content-Type"] == "image/png"
    assert state["offer"]["price"] == "You pay at most 1 USD."
    assert visitor.agree(state["offer"]).status == 204
    state = visitor.at("finished")
    assert state["log"] == ["It has begun."]
    assert state["result"]["figures"] == "It nulls."
    for sound in state["result"]["sounds"]:
        heard = visitor.ask("GET", f"/file/{sound['role']}")
        assert (heard.body, heard.headers["Content-Type"]) == (sound["role"].encode(), "audio/wav")
    assert [sound["role"] for sound in state["result"]["sounds"]] == list(HEARD)
    assert visiting.ended is None, "nothing is over before Done"
    assert visitor.say("done").status == 204
    assert visitor.at("over")["farewell"].startswith("Done.")
    assert visiting.result() == "the result"
    assert visiting.editor.stages == ["page", "separate", "page"]
    with pytest.raises(ConnectionRefusedError):
        visitor.ask("GET", "/")


def test_what_is_agreed_to_is_what_was_shown(opened: Open) -> None:
    visiting, visitor = opened()
    first = visitor.offered()
    second = visitor.offered(candidates=3)
    assert second["price"] == "You pay at most 3 USD."
    # The price of before, or another choice than that of the price.
    assert visitor.agree(first).status == 409
    assert visitor.agree({**second, "choice": first["choice"]}).status == 409
    assert visitor.say("separate", offer=second["number"]).status == 409
    assert not visiting.work.agreed
    assert visitor.agree(second).status == 204
    visitor.at("finished")
    (agreed,) = visiting.work.agreed
    assert agreed.choice.candidates == 3
    assert agreed.order == "order dog"


def test_a_price_is_gone_as_soon_as_something_else_is_chosen() -> None:
    seen = Seen()
    seen.begin("choosing")
    choice = Choice(prompt="dog")
    seen.offer(Offer(choice, "At most 1 USD.", (), None))
    number = seen.look(-1, 0, "a")["offer"]["number"]
    assert seen.wish("choose", Choice(prompt="cat"))
    assert seen.look(-1, 0, "a")["offer"] is None
    assert not seen.wish("separate", choice, number)


def test_an_offer_that_was_taken_cannot_be_taken_again() -> None:
    seen = Seen()
    seen.begin("choosing")
    choice = Choice(prompt="dog")
    seen.offer(Offer(choice, "At most 1 USD.", (), None))
    number = seen.look(-1, 0, "a")["offer"]["number"]
    assert seen.wish("separate", choice, number)
    seen.begin("running")
    seen.begin("failed")
    seen.begin("choosing")
    assert seen.look(-1, 0, "a")["offer"] is None
    assert not seen.wish("separate", choice, number)


def test_of_many_choices_the_last_one_counts() -> None:
    seen = Seen()
    seen.begin("choosing")
    for prompt in ("d", "do", "dog"):
        assert seen.wish("choose", Choice(prompt=prompt))
    last = seen.next(0)
    assert last is not None
    assert last.choice == Choice(prompt="dog")
    assert seen.next(0) is None


@pytest.mark.parametrize("act", ALLOWED)
def test_nothing_can_be_done_out_of_its_phase(act: Any) -> None:
    for phase in ("choosing", "running", "failed", "finished", "over"):
        seen = Seen()
        seen.begin(phase)  # type: ignore[arg-type]
        done = seen.wish(act, Choice())
        assert done == (phase in ALLOWED[act] and act != "separate")


def test_a_refusal_has_its_way_out_and_no_button(opened: Open) -> None:
    visiting, visitor = opened()
    visitor.offered()
    choice = Choice(prompt="refused", engine="cloud").model_dump()
    assert visitor.say("choose", choice=choice).status == 204
    state = visitor.look(lambda state: state.get("problem"))
    assert state["problem"]["hint"] == "Ask for a sound."
    assert state["offer"] is None
    assert visitor.agree({"choice": choice, "number": state["number"]}).status == 409
    assert visitor.offered(prompt="cat")["price"]
    assert visitor.look(lambda state: state.get("offer"))["problem"] is None
    assert not visiting.work.agreed


def test_another_matte_is_drawn_when_it_is_inverted(opened: Open) -> None:
    work = StandIn(drawn=threading.Event())
    _, visitor = opened(work)
    state = visitor.look(lambda state: "still" in state.get("files", {}))
    assert "movie" not in state["files"]
    visitor.offered(invert=True)
    until(lambda: work.given_up == [False])
    assert work.drawn is not None
    work.drawn.set()
    state = visitor.look(lambda state: "movie" in state["files"])
    for role in ("still", "sheet", "movie"):
        assert visitor.ask("GET", f"/file/{role}").body.startswith(f"{role} True".encode())
    # Drawing it is given up when the work begins, and what was drawn is not drawn again.
    assert work.given_up == [False]


def test_without_a_matte_nothing_is_drawn(opened: Open) -> None:
    _, visitor = opened(StandIn(matte=False))
    visitor.offered()
    state = visitor.seen
    assert state["matte"] is False
    assert "files" not in state
    assert visitor.ask("GET", "/file/still").status == 404


def test_it_fails_and_is_tried_again(opened: Open) -> None:
    visiting, visitor = opened(StandIn(errors=[BROKEN]))
    visitor.agree(visitor.offered(candidates=2))
    state = visitor.at("failed")
    assert (state["error"]["message"], state["error"]["hint"]) == ("It broke.", "Mend it.")
    assert visitor.say("again").status == 204
    state = visitor.look(lambda state: state["phase"] == "choosing" and state["offer"])
    assert state["choice"]["candidates"] == 2, "what was chosen is still chosen"
    visitor.agree(state["offer"])
    visitor.at("finished")
    visitor.say("done")
    assert visiting.result() == "the result"
    assert len(visiting.work.agreed) == 2


@pytest.mark.parametrize("again", [False, True])
def test_who_leaves_it_at_a_failure_gets_that_failure(opened: Open, again: bool) -> None:
    visiting, visitor = opened(StandIn(errors=[BROKEN]))
    visitor.agree(visitor.offered())
    visitor.at("failed")
    if again:
        visitor.say("again")
        visitor.at("choosing")
    visitor.say("cancel")
    assert visiting.result() is BROKEN


def test_cancel_before_anything_was_agreed_to(opened: Open) -> None:
    visiting, visitor = opened()
    visitor.offered()
    visitor.say("cancel")
    assert visitor.at("over")["farewell"].startswith("Cancelled.")
    assert isinstance(visiting.result(), PageCancelled)
    assert not visiting.work.agreed


def test_cancel_while_it_runs(opened: Open) -> None:
    visiting, visitor = opened(StandIn(hold=threading.Event()))
    visitor.agree(visitor.offered())
    state = visitor.look(lambda state: state.get("progress", {}).get("words") == "Separating")
    assert 0.1 <= state["progress"]["share"] <= 0.75
    visitor.say("cancel")
    state = visitor.at("failed")
    assert state["error"]["kind"] == "PageCancelled"
    assert "nothing that was paid for is paid again" in state["error"]["hint"]
    assert visiting.work.hold is not None
    visiting.work.hold.set()
    visitor.say("again")
    visitor.agree(
        visitor.look(lambda state: state["phase"] == "choosing" and state["offer"])["offer"]
    )
    visitor.at("finished")
    visitor.say("done")
    assert visiting.result() == "the result"


def test_a_cancel_on_the_heels_of_separate_is_not_lost() -> None:
    seen = Seen()
    seen.begin("choosing")
    choice = Choice()
    seen.offer(Offer(choice, "At most 1 USD.", (), None))
    assert seen.wish("separate", choice, seen.look(-1, 0, "a")["offer"]["number"])
    assert seen.wish("cancel")
    wish = seen.next(0)
    assert wish is not None
    assert wish.act == "separate"
    seen.begin("running")
    assert seen.cancelled.is_set()
    seen.begin("failed")
    assert not seen.cancelled.is_set()


@pytest.mark.parametrize("phase", ["choosing", "running", "failed", "finished"])
def test_the_editor_ends_it(opened: Open, phase: str) -> None:
    work = StandIn(
        hold=threading.Event() if phase == "running" else None,
        errors=[BROKEN] if phase == "failed" else [],
    )
    visiting, visitor = opened(work)
    offer = visitor.offered()
    if phase != "choosing":
        visitor.agree(offer)
    visitor.at(phase)
    visiting.editor.ended.set()
    assert "ended in the editor" in visitor.at("over")["farewell"]
    assert type(visiting.result()) is Cancelled


def test_a_page_that_is_closed_cancels_after_a_grace(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "CLOSED", 0.3)
    visiting, visitor = opened()
    visitor.offered()
    visitor.leave()
    time.sleep(0.1)
    # Loaded again: it looks once more, and so is there.
    closed, visitor.tab = visitor.tab, "b"
    visitor.forget()
    visitor.look()
    time.sleep(0.5)
    assert visiting.ended is None
    # The word that the first was closed may come late.
    visitor.say("left", tab=closed)
    time.sleep(0.5)
    assert visiting.ended is None
    visitor.leave()
    assert isinstance(visiting.result(), PageClosed)


@pytest.mark.parametrize("late", ["/state?after=-1&tab=a", "/file/still"])
def test_what_a_closed_page_had_asked_before_comes_too_late(
    opened: Open, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    monkeypatch.setattr(timing, "CLOSED", 0.3)
    visiting, visitor = opened()
    visitor.look(lambda state: "still" in state.get("files", {}) and state.get("offer"))
    visitor.leave()
    assert visitor.ask("GET", late).status == 200
    assert isinstance(visiting.result(), PageClosed)


def test_a_page_that_is_closed_before_it_has_looked_is_gone(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "CLOSED", 0.1)
    visiting, visitor = opened()
    visitor.leave()
    assert isinstance(visiting.result(), PageClosed)


def test_a_page_that_says_nothing_is_gone(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    visiting, visitor = opened()
    visitor.offered()
    monkeypatch.setattr(timing, "SILENT", 0.2)
    assert isinstance(visiting.result(), PageClosed)


def test_a_page_that_nobody_opens_is_gone(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "NEVER", 0.2)
    visiting, _ = opened(enter=False)
    assert isinstance(visiting.result(), PageClosed)


@pytest.mark.parametrize("when", ["running", "finished"])
def test_closed_after_separate_it_goes_on_to_its_end(
    opened: Open, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(timing, "CLOSED", 0.1)
    hold = threading.Event()
    visiting, visitor = opened(StandIn(hold=hold))
    visitor.agree(visitor.offered())
    visitor.at("running")
    if when == "finished":
        hold.set()
        visitor.at("finished")
    visitor.leave()
    time.sleep(0.3)
    hold.set()
    assert visiting.result() == "the result"


def test_the_address_is_told_once_and_only_if_it_is_needed(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    visiting, _ = opened(enter=False)
    time.sleep(0.3)
    assert len(visiting.editor.notes) == 1
    visiting.close()
    gone_to: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(gone_to.append(address)) or True)
    silent = Visiting(StandIn())
    time.sleep(0.3)
    assert (len(gone_to), silent.editor.notes) == (1, [])
    # A browser that says that it has opened, and does not come.
    monkeypatch.setattr("soundmatte.page.opening._PATIENCE", 0.2)
    (note,) = until(lambda: silent.editor.notes or None)
    silent.close()
    assert note.endswith(gone_to[0])


def test_nothing_is_left_behind(opened: Open, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    visiting, visitor = opened()
    visitor.agree(visitor.offered())
    visitor.at("finished")
    assert len(list(tmp_path.iterdir())) == 1
    visitor.say("done")
    visiting.result()
    assert not list(tmp_path.iterdir())


def test_two_pages_do_not_know_one_another(opened: Open) -> None:
    _, first = opened()
    _, second = opened()
    assert first.ask("GET", "/state", Cookie=second.cookie).status == 403
    # A browser sends the cookies of all ports of an address.
    both = f"{first.cookie}; odd={{'}}; {second.cookie}"
    for visitor in (first, second):
        assert Visitor(visitor.port).ask("GET", "/state", Cookie=both).status == 200
