"""A script's whole world in a test: its folders, its engine, Resolve, and what it said to both."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from tests.resolve.driving import HERE, LIMIT, SCRIPTS, FakeResolve, Ran

from soundmatte.hosts import bridge_client
from soundmatte.jobs import bridge_documents as documents

LIBRARY = "soundmatte_resolve"
SEPARATE = "Soundmatte Separate Selected Clip.py"
AGAIN = "Soundmatte Place Stems Again.py"
REMOVE = "Soundmatte Remove Stems.py"
TEST = "Soundmatte Self Test.py"


@dataclass(frozen=True)
class Edit:
    """A guard taken out of a copy of the scripts: `old` becomes `new`.

    Attributes:
        times: how often `old` is there.
        last: only the last of them is meant.
    """

    module: str
    old: str
    new: str
    times: int = 1
    last: bool = False

    def made(self, library: Path) -> None:
        """Take it out."""
        text = self.find(library)
        parts = text.rsplit(self.old, 1) if self.last else text.split(self.old)
        path = library / f"{self.module}.py"
        without = self.new.join(parts)
        compile(without, str(path), "exec")
        path.write_text(without, encoding="utf-8")

    def find(self, library: Path) -> str:
        """Make sure that it is there; the module's text."""
        path = library / f"{self.module}.py"
        text = path.read_text(encoding="utf-8")
        count = text.count(self.old)
        right = count > 0 if self.last else count == self.times
        assert right, f"{count} × in {path.name}: {self.old}"
        return text


def installed(folder: Path) -> Path:
    """The scripts as an installation has them; returns the folder that the menu lists."""
    menu, library = folder / "Utility", folder / "Soundmatte" / LIBRARY
    menu.mkdir(parents=True)
    shutil.copytree(SCRIPTS / LIBRARY, library, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(bridge_client.__file__, library)
    compileall.compile_dir(str(library), quiet=1)
    for script in SCRIPTS.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        assert text.count('LIBRARY = ""') == 1
        placed = text.replace('LIBRARY = ""', f"LIBRARY = {str(library.parent)!r}")
        (menu / script.name).write_text(placed, encoding="utf-8")
    return menu


def unguarded(menu: Path, folder: Path, edits: Iterable[Edit]) -> Path:
    """A copy of an installation with guards taken out; returns its folder for the menu."""
    shutil.copytree(menu.parent, folder)
    library = folder / "Soundmatte"
    for script in (folder / menu.name).glob("*.py"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace(str(menu.parent / "Soundmatte"), str(library)))
    for edit in edits:
        edit.made(library / LIBRARY)
    return folder / menu.name


@dataclass
class Stage:
    """A folder with everything.

    Attributes:
        installation: folder of the menu, as `installed` gave it.
        edits: guards that are taken out of a copy of that first.
        clips: what the engine knows of files without reading them.
    """

    fake: FakeResolve
    folder: Path
    installation: Path
    edits: tuple[Edit, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    clips: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("state", "engine", "out"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.wish(output=str(self.folder / "out"))

    @cached_property
    def menu(self) -> Path:
        """The folder that the menu lists."""
        if not self.edits:
            return self.installation
        return unguarded(self.installation, self.folder / "scripts", self.edits)

    def wish(self, **wishes: Any) -> None:
        """Write wishes, beside those that were written before."""
        path = self.folder / "state" / "wishes.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, **wishes}), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """What the scripts find in theirs: nothing of the person's who runs the tests."""
        engine = [sys.executable, "-I", str(HERE / "recorded_engine.py")]
        return {
            "SOUNDMATTE_RESOLVE": str(self.folder / "state"),
            "SOUNDMATTE_ENGINE": json.dumps([*engine, str(self.folder / "engine"), "bridge"]),
            "HOME": str(self.folder),
            "RECORDED_CLIPS": json.dumps(self.clips),
            **self.variables,
        }

    def begin(self, name: str = SEPARATE, *options: str) -> subprocess.Popen[str]:
        """Start a script from the menu."""
        return self.fake.begin(self.menu / name, *options, **self.environment())

    def run(self, name: str = SEPARATE, *options: str, limit: float = LIMIT) -> Ran:
        """Run a script from the menu to its end."""
        return self.fake.run(self.menu / name, *options, limit=limit, **self.environment())

    @property
    def talk(self) -> list[dict[str, Any]]:
        """What was said between the scripts and the stand-in, each a "heard" or a "said"."""
        path = self.folder / "engine" / "talk.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def asked(self, request: str) -> list[dict[str, Any]]:
        """Requests of that kind."""
        heard = [line["heard"] for line in self.talk if "heard" in line]
        return [each for each in heard if each["request"] == request]

    @property
    def records(self) -> list[Path]:
        """What runs left that did not come to their end."""
        return sorted((self.folder / "state" / "recovery").glob("*.json"))

    def check_talk(self) -> int:
        """Hold everything that was said to the bridge's documents; how much it was."""
        kinds: dict[str, str] = {}
        event: TypeAdapter[Any] = TypeAdapter(documents.Event)
        for line in self.talk:
            if "heard" in line:
                request = line["heard"]
                kinds[request["id"]] = request["request"]
                documents.REQUESTS[request["request"]][0].model_validate(request)
            else:
                said = event.validate_python(line["said"])
                if isinstance(said, documents.Done):
                    result = documents.REQUESTS[kinds[said.id]][1]
                    assert result is not None
                    result.model_validate(said.result)
        return len(self.talk)
