"""What keeps items of the Retry Queue from being sent when their time comes, as their flows and connections are today (D5, D7, F3, C8).

No page promises that an item is sent without asking this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.deliveries.actions import Action
from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP, Cause
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.sending import GONE, destination_of, stop_of


class Hold(StrEnum):
    """Why a connection sends nothing just now, though it could be used."""

    PAUSED = "paused"
    RELEASED = "released"
    """What it held goes out at a rate."""
    RESTS = "rests"
    """The target asked for a rest, until an instant."""
    SILENT = "silent"
    """The target could not be reached the last times: single requests probe it."""


@dataclass(frozen=True, slots=True)
class ConnectionHold:
    """Why a connection sends nothing just now. until: microseconds, of a rest."""

    hold: Hold
    until: int = 0


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of an item when its time comes.

    stop: why its flow does not send it today; None where it does
    connection: the one that its flow sends over today, None where there is none
    name: of that connection
    hold: why that connection sends nothing just now; None where it does
    """

    stop: Cause | None = None
    connection: int | None = None
    name: str = ""
    hold: ConnectionHold | None = None

    @property
    def is_over(self) -> bool:
        """True if its flow or destination is gone: it can never be sent."""
        return self.stop in GONE


NO_PROSPECT = Prospect()


def prospects(reading: AccountReader, actions: Iterable[Action]) -> dict[int, Prospect]:
    """What becomes of these actions when their time comes. One statement for all of them."""
    holds = connection_holds(reading)
    return {action.id: prospect_of(reading.config, action, holds) for action in actions}


def prospect_of(config: AccountConfig, action: Action, holds: Mapping[int, ConnectionHold]) -> Prospect:
    """What becomes of an action when its time comes. holds: the connections that send nothing just now."""
    to = destination_of(config, action.flow, action.destination)
    connection = to.connection if to else None
    known = config.connections.get(connection or 0)
    made_in = Mode.LIVE if action.mode == mode_code(Mode.LIVE) else Mode.TEST
    stop = stop_of(config, action.flow, action.destination, made_in)
    return Prospect(stop, connection, known.name if known else "", holds.get(connection or 0))


def prospect_of_run(config: AccountConfig, flow: int) -> Prospect:
    """What becomes of a run that waits to be judged: nothing, where its flow is gone."""
    return NO_PROSPECT if flow in config.flows else Prospect(Cause.FLOW_DELETED)


def connection_holds(reading: AccountReader) -> Mapping[int, ConnectionHold]:
    """The account's connections that send nothing just now."""
    now = reading.db.now()
    rows = reading.db.all(
        "SELECT connection_id, paused, release_rate, held_until FROM connection_state WHERE account_id = :account"
        " AND (paused OR held_until > :now OR failures >= :silent)",
        {"account": reading.account, "now": now, "silent": FAILURES_TO_TRIP},
    )
    found = {}
    for connection, paused, rate, until in rows:
        if paused:
            found[connection] = ConnectionHold(Hold.PAUSED if rate is None else Hold.RELEASED)
        elif (until or 0) > now:
            found[connection] = ConnectionHold(Hold.RESTS, until)
        else:
            found[connection] = ConnectionHold(Hold.SILENT)
    return found
