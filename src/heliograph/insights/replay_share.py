"""Whether a figure or a list counts replays: all, without them, or them alone (X3, Y1)."""

from __future__ import annotations

from enum import StrEnum

from heliograph.domain.delivery.action import Origin


class ReplayShare(StrEnum):
    """Which actions and attempts are counted. Changes and decisions are counted in each case, because a replay makes none."""

    ALL = ""
    WITHOUT = "without"
    ONLY = "only"

    def condition(self, origin: str) -> str:
        """The SQL condition on the column of an action's origin; "" for all. That of ONLY is declared by the index `action_of_replays`."""
        return {ReplayShare.WITHOUT: f"{origin} <> {int(Origin.REPLAY)}", ReplayShare.ONLY: f"{origin} = {int(Origin.REPLAY)}"}.get(
            self, ""
        )
