"""The prospects of items of the Retry Queue: what keeps them from being sent when they are due (D5, D7, F3, C8).

An action that was never tried is *held* if its connection sends nothing at present (`connection_holds`); otherwise it is *being sent*. One that
was tried *waits* in the Retry Queue, whatever its connection does. All pages, the REST API and the metrics count by this.

A prospect is judged by the flow and connection as they are today. No page promises a delivery without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP, Cause
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.decision import Reason
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.stop_causes import GONE, destination_of, stop_of, stop_of_flow
from heliograph.store import connection_states
from heliograph.store.connection_states import StoredConnectionState
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
    def is_held(self) -> bool:
        """True if the connection holds it, in case that it was never tried."""
        return self.hold is not None

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


def stop_of_run(reason: Reason, queue: QueueStatus | None, message: str) -> str:
    """The message of a stuck run, if it waits for its flow; "" if it waits for a tag, or is judged again.

    reason: why the flow did not act
    """
    return message if reason.is_untagged and queue in OPEN_STATUSES else ""


def prospect_of_run(config: AccountConfig, flow_id: int, mode: int, message: str) -> Prospect:
    """The prospect of a run that waits to be judged. It is over if the flow is gone.

    mode: the code of the mode that the change was of
    message: why the worker could not judge it when it last looked, which is a stop of its flow; "" if it lacks a tag
    """
    flow = config.flows.get(flow_id)
    if flow is None:
        return Prospect(Cause.FLOW_DELETED)
    if not message:
        return NO_PROSPECT
    stop = stop_of_flow(flow, Mode.of_code(mode)) if config.signal_enabled else Cause.FLOW_INACTIVE
    return Prospect(stop or (None if is_complete(flow, config) else Cause.FLOW_INCOMPLETE))


def connection_holds(reader: AccountReader) -> Mapping[int, ConnectionHold]:
    """The account's connections that send nothing at present, with the reason."""
    if unreleased_copy(reader.db, reader.account) is not None:
        return dict.fromkeys(reader.config.connections, ConnectionHold(Hold.UNRELEASED))
    now = reader.db.now()
    states = connection_states.holding(reader.db, reader.account, now)
    return {connection: hold for connection, state in states.items() if (hold := hold_of(state, now)) is not None}


def hold_of(state: StoredConnectionState, now: int) -> ConnectionHold | None:
    """Why a connection in this state sends nothing at present; None if it sends. `connection_states.HOLDS` is the same rule in SQL."""
    if state.paused:
        return ConnectionHold(Hold.PAUSED if state.release_rate is None else Hold.RELEASED)
    if state.held_until > now:
        return ConnectionHold(Hold.RESTS, state.held_until)
    return ConnectionHold(Hold.SILENT) if state.failures >= FAILURES_TO_TRIP else None
