"""Numbers as forms and addresses write them."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 18
"""What fits in 64 bits in any case; and Python takes quadratic time for long ones."""


def read_id(text: str) -> int | None:
    """The id, or None for what is none: signs, spaces and other scripts' digits included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
