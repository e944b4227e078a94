"""How names and codes in documents are compared with those of the set-up (I2, I5): normalized, trimmed, ignoring case; folded once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

MAX_NAME = 1_000  # characters of a name of a field, a status, an option; the longest real ones have 300

MOST_MARKS: Final = 30
"""The most accents on one letter, more than any language uses (UAX #15). Sorting longer runs would take quadratic time."""
_MARKS: Final = re.compile(rf"([^\w\s\x00-\x7f]{{{MOST_MARKS + 1},}})")


def composed(text: str) -> str:
    """NFC in linear time: longer runs of combining marks and signs stay unchanged."""
    if text.isascii():
        return text
    if len(text) <= MOST_MARKS:
        return unicodedata.normalize("NFC", text)
    return "".join(part if i % 2 else unicodedata.normalize("NFC", part) for i, part in enumerate(_MARKS.split(text)))


def code_of(text: str) -> str:
    """A code as it is compared: NFC and trimmed (I2)."""
    return composed(text).strip()


class NameIndex[T]:
    """Looks up the things of a set-up that a document names: by exact name, or by label or name ignoring case."""

    __slots__ = ("_folded", "_pairs", "exact")

    def __init__(self, exact: Mapping[str, T], folded: Sequence[tuple[str, T]] | None = None) -> None:
        """exact: names as set up
        folded: (name, thing) that match in any case; of equal names the first counts. None: the names of `exact`. They are folded once, at the first
            name that does not match exactly.
        """
        self.exact = exact
        self._pairs = folded
        self._folded: dict[str, T] | None = None

    def find(self, name: str) -> T | None:
        """The thing with this name. An exact match comes first, because two names may differ only in case. A name that is too long is not
        even folded."""
        entry = self.exact.get(name)
        if entry is None and len(name) <= MAX_NAME:
            code = name.strip() if name.isascii() else code_of(name)
            entry = self.exact.get(code)
            if entry is None:
                if not self._folded:
                    pairs = list(self.exact.items()) if self._pairs is None else self._pairs
                    self._folded = {code_of(name).casefold(): thing for name, thing in reversed(pairs)}
                entry = self._folded.get(code.casefold())
        return entry


@lru_cache(maxsize=4096)
def choices_of(options: tuple[str, ...]) -> NameIndex[str]:
    """Options by their names; cached even when other parts of their configuration are saved."""
    return NameIndex({option: option for option in options})
