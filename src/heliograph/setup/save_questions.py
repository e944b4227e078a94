"""Why a flow, mapping or connection is not saved as asked.

SetupError
├── AsksFirst        a running flow would stop
└── SavedMeanwhile   someone else saved it since it was opened
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.domain.flow.completeness import Missing
from heliograph.setup.errors import SetupError


@dataclass(frozen=True, slots=True)
class Stops:
    """A running flow that would stop, and what it would be missing."""

    flow: int
    name: str
    missing: tuple[Missing, ...]


class AsksFirst(SetupError):
    """A running flow would become incomplete and stop (F2). Nothing was saved; ask, then save with `confirmed=True`. stops: the flows."""

    def __init__(self, stops: Sequence[Stops]) -> None:
        self.stops = tuple(stops)
        names = ", ".join(stop.name or f"flow {stop.flow}" for stop in self.stops)
        super().__init__(f"This would stop a running flow: {names}.")


class SavedMeanwhile(SetupError):
    """Someone else saved it since it was opened. Nothing was saved; show both, then save with the newer number. number: of the version in force; by: who made it."""

    def __init__(self, number: int, by: str = "") -> None:
        self.number = number
        self.by = by
        super().__init__(f"Somebody else saved version {number} of it meanwhile.")
