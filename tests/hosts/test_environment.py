"""The extension's `environment`: what its Install button does, with packages made here.

What it does with the real pins is in tests/blender/test_install.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.blender.addon import module

from soundmatte.hosts import archive

engine, environment, refusal = module("engine"), module("environment"), module("refusal")
MAIN = "import parts, sys\nprint('soundmatte', '{}', parts.WORD)\n"


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A package that pip installs."""
    about = f"{name}-{version}.dist-info"
    files |= {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = "".join(f"{each},,\n" for each in [*files, f"{about}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    texts = {**files, f"{about}/RECORD": rows}
    archive.write(path, {each: text.encode() for each, text in texts.items()})
    return path


@pytest.fixture
def zip_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An extension whose engine needs one package, and an index with that and a false engine."""
    index = tmp_path / "index"
    parts = wheel(index, "parts", "1.0", {"parts.py": "WORD = 'ready'\n"})
    wheel(index, "soundmatte", "99.0", {"soundmatte/__main__.py": "print('false')\n"})
    carried = tmp_path / "extension" / "carried"
    wheel(carried, "soundmatte", "9.9", {"soundmatte/__main__.py": MAIN.format("9.9")})
    digest = hashlib.sha256(parts.read_bytes()).hexdigest()
    (carried / "requirements.txt").write_text(
        f"# pins\nparts==1.0 \\\n    --hash=sha256:{digest}\n"
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    return carried.parent


@pytest.fixture
def installing(tmp_path: Path, zip_folder: Path) -> Callable[..., Any]:
    def make(python: str = sys.executable) -> Any:
        return environment.Installing(str(tmp_path / "own"), python, str(zip_folder))

    return make


def finish(work: Any) -> list[tuple[float, str]]:
    """Everything that is shown on the way; raises what it raises."""
    seen = [(work.share, work.text)]
    deadline = time.monotonic() + 90
    while not work.poll():
        assert time.monotonic() < deadline
        if seen[-1] != (work.share, work.text):
            seen.append((work.share, work.text))
        time.sleep(0.01)
    return [*seen, (work.share, work.text)]


def test_it_becomes_an_engine_and_nothing_is_fetched_by_our_name(
    tmp_path: Path, installing: Callable[..., Any]
) -> None:
    own = tmp_path / "own"
    work = installing()
    work.begin(online=True)
    assert os.getpriority(os.PRIO_PROCESS, work._process.pid) == 10
    seen = finish(work)
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    texts = {text for _, text in seen}
    assert {"Making an environment", "Fetching", "Installing the engine"} <= texts
    assert work.poll(), "it stays done"
    found = engine.found(str(own))
    assert found.own
    said = (own / "install.log").read_text()
    assert "soundmatte 9.9 ready" in said
    assert "99.0" not in said
    assert not (tmp_path / "elsewhere").exists()
    environment.remove(str(own))
    assert engine.found(str(own)) is None
    assert not (own / "engine").exists()
    environment.remove(str(own))


def test_a_package_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, zip_folder: Path, installing: Callable[..., Any]
) -> None:
    pins = zip_folder / "carried" / "requirements.txt"
    pins.write_text(pins.read_text()[:-9] + "00000000\n")
    work = installing()
    work.begin(online=True)
    with pytest.raises(refusal.Refusal, match="not what this extension was made with"):
        finish(work)
    assert not (tmp_path / "own" / "engine").exists()
    assert engine.found(str(tmp_path / "own")) is None


def test_cancelled_it_leaves_nothing(tmp_path: Path, installing: Callable[..., Any]) -> None:
    work = installing()
    work.begin(online=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "own" / "engine").exists():
        work.poll()
        assert time.monotonic() < deadline
    process = work._process
    work.cancel()
    assert process.returncode is not None
    assert not (tmp_path / "own" / "engine").exists()
    assert not work.poll()
    work.cancel()


def test_offline_nothing_is_begun(tmp_path: Path, installing: Callable[..., Any]) -> None:
    with pytest.raises(refusal.Refusal, match="not allowed to go online") as caught:
        installing().begin(online=False)
    assert "Preferences" in caught.value.hint
    assert not (tmp_path / "own").exists()


def test_an_extension_without_an_engine_says_so(
    zip_folder: Path, installing: Callable[..., Any]
) -> None:
    for path in (zip_folder / "carried").glob("*.whl"):
        path.unlink()
    with pytest.raises(refusal.Refusal, match="carries no engine") as caught:
        installing().begin(online=True)
    assert "soundmatte install blender" in caught.value.hint


def test_a_nearly_full_disk_is_told_before(
    installing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(refusal.Refusal, match="nearly full"):
        installing().begin(online=True)


@pytest.mark.parametrize(
    ("said", "sentence", "hint"),
    [
        ("SOUNDMATTE no ensurepip", "comes without ensurepip", "python3-venv"),
        ("SOUNDMATTE old 3.10", "is 3.10; the engine needs 3.11", "pip install soundmatte"),
        ("OSError: [Errno 28] No space left on device", "The disk is full", "1.5 GB"),
        ("WARNING: NewConnectionError(…)", "index cannot be reached", "network"),
        (
            "ERROR: No matching distribution found for av==19.0.2",
            "There is no av",
            "another Python",
        ),
        ("a\nERROR: something else\n[notice]", "could not be installed: something else", "log"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, installing: Callable[..., Any], said: str, sentence: str, hint: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit 1\n")
    python.chmod(0o755)
    work = installing(str(python))
    work.begin(online=True)
    with pytest.raises(refusal.Refusal, match=sentence) as caught:
        finish(work)
    assert hint in caught.value.hint
    assert not (tmp_path / "own" / "engine").exists()


def test_the_question_to_a_python_without_ensurepip(
    tmp_path: Path, installing: Callable[..., Any]
) -> None:
    """As Debian's is without python3-venv."""
    python = tmp_path / "python"
    hidden = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -c "{hidden}" "$5"\n')
    python.chmod(0o755)
    work = installing(str(python))
    work.begin(online=True)
    with pytest.raises(refusal.Refusal, match="comes without ensurepip"):
        finish(work)


def test_a_python_that_is_gone(tmp_path: Path, installing: Callable[..., Any]) -> None:
    with pytest.raises(refusal.Refusal, match="cannot be started"):
        installing(str(tmp_path / "gone")).begin(online=True)
