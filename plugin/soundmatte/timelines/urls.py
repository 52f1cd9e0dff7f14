"""A file's path as the URL that XML documents name it by. This module must not look for files."""

from __future__ import annotations

from urllib.parse import quote

from soundmatte.timelines.media import address

#: Left as they are in a path; everything else is escaped.
_PLAIN = "/:!$'()*,;=@~+"


def file_url(target: str, *, host: str = "") -> str:
    """The `file:` URL of a target, which is a path or such a URL already.

    Args:
        host: written before an absolute path; FCP7 XML has "localhost" there.

    Returns:
        An absolute URL, or a relative one for a relative path.

    Raises:
        MediaMissing: the target names no file.
    """
    where = address(target)
    path = quote("/".join(where.parts), safe=_PLAIN, errors="surrogateescape")
    if not where.root:
        return path.replace(":", "%3A")
    if where.root == "/":
        return f"file://{host}/{path}"
    if where.root.startswith("//"):
        return f"file:{quote(where.root, safe=_PLAIN)}/{path}"
    return f"file://{host}/{where.root}/{path}"
