"""What may lie in the repository, and what the packages must not load or contain."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Loaded only by the command that needs them, so that `--help` is immediate.
HEAVY = [
    "numpy",
    "av",
    "onnxruntime",
    "soundfile",
    "soxr",
    "pydantic",
    "moviepy",
    "pydub",
    "ffmpeg",
    "PIL",
    "httpx",
    "keyring",
    "rich.progress",
]
SKIPPED = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
SKIPPED |= {".hypothesis", ".import_linter_cache", ".benchmarks-data", "dist", "build"}
#: Control characters that make code read differently from what it does.
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def files() -> list[Path]:
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("module", ["soundmatte.cli", "stemmux.cli"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert module in loaded
    assert not set(HEAVY) & set(loaded)


def test_files_are_small_and_readable() -> None:
    found = files()
    assert len(found) > 60
    for path in found:
        assert path.stat().st_size < 1_000_000, path
        if path.suffix in {".py", ".md", ".toml", ".txt", ".sh"}:
            text = path.read_text(encoding="utf-8")
            assert "\r" not in text, path
            assert not BIDI.search(text), path


def test_nothing_names_a_registry_or_a_machine() -> None:
    names = re.compile("py" + r"pi\.org|python" + r"hosted\.|npm" + r"js\.|deb\.deb" + r"ian\.org")
    for path in files():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".sh", ".cfg", ".json", ""}:
            assert not names.search(path.read_text(encoding="utf-8", errors="replace")), path


def test_the_versions_agree() -> None:
    import soundmatte
    import stemmux

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == soundmatte.__version__ == stemmux.__version__


def test_the_extra_for_tests_holds_every_other_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    # A browser's driver is large, and wanted by the tests marked `outside` alone.
    extras.pop("browser")
    for extra, wanted in extras.items():
        assert set(wanted) <= set(extras["test"]), extra


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
