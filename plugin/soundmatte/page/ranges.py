"""Which bytes of a file a browser asks for (RFC 9110, section 14).

This module must not know files or connections.
"""

from __future__ import annotations

import re

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class NotThere(Exception):
    """A range begins behind the end of what there is."""


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None is all of it.

    What is no range, or several, may be answered with all of it (section 14.2), and is.

    Args:
        header: of the request, as it came.
        size: bytes that there are.

    Raises:
        NotThere: nothing of what there is lies in the range.
    """
    found = _ONE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        # So many from the end.
        count = min(int(last), size)
        if count == 0:
            raise NotThere
        return size - count, size
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotThere
    return start, end
