"""Where a registration stands: for each destination of each flow, what was sent last and when, or why nothing was (X5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import exchanges
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect, prospect_of_run, prospects
from heliograph.deliveries.refusals import said_by_target
from heliograph.deliveries.registration_deliveries import RegistrationDeliveries, deliveries_of
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.item_state import ItemState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Mode
from heliograph.domain.natural_order import natural_order
from heliograph.store.queue.action_rows import StoredAction, StoredAttempt, attempts_of

_IN_ORDER: Final = frozenset({ActionState.SUCCESS, ActionState.SUPERSEDED, ActionState.PENDING})


@dataclass(frozen=True, slots=True)
class DestinationOfRegistration:
    """A destination of a flow, and the last delivery of the registration there."""

    flow: int
    flow_name: str
    connection: int
    connection_name: str
    action: StoredAction | None = None
    """The newest action; None if there was none."""
    attempt: StoredAttempt | None = None
    """Its last attempt."""
    prospect: Prospect = NO_PROSPECT
    stuck: ItemState | None = None
    """The state of a decision of the flow that waits or failed; None for none."""
    target_words: str = ""
    """The target's own word for why it refused what waits or failed; "" if it gave none."""


def destinations_of(reader: AccountReader, registration: int, mode: Mode) -> list[DestinationOfRegistration]:
    """The destinations of a registration: those with a delivery, and those of active flows of its mode, by the flow's name."""
    deliveries = deliveries_of(reader.db, reader.account, [registration]).get(registration, RegistrationDeliveries())
    attempts = attempts_of(reader.db, reader.account, [action.id for action in deliveries.last])
    known, flows = prospects(reader, deliveries.last), reader.config.flows
    last = {(action.flow, action.destination): action for action in deliveries.last}
    places = dict.fromkeys(last)
    for flow in flows.values():
        if flow.id in deliveries.stuck or (flow.active and flow.mode is mode):
            places |= dict.fromkeys((flow.id, destination.id) for destination in flow.destinations)
    current = {(flow.id, each.id): each.connection or 0 for flow in flows.values() for each in flow.destinations}
    names = reader.flow_names({flow_id for flow_id, _destination in places})
    rows = []
    for flow_id, destination_id in places:
        action = last.get((flow_id, destination_id))
        tried = attempts[action.id][-1] if action is not None and action.id in attempts else None
        connection = action.connection if action is not None else current[flow_id, destination_id]
        rows.append((flow_id, connection, action, tried))
    connections = reader.connection_names({connection for _flow, connection, *_last in rows})
    answers = exchanges(reader.db, reader.account, [action.id for action in deliveries.last if _was_refused(action)])
    stops = {flow: prospect_of_run(reader.config, flow, mode_code, message) for flow, (mode_code, message) in deliveries.stops.items()}
    destinations = [
        DestinationOfRegistration(
            flow_id,
            names.get(flow_id, ""),
            connection,
            connections.get(connection, ""),
            action,
            tried,
            known.get(action.id, NO_PROSPECT) if action else stops.get(flow_id, NO_PROSPECT),
            deliveries.stuck.get(flow_id),
            said_by_target(answers.get((action.id, tried.number))) if action is not None and tried is not None else "",
        )
        for flow_id, connection, action, tried in rows
    ]
    return sorted(destinations, key=lambda each: (natural_order(each.flow_name), each.flow, natural_order(each.connection_name)))


def _was_refused(action: StoredAction) -> bool:
    """Whether an action waits or failed because of what the target answered."""
    return action.state in (ActionState.QUEUED, ActionState.FAILED) and action.cause in (Cause.ANSWER, Cause.RULE)


def needs_explaining(rows: Sequence[DestinationOfRegistration]) -> DestinationOfRegistration | None:
    """The first destination that something failed at, or that nothing was sent to; None if everything arrived."""
    failed = [each for each in rows if each.stuck is not None or (each.action is not None and each.action.state not in _IN_ORDER)]
    return next(iter(failed or [each for each in rows if each.action is None]), None)
