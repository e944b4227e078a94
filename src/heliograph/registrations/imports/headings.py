"""Which of a table's first rows holds the names of its columns: titles, dates of an export and the like may stand above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from heliograph.registrations.imports.column_words import plain, standard_targets

MOST_TITLES: Final = 10
"""How many rows may precede the names of the columns."""
LOOKED_AT: Final = 40
"""Rows, empty ones aside, that say which of them is the head."""
_ENOUGH: Final = 2
"""A row with this many known names is the head."""


def head_index(rows: Sequence[Sequence[str]]) -> int:
    """The index of the head among a table's first rows, of which none is empty.

    A title fills fewer cells than the rows below it. So a row is passed over if most of those below fill more than it does; never one that names a
    registration code, or two columns that are known: rows below a head may be too long as well.
    """
    known = standard_targets()
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    for index, row in enumerate(rows[: MOST_TITLES + 1]):
        targets = [known[word] for cell in row if (word := plain(cell)) in known]
        below = filled[index + 1 :]
        if "code" in targets or len(targets) >= _ENOUGH or 2 * sum(n > filled[index] for n in below) <= len(below):
            return index
    return 0
