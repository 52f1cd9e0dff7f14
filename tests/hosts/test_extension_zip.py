"""The extension's .zip, our own wheel in it, and what its Install button would fetch."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tests.hosts.installation import installation, project

import soundmatte
from soundmatte.hosts import bridge_client, extension, own_wheel, resolve_scripts
from stemmux.errors import OutputExists

#: For each Python of Blender's and each system, what markers are asked about.
PYTHONS = ("3.11", "3.13")
SYSTEMS = {
    "linux": ("Linux", ("x86_64", "aarch64")),
    "win32": ("Windows", ("AMD64",)),
    "darwin": ("Darwin", ("arm64", "x86_64")),
}
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": name,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for python in PYTHONS
    for system, (name, machines) in SYSTEMS.items()
    for machine in machines
]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return own_wheel.write(tmp_path, installation(tmp_path / "site"))


def test_the_zip_is_whole_and_the_same_each_time(tmp_path: Path, wheel: Path) -> None:
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    extension.write(one, wheel)
    own_wheel.write(tmp_path, installation(tmp_path / "site2"))
    extension.write(two, wheel)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert archive.read("bridge_client.py") == Path(bridge_client.__file__).read_bytes()
        assert archive.read(f"carried/{wheel.name}") == wheel.read_bytes()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert b"GNU GENERAL PUBLIC LICENSE" in archive.read("LICENSE")
        sources = {n: archive.read(n) for n in names if n.endswith(".py")}
    assert {"__init__.py", "engine.py", "environment.py"} <= set(sources)
    for name, source in sources.items():
        ast.parse(source, name, feature_version=(3, 11))
    assert not [name for name in names if "pycache" in name or name.startswith(".")]
    assert manifest["version"] == soundmatte.__version__
    assert manifest["id"] == extension.NAME
    assert "wheels" not in manifest
    with pytest.raises(OutputExists):
        extension.write(one, wheel)


def test_without_an_installation_the_zip_carries_no_engine(tmp_path: Path) -> None:
    extension.write(tmp_path / "a.zip", None)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert not [name for name in archive.namelist() if name.endswith(".whl")]


def test_the_wheel_lists_what_it_holds(wheel: Path) -> None:
    version = project()["version"]
    about = f"soundmatte-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    rows = list(csv.reader(held[f"{about}/RECORD"].decode().splitlines()))
    assert {row[0] for row in rows} == set(held)
    for name, digest, size in rows[:-1]:
        raw = hashlib.sha256(held[name]).digest()
        assert digest == "sha256=" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
        assert int(size) == len(held[name])
    assert {f"{about}/METADATA", f"{about}/WHEEL", f"{about}/licenses/LICENSE"} <= set(held)
    assert "soundmatte/hosts/_blender_addon/blender_manifest.toml" in held
    assert "soundmatte/hosts/_resolve_scripts/soundmatte_resolve/__init__.py" in held


def test_what_the_wheel_brings_can_make_the_same_zip(tmp_path: Path, wheel: Path) -> None:
    """As after `pip install`: the sources of the extension lie within the package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    code = (
        "import sys; from pathlib import Path; from soundmatte.hosts import extension, own_wheel;"
        "made = own_wheel.write(Path(sys.argv[1]), own_wheel.installed());"
        "extension.write(Path(sys.argv[1]) / 'made.zip', made); print(extension.__file__)"
    )
    folder = tmp_path / "again"
    folder.mkdir()
    words = [sys.executable, "-c", code, str(folder)]
    path = {"PYTHONPATH": str(tmp_path / "unpacked")}
    said = subprocess.run(words, env=path, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(str(tmp_path / "unpacked"))
    assert (folder / wheel.name).read_bytes() == wheel.read_bytes()
    extension.write(tmp_path / "here.zip", wheel)
    assert (folder / "made.zip").read_bytes() == (tmp_path / "here.zip").read_bytes()


def test_what_the_wheel_brings_can_put_the_same_scripts_into_resolve(
    tmp_path: Path, wheel: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import json; from pathlib import PurePath; from soundmatte.hosts import resolve_scripts;"
        "made = resolve_scripts.files(PurePath('/s'), ['engine']);"
        "print(resolve_scripts.sources());"
        "print(json.dumps({name: data.decode() for name, data in made.items()}))"
    )
    words = [sys.executable, "-c", code]
    path = {"PYTHONPATH": str(tmp_path)}
    said = subprocess.run(words, env=path, capture_output=True, text=True, check=True)
    folder, made = said.stdout.splitlines()
    assert folder.startswith(str(tmp_path))
    here = resolve_scripts.files(PurePosixPath("/s"), ["engine"])
    assert json.loads(made) == {name: data.decode() for name, data in here.items()}


def pins(environment: dict[str, str]) -> dict[str, Requirement]:
    """What would be fetched there, by name."""
    text = (extension.sources() / "carried" / "requirements.txt").read_text(encoding="utf-8")
    lines = re.findall(r"^([a-z].*?) \\$", text, re.MULTILINE)
    found: dict[str, Requirement] = {}
    for line in lines:
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in found, f"{pin.name} would be fetched twice"
            found[pin.name] = pin
    return found


def called(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fits(pin: Requirement, wanted: Requirement) -> bool:
    version = str(pin.specifier).removeprefix("==")
    return wanted.specifier.contains(Version(version), prereleases=True)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: "-".join(each.values()))
def test_everything_that_we_ask_for_is_pinned(environment: dict[str, str]) -> None:
    told = project()
    extra = told["optional-dependencies"]["preview"]  # type: ignore[index]
    fetched = pins(environment)
    for text in [*told["dependencies"], *extra]:  # type: ignore[misc]
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate(environment):
            assert fits(fetched[called(wanted.name)], wanted), text
    assert "soundmatte" not in fetched


def test_everything_that_those_ask_for_is_pinned_too() -> None:
    """As far as the packages that are installed here say: of this Python and this system."""
    from packaging.markers import default_environment

    environment = {**default_environment(), "extra": ""}
    fetched = pins(environment)  # type: ignore[arg-type]
    for name, pin in fetched.items():
        if importlib.metadata.version(name) != str(pin.specifier).removeprefix("=="):
            continue  # what another version asks for says nothing about the pinned one
        for text in importlib.metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate(environment):
                continue
            assert called(wanted.name) in fetched, f"{pin} asks for {text}"
            assert fits(fetched[called(wanted.name)], wanted), f"{pin} asks for {text}"


def test_every_pin_has_hashes_and_no_address() -> None:
    text = (extension.sources() / "carried" / "requirements.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[a-z#])", text.strip()):
        if not block.startswith("#"):
            assert re.fullmatch(r"\S+==\S+[^\n]*( \\\n    --hash=sha256:[0-9a-f]{64})+", block)
    assert "://" not in text
