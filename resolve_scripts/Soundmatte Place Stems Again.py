"""Places the newest stems of the clip that is selected, or under the playhead, once more."""

import os
import sys

# Written by `soundmatte install resolve`; where it is empty, the folder of this script.
LIBRARY = ""

# Some versions do not say where a script lies but in its arguments.
sys.path.insert(
    0, LIBRARY or os.path.dirname(os.path.abspath(globals().get("__file__", sys.argv[0])))
)

from soundmatte_resolve import menu  # noqa: E402

sys.exit(menu.run("Place Stems Again", globals()))
