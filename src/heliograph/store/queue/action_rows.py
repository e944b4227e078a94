"""The rows of `action` and `attempt`: one class and one list of columns each, for the engine, the pages and the seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.action import ActionState, AttemptKind, OpenAction, Origin, QueueStatus, Rank
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.store.database import Database, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAction(OpenAction):
    """A row of `action`: the part that its lane needs, and all other columns. Instants are microseconds."""

    account: int
    uid: str
    lane: int
    run: int | None
    change: int
    registration: int | None
    event: int
    flow: int
    destination: int
    mode: int
    """From `Mode.code`."""
    message: str
    repeated: int | None
    """The action that a resend, sync now or replay repeats (D1)."""
    as_of: int | None
    """The version of the account's configuration whose mappings the next try by hand uses (D8); None: today's."""
    created: int
    ended: int | None
    connection: int
    """Its own connection (`own_connection`). In the engine 0 for an action of an older release."""
    waits_at: int = 0
    """The connection of its lane, over which it is sent next; 0 in the engine, which reads the lane itself."""

    @property
    def mapped_as_of(self) -> int | None:
        """The version of the account's configuration whose mappings this try uses; None: today's. It holds for one try by hand (D8)."""
        if self.as_of is None:
            return None
        resent = self.origin is Origin.RESENT and self.tries == 0
        return self.as_of if resent or self.next_kind is AttemptKind.MANUAL else None


ACTION_COLUMNS: Final = (
    "id, version, rank, state, origin, due_at, tries, looks, sent, queue, category, cause, account_id, uid, lane_id, run_id, change_id,"
    " registration_id, event_id, flow_id, destination_id, mode, message, repeated_id, as_of, created, ended, connection_id"
)
"""In the order of StoredAction."""
ACTION_WITH_LANE: Final = "action a JOIN lane l ON l.id = a.lane_id"
"""The FROM clause of `action_columns`."""

# Calling an enum class takes half a microsecond, and each row has four enum values.
_RANKS = {rank.value: rank for rank in Rank}
_STATES = {state.value: state for state in ActionState}
_ORIGINS = {origin.value: origin for origin in Origin}
_CAUSES = {cause.value: cause for cause in Cause}
_KINDS = {kind.code: kind for kind in AttemptKind}


def action_columns(alias: str = "a") -> str:
    """The columns of an action with this alias, with its own connection, and the connection of its lane, whose alias is `l`."""
    return f"{prefixed(alias, ACTION_COLUMNS.removesuffix(', connection_id'))}, {own_connection(alias, 'l')}, l.connection_id"


def own_connection(action: str, lane: str) -> str:
    """The SQL expression of an action's own connection (X2a): the one that its last attempt went over, or, if it was never sent, the one at
    which it waits or waited. Figures, lists, exports, labels and filters go by it, whatever connection its destination gets later.

    An action of an older release has no such column: its last attempt tells it, or else its lane.

    action: the alias of its table
    lane: the alias of the table of its lane
    """
    last = f"(SELECT t.connection_id FROM attempt t WHERE t.action_id = {action}.id AND t.n = {action}.sent)"
    return f"COALESCE({action}.connection_id, {last}, {lane}.connection_id)"


def prefixed(alias: str, columns: str) -> str:
    """A list of columns, each with the alias of its table."""
    return ", ".join(f"{alias}.{column}" for column in columns.split(", "))


def action_of(row: Row) -> StoredAction:
    """An action from a row of ACTION_COLUMNS, or of `action_columns`."""
    id, version, rank, state, origin, due_at, tries, looks, sent, queue, category, cause, *facts = row
    account, uid, lane, run, change, registration, event, flow, destination, mode, message, repeated, as_of, created, ended, *places = facts
    connection, waits_at = places if len(places) > 1 else (places[0], 0)
    return StoredAction(
        id,
        version,
        _RANKS[rank],
        _STATES[state],
        _ORIGINS[origin],
        due_at,
        tries,
        looks,
        sent,
        QueueStatus.of_code(queue),
        Category.of_code(category),
        _CAUSES[cause] if cause else None,
        account=account,
        uid=uid,
        lane=lane,
        run=run,
        change=change,
        registration=registration,
        event=event,
        flow=flow,
        destination=destination,
        mode=mode,
        message=message,
        repeated=repeated,
        as_of=as_of,
        created=created,
        ended=ended,
        connection=connection or 0,
        waits_at=waits_at,
    )


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """A row of `attempt`."""

    account: int
    action: int
    number: int
    """Its number among the attempts of the action."""
    kind: AttemptKind
    at: int
    """When it began, in microseconds."""
    took: int
    """Microseconds."""
    state: ActionState
    """The state of the action after the attempt."""
    category: Category | None
    status: int | None
    """The HTTP status; None if there was no response."""
    message: str
    flow: int
    connection: int
    versions: str
    """The numbers of the versions of flow, connection and mappings that it used (F10)."""
    cause: Cause | None
    """Why it failed, whatever becomes of the action, and of the attempt's content; None for a delivery, a failed validation, and most attempts of
    older releases."""

    @property
    def connection_version(self) -> int:
        """The number of the connection's version; 0 if it is not known."""
        numbers = self.versions.replace(",", " ").split()
        return int(numbers[1]) if len(numbers) > 1 and numbers[1].isdecimal() else 0

    @property
    def succeeded(self) -> bool:
        """True if the target accepted the request."""
        return self.state is ActionState.SUCCESS


ATTEMPT_COLUMNS: Final = (
    "account_id, action_id, n, kind, at, took, state, category, status, message, flow_id, connection_id, versions, cause"
)
"""In the order of StoredAttempt."""


def attempt_of(row: Row) -> StoredAttempt:
    """An attempt from a row of ATTEMPT_COLUMNS."""
    account, action, number, kind, at, took, state, category, status, message, flow, connection, versions, cause = row
    return StoredAttempt(
        account,
        action,
        number,
        _KINDS[kind],
        at,
        took,
        _STATES[state],
        Category.of_code(category),
        status,
        message,
        flow,
        connection,
        versions,
        _CAUSES[cause] if cause else None,
    )


def attempts_of(db: Database, account: int, actions: Iterable[int]) -> dict[int, list[StoredAttempt]]:
    """The attempts of actions, by action, in order."""
    ids = sorted(set(actions))
    attempts_by_action: dict[int, list[StoredAttempt]] = {}
    if not ids:
        return attempts_by_action
    rows = db.all(
        f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE +account_id = :account AND {db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": account, "ids": ids},
    )
    for attempt in map(attempt_of, rows):
        attempts_by_action.setdefault(attempt.action, []).append(attempt)
    return attempts_by_action
