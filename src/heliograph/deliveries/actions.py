"""Actions and their attempts, for lists and item pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.domain.delivery.action import ActionState, AttemptKind, Origin, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.store.database import Database, Row

KINDS = {kind.code: kind for kind in AttemptKind}


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Instants are microseconds."""

    id: int
    uid: str
    created: int
    change: int
    run: int | None
    registration: int | None
    event: int
    flow: int
    connection: int
    """The connection of its lane."""
    destination: int
    mode: int
    state: ActionState
    queue: QueueStatus | None
    origin: Origin
    due: int | None
    """When it is tried next; None for at once or never."""
    tries: int
    looks: int
    sent: int
    category: Category | None
    cause: Cause | None
    message: str
    repeated: int | None
    ended: int | None


COLUMNS = (
    "a.id, a.uid, a.created, a.change_id, a.run_id, a.registration_id, a.event_id, a.flow_id, l.connection_id, a.destination_id, a.mode,"
    " a.state, a.queue, a.origin, a.due_at, a.tries, a.looks, a.sent, a.category, a.cause, a.message, a.repeated_id, a.ended"
)
FROM = "action a JOIN lane l ON l.id = a.lane_id"


def action_of(row: Row) -> Action:
    """An action from a row of COLUMNS."""
    (id, uid, created, change, run, registration, event, flow, connection, destination, mode, state, queue, origin, due, *rest) = row
    tries, looks, sent, category, cause, message, repeated, ended = rest
    return Action(
        id=id,
        uid=uid,
        created=created,
        change=change,
        run=run,
        registration=registration,
        event=event,
        flow=flow,
        connection=connection,
        destination=destination,
        mode=mode,
        state=ActionState(state),
        queue=QueueStatus.of_code(queue),
        origin=Origin(origin),
        due=due,
        tries=tries,
        looks=looks,
        sent=sent,
        category=Category.of_code(category),
        cause=Cause(cause) if cause else None,
        message=message,
        repeated=repeated,
        ended=ended,
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of an action."""

    action: int
    n: int
    """Its number among the attempts of the action."""
    kind: AttemptKind
    at: int
    """Microseconds."""
    took: int
    """Microseconds."""
    state: ActionState
    """The state of the action after the attempt."""
    category: Category | None
    status: int | None
    """The HTTP status; None if there was no response."""
    message: str
    connection: int
    versions: str
    """The numbers of the versions of flow, connection and mappings that it used."""

    @property
    def succeeded(self) -> bool:
        """True if the target accepted the request."""
        return self.state is ActionState.SUCCESS


def attempts_of(db: Database, account: int, actions: Iterable[int]) -> dict[int, list[Attempt]]:
    """The attempts of actions, by action, in order."""
    ids = sorted(set(actions))
    attempts_by_action: dict[int, list[Attempt]] = {}
    if not ids:
        return attempts_by_action
    rows = db.all(
        "SELECT action_id, n, kind, at, took, state, category, status, message, connection_id, versions FROM attempt"
        f" WHERE +account_id = :account AND {db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": account, "ids": ids},
    )
    for action, number, kind, at, took, state, category, status, message, connection, versions in rows:
        attempts_by_action.setdefault(action, []).append(
            Attempt(
                action, number, KINDS[kind], at, took, ActionState(state), Category.of_code(category), status, message, connection, versions
            )
        )
    return attempts_by_action
