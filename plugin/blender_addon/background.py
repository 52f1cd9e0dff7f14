# SPDX-License-Identifier: GPL-3.0-or-later
"""What the second Blender is started with: reads the order, does it, and says how far it is.

It runs as a script, so the modules beside it are imported under a name of their own; the extension
itself is never switched on here. This module must not know how anything is rendered.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import types
from typing import Any

#: Must be that of `export`.
_MARK = "SOUNDMATTE "
_PACKAGE = "soundmatte_background"


def say(**line: Any) -> None:
    """One line for the first Blender."""
    sys.stdout.write(f"\n{_MARK}{json.dumps(line)}\n")
    sys.stdout.flush()


def beside(name: str) -> types.ModuleType:
    """A module of this folder, without what switches the extension on."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


def end_with_parent() -> None:
    """End as soon as the first Blender does, which holds the other end of standard input."""

    def wait() -> None:
        # Not `sys.stdin`, whose lock Python wants when it ends.
        while os.read(0, 1024):
            pass
        os._exit(4)

    threading.Thread(target=wait, daemon=True).start()


def main(path: str) -> None:
    """Do what the order in a file says."""
    end_with_parent()
    refused = beside("refusal").Refusal
    try:
        with open(path, encoding="utf-8") as file:
            order = json.load(file)
        clip = beside("clip").restored(order["clip"])
        made = beside("solo").export(
            clip, order["folder"], lambda share, text: say(share=share, text=text)
        )
    except refused as error:
        say(error=str(error), hint=error.hint)
    except (OSError, RuntimeError) as error:
        said = str(error).strip().removeprefix("Error: ").splitlines()
        why = said[0].rstrip(".") if said else type(error).__name__
        say(
            error=f"The clip could not be read: {why}.", hint="Make room on the disk, or try again."
        )
    else:
        say(done=made)


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1])
