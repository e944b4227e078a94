"""Headers as libcurl takes them. It sends what it is given, so the rules are asked once more here, whoever composed the request."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping import headers as header_rules

OURS: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
MOST: Final = header_rules.MAX_HEADERS + 10  # those of a mapping, and our own


class BadHeader(HeliographError):
    """This header may not be sent."""


def header_lines(headers: Iterable[tuple[str, str]]) -> list[str | bytes]:
    """The lines for libcurl. Raises BadHeader, which names the header and never repeats its value. Text beyond ASCII goes out as UTF-8."""
    lines = [_line(name, value) for name, value in headers]
    if len(lines) > MOST:
        raise BadHeader(f"There are more than {MOST} headers.")
    return lines


@lru_cache(maxsize=2048)
def _line(name: str, value: str) -> str | bytes:
    problem = header_rules.value_problem(value) or (None if name.lower() in OURS else header_rules.name_problem(name))
    if problem is not None:
        raise BadHeader(f"The header {name[:60]!r} {problem}.")
    text = value.strip(" \t")
    # To libcurl "Name:" means "leave this header out", and "Name;" is how one without a value is sent.
    line = f"{name}: {text}" if text else f"{name};"
    return line if line.isascii() else line.encode()
