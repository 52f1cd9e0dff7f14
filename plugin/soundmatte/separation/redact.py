"""Keys and signatures out of texts: log records, exceptions, reports.

What goes: a known key and its secret half, values of Authorization, the query and the user name of
every URL (the service's upload addresses are signed in the query), and queries without a URL.
The rest of a text stays, so that a log can still be read. This module must not know what logs.
"""

from __future__ import annotations

import logging
import re
from typing import NoReturn

from soundmatte.separation.keys import Key

GONE = "[removed]"
#: The loggers of the HTTP client. A filter on a logger does not reach its children.
HTTP_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
#: A shorter part of a key is not looked for by itself: it would take words out of sentences.
_SHORTEST = 8
#: `Authorization: Key …`, `'authorization': 'Key …'`, `(b'Authorization', b'Key …')`.
_AUTHORIZATION = re.compile(
    r"""(authorization\\?['"]?\s*[:=]\s*(?:b(?=['"]))?\\?['"]?|authorization['"]\s*,\s*b?['"])"""
    r"""(?:(?:key|bearer|basic|token)\s+)?(?:\[removed\]|[^\s'"\\,;)\]}]+)""",
    re.IGNORECASE,
)
#: The scheme, as it is sent, and a credential, wherever they stand.
_SCHEME = re.compile(r"\b(Key|Bearer|Basic)(\s+)[A-Za-z0-9._~+/=:-]{16,}")
_URL = re.compile(
    r"""\b((?:https?|wss?)://)(?:[^\s/?#'"<>@]{1,1024}@)?([^\s?#'"<>]*)(\?[^\s#'"<>]*)?(\#[^\s'"<>]*)?""",
    re.IGNORECASE,
)
_QUERY = re.compile(r"""\?[\w.%~+-]{1,64}=[^\s'"<>]*""")


class Redactor(logging.Filter):
    """Takes secrets out of texts and, as a filter, out of log records."""

    def __init__(self, *keys: Key | None) -> None:
        """Know these keys, besides what is recognised by its form."""
        super().__init__()
        self.__texts: frozenset[str] = frozenset()
        self.__known: re.Pattern[str] | None = None
        self.know(*keys)

    def know(self, *keys: Key | None) -> None:
        """Also know these keys."""
        found: set[str] = set()
        for key in keys:
            if key is not None:
                whole = key.header().removeprefix("Key ")
                found |= {whole, *whole.split(":")[1:]}
        found |= {part.replace(":", colon) for part in found for colon in ("%3A", "%3a")}
        self.__texts |= {text for text in found if len(text) >= _SHORTEST}
        if self.__texts:
            longest_first = sorted(self.__texts, key=len, reverse=True)
            self.__known = re.compile("|".join(map(re.escape, longest_first)))

    def scrub(self, text: str) -> str:
        """The text without secrets."""
        if self.__known is not None:
            text = self.__known.sub(GONE, text)
        text = _URL.sub(_without_query, text)
        text = _QUERY.sub(f"?{GONE}", text)
        text = _AUTHORIZATION.sub(rf"\g<1>{GONE}", text)
        return _SCHEME.sub(rf"\g<1>\g<2>{GONE}", text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub a record in place; it always stays."""
        try:
            record.msg = record.getMessage()
        except Exception:  # logging would print message and arguments as they are
            record.msg = f"{record.msg} (with arguments that do not fit it)"
        record.args = ()
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(
                record.exc_info
            )
            record.exc_info = None
        for name, value in list(vars(record).items()):
            if isinstance(value, str):
                setattr(record, name, self.scrub(value))
        return True

    def guard(self, *loggers: str) -> None:
        """Scrub what these loggers say; without names, those of the HTTP client."""
        for name in loggers or HTTP_LOGGERS:
            logging.getLogger(name).addFilter(self)

    def release(self, *loggers: str) -> None:
        """Undo `guard`."""
        for name in loggers or HTTP_LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A redactor knows keys, so it cannot be pickled.")


def _without_query(match: re.Match[str]) -> str:
    scheme, place, query, fragment = match.groups()
    return scheme + place + (f"?{GONE}" if query else "") + (f"#{GONE}" if fragment else "")


#: One for the whole program: each client tells it its key and lets it guard the HTTP client's
#: loggers, which it does once however often it is asked.
SHARED = Redactor()
