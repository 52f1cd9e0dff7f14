"""The Blender extension, as the .zip that Blender installs.

Its sources travel inside our package; the client of the engine, which is ours, is put in here, and
so is our own package where there is one to carry. This module must not know where any Blender is.
"""

from __future__ import annotations

from pathlib import Path

from soundmatte.hosts import archive

#: What the extension is called, as its manifest says.
NAME = "soundmatte"
#: Where the sources lie beside this module, once installed.
INSTALLED_AS = "_blender_addon"
_CLIENT = "bridge_client.py"
_CARRIED = "carried"


def sources() -> Path:
    """The folder with the extension's sources: installed with us, or that of the checkout."""
    here = Path(__file__).parent
    installed = here / INSTALLED_AS
    return installed if installed.is_dir() else here.parents[1] / "blender_addon"


def write(path: Path, wheel: Path | None, *, overwrite: bool = False) -> None:
    """Write the .zip.

    Args:
        wheel: our own package for the extension's Install button; None leaves the button without.

    Raises:
        OutputExists: `path` is there and `overwrite` is false.
        OutputRefused: the folder cannot be written to, or the disk is full.
    """
    files = archive.files_in(sources())
    files[_CLIENT] = Path(__file__).with_name(_CLIENT).read_bytes()
    if wheel is not None:
        files[f"{_CARRIED}/{wheel.name}"] = wheel.read_bytes()
    archive.write(path, files, overwrite=overwrite)
