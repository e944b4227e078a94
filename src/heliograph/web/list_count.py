"""How many rows a list has, as far as they were counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListCount:
    """How many rows there are. is_more: there are more than so many, or there may be, because not all were looked at."""

    n: int = 0
    is_more: bool = False

    def __add__(self, other: ListCount) -> ListCount:
        return ListCount(self.n + other.n, self.is_more or other.is_more)
