"""The rows in which two versions of a mapping differ (F10). Rows are compared by their targets; equal rows are omitted."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.mapping.mapping import Mapping, MappingRow


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row with its place in its mapping, from 0."""

    place: int
    row: MappingRow


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that differs between the two versions."""

    before: PlacedRow | None
    """None: it was added."""
    after: PlacedRow | None
    """None: it was removed."""


def row_changes(old: Mapping, new: Mapping) -> list[RowChange]:
    """The rows that differ: the changed and added ones in the order of the newer mapping, then the removed ones."""
    left = {row.path: PlacedRow(place, row) for place, row in enumerate(old.rows)}
    changes = []
    for place, row in enumerate(new.rows):
        before = left.pop(row.path, None)
        if before is None or before.row != row:
            changes.append(RowChange(before, PlacedRow(place, row)))
    return changes + [RowChange(removed, None) for removed in left.values()]
