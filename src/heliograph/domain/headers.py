"""Which HTTP headers a mapping or a connection may set (spec M9; guide: "one for the Payload and one for the Http Header").

What frames a message is never taken from a user: on a connection that several senders share it would be request smuggling.
"""

from __future__ import annotations

import re
from typing import Final

MAX_HEADERS: Final = 50
MAX_VALUE: Final = 8_000  # characters
MAX_TOGETHER: Final = 12_000  # names and values of one request; usual servers take 8 to 16 KiB
TOO_LONG: Final = f"are longer than {MAX_TOGETHER:,} characters together"

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect", "http2-settings"}
)
_OUR_PREFIXES: Final = ("webhook-", "proxy-")


def is_name(name: str) -> bool:
    """Whether this is the name of a header at all."""
    return _NAME.fullmatch(name) is not None


def name_problem(name: str) -> str | None:
    """Why a header of this name may not be set; None = it may."""
    if not is_name(name):
        return "is not a header name: letters, digits and dashes make one"
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIXES):
        return "is a header that Heliograph sets itself"
    return None


def value_problem(value: str) -> str | None:
    """Why this cannot be a header's value; None = it can."""
    if "\n" in value or "\r" in value:
        return "has a line break, and a header cannot"
    if _CONTROL.search(value):
        return "has a control character, and a header cannot"
    if len(value) > MAX_VALUE:
        return f"is longer than {MAX_VALUE:,} characters"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "has half a character (a lone surrogate)"
    return None
