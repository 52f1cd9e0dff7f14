"""What is asked of a window: the times that lie in it, and whether there is anything to ask."""

from __future__ import annotations

from fractions import Fraction

import pytest

from soundmatte.engines.cloud.asking import route_of, within
from soundmatte.engines.cloud.windows import windows
from soundmatte.engines.engine import Question, Sounding
from soundmatte.errors import EngineRefused

#: Two windows: 0 to 25.5 s, and 24.5 to 50 s (give or take the model's 40 ms).
FIRST, SECOND = windows(Fraction(50))


def question(*spans: Sounding, prompt: str = "", matte: bool = False) -> Question:
    return Question(prompt, matte, spans, Fraction(50))


def test_times_are_cut_to_the_window_and_counted_from_its_start() -> None:
    asked = question(Sounding(20, 30), Sounding(2, 3, False), Sounding(40, 41, False))
    one, other = within(asked, FIRST), within(asked, SECOND)
    assert one is not None
    assert other is not None
    assert one.soundings == (Sounding(20, float(FIRST.end)), Sounding(2, 3, False))
    begin = float(SECOND.start)
    assert other.soundings == (
        Sounding(0, 30 - begin),
        Sounding(40 - begin, 41 - begin, False),
    )
    assert (one.duration, other.duration) == (FIRST.duration, SECOND.duration)


def test_without_a_word_a_window_without_times_is_silent() -> None:
    asked = question(Sounding(3, 4))
    assert within(asked, FIRST) is not None
    assert within(asked, SECOND) is None


def test_with_a_word_a_window_without_times_is_asked_by_the_word() -> None:
    other = within(question(Sounding(3, 4), prompt="dog"), SECOND)
    assert other is not None
    assert other.soundings == ()
    assert route_of(other) == "separate"


@pytest.mark.parametrize(
    ("spans", "silent"),
    [
        ([(24, 50)], True),
        ([(24, 40), (39, 50)], True),
        ([(39, 50), (24, 40)], True),
        ([(24, 40), (41, 50)], False),
        ([(25, 50)], False),
    ],
)
def test_a_window_that_is_told_to_be_silent_is_not_asked(
    spans: list[tuple[float, float]], silent: bool
) -> None:
    excluded = [Sounding(start, end, False) for start, end in spans]
    assert (within(question(*excluded, prompt="dog"), SECOND) is None) == silent
    assert within(question(*excluded, prompt="dog"), FIRST) is not None


def test_a_matte_is_asked_of_every_window() -> None:
    asked = question(matte=True)
    assert all(within(asked, window) is not None for window in (FIRST, SECOND))


def test_silence_alone_does_not_say_which_sound() -> None:
    with pytest.raises(EngineRefused, match="not which sound") as caught:
        route_of(question(Sounding(3, 4, False)))
    assert "--span" in caught.value.hint
