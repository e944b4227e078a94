"""Search words for LIKE … ESCAPE '!', alike on both databases."""

from __future__ import annotations

from collections.abc import Iterable

from heliograph.store.where import Where


def like_pattern(word: str) -> str:
    """The pattern of texts that contain a word literally."""
    escaped = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def contains_words(column: str, words: Iterable[str]) -> Where:
    """The column contains each of the words. Both are folded, or in small letters."""
    params = {f"w{n}": like_pattern(word) for n, word in enumerate(words)}
    return Where(*(f"{column} LIKE :{name} ESCAPE '!'" for name in params), **params)
