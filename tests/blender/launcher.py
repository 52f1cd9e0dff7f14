"""Blender's command line for Blender as a Python module, which has no program of its own.

Takes what the extension's export gives to a second Blender, and does it: open a file, run a script
with what follows `--`. Any other option is passed over.
"""

import runpy
import sys

import bpy


def main(words: list[str]) -> int:
    """Do as Blender would; an exception in the script ends it with status 3."""
    own = words[: words.index("--")]
    bpy.ops.wm.open_mainfile(filepath=next(word for word in own if word.endswith(".blend")))
    script = own[own.index("--python") + 1]
    sys.argv = ["blender", *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception:
        import traceback

        traceback.print_exc()
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
