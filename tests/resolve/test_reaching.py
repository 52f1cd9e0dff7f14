"""How a script reaches Resolve, in which edition, and that nothing is asked that it must not be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.resolve import scenes
from tests.resolve.driving import HERE
from tests.resolve.fake.versions import PROFILES
from tests.resolve.pitfall_table import NEVER
from tests.resolve.pitfalls import Bench, Seen, placed
from tests.resolve.stage import SEPARATE, Edit, Stage

MODULE = HERE / "modules" / "DaVinciResolveScript.py"


def on_stage(bench: Bench, folder: Path, *edits: Edit) -> Stage:
    stage = bench.stage(folder, *edits)
    stage.wish(prompt="bell")
    return stage


def outside(stage: Stage, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as another program than Resolve would."""
    return subprocess.run(
        [sys.executable, str(stage.menu / SEPARATE)],
        env={**stage.fake.variables(), **stage.environment(), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def developer(tmp_path: Path) -> Path:
    """A folder as Resolve's own for developers, in a place of the person's."""
    modules = tmp_path / "Developer" / "Scripting" / "Modules"
    modules.mkdir(parents=True)
    shutil.copy(MODULE, modules)
    return modules.parent


@pytest.mark.parametrize("guarded", [True, False])
def test_pitfall_40_resolve_lies_elsewhere(
    guarded: bool, bench: Bench, developer: Path, tmp_path: Path
) -> None:
    edit = Edit("connect", 'if environment.get("RESOLVE_SCRIPT_API")', "if False")
    stage = on_stage(bench, tmp_path / "stage", *(() if guarded else (edit,)))
    bench.fake.load(scenes.cut(bench.shot))
    ran = outside(stage, RESOLVE_SCRIPT_API=str(developer))
    assert (ran.returncode == 0) == guarded, ran.stdout + ran.stderr
    assert len(scenes.stems(bench.fake.dump())) == 2 * guarded
    if not guarded:
        assert "cannot be reached" in ran.stdout


@pytest.mark.parametrize("guarded", [True, False])
def test_pitfall_38_nothing_is_imported_from_the_menu(
    guarded: bool, bench: Bench, tmp_path: Path
) -> None:
    """On some systems the import ends the process."""
    deadly = tmp_path / "deadly"
    deadly.mkdir()
    (deadly / MODULE.name).write_text("import os\n\nos._exit(66)\n")
    edit = Edit("connect", "_inside(names) or _outside()", "_outside() or _inside(names)")
    stage = on_stage(bench, tmp_path / "stage", *(() if guarded else (edit,)))
    stage.variables["PYTHONPATH"] = str(deadly)
    bench.fake.load(scenes.cut(bench.shot))
    ran = stage.run()
    assert ran.code == (0 if guarded else 66), ran.said


@pytest.mark.parametrize(
    ("profile", "studio_edition", "render"),
    [
        *((profile, edition, "auto") for profile in PROFILES for edition in (True, False)),
        *(("18.5", True, "always"), ("19.1", False, "always"), ("21.0.4", False, "always")),
    ],
)
def test_every_version_and_edition(
    profile: str,
    studio_edition: bool,
    render: str,
    bench: Bench,
    tmp_path: Path,
) -> None:
    stage = on_stage(bench, tmp_path)
    stage.wish(render=render)
    marks = "never" if profile == "18.5" else "settings"  # nobody can put them back there
    shot = bench.shot
    scene = scenes.cut(
        shot, mask=shot, profile=profile, studio=studio_edition, knobs={"marks_lost": marks}
    )
    bench.fake.load(scene)
    before = bench.fake.dump()
    ran = stage.run()
    if profile == "21.1" and not studio_edition:
        assert ran.code == 3
        assert scenes.seen(bench.fake.dump(), stems_too=True) == scenes.seen(before, stems_too=True)
        return
    seen = Seen(stage, ran, before, bench.fake.dump(), bench.fake.order("log"))
    placed(seen)
    assert not NEVER & set(seen.calls)
    assert stage.check_talk() > 8


@pytest.mark.parametrize(("profile", "edition"), [("21.1", False), ("20.3", False)])
def test_the_free_edition_is_not_reached_from_outside(
    profile: str,
    edition: bool,
    bench: Bench,
    developer: Path,
    tmp_path: Path,
) -> None:
    stage = on_stage(bench, tmp_path / "stage")
    bench.fake.load(scenes.cut(bench.shot, profile=profile, studio=edition))
    ran = outside(stage, RESOLVE_SCRIPT_API=str(developer))
    assert ran.returncode == 1
    assert "only Studio can" in ran.stdout
    assert bench.fake.calls() == []


def test_no_file_is_named(bench: Bench, tmp_path: Path) -> None:
    """Some versions do not tell a script where it lies."""
    stage = on_stage(bench, tmp_path)
    bench.fake.load(scenes.cut(bench.shot))
    assert stage.run(SEPARATE, "--no-file").code == 0


def test_pitfall_27_somebody_begins_to_render_meanwhile(bench: Bench, tmp_path: Path) -> None:
    """Ours does not start then, and theirs is not to be stopped: the fake would note that."""
    stage = on_stage(bench, tmp_path)
    stage.wish(render="always")
    bench.fake.load(scenes.cut(bench.shot, knobs={"foreign_render": "meanwhile"}))
    before = bench.fake.dump()
    ran = stage.run()
    assert ran.code == 1, ran.said
    assert "does not start to render" in ran.said
    assert scenes.seen(bench.fake.dump(), stems_too=True) == scenes.seen(before, stems_too=True)


def test_a_dialog_that_is_open_from_the_start_is_no_old_version(
    bench: Bench, tmp_path: Path
) -> None:
    stage = on_stage(bench, tmp_path)
    bench.fake.load(scenes.cut(bench.shot, knobs={"modal": 1}))
    ran = stage.run()
    assert ran.code == 1
    assert "Resolve does not answer." in ran.out, ran.said
    assert "too old" not in ran.said


def test_a_state_folder_that_cannot_be_made_is_said(bench: Bench, tmp_path: Path) -> None:
    stage = on_stage(bench, tmp_path)
    (tmp_path / "file").touch()
    stage.variables["SOUNDMATTE_RESOLVE"] = str(tmp_path / "file" / "state")
    bench.fake.load(scenes.cut(bench.shot))
    ran = stage.run()
    assert ran.code == 1
    assert "A file or folder cannot be used" in ran.out, ran.said
    assert "Traceback" not in ran.said
    assert not bench.fake.calls()
