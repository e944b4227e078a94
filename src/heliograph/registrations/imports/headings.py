"""Finds the head of a table: the row with the names of its columns. Titles, dates of an export and the like may stand above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from heliograph.registrations.imports.column_words import plain, standard_targets

MOST_TITLES: Final = 10
"""How many rows may precede the names of the columns."""
LOOKED_AT: Final = 40
"""Rows that are searched for the head; empty rows do not count."""
_ENOUGH: Final = 2
"""A row with this many known names is the head."""


def head_index(rows: Sequence[Sequence[str]]) -> int:
    """The index of the head among a table's first rows, none of which is empty.

    A title fills fewer cells than the rows below it, so a row is passed over if most rows below it fill more cells. A row with a known name for
    the registration code, or with two known names, is never passed over, because the rows below a head may be too long as well.
    """
    known = standard_targets()
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    for index, row in enumerate(rows[: MOST_TITLES + 1]):
        targets = [known[word] for cell in row if (word := plain(cell)) in known]
        below = filled[index + 1 :]
        if "code" in targets or len(targets) >= _ENOUGH or 2 * sum(n > filled[index] for n in below) <= len(below):
            return index
    return 0
