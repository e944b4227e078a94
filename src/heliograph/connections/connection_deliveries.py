"""What went over a connection lately: its last deliveries with their answers, how long the target takes, and since when it has been refusing
(C3, C8). Each is a walk along the index of the connection's attempts, of a bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.account_reader import AccountReader, RowPerson
from heliograph.deliveries.exchanges import exchanges
from heliograph.deliveries.refusals import Refusal, refusals, said_by_target
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.retry_policy import DAY, MINUTE
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ATTEMPT_COLUMNS, StoredAttempt, attempt_of, own_connection
from heliograph.store.row_states import ACTION_IN_QUEUE

SHOWN: Final = 20
"""Deliveries on the page of a connection."""
MEASURED: Final = 1_000
"""The newest attempts that are read for the time of an answer and for the beginning of a refusal."""
FOLLOWED: Final = 15 * MINUTE
"""Microseconds after a save for which the page says what became of the items that waited."""
SEARCHED: Final = 200
"""The newest attempts of a connection that are searched for one that was delivered, and for the last deliveries."""
MOST_SENT: Final = 10_000


@dataclass(frozen=True, slots=True)
class ConnectionDelivery:
    """A delivery over a connection, with its newest attempt there."""

    attempt: StoredAttempt
    state: ActionState
    """The state of the delivery now."""
    person: RowPerson | None
    """None for an event, and for a person who was erased."""
    event: str
    """The code of the event."""
    flow: str
    says: str
    """The target's own word for a refusal; "" if it gave none."""


@dataclass(frozen=True, slots=True)
class ConnectionPace:
    """How a connection's newest attempts went. Instants and durations are microseconds."""

    median: int | None
    """Half of the answers of the last 24 hours took no longer; None without any."""
    slowest: int | None
    """95 % of them took no longer."""
    failing_since: int | None
    """The first of the attempts that failed in a row up to the newest one; None if the newest was delivered."""


@dataclass(frozen=True, slots=True)
class SentSince:
    """What became of the items of the Retry Queue that go over a connection, since an instant."""

    sent: int
    """Delivered since then; at most MOST_SENT + 1."""
    under_way: int
    """Due, and not tried yet."""


def last_deliveries(reader: AccountReader, connection: int) -> list[ConnectionDelivery]:
    """The last SHOWN deliveries over a connection by their newest attempts, newest first.

    Each delivery stands here once, so that its state now and the answer of its attempt belong together.
    """
    rows = reader.db.all(
        f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE connection_id = :connection AND +account_id = :account ORDER BY at DESC LIMIT {SEARCHED}",
        {"account": reader.account, "connection": connection},
    )
    newest: dict[int, StoredAttempt] = {}
    for attempt in map(attempt_of, rows):
        newest.setdefault(attempt.action, attempt)
    attempts = list(newest.values())[:SHOWN]
    if not attempts:
        return []
    places = {
        id: (registration, event, ActionState(state))
        for id, registration, event, state in reader.db.all(
            f"SELECT id, registration_id, event_id, state FROM action WHERE +account_id = :account AND {reader.db.member('id', 'ids')}",
            {"account": reader.account, "ids": [attempt.action for attempt in attempts]},
        )
    }
    people = reader.people(registration for registration, _event, _state in places.values())
    events = reader.events({event for _registration, event, _state in places.values()})
    flows = reader.flow_names({attempt.flow for attempt in attempts})
    refused = {attempt.action: attempt for attempt in attempts if not attempt.succeeded and attempt.status is not None}
    answers = exchanges(reader.db, reader.account, refused)
    deliveries = []
    for attempt in attempts:
        registration, event, state = places.get(attempt.action, (None, 0, attempt.state))
        known = events.get(event)
        answer = None if attempt.succeeded else answers.get((attempt.action, attempt.number))
        deliveries.append(
            ConnectionDelivery(
                attempt,
                state,
                people.get(registration) if registration is not None else None,
                known.code if known else "",
                flows.get(attempt.flow, ""),
                said_by_target(answer),
            )
        )
    return deliveries


def last_delivered(db: Database, account: int, connections: Sequence[int]) -> dict[int, int]:
    """By connection, when it was delivered to last (microseconds). Absent are those of whose newest SEARCHED attempts none was delivered."""
    if not connections:
        return {}
    newest = f"SELECT at, state FROM attempt WHERE connection_id = c.id ORDER BY at DESC LIMIT {SEARCHED}"
    rows = db.all(
        f"SELECT c.id, (SELECT max(n.at) FROM ({newest}) n WHERE n.state = {int(ActionState.SUCCESS)}) FROM connection c"
        f" WHERE c.account_id = :account AND {db.member('c.id', 'ids')}",
        {"account": account, "ids": list(connections)},
    )
    return {id: int(at) for id, at in rows if at is not None}


def pace_of(reader: AccountReader, connection: int) -> ConnectionPace:
    """How the newest attempts over a connection went."""
    rows = reader.db.all(
        f"SELECT at, took, state, status FROM attempt WHERE connection_id = :connection AND +account_id = :account ORDER BY at DESC LIMIT {MEASURED}",
        {"account": reader.account, "connection": connection},
    )
    since = reader.db.now() - DAY
    took = sorted(took for at, took, _state, status in rows if status is not None and at > since)
    failing = None
    for at, _took, state, _status in rows:
        if state == ActionState.SUCCESS:
            break
        if state != ActionState.VALIDATION:  # nothing was sent, so the target has not refused it
            failing = at
    return ConnectionPace(quantile(took, 0.5), quantile(took, 0.95), failing)


def quantile(numbers: Sequence[int], share: float) -> int | None:
    """The smallest number that a share of all does not exceed (nearest rank); None without numbers.

    numbers: sorted
    share: more than 0, at most 1
    """
    if not numbers:
        return None
    return numbers[max(0, -(-int(len(numbers) * share * 1000) // 1000) - 1)]


def last_refusal(reader: AccountReader, attempt: StoredAttempt) -> Refusal:
    """What the target answered to a failed attempt."""
    return refusals(reader, {attempt.action: attempt})[attempt.action]


def sent_since(reader: AccountReader, connection: int, at: int) -> SentSince:
    """What became of the connection's items of the Retry Queue since an instant (microseconds)."""
    params = {"account": reader.account, "connection": connection, "at": at, "now": reader.db.now()}
    ((sent,),) = reader.db.all(
        f"SELECT count(*) FROM (SELECT {own_connection('q', 'l')} AS connection FROM action q JOIN lane l ON l.id = q.lane_id WHERE q.account_id = :account"
        f" AND q.queue = {QueueStatus.DONE.code} AND q.ended >= :at AND q.state = {int(ActionState.SUCCESS)} ORDER BY q.ended DESC LIMIT {MOST_SENT + 1}) found"
        " WHERE found.connection = :connection",
        params,
    )
    ((under_way,),) = reader.db.all(
        f"SELECT count(*) FROM (SELECT q.lane_id, q.due_at FROM action q WHERE q.account_id = :account AND q.{ACTION_IN_QUEUE}"
        f" AND q.queue < {QueueStatus.FAILED.code} ORDER BY q.id DESC LIMIT {MOST_SENT + 1}) found JOIN lane l ON l.id = found.lane_id"
        " WHERE l.connection_id = :connection AND found.due_at <= :now",
        params,
    )
    return SentSince(int(sent), int(under_way))
