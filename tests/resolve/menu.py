"""Resolve's menu: runs a script as Workspace > Scripts does, with the objects that it is given.

    python menu.py [--no-file] SCRIPT

`--no-file` leaves `__file__` out, as some versions do. What the menu would not list ends with 3.
"""

import os
import sys

MODULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules")


def main(words):
    sys.path.insert(0, MODULES)
    import DaVinciResolveScript

    sys.path.remove(MODULES)
    # What a script imports by that name would be Resolve's, which menu scripts do not find.
    del sys.modules["DaVinciResolveScript"]
    bare = words[0] == "--no-file"
    script = words[1 if bare else 0]
    link = DaVinciResolveScript.link()
    if link is None:
        sys.exit("no Resolve is running")
    if script.endswith(".py") and not link.listed:
        sys.stderr.write("this Resolve lists no Python scripts\n")
        sys.exit(3)
    given = {"__name__": "__main__", "__builtins__": __builtins__}
    given.update((name, link.thing(name)) for name in ("resolve", "fusion", "bmd"))
    given.update(app=given["fusion"], fu=given["fusion"])
    if not bare:
        given["__file__"] = script
    sys.argv[:] = [script]
    sys.path[0] = os.path.dirname(script)
    with open(script, encoding="utf-8") as file:
        exec(compile(file.read(), script, "exec"), given)


if __name__ == "__main__":
    main(sys.argv[1:])
