"""Dates in the reader's language: names of months and days are Django's, the order and the signs between them are here."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Final

from django.utils import formats, translation

_PATTERNS: Final[Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]] = {
    "de": ((re.compile(r"\bj\b"), "j."), (re.compile("M"), "N")),  # Mittwoch, 14. Oktober 2026; 14. Nov. 2026
    "fr": ((re.compile("l, "), "l "), (re.compile("M"), "N")),  # mercredi 14 octobre 2026; 14 nov. 2026
}
"""What becomes of an English pattern, by language."""


def date_text(value: datetime.date, pattern: str) -> str:
    """A date, or a date with its time, by an English pattern of Django's, such as "j M Y, H:i", as the reader's language writes it."""
    for part, replacement in _PATTERNS.get((translation.get_language() or "")[:2], ()):
        pattern = part.sub(replacement, pattern)
    return formats.date_format(value, pattern)
