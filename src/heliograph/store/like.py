"""Search words for LIKE … ESCAPE '!', alike on both databases."""

from __future__ import annotations


def escaped(word: str) -> str:
    """Escapes a word so that LIKE matches it literally."""
    return word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
