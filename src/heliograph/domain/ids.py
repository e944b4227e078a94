"""Ids as they appear in forms and URLs."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 18
"""This many digits always fit in 64 bits. Python takes quadratic time to read longer numbers."""
_FEW_DIGITS: Final = 9


def read_id(text: str) -> int | None:
    """The id, or None for what is none: signs, spaces and other scripts' digits included."""
    return _read(text, _DIGITS)


def read_number(text: str) -> int | None:
    """A whole number below 1,000,000,000, such as a count or a limit; None if the text is not one."""
    return _read(text, _FEW_DIGITS)


def _read(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
