"""Names that look alike: the likely typing errors of a file (I4)."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Final

_ALIKE: Final = 0.8  # ratio of SequenceMatcher from which two names look alike
LONGEST_COMPARED: Final = 100  # characters of a name
MOST_COMPARED: Final = 3_000_000  # pairs of letters per file: those of 20,000 pairs of usual names, some tenths of a second


class Likeness:
    """Finds the name that another one was most likely meant to be.

    A comparison takes time quadratic in the length of the names, and each name is compared with many others. So long names are not
    compared, and the work per file is bounded (D9): hints do not help with a file that has so many odd names.
    """

    def __init__(self, comparisons_left: int = MOST_COMPARED) -> None:
        self.comparisons_left = comparisons_left

    def most_alike(self, name: str, others: Iterable[str]) -> str:
        """The most similar of the other names; "" if none is similar enough."""
        best, ratio = "", _ALIKE
        folded = name.casefold()
        if len(folded) > LONGEST_COMPARED:
            return ""
        for other in others:
            if self.comparisons_left <= 0:
                break
            if not 2 / 3 <= len(other) / max(len(folded), 1) <= 3 / 2:  # the difference in length alone makes it less similar than _ALIKE
                continue
            self.comparisons_left -= len(folded) * len(other)
            matcher = SequenceMatcher(None, folded, other.casefold(), autojunk=False)
            if matcher.real_quick_ratio() >= ratio and matcher.quick_ratio() >= ratio and (similarity := matcher.ratio()) >= ratio:
                best, ratio = other, similarity
        return best
