"""Recordings out of Debian packages: fetched into a cache folder, never installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import platformdirs


class SoundsMissing(Exception):
    """The recordings could not be had; the message is a sentence for the person."""


def default_folder() -> Path:
    """Return the folder in the user's cache where the recordings are kept."""
    return platformdirs.user_cache_path("soundmatte", appauthor=False) / "benchmarks"


def fetch(folder: Path, packages: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """Find recordings under `folder`, downloading and unpacking the packages if any is missing.

    Files that were unpacked there by hand, in any layout, are found as well.

    Args:
        folder: the cache folder; made if need be.
        packages: names of Debian packages.
        names: file names of the recordings, unique over the packages.

    Returns:
        The path of each recording, by file name.

    Raises:
        SoundsMissing: a package or a file in it could not be had.
    """
    found = _find(folder, names)
    if len(found) < len(names):
        for package in packages:
            _download(package, folder, f"unpack the Debian packages {', '.join(packages)}")
        found = _find(folder, names)
    missing = sorted(set(names) - set(found))
    if missing:
        raise SoundsMissing(f"The packages hold no {', '.join(missing)}: another release of them?")
    return found


def _find(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    wanted = set(names)
    return {path.name: path for path in sorted(folder.rglob("*")) if path.name in wanted}


def _download(package: str, folder: Path, by_hand: str) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SoundsMissing(
                f"There is no {program} here: {by_hand} into a folder and name it with --data."
            )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", package], folder)
        for archive in sorted(folder.glob(f"{package}_*.deb")):
            _run(["dpkg-deb", "-x", archive.name, "unpacked"], folder)
            archive.unlink()
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["no reason given"]
        raise SoundsMissing(
            f"{package} could not be fetched ({said[-1]}). Is there a network, and was apt-get "
            f"update ever run? Otherwise {by_hand} elsewhere and name the folder with --data."
        ) from error


def _run(arguments: list[str], folder: Path) -> None:
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
