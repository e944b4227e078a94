"""What a connection was told and has learned, without versions: paused, held, being released, failing (C8).

A take-over must not forget a Retry-After, a pause or a target that is down, so all of it lies here and in no worker's memory alone.
Settle writes it after the lanes; whoever pauses or releases writes it alone, or after the lanes, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredConnectionState:
    """paused: holds everything, unless it is being released, which goes by leave: `release_rate` requests a minute until `release_until`.

    held_until: the target's Retry-After; failures: to reach the target, in a row. Instants are microseconds of the database's clock, 0 = none.
    """

    paused: bool = False
    held_until: int = 0
    failures: int = 0
    release_rate: int | None = None
    release_until: int = 0

    def holds(self, now: int) -> bool:
        """Whether nothing may leave because somebody, or a 410, paused it."""
        return self.paused and not self.is_releasing(now)

    def is_releasing(self, now: int) -> bool:
        return self.paused and self.release_rate is not None and now < self.release_until


@dataclass(frozen=True, slots=True)
class Learned:
    """What a batch of outcomes teaches of a connection. failures: in a row at its end; reached: one of them has reached the target; gone: 410."""

    connection: int
    account: int
    failures: int
    reached: bool
    held_until: int | None = None
    gone: bool = False


GONE = "The target answered 410: it is gone for good."


def states(db: Database) -> dict[int, StoredConnectionState]:
    """Every connection of which there is something to say."""
    rows = db.all(
        "SELECT connection_id, paused, held_until, failures, release_rate, release_until FROM connection_state"
        " WHERE paused OR held_until IS NOT NULL OR failures > 0"
    )
    return {
        connection: StoredConnectionState(bool(paused), held or 0, failures, rate, until or 0)
        for connection, paused, held, failures, rate, until in rows
    }


def state_of(db: Database, account: int, connection: int, *, lock: bool = True) -> tuple[StoredConnectionState, str]:
    """A connection's state, and why it is paused; locked until the transaction ends, where somebody writes."""
    rows = db.all(
        "SELECT paused, held_until, failures, release_rate, release_until, paused_why FROM connection_state"
        f" WHERE connection_id = :connection AND account_id = :account{db.for_update if lock else ''}",
        {"connection": connection, "account": account},
    )
    if not rows:
        return StoredConnectionState(), ""
    paused, held, failures, rate, until, why = rows[0]
    return StoredConnectionState(bool(paused), held or 0, failures, rate, until or 0), why


def forget_failures(db: Database, account: int, connection: int) -> None:
    """A connection is reached in another way from now on: what failed to reach it before does not count."""
    db.run(
        "UPDATE connection_state SET failures = 0 WHERE connection_id = :connection AND account_id = :account AND failures > 0",
        {"connection": connection, "account": account},
    )


def learn(db: Database, lesson: Learned) -> None:
    """Keeps a lesson. A 410 also ends a release that is under way."""
    db.run(
        "INSERT INTO connection_state (connection_id, account_id, held_until, paused, paused_why, failures)"
        " VALUES (:connection, :account, :held, :gone, :why, :failures) ON CONFLICT (connection_id) DO UPDATE SET"
        " held_until = CASE WHEN excluded.held_until IS NULL THEN connection_state.held_until"
        " WHEN connection_state.held_until IS NULL OR connection_state.held_until < excluded.held_until THEN excluded.held_until"
        " ELSE connection_state.held_until END,"
        " paused = connection_state.paused OR excluded.paused,"
        " paused_why = CASE WHEN excluded.paused AND (NOT connection_state.paused OR connection_state.release_rate IS NOT NULL)"
        " THEN excluded.paused_why ELSE connection_state.paused_why END,"
        " release_rate = CASE WHEN excluded.paused THEN NULL ELSE connection_state.release_rate END,"
        " release_until = CASE WHEN excluded.paused THEN NULL ELSE connection_state.release_until END,"
        " failures = CASE WHEN :reached = 1 THEN excluded.failures ELSE connection_state.failures + excluded.failures END",
        {
            "connection": lesson.connection,
            "account": lesson.account,
            "held": lesson.held_until,
            "gone": lesson.gone,
            "why": GONE if lesson.gone else "",
            "failures": lesson.failures,
            "reached": int(lesson.reached),
        },
    )


def pause(db: Database, account: int, connection: int, why: str) -> None:
    """Holds a connection, also one that is being released."""
    db.run(
        "INSERT INTO connection_state (connection_id, account_id, paused, paused_why) VALUES (:connection, :account, :yes, :why)"
        " ON CONFLICT (connection_id) DO UPDATE SET paused = excluded.paused, paused_why = excluded.paused_why, release_rate = NULL, release_until = NULL",
        {"connection": connection, "account": account, "yes": True, "why": why},
    )


def resume(db: Database, account: int, connection: int) -> None:
    """Lets a connection send again."""
    db.run(
        "UPDATE connection_state SET paused = :no, paused_why = '', release_rate = NULL, release_until = NULL"
        " WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account, "no": False},
    )


def release(db: Database, account: int, connection: int, rate: int) -> None:
    """A paused connection is to be released at so many requests a minute; nothing leaves before `renew` gives leave."""
    db.run(
        "UPDATE connection_state SET release_rate = :rate WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account, "rate": rate},
    )


def renew(db: Database, account: int, connection: int, until: int) -> None:
    """Gives leave until then: what holds again by itself where nobody renews it."""
    db.run(
        "UPDATE connection_state SET release_until = :until WHERE connection_id = :connection AND account_id = :account AND release_rate IS NOT NULL",
        {"connection": connection, "account": account, "until": until},
    )


def is_anything_due(db: Database, connection: int, now: int) -> bool:
    """Whether a lane of the connection has something to send."""
    return bool(
        db.all("SELECT 1 FROM lane WHERE connection_id = :connection AND state = 1 LIMIT 1", {"connection": connection})
        or db.all(
            "SELECT 1 FROM lane WHERE connection_id = :connection AND state = 2 AND due_at <= :now LIMIT 1",
            {"connection": connection, "now": now},
        )
    )


def held_actions(db: Database, connections: Sequence[int], now: int, most: int | None = None) -> dict[int, int]:
    """How many actions are due over each of these connections, whether or not it lets them go; of records with several, each is one.

    most: look at so many of all of them together; None: reads them all.
    """
    if not connections:
        return {}
    limit = "" if most is None else f" LIMIT {int(most)}"
    rows = db.all(
        f"SELECT connection_id, count(*) FROM (SELECT l.connection_id FROM lane l JOIN action a ON a.lane_id = l.id AND a.state < 10"
        f" WHERE {db.member('l.connection_id', 'connections')} AND (l.state = 1 OR (l.state = 2 AND l.due_at <= :now)){limit}) held"
        " GROUP BY connection_id",
        {"connections": list(connections), "now": now},
    )
    return {int(id): int(n) for id, n in rows}


def attempts_between(db: Database, connection: int, since: int, until: int) -> int:
    """How many attempts over the connection began from `since` up to, not including, `until`."""
    ((found,),) = db.all(
        "SELECT count(*) FROM attempt WHERE connection_id = :connection AND at >= :since AND at < :until",
        {"connection": connection, "since": since, "until": until},
    )
    return int(found)
