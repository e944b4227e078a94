"""Why a flow, mapping or connection is not saved at once.

SetupError
├── AsksFirst        a running flow would stop
├── LosesValues      a flow filters by a value that would be deleted
├── WidensFirst      a flow would act on more live changes
└── SavedMeanwhile   somebody else has saved the object since it was opened
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.domain.flow.completeness import Missing
from heliograph.setup.setup_errors import SetupError
from heliograph.setup.usage import Effect


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


class LosesValues(SetupError):
    """Flows filter by values that would be deleted (P12). Nothing was saved; ask, then save with `confirmed=True`.

    values: the values that would be deleted.
    effects: how each flow would change.
    """

    def __init__(self, values: Sequence[str], effects: Sequence[Effect]) -> None:
        self.values, self.effects = tuple(values), tuple(effects)
        super().__init__(f"Flows filter by {', '.join(self.values)}.")


class WidensFirst(SetupError):
    """Saving would make the flow act on more live changes: it goes from Test to Live, or a list or filter that narrowed it becomes empty (F2).

    Nothing was saved; ask, then save with `confirmed=True`.
    goes_live: it goes from Test to Live.
    """

    def __init__(self, *, goes_live: bool) -> None:
        self.goes_live = goes_live
        super().__init__("This would make a Live flow take more." if not goes_live else "This would make a Test flow Live.")


class SavedMeanwhile(SetupError):
    """Somebody else saved it since it was opened. Nothing was saved; show both people's changes, then save with the newer number.

    number: of the version in force.
    by: the actor who made that version.
    """

    def __init__(self, number: int, by: str = "") -> None:
        self.number = number
        self.by = by
        super().__init__(f"Somebody else saved version {number} of it meanwhile.")
