"""Whether a figure or a list counts replays: all, without them, or them alone (X3, Y1)."""

from __future__ import annotations

from enum import StrEnum

from heliograph.domain.delivery.action import Origin


class ReplayShare(StrEnum):
    """Which actions and attempts are wanted. What was recorded and judged is the same in each: a replay sends, it changes nothing."""

    ALL = ""
    WITHOUT = "without"
    ONLY = "only"

    def condition(self, origin: str) -> str:
        """SQL on the column of an action's origin, "" for all. Of replays alone it stands as an index has it (`action_of_replays`)."""
        return {ReplayShare.WITHOUT: f"{origin} <> {int(Origin.REPLAY)}", ReplayShare.ONLY: f"{origin} = {int(Origin.REPLAY)}"}.get(
            self, ""
        )
