"""An installation of soundmatte, as pip leaves one, for tests that may run from a bare checkout."""

from __future__ import annotations

import tomllib
from importlib.metadata import Distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]


def project() -> dict[str, object]:
    """What pyproject.toml says of the project."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def installation(folder: Path) -> Distribution:
    """The documents that lie beside an installed package."""
    version = project()["version"]
    about = folder / f"soundmatte-{version}.dist-info"
    (about / "licenses").mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {each}\n" for each in project()["dependencies"])
    text = f"Metadata-Version: 2.4\nName: soundmatte\nVersion: {version}\n{needs}"
    (about / "METADATA").write_text(text)
    (about / "entry_points.txt").write_text("[console_scripts]\nsoundmatte = soundmatte.cli:main\n")
    (about / "licenses" / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    names = [path.relative_to(folder) for path in about.rglob("*") if path.is_file()]
    (about / "RECORD").write_text("".join(f"{name.as_posix()},,\n" for name in names))
    return Distribution.at(about)
