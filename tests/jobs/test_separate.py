"""A separation from clip to stems: exact, complete or not at all, and the clip left alone."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from tests.jobs.bench import Failing, Notebook, Part, Short, files, mark, steps
from tests.media.making import Sound, Studio, ffmpeg, noise, pictures, sound

from soundmatte.documents import MatteChoice, Selection, Separation
from soundmatte.errors import EngineRefused
from soundmatte.jobs import run
from stemmux.errors import (
    Cancelled,
    ContainerRefused,
    MediaError,
    NoPicture,
    OutputExists,
    OutputRefused,
    StemmuxError,
)

#: One step of 24 bits.
STEP = 2.0**-23


def separate(clip: Path, folder: Path, **options: Any) -> Separation:
    """Separate with an engine that takes half of everything."""
    engine, overwrite = options.pop("engine", Part()), options.pop("overwrite", False)
    listener = options.pop("listener", Notebook())
    selection = Selection(media=clip, **options)
    return run.separate(selection, engine, folder, listener, overwrite=overwrite)


def own_sound(path: Path, track: int = 0) -> Sound:
    """A clip's own sound from its first picture on, decoded without stemmux."""
    start, heard = sound(path, track)
    with av.open(str(path)) as container:
        origin = pictures(path)[0][0] if container.streams.video else start
    rate = _rate(path, track)
    late = round(start * rate) - round(origin * rate)
    return np.concatenate([np.zeros((max(0, late), heard.shape[1])), heard[max(0, -late) :]])


def _rate(path: Path, track: int) -> int:
    with av.open(str(path)) as container:
        return int(container.streams.audio[track].codec_context.sample_rate)


@pytest.mark.parametrize(
    ("kind", "rate", "channels"),
    [
        *(("mov", 44100, 2), ("mov", 48000, 6), ("mov", 96000, 1), ("mp4", 44100, 2)),
        *(("mp4", 48000, 6), ("mp4", 96000, 1), ("mkv", 44100, 1), ("mkv", 48000, 2)),
        *(("ts", 48000, 2), ("wav", 96000, 6), ("wav", 44100, 2), ("flac", 48000, 2)),
        *(("mp3", 44100, 2), ("mp3", 48000, 1), ("m4a", 44100, 2), ("opus", 48000, 2)),
    ],
)
def test_the_stems_add_up_to_the_clips_own_sound(
    studio: Studio, tmp_path: Path, kind: str, rate: int, channels: int
) -> None:
    source = studio.clip(kind, "29.97", sample_rate=rate, channels=channels, frames=40)
    before = mark(source.path)
    done = separate(source.path, tmp_path)
    assert mark(source.path) == before
    assert (done.rate, done.channels, done.null_db) == (rate, channels, -300)
    target, residual = steps(done.target), steps(done.residual)
    assert len(target) == len(residual) == done.frames
    assert abs(done.duration - 40 / Fraction(30000, 1001)) < (0.06 if kind == "mp3" else 0.03)
    own = own_sound(source.path)[: done.frames]
    own = np.pad(own, ((0, done.frames - len(own)), (0, 0)))
    distance = np.abs(target + residual - np.rint(own / STEP))
    exact = kind in ("mov", "wav", "flac")
    assert distance.max() <= (0 if exact else 1)
    if exact:
        made = source.sounds[0][: done.frames]
        assert np.array_equal((target + residual)[: len(made)], np.rint(made / STEP))
    # Half of every sample is in the target, to the step.
    assert np.abs(2 * target - (target + residual)).max() <= 1
    assert np.abs(target).max() > 0.1 / STEP


@pytest.mark.parametrize(("kind", "picture"), [("mov", "copied"), ("wav", None)])
def test_the_file_holds_the_clip_and_both_stems(
    studio: Studio, tmp_path: Path, kind: str, picture: str | None
) -> None:
    source = studio.clip(kind, "23.976", frames=48)
    done = separate(source.path, tmp_path, prompt="a voice,\nor two")
    assert done.file is not None
    assert (done.picture, done.offset_samples) == (picture, 0)
    with av.open(str(done.file)) as container:
        titles = [s.metadata.get("handler_name") for s in container.streams.audio[1:]]
        assert titles == ["Target: a voice, or two", "Residual"]
        assert len(container.streams.video) == (1 if picture else 0)
    for track, stem in ((1, done.target), (2, done.residual)):
        _, heard = sound(done.file, track)
        assert np.array_equal(np.rint(heard / STEP), steps(stem))
    if picture:
        assert [number for _, number in pictures(done.file)] == list(range(48))
    assert files(tmp_path) == {done.target.name, done.residual.name, done.file.name}


def test_vorbis_is_not_torn_where_its_block_size_changes(studio: Studio, tmp_path: Path) -> None:
    quiet = 0.001 * noise(3, 96000)
    quiet[::9600] = 0.9  # every click makes the coder change its block size
    wave = studio.wave(quiet)
    ffmpeg("-i", wave, "-c:a", "libvorbis", tmp_path / "clip.ogg")
    ffmpeg("-i", tmp_path / "clip.ogg", "-c:a", "pcm_f32le", tmp_path / "plain.wav")
    done = separate(tmp_path / "clip.ogg", tmp_path / "out")
    plain, _ = soundfile.read(tmp_path / "plain.wav", dtype="float64", always_2d=True)
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(plain / STEP))


@pytest.mark.parametrize("of", ["target", "residual"])
def test_the_engine_says_which_stem_it_heard(studio: Studio, tmp_path: Path, of: Any) -> None:
    source = studio.clip("wav", frames=25)
    done = separate(source.path, tmp_path, engine=Part(0.25, of))
    quarter, rest = steps(done.target), steps(done.residual)
    if of == "residual":
        quarter, rest = rest, quarter
    assert np.abs(4 * quarter - (quarter + rest)).max() <= 2
    assert np.array_equal(quarter + rest, np.rint(source.sounds[0] / STEP))


def test_sound_beyond_full_scale_gets_float_stems_and_says_so(
    studio: Studio, tmp_path: Path
) -> None:
    loud = noise(5, 24000, 2) * 2
    wave = studio.wave(loud, subtype="FLOAT")
    listener = Notebook()
    done = separate(wave, tmp_path, listener=listener)
    assert done.encoding == "f32"
    assert any("beyond full scale" in note for note in listener.notes)
    assert tuple(listener.notes) == done.notes
    parts = [soundfile.read(p, dtype="float64")[0] for p in (done.target, done.residual)]
    assert {soundfile.info(p).subtype for p in (done.target, done.residual)} == {"FLOAT"}
    assert np.array_equal(parts[0] + parts[1], loud)
    assert done.null_db == -300


def test_a_range_is_separated_alone_and_placed_where_it_was(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mov", "25", options=("-timecode", "10:00:00:00"))
    done = separate(source.path, tmp_path, start=Fraction(1), end=Fraction(2))
    assert (done.start, done.duration) == (1.0, 1.0)
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(source.sounds[0][48000:96000] / STEP))
    for stem in done.placement.stems:
        assert (stem.start, stem.offset_samples, stem.frames) == (1, 48000, 48000)
        assert stem.time_reference == 36001 * 48000
    assert done.file is not None
    _, heard = sound(done.file, 1)
    assert not heard[:48000].any()
    assert np.array_equal(np.rint(heard[48000:] / STEP), steps(done.target))


def test_the_chosen_audio_track_is_separated(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mov", tracks=2, frames=25)
    listener = Notebook()
    done = separate(source.path, tmp_path, track=2, listener=listener)
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(source.sounds[1] / STEP))
    assert "The clip has 2 audio tracks; number 2 is separated." in listener.notes


def test_a_track_behind_one_that_cannot_be_read_is_the_one_that_is_cut(
    studio: Studio, tmp_path: Path
) -> None:
    source = studio.clip("mov", tracks=2, frames=25)
    data = source.path.read_bytes()
    clip = tmp_path / "clip.mov"
    clip.write_bytes(data.replace(b"sowt", b"????", 1))  # the coding of the first track
    done = separate(clip, tmp_path / "out")
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(source.sounds[1] / STEP))


def test_the_same_work_gives_the_same_bytes(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mp4", frames=25)
    once, again = (separate(source.path, tmp_path / name) for name in ("a", "b"))
    assert once.mix_sha256 == again.mix_sha256
    for one, other in ((once.target, again.target), (once.residual, again.residual)):
        assert one.read_bytes() == other.read_bytes()


def test_stages_come_in_order_and_each_reaches_its_end(studio: Studio, tmp_path: Path) -> None:
    listener = Notebook()
    separate(studio.clip("mp4", frames=25).path, tmp_path, listener=listener)
    steps_in_order = ["extract", "separate", "conform", "gate", "place", "remux", "report", "stamp"]
    assert listener.stages == steps_in_order
    assert {name for name, share in listener.shares if share == 1} >= {
        *("extract", "separate", "conform", "remux", "report")
    }
    assert all(0 <= share <= 1 for _, share in listener.shares)
    assert listener.notes == ["A part of everything is taken."]


# --- containers ---


def webm(studio: Studio) -> Path:
    """VP9 with Opus."""
    out = studio.new(".webm")
    sound_of = studio.wave(noise(2, 48000, 2))
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
    ffmpeg("-i", studio.picture(frames=25), "-i", sound_of, *vp9, "-c:a", "libopus", out)
    return out


@pytest.mark.parametrize("container", ["mov", "mp4", "mkv"])
def test_the_container_is_the_one_that_was_chosen(
    studio: Studio, tmp_path: Path, container: Any
) -> None:
    done = separate(studio.clip("mp4", frames=25).path, tmp_path, container=container)
    assert done.file is not None
    assert done.file.name.endswith(f"_stems.{container}")
    assert done.offset_samples <= 0.5


def test_a_wav_file_holds_the_clip_and_both_stems_as_channels(
    studio: Studio, tmp_path: Path
) -> None:
    source = studio.clip("wav", frames=25)
    done = separate(source.path, tmp_path, container="wav")
    assert done.file is not None
    together = steps(done.file)
    assert np.array_equal(together[:, :2], np.rint(source.sounds[0] / STEP))
    assert np.array_equal(together[:, 2:4], steps(done.target))
    assert np.array_equal(together[:, 4:], steps(done.residual))


def test_the_clips_own_sound_is_left_out_where_that_was_asked(
    studio: Studio, tmp_path: Path
) -> None:
    done = separate(
        studio.clip("mov", frames=25).path, tmp_path, replace_audio=True, default="residual"
    )
    assert done.file is not None
    with av.open(str(done.file)) as container:
        assert [s.metadata.get("handler_name") for s in container.streams.audio] == [
            "Target: part",
            "Residual",
        ]
        chosen = [
            bool(s.disposition & av.stream.Disposition.default) for s in container.streams.audio
        ]
    assert chosen == [False, True]
    for track, stem in enumerate((done.target, done.residual)):
        assert np.array_equal(np.rint(sound(done.file, track)[1] / STEP), steps(stem))


def test_what_mov_cannot_carry_goes_into_mkv(studio: Studio, tmp_path: Path) -> None:
    clip = webm(studio)
    done = separate(clip, tmp_path / "auto")
    assert done.file is not None
    assert done.file.suffix == ".mkv"
    with pytest.raises(ContainerRefused) as caught:
        separate(clip, tmp_path / "mov", container="mov")
    assert "mkv" in caught.value.hint
    assert not (tmp_path / "mov").exists()


# --- outputs ---


@pytest.mark.parametrize("kind", ["target.wav", "residual.wav", "stems.mov", "stems.mkv"])
def test_what_is_there_stays_unless_it_may_go(studio: Studio, tmp_path: Path, kind: str) -> None:
    clip = studio.clip("mp4", frames=25).path
    there = tmp_path / f"{clip.stem}_{kind}"
    there.write_text("mine")
    with pytest.raises(OutputExists) as caught:
        separate(clip, tmp_path)
    assert str(there) in str(caught.value)
    assert files(tmp_path) == {there.name}
    assert there.read_text() == "mine"
    done = separate(clip, tmp_path, overwrite=True)
    assert steps(done.target).any()


def test_a_file_that_appears_meanwhile_stays(studio: Studio, tmp_path: Path) -> None:
    clip = studio.clip("mp4", frames=25).path
    there = tmp_path / f"{clip.stem}_residual.wav"

    def appear(stage: str, share: float) -> None:
        if stage == "conform":
            there.write_text("mine")

    with pytest.raises(OutputExists):
        separate(clip, tmp_path, listener=Notebook(appear))
    assert there.read_text() == "mine"
    assert files(tmp_path) == {there.name}


def test_the_clip_itself_is_never_an_output(studio: Studio, tmp_path: Path) -> None:
    # Names are shortened to 200 bytes before an ending is put behind them.
    clip = tmp_path / f"{'n' * 200}_target.wav"
    shutil.copy(studio.clip("wav", frames=25).path, clip)
    before = mark(clip)
    with pytest.raises(OutputRefused, match="is read here"):
        separate(clip, tmp_path, overwrite=True)
    assert mark(clip) == before
    assert files(tmp_path) == {clip.name}


def test_a_folder_with_an_outputs_name_is_refused_before_the_work(
    studio: Studio, tmp_path: Path
) -> None:
    clip = studio.clip("wav", frames=25).path
    (tmp_path / f"{clip.stem}_residual.wav").mkdir()
    listener = Notebook()
    with pytest.raises(OutputRefused, match="is a folder"):
        separate(clip, tmp_path, overwrite=True, listener=listener)
    assert listener.stages == []


def test_folders_are_made_as_deep_as_needed(studio: Studio, tmp_path: Path) -> None:
    done = separate(studio.clip("wav", frames=25).path, tmp_path / "a" / "b" / "c")
    assert done.target.parent == tmp_path / "a" / "b" / "c"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_cannot_be_the_output_folder(studio: Studio, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputRefused, match="file is a file"):
        separate(studio.clip("wav", frames=25).path, tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_told_before_the_work(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OutputRefused, match="free"):
        separate(studio.clip("wav", frames=25).path, tmp_path / "out")
    assert files(tmp_path) == set()


# --- failures ---


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), Cancelled("enough"), EngineRefused("no"), MemoryError()]
)
def test_an_engine_that_fails_leaves_nothing(
    studio: Studio, tmp_path: Path, error: Exception
) -> None:
    clip = studio.clip("mp4", frames=25).path
    before = mark(clip)
    with pytest.raises(type(error)):
        separate(clip, tmp_path / "new" / "out", engine=Failing(error))
    assert files(tmp_path) == set()
    assert mark(clip) == before


def test_an_estimate_that_does_not_fit_is_refused(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not fit"):
        separate(studio.clip("wav", frames=25).path, tmp_path, engine=Short())
    assert files(tmp_path) == set()


@pytest.mark.parametrize("stage", ["extract", "separate", "conform", "remux"])
def test_cancelling_in_any_stage_leaves_nothing(studio: Studio, tmp_path: Path, stage: str) -> None:
    def stop(at: str, share: float) -> None:
        if at == stage:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        separate(studio.clip("mp4", frames=25).path, tmp_path, listener=Notebook(stop))
    assert files(tmp_path) == set()


def test_a_refusal_of_the_engine_comes_before_any_work(studio: Studio, tmp_path: Path) -> None:
    listener = Notebook()
    with pytest.raises(EngineRefused):
        separate(
            studio.clip("mp4", frames=25).path,
            tmp_path / "out",
            prompt="silence",
            listener=listener,
        )
    assert listener.stages == []
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("wav", {"matte": True}, NoPicture),
        ("mov", {"track": 2}, StemmuxError),
        ("mov", {"start": Fraction(99)}, StemmuxError),
        ("mov", {"start": Fraction(1), "end": Fraction(1)}, StemmuxError),
    ],
)
def test_what_the_clip_does_not_hold_is_refused_before_any_work(
    studio: Studio, tmp_path: Path, kind: str, options: dict[str, Any], error: type[Exception]
) -> None:
    if options.pop("matte", False):
        options = {"matte": MatteChoice(path=studio.picture(frames=25))}
    listener = Notebook()
    with pytest.raises(error) as caught:
        separate(studio.clip(kind, frames=25).path, tmp_path / "out", listener=listener, **options)
    assert str(caught.value).endswith(".")
    assert getattr(caught.value, "hint", "")
    assert (listener.stages, files(tmp_path)) == ([], set())


def test_planning_writes_nothing(studio: Studio, tmp_path: Path) -> None:
    clip = studio.clip("mp4", frames=25).path
    work = run.plan(Selection(media=clip), Part(), tmp_path / "out")
    assert work.answer is not None
    assert work.answer.route == "part"
    assert files(tmp_path) == set()


CHILD = """
import sys
from pathlib import Path
from soundmatte.documents import Selection
from soundmatte.jobs import run
from stemmux.console import Console, ProgressStyle, answer
from tests.jobs.bench import Part
clip, out = Path(sys.argv[1]), Path(sys.argv[2])
listener = Console(ProgressStyle.NONE)
work = lambda: run.separate(Selection(media=clip), Part(), out, listener)
sys.exit(answer(work, "separate", as_json=False))
"""


@pytest.mark.parametrize("share", [0.3, 1.2])
def test_a_disk_that_fills_up_on_the_way_leaves_nothing(
    studio: Studio, tmp_path: Path, share: float
) -> None:
    """The first limit stops the cut, the second the file with the stems."""
    clip = studio.clip("wav", frames=50, channels=2).path
    limit = int(share * 2 * 96000 * 4)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(clip), str(tmp_path / "out")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("separate: ")
    assert "larger than the disk allows" in done.stderr
    assert files(tmp_path) == set()


def test_stems_alone_are_made_where_no_file_with_them_is_wanted(
    studio: Studio, tmp_path: Path
) -> None:
    clip = studio.clip("mov", "25").path
    made = separate(clip, tmp_path / "out", container="none")
    assert made.file is None
    assert files(tmp_path / "out") == {f"{clip.stem}_{role}.wav" for role in ("target", "residual")}
    assert not any("No file" in note for note in made.notes)
