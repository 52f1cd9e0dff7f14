"""Makes the scripts' own library importable here, for its parts that need no Resolve."""

from __future__ import annotations

import sys

from tests.resolve.driving import SCRIPTS

if str(SCRIPTS) not in sys.path:
    sys.path.append(str(SCRIPTS))
