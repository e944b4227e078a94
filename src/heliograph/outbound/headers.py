"""Which headers may go out. libcurl sends what it is given; on a connection that several senders share that is request smuggling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from heliograph.domain.errors import HeliographError


class BadHeader(HeliographError):
    """This header may not be sent."""


FRAMING: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect", "http2-settings"}
)
MOST: Final = 100
LONGEST: Final = 16 * 1024

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def header_lines(headers: Iterable[tuple[str, str]]) -> list[str | bytes]:
    """The lines for libcurl. Raises BadHeader, which names the header and never repeats its value. Text beyond ASCII goes out as UTF-8."""
    lines: list[str | bytes] = []
    size = 0
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise BadHeader(f"{name[:60]!r} is not a header name: letters, digits and dashes make one.")
        lower = name.lower()
        if lower in FRAMING or lower.startswith("proxy-"):
            raise BadHeader(f"The header {name[:60]} is set by the connection itself and cannot be given.")
        if _CONTROL.search(value):
            raise BadHeader(f"The value of the header {name[:60]} holds a line break or another control character.")
        text = value.strip()
        # To libcurl "Name:" means "leave this header out", and "Name;" is how one without a value is sent.
        line = f"{name}: {text}" if text else f"{name};"
        size += len(line)
        try:
            lines.append(line if line.isascii() else line.encode())
        except UnicodeEncodeError:
            raise BadHeader(f"The value of the header {name[:60]} is not valid text.") from None
    if len(lines) > MOST or size > LONGEST:
        raise BadHeader(f"The headers are more than {MOST} or longer than {LONGEST:,} characters together.")
    return lines
