"""What a file is said to hold, against how it was made and what PyAV decodes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.making import (
    FRAMES,
    H264,
    HEIGHT,
    KINDS,
    RATES,
    SOUND_KINDS,
    WIDTH,
    Studio,
    ffmpeg,
    pictures,
    sound,
)

from stemmux.describe import as_values, in_words
from stemmux.errors import NoAudio, NoPicture, TimeError, UnreadableMedia
from stemmux.probe import probe

#: A tick of the coarsest clock among the containers, Matroska's.
MILLISECOND = Fraction(1, 1000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_measured_from_its_first_picture(studio: Studio, kind: str, rate: str) -> None:
    source = studio.clip(kind, rate)
    media = probe(source.path)
    video = media.picture()
    assert media.origin == video.start == source.first_picture
    assert media.constant_rate == RATES[rate]
    assert video.frames == len(source.pictures)
    assert video.end - video.start == video.frames / RATES[rate]
    assert (video.width, video.height, video.rotation) == (WIDTH, HEIGHT, 0)
    assert media.warnings == ()
    late = Fraction(3, 10) if kind == "late sound" else Fraction(0)
    padding = Fraction(2 * 1152, 48000)
    assert 0 <= media.duration - video.frames / RATES[rate] - late <= padding
    track = media.track()
    assert (track.rate, track.channels, track.layout) == (48000, 2, "stereo")
    heard, _ = sound(source.path)
    assert abs(track.start - heard) <= MILLISECOND


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_sound_alone_is_measured_from_its_first_sample(studio: Studio, kind: str) -> None:
    source = studio.clip(kind)
    media = probe(source.path)
    start, samples = sound(source.path)
    assert media.video is None
    assert media.constant_rate is None
    assert media.origin == media.track().start == start
    assert 0 <= media.duration * 48000 - len(source.sounds[0]) <= 2 * 1152
    assert media.track().channels == samples.shape[1] == 2
    with pytest.raises(NoPicture):
        media.picture()


@pytest.mark.parametrize("gop", [13, 250])
@pytest.mark.parametrize("frames", [301, 340, 480])
def test_many_pictures_out_of_order_are_no_varying_rate(
    studio: Studio, gop: int, frames: int
) -> None:
    """The looked-at stretch ends in the middle of a group of pictures."""
    out = studio.new(".mp4")
    ffmpeg("-i", studio.picture("25", frames), *H264, "-g", gop, "-bf", "3", out)
    media = probe(out)
    assert media.constant_rate == 25
    assert media.picture().frames == frames
    assert media.warnings == ()


def test_a_varying_rate_is_noticed(studio: Studio) -> None:
    out = studio.new(".mp4")
    ffmpeg(
        *("-i", studio.picture(), "-vf", "setpts='(N+floor(N/10)*3)/25/TB'"),
        *("-fps_mode", "passthrough", *H264, out),
    )
    media = probe(out)
    assert media.picture().variable
    assert media.constant_rate is None
    assert media.picture().frames == FRAMES
    assert any("varies" in warning for warning in media.warnings)
    last = pictures(out)[-1][0]
    assert last < media.duration <= last + Fraction(1, 5)


@pytest.mark.parametrize(
    "change",
    [
        "settb=1/90000,setpts='(N+max(N-350,0)/2)/25/TB'",
        "select='lt(n,350)+not(mod(n,3))'",
    ],
    ids=["slower", "some left out"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_rate_that_varies_late_is_noticed(studio: Studio, suffix: str, change: str) -> None:
    """Behind the stretch that is looked at closely."""
    out = studio.new(suffix)
    times = ("-fps_mode", "passthrough", "-enc_time_base", "1:90000")
    ffmpeg("-i", studio.picture("25", 420), "-vf", change, *times, *H264, out)
    video = probe(out).picture()
    assert video.variable
    if suffix == ".mp4":
        assert video.frames == len(pictures(out))


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotation_is_clockwise(studio: Studio, turn: int, suffix: str) -> None:
    out = studio.new(suffix)
    # ffmpeg counts against the clock.
    ffmpeg("-display_rotation", -turn, "-i", studio.picture(), "-c", "copy", out)
    video = probe(out).picture()
    assert video.rotation == turn
    assert video.display_size == ((HEIGHT, WIDTH) if turn % 180 else (WIDTH, HEIGHT))


def test_pixels_that_are_not_square_are_widened(studio: Studio) -> None:
    out = studio.new(".mp4")
    ffmpeg("-i", studio.picture(), "-vf", "setsar=4/3", *H264, out)
    assert probe(out).picture().display_size == (213, HEIGHT)


@pytest.mark.parametrize(
    ("rate", "written", "read"),
    [
        ("25", "01:00:00:00", "01:00:00:00"),
        ("29.97", "10:00:00;02", "10:00:00;02"),
        ("29.97", "10:00:00:02", "10:00:00:02"),
        ("23.976", "00:59:59:23", "00:59:59:23"),
    ],
)
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_the_timecode_is_read(
    studio: Studio, rate: str, written: str, read: str, suffix: str
) -> None:
    movie, out = studio.new(".mov"), studio.new(suffix)
    ffmpeg("-i", studio.picture(rate), "-c", "copy", "-timecode", written, movie)
    # Matroska has no timecode track: it is copied there as a tag.
    ffmpeg("-i", movie, "-map", "0:v", "-c", "copy", out)
    assert str(probe(out).timecode) == read


def test_what_is_hidden_and_what_is_out_of_order(studio: Studio) -> None:
    """An edit list hides pictures; B-frames are stored behind what they are made of."""
    cut = probe(studio.clip("edit list").path).picture()
    assert (cut.hidden, cut.reordered) == (3, True)
    whole = probe(studio.clip("mp4").path).picture()
    assert (whole.hidden, whole.reordered) == (0, True)
    straight = probe(studio.clip("prores").path).picture()
    assert (straight.hidden, straight.reordered) == (0, False)


def test_mxf_is_read(studio: Studio) -> None:
    clip, out = studio.clip("mov"), studio.new(".mxf")
    ffmpeg("-i", clip.path, "-c:v", "mpeg2video", "-g", 1, "-timecode", "01:00:00:00", out)
    media = probe(out)
    assert media.picture().frames == FRAMES
    assert media.constant_rate == 25
    assert str(media.timecode) == "01:00:00:00"
    assert media.track().rate == 48000


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_avi_is_read(studio: Studio, codec: str) -> None:
    """Its packets carry no presentation times."""
    out = studio.new(".avi")
    ffmpeg("-i", studio.clip("mov").path, "-c:v", codec, "-bf", 0, "-q:v", 2, out)
    media = probe(out)
    assert media.picture().frames == pictures(out)[-1][0] * 25 + 1 >= FRAMES
    assert media.constant_rate == 25


def test_an_flv_file_without_an_index_is_read_to_its_end(studio: Studio) -> None:
    """Nothing in it can be jumped to before what was read already."""
    out = studio.new(".flv")
    clip = studio.clip("mov", sample_rate=44100)
    ffmpeg("-i", clip.path, "-c:v", "flv1", "-c:a", "libmp3lame", out)
    media = probe(out)
    assert media.picture().frames == FRAMES
    assert abs(media.track().start - sound(out)[0]) <= MILLISECOND
    assert media.duration == FRAMES / clip.rate
    assert media.warnings == ()


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        (".webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus")),
        (".webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis")),
        (".mkv", ("-c:v", "copy", "-c:a", "flac")),
    ],
)
def test_sound_before_the_first_picture_is_found(
    studio: Studio, suffix: str, words: tuple[str, ...]
) -> None:
    """A jump to the start of a Matroska file is one to its first picture."""
    out, clip = studio.new(suffix), studio.clip("mov").path
    late = ("-itsoffset", "0.7") if suffix == ".mkv" else ()
    ffmpeg(*late, "-i", clip, "-i", clip, "-map", "0:v", "-map", "1:a", *words, out)
    assert abs(probe(out).track().start - sound(out)[0]) <= MILLISECOND


@pytest.mark.parametrize("kind", ["mp3", "m4a"])
def test_a_cover_is_no_picture(studio: Studio, kind: str) -> None:
    cover, out = studio.new(".png"), studio.new(f".{kind}")
    ffmpeg("-i", studio.picture(), "-frames:v", 1, cover)
    ffmpeg(
        *("-i", studio.clip(kind).path, "-i", cover, "-map", 0, "-map", 1, "-c", "copy"),
        *("-disposition:v", "attached_pic", out),
    )
    media = probe(out)
    assert media.video is None
    assert media.track().rate == 48000
    with pytest.raises(NoPicture):
        media.picture()


def test_tags_in_another_encoding_do_not_matter(studio: Studio) -> None:
    out = studio.new(".mp3")
    ffmpeg("-i", studio.clip("mp3").path, "-c", "copy", "-metadata", "title=XXXXXXXX", out)
    data = out.read_bytes()
    assert b"XXXXXXXX" in data
    out.write_bytes(data.replace(b"XXXXXXXX", b"caf\xe9\xff\xfe\x80!"))
    assert probe(out).track().codec.startswith("mp3")


def test_titles_and_languages_of_tracks(studio: Studio) -> None:
    out = studio.new(".mkv")
    tags = ("-metadata:s:a:0", "title=Döner", "-metadata:s:a:0", "language=deu")
    ffmpeg("-i", studio.clip("mkv").path, "-c", "copy", *tags, out)
    track = probe(out).track()
    assert (track.title, track.language) == ("Döner", "deu")


def test_a_track_that_is_not_there(studio: Studio) -> None:
    media = probe(studio.clip("mov").path)
    for number in (0, 2, -1):
        with pytest.raises(NoAudio, match=f"no audio track {number}"):
            media.track(number)
    with pytest.raises(NoAudio, match="no sound"):
        probe(studio.picture()).track()


@pytest.mark.parametrize("what", ["missing", "folder", "n" * 300, "sub\0name"])
def test_what_is_no_file_is_said_to_be_none(tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableMedia) as caught:
        probe(tmp_path / what)
    assert caught.value.hint


def test_ranges_snap_to_frames(studio: Studio) -> None:
    media = probe(studio.clip("mp4", "29.97").path)
    span = media.span(Fraction(1), Fraction(2))
    assert span.frames(RATES["29.97"]) == (30, 60)
    assert span.start == 30 / RATES["29.97"]
    assert media.span().duration == media.duration


@pytest.mark.parametrize(("start", "end"), [(99, None), (0, 99), (2, 1), (1, 1), (-1, 1)])
def test_ranges_outside_the_clip_are_refused(studio: Studio, start: int, end: int | None) -> None:
    media = probe(studio.clip("mov").path)
    with pytest.raises(TimeError):
        media.span(Fraction(start), None if end is None else Fraction(end))


def test_words_and_values_tell_the_same(studio: Studio) -> None:
    media = probe(studio.clip("ts", "29.97").path)
    values, words = as_values(media), "\n".join(in_words(media))
    assert values["video"]["rate_exact"] == "30000/1001"
    assert values["audio"][0]["layout"] == "stereo"
    assert "29.97" in words
    assert f"{FRAMES} frames" in words
    assert "48000 Hz" in words
