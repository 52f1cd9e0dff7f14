"""Exact cuts: every sample and picture where PyAV, read independently, says that it is."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.media.making import (
    H264,
    KINDS,
    RATES,
    SOUND_KINDS,
    Source,
    Studio,
    ffmpeg,
    lag,
    noise,
    pictures,
    sound,
)

from stemmux.errors import NoAudio, NoPicture
from stemmux.extract import MONO_RATE, Cut, extract, proxy_frames
from stemmux.probe import probe
from stemmux.timebase import Span

SHAPES = [(48000, 2), (44100, 1), (48000, 6), (96000, 2), (44100, 2), (48000, 1)]
#: Every container at every picture rate; the sound's rates and channels take turns.
CLIPS = [
    (kind, rate, *SHAPES[(number + turn) % len(SHAPES)])
    for number, kind in enumerate(KINDS)
    for turn, rate in enumerate(RATES)
]


def read(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, always_2d=True)[0])


def expected(source: Source, start: Fraction) -> Fraction:
    """Where sample 0 of the source's sound should lie in a cut from `start` on, in samples."""
    return (source.place() - start) * source.sample_rate


def assert_placed(source: Source, cut: np.ndarray, start: Fraction) -> None:
    """Found to the sample; where the truth lies between two samples, at one of the two."""
    truth = expected(source, start)
    found = lag(source.sounds[0][:, 0], cut[:, 0])
    assert abs(found - truth) <= (0 if truth.denominator == 1 else Fraction(1, 2))


@pytest.mark.parametrize(("kind", "rate", "sample_rate", "channels"), CLIPS)
def test_sound_is_cut_to_the_sample(
    studio: Studio, tmp_path: Path, kind: str, rate: str, sample_rate: int, channels: int
) -> None:
    # The beginning of a clip with an edit list is cut off.
    frames = 60 if kind == "edit list" else 48
    source = studio.clip(kind, rate, sample_rate=sample_rate, channels=channels, frames=frames)
    media = probe(source.path)
    inside = media.span(Fraction(17) / source.rate, Fraction(41) / source.rate)
    # One rate of each kind is enough for the whole clip.
    for span in (media.span(), inside) if rate == "29.97" else (inside,):
        mix = tmp_path / "mix.wav"
        extract(media, span, Cut(mix=mix))
        cut = read(mix)
        first, last = span.samples(sample_rate)
        assert cut.shape == (last - first, channels)
        assert_placed(source, cut, span.start)


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_sound_without_a_picture_is_cut_from_its_first_sample(
    studio: Studio, tmp_path: Path, kind: str
) -> None:
    source = studio.clip(kind)
    media = probe(source.path)
    for start in (Fraction(0), Fraction(1)):
        extract(media, media.span(start, Fraction(2)), Cut(mix=tmp_path / "mix.wav"))
        cut = read(tmp_path / "mix.wav")
        assert len(cut) == (2 - start) * 48000
        assert lag(source.sounds[0][:, 0], cut[:, 0]) == -start * 48000


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("kind", ["mov", "mkv", "wav"])
def test_pcm_is_bit_exact(studio: Studio, tmp_path: Path, kind: str, bits: int) -> None:
    codec = ("-c:a", f"pcm_s{bits}le")
    source = studio.clip(kind, "29.97", channels=2, bits=bits, options=codec)
    media = probe(source.path)
    span = media.span(Fraction(1), Fraction(2))
    extract(media, span, Cut(mix=tmp_path / "mix.wav"))
    first, last = span.samples(48000)
    assert np.array_equal(read(tmp_path / "mix.wav"), source.sounds[0][first:last])


def test_before_late_sound_there_is_silence(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("late sound")
    media = probe(source.path)
    extract(media, media.span(Fraction(0), Fraction(1)), Cut(mix=tmp_path / "mix.wav"))
    cut = read(tmp_path / "mix.wav")
    # What AAC lets ring before an onset reaches back at most two of its blocks.
    assert not cut[: 14400 - 2048].any()
    assert np.abs(cut[14400:]).max() > 0.1


@pytest.mark.parametrize(("start", "end"), [(0, Fraction(1, 5)), (Fraction(11, 5), 3)])
def test_where_a_track_has_no_sound_the_cut_is_silent(
    studio: Studio, tmp_path: Path, start: Fraction, end: Fraction
) -> None:
    """Before a late track, and after one that ends before the picture."""
    wave, out = studio.wave(noise(1, 48000, 2)), studio.new(".mov")
    ffmpeg("-i", studio.picture(), "-itsoffset", 1, "-i", wave, "-c", "copy", out)
    media = probe(out)
    span = media.span(Fraction(start), Fraction(end))
    extract(media, span, Cut(mix=tmp_path / "mix.wav", mono=tmp_path / "mono.wav"))
    for name in ("mix.wav", "mono.wav"):
        cut = read(tmp_path / name)
        assert len(cut) == span.duration * 48000
        assert not cut.any()


def test_the_track_that_was_asked_for(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mov", tracks=3)
    media = probe(source.path)
    for number, samples in enumerate(source.sounds, 1):
        extract(media, media.span(), Cut(mix=tmp_path / "mix.wav", track=number))
        assert np.array_equal(read(tmp_path / "mix.wav"), samples)
    with pytest.raises(NoAudio):
        extract(media, media.span(), Cut(mix=tmp_path / "mix.wav", track=4))


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_lengths_are_exact_for_any_range(
    studio: Studio, tmp_path: Path, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["mov", "ts", "mkv"]))
    rate = data.draw(st.sampled_from(list(RATES)))
    sample_rate = data.draw(st.sampled_from([44100, 48000]))
    source = studio.clip(kind, rate, sample_rate=sample_rate)
    first = data.draw(st.integers(0, source.frames - 2))
    last = data.draw(st.integers(first + 1, source.frames))
    media = probe(source.path)
    span = media.span(first / source.rate, last / source.rate)
    files = Cut(tmp_path / "mix.wav", tmp_path / "mono.wav", tmp_path / "proxy.mov")
    extract(media, span, files)
    begin, end = span.samples(sample_rate)
    mono = span.samples(MONO_RATE)
    assert soundfile.info(tmp_path / "mix.wav").frames == end - begin
    assert soundfile.info(tmp_path / "mono.wav").frames == mono[1] - mono[0]
    assert len(pictures(tmp_path / "proxy.mov")) == proxy_frames(span)


def shown_at(source: Source, time: Fraction) -> set[int]:
    """Numbers that may stand at a time: the picture there, and the next if it is nearly due."""
    early = Fraction(1, 50)
    numbers = {n for t, n in source.pictures if t - source.first_picture <= time}
    nearly = {n for t, n in source.pictures if t - source.first_picture <= time + early}
    return {max(numbers, default=source.pictures[0][1]), max(nearly)}


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        *(("mp4", "23.976"), ("mkv", "23.976"), ("mkv", "29.97"), ("ts", "25"), ("ts", "29.97")),
        *(("fragmented", "29.97"), ("edit list", "23.976"), ("late sound", "25")),
    ],
)
def test_the_proxy_shows_the_right_pictures(
    studio: Studio, tmp_path: Path, kind: str, rate: str
) -> None:
    source = studio.clip(kind, rate)
    media = probe(source.path)
    span = media.span(Fraction(17) / source.rate, Fraction(50) / source.rate)
    extract(media, span, Cut(proxy=tmp_path / "proxy.mov"))
    shown = pictures(tmp_path / "proxy.mov")
    assert len(shown) == proxy_frames(span)
    assert [time for time, _ in shown] == [Fraction(n, 25) for n in range(len(shown))]
    for time, number in shown:
        assert number in shown_at(source, span.start + time)


def test_a_proxy_at_its_own_rate_shows_every_picture_once(studio: Studio, tmp_path: Path) -> None:
    media = probe(studio.clip("ts").path)
    extract(media, media.span(Fraction(1), Fraction(2)), Cut(proxy=tmp_path / "proxy.mov"))
    assert [number for _, number in pictures(tmp_path / "proxy.mov")] == list(range(25, 50))


@pytest.mark.parametrize(("gop", "suffix"), [(500, ".ts"), (9999, ".ts"), (9999, ".mp4")])
def test_far_into_a_clip_the_jump_lands_early_enough(
    studio: Studio, tmp_path: Path, gop: int, suffix: str
) -> None:
    """Groups of pictures of 20 s or more: before the range there is none to land on in time."""
    wave, out = studio.wave(noise(1, 40 * 48000)), studio.new(suffix)
    codecs = (*H264, "-g", gop, "-keyint_min", gop, "-c:a", "mp2")
    ffmpeg("-i", studio.picture("25", 1000), "-i", wave, *codecs, out)
    media = probe(out)
    assert media.constant_rate == 25
    extract(media, media.span(Fraction(35), Fraction(36)), Cut(proxy=tmp_path / "proxy.mov"))
    assert [number for _, number in pictures(tmp_path / "proxy.mov")] == list(range(875, 900))


@pytest.mark.parametrize("wanted", [("mono", "proxy"), ("mix", "mono", "proxy")], ids="+".join)
def test_what_is_cut_beside_it_changes_no_bit_of_a_sound(
    studio: Studio, tmp_path: Path, wanted: tuple[str, ...]
) -> None:
    """The mono has 24 bits, the mix 32 and the proxy's sound 16, alone or all in one run."""
    source = studio.clip("mov", "29.97", bits=24, options=("-c:a", "pcm_s24le"))
    media = probe(source.path)
    span = media.span(Fraction(1), Fraction(2))
    suffixes = {"mix": ".wav", "mono": ".wav", "proxy": ".mov"}
    files = {name: tmp_path / f"{name}{suffixes[name]}" for name in wanted}
    extract(media, span, Cut(**files))
    for name, file in files.items():
        alone = tmp_path / f"alone{file.suffix}"
        extract(media, span, Cut(**{name: alone}))
        assert (sound(file)[0], sound(alone)[0]) == (0, 0)
        assert np.array_equal(sound(file)[1], sound(alone)[1])
    first, last = span.samples(48000)
    mono, exact = read(files["mono"])[:, 0], source.sounds[0][first:last].mean(axis=1)
    assert np.abs(mono - exact).max() <= 2.0**-24
    assert np.abs(sound(files["proxy"])[1][:, 0] - exact).max() <= 2.0**-16


@pytest.mark.parametrize(
    ("size", "turn", "proxy"),
    [
        ("160x90", 0, (160, 90)),
        ("1280x720", 0, (640, 360)),
        ("720x1280", 0, (360, 640)),
        ("853x480", 0, (640, 360)),
        ("161x91", 0, (160, 90)),
        ("1280x720", 90, (360, 640)),
    ],
)
def test_the_proxy_is_at_most_640_pixels(
    studio: Studio, tmp_path: Path, size: str, turn: int, proxy: tuple[int, int]
) -> None:
    out = studio.new(".mov")
    turned = studio.new(".mov")
    tone = ("-f", "lavfi", "-i", "sine=duration=0.2")
    pattern = ("-f", "lavfi", "-i", f"testsrc=s={size}:d=0.2")
    ffmpeg(*pattern, *tone, *H264, "-pix_fmt", "yuv444p", out)
    ffmpeg("-display_rotation", -turn, "-i", out, "-c", "copy", turned)
    media = probe(turned)
    extract(media, media.span(), Cut(proxy=tmp_path / "proxy.mov"))
    video = probe(tmp_path / "proxy.mov").picture()
    assert (video.width, video.height) == video.display_size == proxy
    assert (video.rate, video.pixel_format) == (25, "yuv420p")


@pytest.mark.parametrize(
    ("channels", "layout", "shares"),
    [
        (1, "mono", [1]),
        (2, "stereo", [1, 1]),
        (6, "5.1", [math.sqrt(0.5), math.sqrt(0.5), 1, 0, 0.5, 0.5]),
        (6, "5.1(side)", [math.sqrt(0.5), math.sqrt(0.5), 1, 0, 0.5, 0.5]),
        (4, "quad", [math.sqrt(0.5), math.sqrt(0.5), 0.5, 0.5]),
    ],
)
def test_the_mono_has_each_speakers_share(
    studio: Studio, tmp_path: Path, channels: int, layout: str, shares: list[float]
) -> None:
    samples, out = noise(5, 24000, channels), studio.new(".mov")
    ffmpeg(
        *("-i", studio.picture(), "-i", studio.wave(samples), "-c:v", "copy"),
        *("-af", f"channelmap={'|'.join(map(str, range(channels)))}:{layout}"),
        *("-c:a", "pcm_s16le", out),
    )
    media = probe(out)
    assert media.track().layout == layout
    extract(media, Span(Fraction(0), Fraction(1, 2)), Cut(mono=tmp_path / "mono.wav"))
    wanted = samples @ (np.array(shares) / sum(shares))
    assert np.abs(read(tmp_path / "mono.wav")[:, 0] - wanted).max() < 5e-6


def test_a_varying_rate_keeps_pictures_at_their_times(studio: Studio, tmp_path: Path) -> None:
    out, wave = studio.new(".mp4"), studio.wave(noise(1, 4 * 48000))
    ffmpeg(
        *("-i", studio.picture(), "-i", wave, "-vf", "setpts='(N+floor(N/10)*3)/25/TB'"),
        *("-fps_mode", "passthrough", *H264, "-c:a", "aac", out),
    )
    media = probe(out)
    extract(media, Span(Fraction(0), Fraction(3)), Cut(proxy=tmp_path / "proxy.mov"))
    source = Source(out, Fraction(25), 75, 48000, ())
    for time, number in pictures(tmp_path / "proxy.mov"):
        assert number in shown_at(source, time)


def test_what_is_not_there_cannot_be_cut(studio: Studio, tmp_path: Path) -> None:
    silent, blind = probe(studio.picture()), probe(studio.clip("wav").path)
    with pytest.raises(NoAudio):
        extract(silent, silent.span(), Cut(mix=tmp_path / "mix.wav"))
    with pytest.raises(NoPicture):
        extract(blind, blind.span(), Cut(proxy=tmp_path / "proxy.mov"))


def test_the_same_cut_gives_the_same_bytes(studio: Studio, tmp_path: Path) -> None:
    media = probe(studio.clip("ts").path)
    files = []
    for name in ("first", "second"):
        extract(media, media.span(), Cut(tmp_path / f"{name}.wav", tmp_path / f"{name}1.wav"))
        files.append([(tmp_path / f"{name}{end}.wav").read_bytes() for end in ("", "1")])
    assert files[0] == files[1]
