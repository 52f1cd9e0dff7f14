"""How many threads a command's arithmetic takes.

This module must not know what is computed.
"""

from __future__ import annotations

import os


def one_each() -> None:
    """Let matrices be multiplied on the thread that asks for it; to be called before numpy is.

    Ours are small and asked for side by side: numpy's own threads (OpenBLAS) would mostly wait for
    one another, with the processors busy. And sums are rounded by how they are divided: so stems
    are the same, bit for bit, whatever number of processors there is.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
