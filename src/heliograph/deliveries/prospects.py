"""The prospects of items of the Retry Queue: what keeps them from being sent when they are due (D5, D7, F3, C8).

A prospect is judged by the flow and connection as they are today. No page promises a delivery without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP, Cause
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.stop_causes import GONE, destination_of, stop_of
from heliograph.store.queue.action_rows import StoredAction
from heliograph.store.restored_copy import unreleased_copy


class Hold(StrEnum):
    """The reasons why a usable connection sends nothing at present, or only some actions."""

    PAUSED = "paused"
    RELEASED = "released"
    """The actions that waited during a pause are sent at a chosen rate."""
    RESTS = "rests"
    """The target asked not to be sent anything until an instant."""
    UNRELEASED = "unreleased"
    """The account belongs to a restored copy that nobody has released (O14)."""
    SILENT = "silent"
    """The target could not be reached the last times, so single requests probe it."""


@dataclass(frozen=True, slots=True)
class ConnectionHold:
    """The reason why a connection sends nothing at present."""

    hold: Hold
    until: int = 0
    """The end of a rest (microseconds)."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would happen to an item if it were due now."""

    stop: Cause | None = None
    """The reason why its flow does not send it; None if it does."""
    connection: int | None = None
    """The connection that its flow uses today; None if it has none."""
    name: str = ""
    """The name of that connection."""
    hold: ConnectionHold | None = None
    """The reason why that connection sends nothing; None if it sends."""

    @property
    def is_over(self) -> bool:
        """True if the item can never be sent, because its flow or destination is gone."""
        return self.stop in GONE


NO_PROSPECT = Prospect()


def prospects(reader: AccountReader, actions: Iterable[StoredAction]) -> dict[int, Prospect]:
    """The prospects of actions, by action. They are read in one statement."""
    holds = connection_holds(reader)
    return {action.id: prospect_of(reader.config, action, holds) for action in actions}


def prospect_of(config: AccountConfig, action: StoredAction, holds: Mapping[int, ConnectionHold]) -> Prospect:
    """The prospect of an action.

    holds: the connections that send nothing at present
    """
    to = destination_of(config, action.flow, action.destination)
    connection = to.connection if to else None
    known = config.connections.get(connection or 0)
    made_in = Mode.of_code(action.mode)
    stop = stop_of(config, action.flow, action.destination, made_in)
    return Prospect(stop, connection, known.name if known else "", holds.get(connection or 0))


def prospect_of_run(config: AccountConfig, flow: int) -> Prospect:
    """The prospect of a run that waits to be judged. It is over if the flow is gone."""
    return NO_PROSPECT if flow in config.flows else Prospect(Cause.FLOW_DELETED)


def connection_holds(reader: AccountReader) -> Mapping[int, ConnectionHold]:
    """The account's connections that send nothing at present, with the reason."""
    if unreleased_copy(reader.db, reader.account) is not None:
        return dict.fromkeys(reader.config.connections, ConnectionHold(Hold.UNRELEASED))
    now = reader.db.now()
    rows = reader.db.all(
        "SELECT connection_id, paused, release_rate, held_until FROM connection_state WHERE account_id = :account"
        " AND (paused OR held_until > :now OR failures >= :silent)",
        {"account": reader.account, "now": now, "silent": FAILURES_TO_TRIP},
    )
    holds = {}
    for connection, paused, rate, until in rows:
        if paused:
            holds[connection] = ConnectionHold(Hold.PAUSED if rate is None else Hold.RELEASED)
        elif (until or 0) > now:
            holds[connection] = ConnectionHold(Hold.RESTS, until)
        else:
            holds[connection] = ConnectionHold(Hold.SILENT)
    return holds
