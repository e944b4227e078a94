"""The order of names as people count: "Prop 2" before "Prop 10"."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_DIGITS: Final = re.compile(r"(\d{1,18})")
"""A run of digits of any script; a longer one is several numbers."""


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that ignores case and compares runs of digits as numbers.

    A number sorts before text, as digits do before letters. Names that differ only in case or in leading zeros are equal: sort by their id next.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return tuple((0, int(part), "") if number else (1, 0, part) for number, part in _parts(folded))


def _parts(text: str) -> list[tuple[bool, str]]:
    return [(bool(at % 2), part) for at, part in enumerate(_DIGITS.split(text)) if part]
