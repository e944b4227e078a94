"""Ids as they appear in forms and URLs."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 18
"""So many digits always fit in 64 bits, and Python takes quadratic time to read long numbers."""
_FEW_DIGITS: Final = 9


def read_id(text: str) -> int | None:
    """The id, or None for what is none: signs, spaces and other scripts' digits included."""
    return _read(text, _DIGITS)


def read_number(text: str) -> int | None:
    """A whole number that somebody counts or sets, below a thousand million; None for what is none."""
    return _read(text, _FEW_DIGITS)


def _read(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
