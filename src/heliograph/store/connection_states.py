"""The state of connections, without versions: paused, in a retry-after pause, being released, failing (C8).

The state is stored because a worker that takes over a slot must know it: a worker's memory alone would lose it. The completer writes it after
the lanes. Pausing and releasing write it alone, or after the lanes too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.store.database import Database
from heliograph.store.row_states import ACTION_OPEN, LANE_READY, LANE_WAITING
from heliograph.store.where import Where


@dataclass(frozen=True, slots=True)
class StoredConnectionState:
    """A row of connection_state. Instants are microseconds of the database's clock, 0 = none."""

    paused: bool = False
    """True if nothing is sent, except during a release."""
    held_until: int = 0
    """The end of the retry-after pause."""
    failures: int = 0
    """Consecutive failures to reach the target."""
    release_rate: int | None = None
    """Requests a minute during a release; None: there is none."""
    release_until: int = 0
    """The end of the permission that `renew` gave to the release."""

    def holds(self, now: int) -> bool:
        """True if nothing may be sent because a person, or a 410, paused the connection."""
        return self.paused and not self.is_releasing(now)

    def is_releasing(self, now: int) -> bool:
        return self.paused and self.release_rate is not None and now < self.release_until


@dataclass(frozen=True, slots=True)
class Learned:
    """What a batch of outcomes says about a connection."""

    connection: int
    account: int
    failures: int
    """Consecutive failures at the end of the batch."""
    reached: bool
    """True if any attempt of the batch reached the target."""
    held_until: int | None = None
    """The end of the retry-after pause that the target asked for; None: it asked for none."""
    gone: bool = False
    """True if the target answered 410."""
    delivers: bool | None = None
    """True if the batch has a delivery, False if all of its attempts failed; None if it says neither."""
    now: int = 0
    """When the batch was settled, in microseconds."""


HOLDS = f"(s.paused OR s.held_until > :now OR s.failures >= {FAILURES_TO_TRIP})"
"""The condition that the connection of row `s` of connection_state holds its actions: it is paused, also during a release; it is in a retry-after
pause; or its target could not be reached, so that single requests probe it. `prospects.hold_of` is the same rule with the reason."""
GONE = "The target answered 410: it is gone for good."
_COLUMNS: Final = "paused, held_until, failures, release_rate, release_until"


def _state(paused: object, held_until: int | None, failures: int, rate: int | None, until: int | None) -> StoredConnectionState:
    """A state from the values of _COLUMNS."""
    return StoredConnectionState(bool(paused), held_until or 0, failures, rate, until or 0)


def states(db: Database) -> dict[int, StoredConnectionState]:
    """The states of all connections that have one."""
    rows = db.all(f"SELECT connection_id, {_COLUMNS} FROM connection_state WHERE paused OR held_until IS NOT NULL OR failures > 0")
    return {connection: _state(*values) for connection, *values in rows}


def states_of_account(db: Database, account: int) -> dict[int, tuple[StoredConnectionState, str]]:
    """The states of an account's connections, each with the reason of its pause."""
    rows = db.all(f"SELECT connection_id, paused_why, {_COLUMNS} FROM connection_state WHERE account_id = :account", {"account": account})
    return {connection: (_state(*values), why) for connection, why, *values in rows}


def holding(db: Database, account: int, now: int) -> dict[int, StoredConnectionState]:
    """The states of an account's connections that hold their actions."""
    rows = db.all(
        f"SELECT connection_id, {_COLUMNS} FROM connection_state s WHERE s.account_id = :account AND {HOLDS}",
        {"account": account, "now": now},
    )
    return {connection: _state(*values) for connection, *values in rows}


def state_of(db: Database, account: int, connection: int, *, lock: bool = True) -> tuple[StoredConnectionState, str]:
    """A connection's state, and the reason of its pause.

    lock: True to lock the row until the transaction ends
    """
    rows = db.all(
        f"SELECT paused_why, {_COLUMNS} FROM connection_state"
        f" WHERE connection_id = :connection AND account_id = :account{db.for_update if lock else ''}",
        {"connection": connection, "account": account},
    )
    if not rows:
        return StoredConnectionState(), ""
    why, *values = rows[0]
    return _state(*values), why


def forget_failures(db: Database, account: int, connection: int, *, elsewhere: bool) -> None:
    """Resets the failures of a connection that is reached in another way from now on.

    elsewhere: True if the target is another one; it did not ask for the retry-after pause, so that ends, too
    """
    rest = ", held_until = NULL" if elsewhere else ""
    db.run(
        f"UPDATE connection_state SET failures = 0, failing_since = NULL{rest} WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account},
    )


def learn(db: Database, lesson: Learned) -> None:
    """Stores what was learned. A 410 also ends a running release."""
    db.run(
        "INSERT INTO connection_state (connection_id, account_id, held_until, paused, paused_why, failures, failing_since)"
        " VALUES (:connection, :account, :held, :gone, :why, :failures, :failing_since) ON CONFLICT (connection_id) DO UPDATE SET"
        " held_until = CASE WHEN excluded.held_until IS NULL THEN connection_state.held_until"
        " WHEN connection_state.held_until IS NULL OR connection_state.held_until < excluded.held_until THEN excluded.held_until"
        " ELSE connection_state.held_until END,"
        " paused = connection_state.paused OR excluded.paused,"
        " paused_why = CASE WHEN excluded.paused AND (NOT connection_state.paused OR connection_state.release_rate IS NOT NULL)"
        " THEN excluded.paused_why ELSE connection_state.paused_why END,"
        " release_rate = CASE WHEN excluded.paused THEN NULL ELSE connection_state.release_rate END,"
        " release_until = CASE WHEN excluded.paused THEN NULL ELSE connection_state.release_until END,"
        " failures = CASE WHEN :reached = 1 THEN excluded.failures ELSE connection_state.failures + excluded.failures END,"
        " failing_since = CASE WHEN :delivers = 1 THEN NULL ELSE COALESCE(connection_state.failing_since, excluded.failing_since) END",
        {
            "connection": lesson.connection,
            "account": lesson.account,
            "held": lesson.held_until,
            "gone": lesson.gone,
            "why": GONE if lesson.gone else "",
            "failures": lesson.failures,
            "reached": int(lesson.reached),
            "delivers": int(lesson.delivers is True),
            "failing_since": lesson.now if lesson.delivers is False else None,
        },
    )


def failing_for(db: Database, now: int) -> list[float]:
    """For how many seconds each connection has delivered nothing, though it was tried and something waits for it. Paused ones are left out: they
    do not try."""
    rows = db.all(
        "SELECT s.failing_since FROM connection_state s JOIN connection c ON c.id = s.connection_id AND c.deleted_at IS NULL"
        " WHERE s.failing_since IS NOT NULL AND NOT s.paused"
        f" AND EXISTS (SELECT 1 FROM lane l WHERE l.connection_id = s.connection_id AND (l.{LANE_READY} OR l.{LANE_WAITING}))"
    )
    return [max(0.0, (now - since) / 1_000_000) for (since,) in rows]


def pause(db: Database, account: int, connection: int, why: str) -> None:
    """Pauses a connection, even during a release."""
    db.run(
        "INSERT INTO connection_state (connection_id, account_id, paused, paused_why) VALUES (:connection, :account, :yes, :why)"
        " ON CONFLICT (connection_id) DO UPDATE SET paused = excluded.paused, paused_why = excluded.paused_why, release_rate = NULL, release_until = NULL",
        {"connection": connection, "account": account, "yes": True, "why": why},
    )


def resume(db: Database, account: int, connection: int) -> None:
    """Resumes a connection."""
    db.run(
        "UPDATE connection_state SET paused = :no, paused_why = '', release_rate = NULL, release_until = NULL"
        " WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account, "no": False},
    )


def release(db: Database, account: int, connection: int, rate: int) -> None:
    """Starts the release of a paused connection, at `rate` requests a minute. Nothing is sent before the first `renew`."""
    db.run(
        "UPDATE connection_state SET release_rate = :rate WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account, "rate": rate},
    )


def renew(db: Database, account: int, connection: int, until: int) -> None:
    """Permits a release to send until `until`. Unless it is renewed, the connection then pauses again."""
    db.run(
        "UPDATE connection_state SET release_until = :until WHERE connection_id = :connection AND account_id = :account AND release_rate IS NOT NULL",
        {"connection": connection, "account": account, "until": until},
    )


def is_anything_due(db: Database, connection: int, now: int) -> bool:
    """True if a lane of the connection has something to send."""
    return bool(
        db.all(f"SELECT 1 FROM lane WHERE connection_id = :connection AND {LANE_READY} LIMIT 1", {"connection": connection})
        or db.all(
            f"SELECT 1 FROM lane WHERE connection_id = :connection AND {LANE_WAITING} AND due_at <= :now LIMIT 1",
            {"connection": connection, "now": now},
        )
    )


def due_actions(db: Database, connection: int, now: int) -> int:
    """How many open actions of a connection are due, tried or not. They count even if it is paused, and each action of a lane counts."""
    ((count,),) = db.all(
        f"SELECT count(*) FROM lane l JOIN action a ON a.lane_id = l.id AND a.{ACTION_OPEN} WHERE l.connection_id = :connection"
        f" AND (l.{LANE_READY} OR (l.{LANE_WAITING} AND l.due_at <= :now))",
        {"connection": connection, "now": now},
    )
    return int(count)


def untried_actions(db: Database, connections: Sequence[int], most: int, among: Where | None = None) -> dict[int, int]:
    """How many actions of each connection were never tried: what it holds, if it sends nothing at present (C8).

    most: the most actions to count for a connection
    among: conditions on the action `a`
    """
    if not connections:
        return {}
    untried = (
        f"SELECT 1 FROM lane l CROSS JOIN action a WHERE l.connection_id = c.id AND (l.{LANE_READY} OR l.{LANE_WAITING})"
        f" AND a.lane_id = l.id AND a.{ACTION_OPEN} AND a.state = {ActionState.PENDING}{'' if among is None else f' AND {among.sql}'} LIMIT {int(most)}"
    )
    rows = db.all(
        f"SELECT c.id, (SELECT count(*) FROM ({untried}) held) FROM {db.listed('connections', 'c', 'id')}",
        {"connections": list(connections), **({} if among is None else among.params)},
    )
    return {int(id): int(n) for id, n in rows if n}


def held_actions(db: Database, now: int, most: int) -> int:
    """How many actions the connections of all accounts hold; at most `most`. Restored copies that nobody has released are not looked at."""
    ((count,),) = db.all(
        "SELECT count(*) FROM (SELECT 1 FROM connection_state s CROSS JOIN lane l CROSS JOIN action a"
        f" WHERE {HOLDS} AND l.connection_id = s.connection_id AND (l.{LANE_READY} OR l.{LANE_WAITING})"
        f" AND a.lane_id = l.id AND a.{ACTION_OPEN} AND a.state = {ActionState.PENDING} LIMIT {int(most)}) held",
        {"now": now},
    )
    return int(count)


def untried_by_flow(db: Database, connections: Collection[int], most: int) -> dict[int, int]:
    """How many actions of these connections were never tried, by flow.

    most: the most actions to count over all flows
    """
    if not connections:
        return {}
    rows = db.all(
        f"SELECT flow_id, count(*) FROM (SELECT a.flow_id FROM {db.listed('connections', 'c', 'id')} CROSS JOIN lane l"
        f" CROSS JOIN action a WHERE l.connection_id = c.id AND (l.{LANE_READY} OR l.{LANE_WAITING})"
        f" AND a.lane_id = l.id AND a.{ACTION_OPEN} AND a.state = {ActionState.PENDING} LIMIT {int(most)}) held GROUP BY flow_id",
        {"connections": sorted(connections)},
    )
    return {int(id): int(n) for id, n in rows}


def attempts_between(db: Database, connection: int, since: int, until: int) -> int:
    """Counts the connection's attempts that began in [since, until)."""
    ((count,),) = db.all(
        "SELECT count(*) FROM attempt WHERE connection_id = :connection AND at >= :since AND at < :until",
        {"connection": connection, "since": since, "until": until},
    )
    return int(count)
