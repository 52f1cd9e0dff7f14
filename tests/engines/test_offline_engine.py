"""The engine: files in and out, progress, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundmatte.engines.engine import Material, Question
from soundmatte.engines.offline import engine as offline
from soundmatte.engines.offline import runtime
from soundmatte.engines.offline.engine import OfflineEngine
from soundmatte.errors import EngineRefused, ExtraMissing, WeightsMissing

Sound = NDArray[np.float32]
SPEECH = Question("speech", has_matte=False)


@pytest.fixture
def engine() -> OfflineEngine:
    return OfflineEngine(models=("dfn3",))


@pytest.fixture
def mix(tmp_path: Path, voice: Sound, hiss: Sound) -> Path:
    path = tmp_path / "mix.wav"
    sound = np.stack([voice + hiss / 4, voice - hiss / 4], axis=1)
    soundfile.write(path, sound[:96_000], 48_000, subtype="PCM_24")
    return path


def test_importing_the_engine_loads_nothing_heavy() -> None:
    program = """if True:
        import sys
        import soundmatte.engines.offline.engine
        from soundmatte.engines.offline import prompt, weights, weights_store
        heavy = {"numpy", "onnxruntime", "soxr", "soundfile", "tarfile"} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [("man speaking", "target"), ("background", "residual"), ("music", "residual")],
)
def test_the_estimate_is_the_stem_that_is_speech(
    engine: OfflineEngine, mix: Path, tmp_path: Path, prompt: str, stem: str
) -> None:
    asked = Question(prompt, has_matte=False)
    estimate = engine.separate(asked, Material("", mix), tmp_path, lambda share: None)
    assert estimate.of == stem
    sound, rate = soundfile.read(estimate.path)
    kind = soundfile.info(estimate.path)
    assert (kind.format, kind.subtype, rate) == ("WAV", "FLOAT", 48_000)
    assert sound.shape == soundfile.read(mix)[0].shape


def test_the_file_holds_what_the_separator_makes_of_the_samples(
    engine: OfflineEngine, mix: Path, tmp_path: Path, separator: object
) -> None:
    estimate = engine.separate(SPEECH, Material("", mix), tmp_path, lambda share: None)
    samples, rate = soundfile.read(mix, dtype="float32")
    expected = separator.estimate(samples, rate)  # type: ignore[attr-defined]
    np.testing.assert_allclose(soundfile.read(estimate.path)[0], expected, atol=1e-6)


def test_a_file_too_large_for_wav_becomes_rf64(
    engine: OfflineEngine, mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "WAV_LIMIT", 1000)
    estimate = engine.separate(SPEECH, Material("", mix), tmp_path, lambda share: None)
    assert soundfile.info(estimate.path).format == "RF64"
    mix.write_bytes(estimate.path.read_bytes())  # and it can be read back as a mix
    engine.separate(SPEECH, Material("", mix), tmp_path, lambda share: None)


def test_progress_only_grows_and_ends_at_one(
    engine: OfflineEngine, mix: Path, tmp_path: Path
) -> None:
    shares: list[float] = []
    engine.separate(SPEECH, Material("", mix), tmp_path, shares.append)
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert len(shares) >= 5


@pytest.mark.parametrize("limit", [0.0, 0.01, 0.1, 0.99])
def test_what_progress_raises_ends_the_work_and_leaves_no_file(
    engine: OfflineEngine, mix: Path, tmp_path: Path, limit: float
) -> None:
    def stop(share: float) -> None:
        if share >= limit:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.separate(SPEECH, Material("", mix), tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]


def test_a_mix_that_cannot_be_read_leaves_no_file(engine: OfflineEngine, tmp_path: Path) -> None:
    (tmp_path / "mix.wav").write_bytes(b"RIFF")
    with pytest.raises(soundfile.LibsndfileError):
        engine.separate(SPEECH, Material("", tmp_path / "mix.wav"), tmp_path, lambda share: None)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]


def test_an_empty_mix_gives_an_empty_estimate(engine: OfflineEngine, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mix.wav", np.zeros((0, 2)), 44_100, subtype="PCM_24")
    estimate = engine.separate(
        SPEECH, Material("", tmp_path / "mix.wav"), tmp_path, lambda share: None
    )
    assert soundfile.info(estimate.path).frames == 0
    assert soundfile.info(estimate.path).channels == 2


def test_what_cannot_be_done_is_refused_before_any_work(
    engine: OfflineEngine, tmp_path: Path
) -> None:
    asked = Question("dog barking", has_matte=False)
    with pytest.raises(EngineRefused):
        engine.consider(asked)
    with pytest.raises(EngineRefused):
        engine.separate(asked, Material("", tmp_path / "no such mix"), tmp_path, lambda share: None)
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_named_before_any_work(tmp_path: Path) -> None:
    engine = OfflineEngine(models=("dfn3",), given={"dfn3": tmp_path / "gone"})
    with pytest.raises(WeightsMissing, match="gone"):
        engine.consider(SPEECH)


def test_dtln_is_used_where_it_is(tmp_path: Path) -> None:
    assert OfflineEngine(folder=tmp_path).models() == ("dfn3",)


def test_the_identity_tells_the_models_that_are_used(tmp_path: Path) -> None:
    assert OfflineEngine(folder=tmp_path).identity["models"] == ["dfn3"]
    assert OfflineEngine(models=("dfn3",), folder=tmp_path).identity["recipe"] == offline.RECIPE


def test_a_computer_without_onnx_runtime_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraMissing, match="ONNX Runtime"):
        runtime.open_net(b"")


def test_the_processors_are_those_of_this_process() -> None:
    assert 1 <= runtime.processors() <= (os.cpu_count() or 1)
