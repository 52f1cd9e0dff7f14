"""The extension's .zip in real Blenders: valid, installed, told where the engine is, taken out.

With windows or without, Blender itself does the installing. One test fetches the engine's parts
from the package index, as the Install button does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.blender.gui.desktop import Desktop
from tests.blender.headless import Module
from tests.hosts.installation import installation

from soundmatte import __version__
from soundmatte.hosts import extension, own_wheel

pytestmark = [pytest.mark.blender, pytest.mark.timeout(900)]

WHERE = """
import bpy, sys, inside
from pathlib import Path
own = inside.extension()
folder = bpy.utils.extension_path_user(inside.name(), create=True)
inside.tell(
    name=inside.name(),
    folder=folder,
    extensions=bpy.utils.user_resource("EXTENSIONS"),
    classes=[name for name in dir(bpy.types) if name.startswith("SOUNDMATTE_")],
    python=sys.executable,
)
import addon_utils
addon_utils.disable(inside.name())
inside.tell(after=[name for name in dir(bpy.types) if name.startswith("SOUNDMATTE_")])
"""
INSTALL = """
import importlib, sys, time, bpy, inside
from pathlib import Path
environment = importlib.import_module(inside.name() + ".environment")
engine = importlib.import_module(inside.name() + ".engine")
folder = bpy.utils.extension_path_user(inside.name(), create=True)
work = environment.Installing(folder, sys.executable, str(Path(environment.__file__).parent))
began = time.monotonic()
work.begin(online=bpy.app.online_access)
while not work.poll():
    time.sleep(0.1)
took = time.monotonic() - began
running = engine.start(folder)
answers = []
running.ask("describe", answers.append)
while not answers:
    running.poll()
    time.sleep(0.05)
running.close()
inside.tell(took=took, own=running.where.own, answer=answers[0])
environment.remove(folder)
inside.tell(left=engine.found(folder) is not None)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """What `soundmatte install blender --zip` writes."""
    wheel = own_wheel.write(tmp_path, installation(tmp_path / "site"))
    path = tmp_path / "soundmatte-blender.zip"
    extension.write(path, wheel)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.py"


def said(*words: object) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_blenders_own_tool_takes_it_and_builds_the_same(
    module: Module, archive: Path, tmp_path: Path
) -> None:
    assert "Success" in said(*module.tool, "validate", archive)
    unpacked, built = tmp_path / "unpacked", tmp_path / "built"
    built.mkdir()
    with zipfile.ZipFile(archive) as held:
        held.extractall(unpacked)
        ours = {name: held.read(name) for name in held.namelist()}
    said(*module.tool, "validate", unpacked)
    said(*module.tool, "build", "--source-dir", unpacked, "--output-dir", built)
    [path] = built.iterdir()
    assert path.name == f"soundmatte-{__version__}.zip"
    with zipfile.ZipFile(path) as held:
        assert {name: held.read(name) for name in held.namelist()} == ours


def test_it_is_installed_registers_and_goes_without_a_trace(
    module: Module, archive: Path, script: Path
) -> None:
    script.write_text(WHERE)
    told = replace(module, extension=archive).run(script).check()
    extensions = Path(told["extensions"])
    assert extensions == module.folder / "resources" / "extensions"
    assert Path(told["folder"]) == extensions / ".user" / "user_default" / "soundmatte"
    assert told["name"] == "bl_ext.user_default.soundmatte"
    assert told["classes"]
    assert told["after"] == []


@pytest.mark.parametrize("version", ["4.5", "5.2"])
def test_the_install_button_brings_a_whole_engine(
    version: str, archive: Path, script: Path, tmp_path: Path
) -> None:
    """From the package index, with the real pins, in each of Blender's Pythons: some 200 MB."""
    script.write_text(INSTALL)
    online = Module(version, tmp_path, extension=archive, online=True)
    told = online.run(script, limit=600).check()
    assert told["own"]
    assert told["answer"]["result"]["program"] == __version__
    assert told["answer"]["result"]["ffmpeg"]
    assert told["left"] is False
    print(f"{version}: the engine was there after {told['took']:.0f} s")  # noqa: T201


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """This checkout, as pip would have installed it, with what is installed here."""
    folder = tmp_path / "engine"
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    wheel = own_wheel.write(tmp_path, installation(tmp_path / "site of the engine"))
    with zipfile.ZipFile(wheel) as held:
        held.extractall(packages)
    return [str(folder / "bin" / "python"), "-P", "-m", "soundmatte"]


def test_the_command_installs_and_uninstalls_it(
    desktop: Desktop, program: list[str], tmp_path: Path
) -> None:
    places = [Path(sys.prefix), Path(sys.base_prefix)]
    own = replace(desktop, places=places)
    folder = own.folder / "resources" / "extensions"
    record = folder / ".user" / "user_default" / "soundmatte" / "engine.json"
    done = own.call(*program, "install", "blender", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    [row] = result["installed"]
    assert row["program"].endswith("/blender")
    assert Path(row["folder"]) == record.parent
    assert json.loads(record.read_text())["command"] == result["engine"] == program
    look = tmp_path / "look.py"
    look.write_text(
        "import bpy, importlib, json, time\n"
        "engine = importlib.import_module('bl_ext.user_default.soundmatte.engine')\n"
        "folder = bpy.utils.extension_path_user('bl_ext.user_default.soundmatte')\n"
        "answers, running = [], engine.start(folder)\n"
        "running.ask('describe', answers.append)\n"
        "while not answers:\n    running.poll(); time.sleep(0.05)\n"
        "running.close()\n"
        "print('ANSWER', json.dumps([folder, running.where.origin, answers[0]]))\n"
    )
    done = own.call("blender", "-b", "--python-exit-code", "3", "--python", look)
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    where, origin, answer = json.loads(line.removeprefix("ANSWER "))
    assert (Path(where), origin) == (record.parent, "recorded")
    assert answer["result"]["program"] == __version__
    again = own.call(*program, "install", "blender")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"Soundmatte {__version__} is installed." in again.stdout
    gone = own.call(*program, "uninstall", "blender")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert "Soundmatte is removed." in gone.stdout
    assert not record.parent.exists()
    assert not (folder / "user_default" / "soundmatte").exists()
    assert "was not installed" in own.call(*program, "uninstall", "blender").stdout
