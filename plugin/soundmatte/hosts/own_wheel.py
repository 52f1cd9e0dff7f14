"""Our own package as a wheel, made again out of what is installed here.

For an installation that must not ask any index for our name. This module must not know who wants
it.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import soundmatte
import stemmux
from soundmatte.hosts import archive, extension, resolve_scripts

_KIND = "Wheel-Version: 1.0\nGenerator: soundmatte\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def installed() -> Distribution | None:
    """The installation that this runs from; None from a checkout that is not installed."""
    try:
        found = distribution("soundmatte")
    except PackageNotFoundError:
        return None
    # A checkout that was installed at an earlier version says what is no longer true.
    return found if found.version == soundmatte.__version__ else None


def write(folder: Path, source: Distribution) -> Path:
    """Write the wheel.

    Args:
        folder: where to; the name is the wheel's own, which pip reads.
        source: says what the package is called and needs.

    Raises:
        OutputRefused: the folder cannot be written to, or the disk is full.
    """
    files = {}
    for package in (soundmatte, stemmux):
        assert package.__file__ is not None
        here = Path(package.__file__).parent
        files.update({f"{here.name}/{n}": data for n, data in archive.files_in(here).items()})
    for host in (extension, resolve_scripts):
        for name, data in archive.files_in(host.sources()).items():
            files[f"soundmatte/hosts/{host.INSTALLED_AS}/{name}"] = data
    about = f"soundmatte-{source.version}.dist-info"
    files.update({f"{about}/{name}": data for name, data in _about(source).items()})
    rows = [f"{name},{_hash(data)},{len(data)}" for name, data in sorted(files.items())]
    rows.append(f"{about}/RECORD,,")
    files[f"{about}/RECORD"] = "".join(f"{row}\n" for row in rows).encode()
    path = folder / f"soundmatte-{source.version}-py3-none-any.whl"
    archive.write(path, files, overwrite=True)
    return path


def _about(source: Distribution) -> dict[str, bytes]:
    """What stands in the wheel about it, without its list of files."""
    about = {"WHEEL": _KIND.encode()}
    for name in ("METADATA", "entry_points.txt"):
        about[name] = (source.read_text(name) or "").encode()
    for path in source.files or ():
        inside = path.parts[1:]
        if path.parts[0].endswith(".dist-info") and inside[:1] == ("licenses",):
            about["/".join(inside)] = Path(str(source.locate_file(path))).read_bytes()
    return about


def _hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"
