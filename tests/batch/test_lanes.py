"""The lanes: never more than there are places, first come first served, and given back always."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmatte.jobs.lanes import Lane, Lanes
from stemmux.errors import Cancelled


def until(true: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    for _ in range(2000):
        if true():
            return
        time.sleep(0.002)
    raise AssertionError("it never came about")


@settings(max_examples=15, deadline=None)
@given(places=st.integers(1, 4), threads=st.integers(1, 12), breaks=st.sets(st.integers(0, 11)))
def test_there_are_never_more_in_a_lane_than_it_has_places(
    places: int, threads: int, breaks: set[int]
) -> None:
    lane, lock, inside, most = Lane(places), threading.Lock(), 0, 0

    def work(number: int) -> None:
        nonlocal inside, most
        try:
            with lane.place():
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.001)
                with lock:
                    inside -= 1
                if number in breaks:
                    raise Cancelled("enough")
        except Cancelled:
            pass

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert inside == 0
    assert 1 <= most <= places
    # All places are free again.
    assert lane._free == places


def test_who_came_first_goes_first() -> None:
    lane, went = Lane(1), list[int]()

    def work(number: int) -> None:
        with lane.place():
            went.append(number)

    with lane.place():
        workers = []
        for number in range(8):
            workers.append(threading.Thread(target=work, args=(number,)))
            workers[-1].start()
            until(lambda number=number: len(lane._waiting) == number + 1)  # type: ignore[misc]
    for worker in workers:
        worker.join(10)
    assert went == list(range(8))


def test_a_wait_can_be_given_up_and_the_next_one_comes_in_its_place() -> None:
    lane, enough, came = Lane(1), threading.Event(), threading.Event()
    ends = list[str]()

    def tick() -> None:
        if enough.is_set():
            raise Cancelled("enough")

    def impatient() -> None:
        try:
            with lane.place(tick):
                ends.append("came in")
        except Cancelled:
            ends.append("gave up")

    def patient() -> None:
        with lane.place():
            came.set()

    first, second = threading.Thread(target=impatient), threading.Thread(target=patient)
    with lane.place():
        first.start()
        until(lambda: len(lane._waiting) == 1)
        second.start()
        until(lambda: len(lane._waiting) == 2)
        enough.set()
        first.join(5)
        assert ends == ["gave up"]
        assert not came.is_set()
    second.join(5)
    assert came.is_set()


def test_a_place_given_to_one_who_gives_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place comes while `tick` is raising: it must go on to the next."""
    lane = Lane(1)
    holding, given = threading.Event(), threading.Event()

    def hold() -> None:
        with lane.place():
            holding.set()
            given.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(5)

    def tick() -> None:
        given.set()
        holder.join(5)  # the place has been handed over by now
        raise Cancelled("enough")

    with pytest.raises(Cancelled), lane.place(tick):
        raise AssertionError("it came in")
    with lane.place():
        assert lane._free == 0
    assert lane._free == 1


def test_whoever_has_a_place_may_ask_for_it_again() -> None:
    lane, came = Lane(1), threading.Event()

    def ask() -> None:
        with lane.place():
            came.set()

    with lane.place():
        with lane.place():
            other = threading.Thread(target=ask)
            other.start()
        # The place is still taken, by this thread.
        assert not came.wait(0.05)
    assert came.wait(5)
    other.join(5)
    assert lane._free == 1


def test_the_two_lanes_know_nothing_of_each_other() -> None:
    lanes = Lanes(processors=1, network=1)
    with lanes.processor(), lanes.network():
        pass
    with lanes.processor():
        done = threading.Event()

        def ask() -> None:
            with lanes.network():
                done.set()

        threading.Thread(target=ask).start()
        assert done.wait(5)


@pytest.mark.parametrize("places", [0, -1])
def test_a_lane_has_a_place(places: int) -> None:
    with pytest.raises(ValueError, match="without a place"):
        Lanes(places, 1)
    with pytest.raises(ValueError, match="without a place"):
        Lanes(1, places)
