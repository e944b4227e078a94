"""Words for LIKE … ESCAPE '!', the same on both databases."""

from __future__ import annotations


def escaped(word: str) -> str:
    """A word that LIKE takes as it is written."""
    return word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
