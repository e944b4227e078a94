"""Where registrations stand: the last delivery of each at each destination, and which of their changes wait to be decided (X5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from heliograph.domain.delivery.action import OPEN_STATUSES, ActionState, QueueStatus
from heliograph.domain.delivery.item_state import ItemState, item_state_of
from heliograph.domain.delivery.outcomes import Cause
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, action_columns, action_of
from heliograph.store.row_states import ACTION_IN_QUEUE, STUCK_RUN_OPEN, STUCK_RUN_UNTAGGED, listed

MOST_LISTED: Final = 20_000
"""The newest actions of a status of the Retry Queue, and as many runs, whose registrations a list can be narrowed to."""


class DeliveryState(StrEnum):
    """What became of a registration at its destinations: the worst of them, in this order."""

    FAILED = "failed"
    INVALID = "invalid"
    UNTAGGED = "untagged"
    WAITING = "waiting"
    HELD = "held"
    """Not sent yet, because the connection sends nothing at present (`prospects.connection_holds`)."""
    PENDING = "pending"
    DELIVERED = "delivered"
    NOT_SENT = "not sent"


class DeliveryFilter(StrEnum):
    """What a list of registrations can be narrowed to."""

    WAITING = "waiting"
    UNTAGGED = "untagged"
    FAILED = "failed"
    INVALID = "invalid"
    DELIVERED = "delivered"
    NOT_SENT = "not-sent"

    @property
    def item_state(self) -> ItemState | None:
        """The state of the items of the Retry Queue by which the registrations are found; None if each registration is looked at
        (`delivery_condition`)."""
        return _ITEM_STATES.get(self)


_ITEM_STATES: Final = {
    DeliveryFilter.WAITING: ItemState.WAITING,
    DeliveryFilter.UNTAGGED: ItemState.UNTAGGED,
    DeliveryFilter.FAILED: ItemState.FAILED,
}
_OF_ACTION: Final[Mapping[ActionState, DeliveryState]] = {
    ActionState.FAILED: DeliveryState.FAILED,
    ActionState.VALIDATION: DeliveryState.INVALID,
    ActionState.QUEUED: DeliveryState.WAITING,
    ActionState.PENDING: DeliveryState.PENDING,
    ActionState.SUCCESS: DeliveryState.DELIVERED,
    ActionState.SUPERSEDED: DeliveryState.DELIVERED,
}
_WORST_FIRST: Final = tuple(DeliveryState)


@dataclass(frozen=True, slots=True)
class RegistrationDeliveries:
    """The deliveries of one registration and its sessions."""

    last: Sequence[StoredAction] = ()
    """The newest action at each destination of each flow, by their ids."""
    stuck: Mapping[int, ItemState] = field(default_factory=dict)
    """By flow, decisions that wait or failed."""
    stops: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """By flow, the code of the mode and the message of a decision that waits for the flow (`prospects.prospect_of_run`)."""
    holding: Collection[int] = ()
    """The connections that hold their actions."""

    @property
    def numbers(self) -> dict[DeliveryState, int]:
        """How many destinations and decisions have each state."""
        numbers: dict[DeliveryState, int] = {}
        for state in (*(self._state(action) for action in self.last), *(DeliveryState(state.value) for state in self.stuck.values())):
            numbers[state] = numbers.get(state, 0) + 1
        return numbers

    def _state(self, action: StoredAction) -> DeliveryState:
        is_held = action.state is ActionState.PENDING and action.connection in self.holding
        return DeliveryState.HELD if is_held else _OF_ACTION[action.state]

    @property
    def worst(self) -> tuple[DeliveryState, int]:
        """The worst state, and how many destinations have it."""
        numbers = self.numbers
        state = next((state for state in _WORST_FIRST if state in numbers), DeliveryState.NOT_SENT)
        return state, numbers.get(state, 0)


def deliveries_of(
    db: Database, account: int, registrations: Iterable[int], holding: Collection[int] = ()
) -> dict[int, RegistrationDeliveries]:
    """The deliveries of some registrations, by their ids. Those of which nothing was sent or waits are absent.

    holding: the connections that hold their actions (`connection_holds`), for whoever tells held from pending
    """
    ids = sorted(set(registrations))
    if not ids:
        return {}
    params = {"account": account, "ids": ids}
    of_changes = f"+c.account_id = :account AND {db.member('c.registration_id', 'ids')}"
    newest = (
        f"SELECT max(a.id) FROM change c JOIN action a ON a.change_id = c.id WHERE {of_changes}"
        " GROUP BY c.registration_id, a.flow_id, a.destination_id"
    )
    actions: dict[int, list[StoredAction]] = {}
    for row in db.all(f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE a.id IN ({newest}) ORDER BY a.id", params):
        action = action_of(row)
        if action.registration is not None:
            actions.setdefault(action.registration, []).append(action)
    stuck: dict[int, dict[int, ItemState]] = {}
    stops: dict[int, dict[int, tuple[int, str]]] = {}
    for id, flow, queue, cause, mode, message in db.all(
        f"SELECT c.registration_id, j.flow_id, j.queue, j.cause, j.mode, j.message FROM change c JOIN stuck_run j ON j.change_id = c.id"
        f" WHERE {of_changes} AND j.{STUCK_RUN_OPEN} ORDER BY j.id",
        params,
    ):
        waits_for_flow = cause == Cause.UNTAGGED.value and message != ""
        state = item_state_of(QueueStatus.of_code(queue), Cause(cause) if cause else None, waits_for_flow=waits_for_flow)
        if state is not None:
            stuck.setdefault(id, {})[flow] = state
            stops.setdefault(id, {}).pop(flow, None)
        if waits_for_flow:
            stops[id][flow] = (mode, message)
    return {
        id: RegistrationDeliveries(actions.get(id, ()), stuck.get(id, {}), stops.get(id, {}), holding)
        for id in actions.keys() | stuck.keys()
    }


@dataclass(frozen=True, slots=True)
class RegistrationsOfItems:
    """The registrations that have an item of some state in the Retry Queue."""

    ids: Sequence[int]
    is_more: bool
    """Whether older items, which were not read, may have more."""


def registrations_in(db: Database, account: int, state: ItemState) -> RegistrationsOfItems:
    """The registrations that have an item of this state in the Retry Queue: those of the newest MOST_LISTED items."""
    statuses = {ItemState.WAITING: OPEN_STATUSES, ItemState.FAILED: (QueueStatus.FAILED,), ItemState.UNTAGGED: (QueueStatus.RETRY,)}[state]
    matches = {ItemState.WAITING: f"NOT ({STUCK_RUN_UNTAGGED})", ItemState.UNTAGGED: STUCK_RUN_UNTAGGED}.get(state, "1 = 1")
    items = [("stuck_run", f"queue = {status.code}", matches) for status in statuses]
    if state is not ItemState.UNTAGGED:
        items += [("action", f"{ACTION_IN_QUEUE} AND queue = {status.code}", "1 = 1") for status in statuses]
    parts = [
        f"SELECT * FROM (SELECT {number} AS part, registration_id, CASE WHEN {condition} THEN 1 ELSE 0 END AS matches FROM {table}"
        f" WHERE account_id = :account AND {where} ORDER BY id DESC LIMIT {MOST_LISTED + 1}) newest{number}"
        for number, (table, where, condition) in enumerate(items)
    ]
    rows = db.all(
        f"SELECT part, registration_id, matches, count(*) FROM ({' UNION ALL '.join(parts)}) items GROUP BY part, registration_id, matches",
        {"account": account},
    )
    read = Counter[int]()
    for part, _registration, _matches, count in rows:
        read[part] += count
    ids = sorted({registration for _part, registration, is_match, _count in rows if is_match and registration is not None})
    return RegistrationsOfItems(ids, any(count > MOST_LISTED for count in read.values()))


def delivery_condition(delivery: DeliveryFilter) -> str:
    """The SQL condition that a registration `r` stands like this at its destinations, in agreement with `RegistrationDeliveries`.

    Each registration costs a look at its changes and their actions, so a list bounds how many it reads.

        INVALID    the newest action at any destination has a validation error
        DELIVERED  something was sent, no destination's newest action is anything but delivered, and no decision waits or failed
        NOT_SENT   nothing was sent, or is to be

    Raises KeyError for the states of items, which `registrations_in` finds.
    """
    sent, stuck = f"EXISTS ({_ACTIONS})", f"EXISTS ({_STUCK})"
    return {
        DeliveryFilter.INVALID: f"EXISTS ({_ACTIONS} AND a.state = {ActionState.VALIDATION:d} AND {_IS_NEWEST})",
        DeliveryFilter.DELIVERED: f"{sent} AND NOT EXISTS ({_ACTIONS} AND a.state NOT IN ({_DELIVERED}) AND {_IS_NEWEST}) AND NOT {stuck}",
        DeliveryFilter.NOT_SENT: f"NOT {sent} AND NOT {stuck}",
    }[delivery]


_ACTIONS: Final = "SELECT 1 FROM change c CROSS JOIN action a WHERE c.registration_id = r.id AND a.change_id = c.id"
_STUCK: Final = (
    f"SELECT 1 FROM change c CROSS JOIN stuck_run j WHERE c.registration_id = r.id AND j.change_id = c.id AND j.{STUCK_RUN_OPEN}"
)
_IS_NEWEST: Final = (
    "NOT EXISTS (SELECT 1 FROM change d CROSS JOIN action b WHERE d.registration_id = r.id AND b.change_id = d.id"
    " AND b.flow_id = a.flow_id AND b.destination_id = a.destination_id AND b.id > a.id)"
)
"""The condition that an action is its registration's newest at its destination of its flow."""
_DELIVERED: Final = listed(state for state, stands in _OF_ACTION.items() if stands is DeliveryState.DELIVERED)
