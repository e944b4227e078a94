"""The number of rows of a list, which may be counted only up to a limit."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ListCount:
    """The number of rows of a list."""

    number: int = 0
    is_more: bool = False
    """True if there are more than `number`, or if there may be, because not all rows were read."""

    @property
    def is_none(self) -> bool:
        """Whether there is certainly no row."""
        return not self.number and not self.is_more

    def at_least(self, rows: int) -> ListCount:
        """Counts the rows that a page shows, if they are more than were counted before counting was broken off."""
        return replace(self, number=max(self.number, rows)) if self.is_more else self

    def __add__(self, other: ListCount) -> ListCount:
        return ListCount(self.number + other.number, self.is_more or other.is_more)
