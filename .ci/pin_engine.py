"""Pin what the extension's Install button fetches: `python .ci/pin_engine.py` (needs uv).

Writes plugin/blender_addon/carried/requirements.txt from what pyproject.toml asks for: for every
Python of Blender's and every system, the newest versions that all have wheels there, with the
SHA-256 of each of their files. Afterwards pip itself is asked, for the Python that this runs in,
whether it would take them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "plugin" / "blender_addon" / "carried" / "requirements.txt"
#: Of Blender 4.2 to 5.0, and of 5.1 on; what is newer takes the second.
PYTHONS = {"3.11": "python_version < '3.13'", "3.13": "python_version >= '3.13'"}
#: uv's names of the systems that all dependencies have wheels for; macOS from 13 on.
SYSTEMS = {
    "x86_64-manylinux_2_28": ("linux", "x86_64"),
    "aarch64-manylinux_2_28": ("linux", "aarch64"),
    "x86_64-pc-windows-msvc": ("win32", "AMD64"),
    "aarch64-apple-darwin": ("darwin", "arm64"),
    "x86_64-apple-darwin": ("darwin", "x86_64"),
}
HEADER = """\
# What the engine needs, for the extension's Install button; our own package is in the .zip.
# Made by .ci/pin_engine.py: do not edit.
"""

Pins = dict[str, set[str]]


def main() -> None:
    """Ask for every Python and system, and write what came."""
    files: dict[str, set[str]] = defaultdict(set)
    targets: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for python in PYTHONS:
        for system in SYSTEMS:
            for pin, hashes in resolved(python, system).items():
                files[pin] |= hashes
                targets[pin].add((python, system))
    lines = [HEADER]
    for pin in sorted(files):
        for marker in markers(targets[pin]):
            hashes = "".join(f" \\\n    --hash={one}" for one in sorted(files[pin]))
            lines.append(f"{pin}{marker and f' ; {marker}'}{hashes}\n")
    PINS.write_text("".join(lines), encoding="utf-8")
    tried()


def resolved(python: str, system: str) -> Pins:
    """Every package with its version, and the hashes of its files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["preview"]
    words = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    words += ["--generate-hashes", "--only-binary", ":all:", "--python-version", python]
    words += ["--python-platform", system, "-"]
    text = "\n".join(wanted)
    said = subprocess.run(words, input=text, capture_output=True, text=True, cwd=ROOT, check=False)
    if said.returncode:
        sys.exit(f"Python {python}, {system}: {said.stderr}")
    pins = re.findall(r"^(\S+==\S+)((?: \\\n +--hash=\S+)+)", said.stdout, re.MULTILINE)
    return {pin: set(re.findall(r"--hash=(\S+)", hashes)) for pin, hashes in pins}


def markers(targets: set[tuple[str, str]]) -> list[str]:
    """Environment markers that together mean these Pythons and systems."""
    of_python = {
        python: frozenset(system for version, system in targets if version == python)
        for python in PYTHONS
    }
    if len(set(of_python.values())) == 1:
        return [systems_marker(next(iter(of_python.values())))]
    return [
        " and ".join(part for part in (PYTHONS[python], grouped(systems_marker(systems))) if part)
        for python, systems in of_python.items()
        if systems
    ]


def systems_marker(systems: frozenset[str]) -> str:
    """The marker of some of the systems; empty for all of them."""
    if systems == SYSTEMS.keys():
        return ""
    parts = []
    for name in ("linux", "win32", "darwin"):
        all_of = {system for system, (platform, _) in SYSTEMS.items() if platform == name}
        if all_of <= systems:
            parts.append(f"sys_platform == '{name}'")
        else:
            machines = [SYSTEMS[system][1] for system in sorted(all_of & systems)]
            parts += [
                f"(sys_platform == '{name}' and platform_machine == '{machine}')"
                for machine in machines
            ]
    return " or ".join(parts)


def grouped(marker: str) -> str:
    """A marker as part of a larger one."""
    return f"({marker})" if " or " in marker else marker


def tried() -> None:
    """Let pip say whether it would take the pins, here."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--target", folder]
        words += ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(PINS)]
        subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
