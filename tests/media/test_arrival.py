"""What is read back of a stem, compared with what was given: sums, holes, shifts, doubts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.making import Sound, Studio, noise

from stemmux.arrival import Arrival, Given, Parts, Sum, level_db
from stemmux.errors import VerificationFailed

RATE = 48_000


@given(st.data())
def test_a_sum_does_not_depend_on_how_it_comes_in(data: st.DataObject) -> None:
    """Tracks of any place and length, in blocks of any size, one ahead of the other or behind."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    tracks = [
        (data.draw(st.integers(0, 50)), random.integers(-9, 9, (data.draw(st.integers(1, 99)), 2)))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    total = Sum([(start, start + len(sound)) for start, sound in tracks], 2)
    places = [0] * len(tracks)
    while any(place < len(sound) for place, (_, sound) in zip(places, tracks, strict=True)):
        number = data.draw(st.integers(0, len(tracks) - 1))
        start, sound = tracks[number]
        count = data.draw(st.integers(1, 40))
        block = sound[places[number] : places[number] + count]
        if len(block):
            total.add(number, start + places[number], block.astype(float))
        places[number] += len(block)
    first = min(start for start, _ in tracks)
    last = max(start + len(sound) for start, sound in tracks)
    whole = np.zeros((last - first, 2))
    for start, sound in tracks:
        whole[start - first : start - first + len(sound)] += sound
    energy = float((whole * whole).sum())
    assert total.level_db() == pytest.approx(level_db(energy, whole.size))


def arrival(studio: Studio, sound: Sound, start: int, *, exact: bool) -> tuple[Arrival, Sum]:
    stem = Given(studio.wave(sound, subtype="PCM_24"), "Target", start)
    total = Sum([(stem.start, stem.end)], sound.shape[1])
    return Arrival(stem, Fraction(0), total, 0, exact=exact), total


def test_what_came_back_as_it_was(studio: Studio) -> None:
    sound = noise(1, RATE, bits=24)
    found, total = arrival(studio, sound, 1234, exact=True)
    for place in range(0, RATE, 10_000):
        found.block(1234 + place, sound[place : place + 10_000])
    assert (found.offset(), found.missing, total.level_db()) == (0.0, 0, -math.inf)


def test_silence_around_a_stem_is_no_difference(studio: Studio) -> None:
    sound = noise(1, RATE, bits=24)
    found, total = arrival(studio, sound, 100, exact=True)
    found.block(0, np.pad(sound, ((100, 300), (0, 0))))
    assert (found.offset(), found.missing, total.level_db()) == (0.0, 0, -math.inf)


def test_a_stem_that_breaks_off(studio: Studio) -> None:
    sound = noise(1, RATE, bits=24)
    found, _ = arrival(studio, sound, 0, exact=True)
    found.block(0, sound[:40_000])
    assert (found.offset(), found.missing) == (0.0, 8000)


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        (7, lambda sound: sound, "lies .7.00 samples off"),
        (-20, lambda sound: sound, "lies -20.00 samples off"),
        (0, lambda sound: sound * 0.5, "was changed"),
        (0, lambda sound: -sound, "was changed"),
        (0, lambda sound: sound * 0, "is silent"),
        (0, lambda sound: np.hstack([sound, sound]), "has 2 channels"),
    ],
)
def test_what_is_not_as_it_was_is_told(
    studio: Studio, place: int, change: object, said: str
) -> None:
    sound = noise(1, RATE, bits=24)
    found, _ = arrival(studio, sound, 100, exact=True)
    with pytest.raises(VerificationFailed, match=said):
        found.block(100 + place, change(sound))  # type: ignore[operator]


def test_a_hole_in_a_stem(studio: Studio) -> None:
    sound = noise(1, RATE, bits=24)
    found, _ = arrival(studio, sound, 0, exact=True)
    found.block(0, sound[:10_000])
    with pytest.raises(VerificationFailed, match="hole"):
        found.block(20_000, sound[20_000:])
    lossy, total = arrival(studio, sound, 0, exact=False)
    lossy.block(0, sound[:10_000])
    lossy.block(20_000, sound[20_000:])
    missing = sound[10_000:20_000]
    assert total.level_db() == pytest.approx(level_db(float((missing**2).sum()), RATE))


def test_what_was_stored_with_loss_is_found_by_correlation(studio: Studio) -> None:
    sound = noise(1, RATE, bits=24)
    worse = sound + 0.02 * np.random.default_rng(3).standard_normal(sound.shape)
    found, total = arrival(studio, sound, 0, exact=False)
    found.block(0, worse)
    assert found.offset() == pytest.approx(0, abs=0.02)
    assert total.level_db() == pytest.approx(20 * math.log10(0.02), abs=0.1)
    late, _ = arrival(studio, sound, 0, exact=False)
    late.block(3, worse)
    with pytest.raises(VerificationFailed, match=r"\+3\.00 samples"):
        late.offset()
    other, _ = arrival(studio, sound, 0, exact=False)
    other.block(0, noise(2, RATE))
    with pytest.raises(VerificationFailed, match="was changed"):
        other.offset()


def test_a_stem_that_never_came(studio: Studio) -> None:
    found, _ = arrival(studio, noise(1, RATE), 0, exact=True)
    with pytest.raises(VerificationFailed, match="is not in the file"):
        found.offset()


def parts(studio: Studio, *stems: tuple[int, Sound]) -> Parts:
    given = [Given(studio.wave(one, subtype="PCM_24"), "", start) for start, one in stems]
    return Parts(given, Fraction(0))


def test_stems_that_are_the_parts_of_the_sound(studio: Studio) -> None:
    mix, first = noise(1, 2 * RATE, bits=24), noise(2, 2 * RATE, bits=24) / 4
    first = np.rint(first * 2**23) / 2**23
    exact = parts(studio, (0, first), (0, mix - first))
    exact.block(0, mix)
    assert exact.null_db() == -math.inf
    # Of a range of the clip, only the range counts.
    some = parts(studio, (999, first[999:5000]), (999, (mix - first)[999:5000]))
    some.block(0, mix)
    assert some.null_db() == -math.inf
    off = parts(studio, (0, first), (0, mix - first + 2.0**-20))
    off.block(0, mix)
    assert off.null_db() == pytest.approx(-20 * 20 * math.log10(2))


def test_stems_that_are_not(studio: Studio) -> None:
    mix = noise(1, 2 * RATE, bits=24)
    other = parts(studio, (0, noise(2, 2 * RATE)), (0, noise(3, 2 * RATE)))
    other.block(0, mix[:RATE])
    assert not other.done
    other.block(RATE, mix[RATE:])
    assert other.done
    assert other.null_db() is None
    # Where the clip has no sound, they have some.
    late = parts(studio, (0, mix / 2), (0, mix / 2))
    late.block(RATE, mix[RATE:])
    assert late.null_db() is None
    silent = parts(studio, (0, mix * 0))
    silent.block(0, mix * 0)
    assert silent.null_db() is None
