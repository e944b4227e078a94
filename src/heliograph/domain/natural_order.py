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
    parts = enumerate(_DIGITS.split(folded))  # every second part is a run of digits
    return tuple((0, int(part), "") if at % 2 else (1, 0, part) for at, part in parts if part)
