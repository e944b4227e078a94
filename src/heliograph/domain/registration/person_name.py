"""The name of a person, as lists, headings and titles show it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 400
"""The most characters of a name that pages show; longer names are cut."""
BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that fonts show as nothing."""


def person_name(profile: Mapping[str, str]) -> str:
    """First and last name; "" if no character of them is visible, so that pages show the registration's code instead."""
    name = " ".join(part.strip() for part in (profile.get("first_name", ""), profile.get("last_name", "")) if part.strip())[:LONGEST]
    return name if name.isascii() or any(map(_is_visible, name)) else ""


def _is_visible(character: str) -> bool:
    """False for spaces, control and format characters, blank letters, and marks without a letter."""
    return unicodedata.category(character)[0] not in "CZM" and character not in BLANK_LETTERS
