"""Ids as they appear in forms and URLs."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 18
"""A number of this many digits fits into 64 bits; and parsing longer ones takes quadratic time in Python."""


def read_id(text: str) -> int | None:
    """The id, or None for anything else, including signs, spaces and digits of other scripts."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
