"""The Blenders of this computer, and our extension in them.

Blender installs and removes extensions itself; of its folders only the extension's own is written
to here. This module must not know what the extension holds.
"""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from soundmatte.errors import HostMissing, HostRefused
from soundmatte.hosts import blender, programs
from soundmatte.hosts.computer import Computer
from soundmatte.hosts.extension import NAME
from stemmux.files import refused_output

#: Seconds for Blender's version, and for what it does with an extension.
_SOON, _LONGER = 60.0, 180.0
_NOT_FOUND = (
    "Name it with --blender PATH; or write the extension with --zip FILE and drag that file into "
    "Blender's window."
)


@dataclass(frozen=True)
class Installation:
    """One Blender.

    Attributes:
        program: what is started.
        version: such as (4, 5, 3).
        extensions: folder of the person's extensions in it.
    """

    program: Path
    version: tuple[int, int, int]
    extensions: Path

    @property
    def title(self) -> str:
        """What it is and where, for a person."""
        return "Blender {}.{}.{} ({})".format(*self.version, self.program)

    @property
    def own_folder(self) -> Path:
        """The extension's own folder."""
        return Path(blender.own_folder(self.extensions))

    @property
    def carried(self) -> str:
        """Version of our extension that it has; empty for none."""
        return version_in(Path(blender.installed_in(self.extensions)))


def found(computer: Computer, named: list[Path]) -> list[Installation]:
    """The Blenders that can have extensions: the named ones, or all that are in their usual places.

    Of several that keep their extensions in the same folder, the first.

    Raises:
        HostMissing: there is none, or one that was named is no Blender of that kind.
    """
    programs_found = [_named(path) for path in named] or _in_usual_places(computer)
    made: dict[Path, Installation] = {}
    for program in programs_found:
        installation = _looked_at(computer, program, strict=bool(named))
        if installation is not None:
            made.setdefault(installation.extensions, installation)
    if not made:
        raise HostMissing("No Blender 4.2 or later is found.", hint=_NOT_FOUND)
    return list(made.values())


def install(installation: Installation, archive: Path, version: str) -> None:
    """Let a Blender install the extension and switch it on.

    Args:
        version: of the extension, which must be there afterwards.

    Raises:
        HostRefused: it did not.
    """
    words = ["install-file", "-r", blender.REPOSITORY, "--enable", str(archive)]
    ended = programs.run([str(installation.program), "--command", "extension", *words], _LONGER)
    if ended.status != 0 or installation.carried != version:
        raise HostRefused(
            f"{installation.title} did not install the extension: {ended.last}",
            hint="Close Blender and try again; or write the extension with --zip FILE and drag "
            "that file into Blender's window.",
        )


def remove(installation: Installation) -> bool:
    """Let a Blender remove the extension, and remove what is its own; whether there was any.

    Raises:
        HostRefused: it is still there.
    """
    there = bool(installation.carried) or installation.own_folder.exists()
    if installation.carried:
        words = [str(installation.program), "--command", "extension", "remove"]
        ended = programs.run([*words, f"{blender.REPOSITORY}.{NAME}"], _LONGER)
        if installation.carried:
            raise HostRefused(
                f"{installation.title} did not remove the extension: {ended.last}",
                hint="Close Blender and try again; or remove it under Preferences > Add-ons.",
            )
    remove_own(installation.extensions)
    return there


def remove_own(extensions: Path) -> None:
    """Remove the extension's own folder; its record, logs, tasks and the engine installed by it.

    Raises:
        OutputRefused: it may not be removed.
    """
    folder = Path(blender.own_folder(extensions))
    with refused_output(folder):
        if folder.is_dir():
            shutil.rmtree(folder)


def version_in(folder: Path) -> str:
    """Version of our extension in a folder; empty if that holds none, or another."""
    try:
        manifest = tomllib.loads((folder / "blender_manifest.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(manifest.get("version", "")) if manifest.get("id") == NAME else ""


def _named(path: Path) -> Path:
    """The program that a person means; on macOS they name the application."""
    inside = path / "Contents" / "MacOS" / "Blender"
    program = inside if inside.is_file() else path
    if program.is_file():
        return program
    on_path = shutil.which(str(path))
    if on_path is None:
        raise HostMissing(f"{path} is not there.", hint="Name Blender's program itself.")
    return Path(on_path)


def _in_usual_places(computer: Computer) -> list[Path]:
    on_path = shutil.which("blender", path=computer.variables.get("PATH"))
    places = [
        path
        for pattern in blender.usual_places(computer)
        for path in sorted(glob(pattern), reverse=True)
    ]
    found = [Path(path) for path in ([on_path] if on_path else []) + places]
    return list({path.resolve(): path for path in reversed(found)}.values())[::-1]


def _looked_at(computer: Computer, program: Path, *, strict: bool) -> Installation | None:
    """What a program is; one that cannot have our extension is refused if `strict`."""
    ended = programs.run([str(program), "--version"], _SOON)
    version = blender.version_of(ended.said)
    if version is None:
        if strict:
            raise HostMissing(f"{program} is no Blender: {ended.last}", hint=_NOT_FOUND)
        return None
    if version[:2] < blender.OLDEST:
        if strict:
            told = "Blender {}.{} cannot have extensions; 4.2 is the first that can."
            raise HostMissing(told.format(*version), hint="Update Blender.")
        return None
    kept = Path(blender.portable(computer, str(program)))
    if kept.is_dir() and not any(map(computer.variables.get, blender.VARIABLES)):
        return Installation(program, version, kept / "extensions")
    return Installation(
        program, version, Path(blender.extensions(computer, version[:2], str(program)))
    )
