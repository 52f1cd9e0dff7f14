"""Stands in for Blender's program: says a version, installs and removes extensions, and no more.

stand_in.py VERSION REFUSES --version
stand_in.py VERSION REFUSES --command extension install-file -r user_default --enable ZIP
stand_in.py VERSION REFUSES --command extension remove user_default.soundmatte
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

version, refuses, *words = sys.argv[1:]
assert not [name for name in os.environ if name.startswith("PYTHONPATH")]
series = ".".join(version.split(".")[:2])
extensions = Path(os.environ["XDG_CONFIG_HOME"], "blender", series, "extensions")
there = extensions / "user_default" / "soundmatte"
if words == ["--version"]:
    print(f"Blender {version}\n\tbuild date: 2024-12-17")  # noqa: T201
elif refuses == "refuses":
    sys.exit("Error: the repository is locked")
elif words[:-1] == ["--command", "extension", "install-file", "-r", "user_default", "--enable"]:
    shutil.rmtree(there, ignore_errors=True)
    with zipfile.ZipFile(words[-1]) as archive:
        archive.extractall(there)
elif words == ["--command", "extension", "remove", "user_default.soundmatte"]:
    shutil.rmtree(there)
else:
    sys.exit(f"Error: {words}")
