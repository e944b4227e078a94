"""A fix makes due what it cures, and what was deleted ends what waited for it, stored (D7, P12, B7). In the caller's transaction, lanes locked
before their actions are read; the rules are those of `domain.delivery.lanes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import Does, OpenAction
from heliograph.domain.delivery.lanes import Settlement
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.store.database import Database
from heliograph.store.queue.lanes import StoredLane, lock_lanes, open_actions
from heliograph.store.queue.outcomes import Settled, store
from heliograph.store.queue.submissions import DoesOf, count_stuck

CHUNK = 500
"""Lanes per transaction where many are ended or made due."""


def reschedule_connection(db: Database, account: int, connection: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """A connection was saved (D7): the Config items that wait on it for one of these causes are due at once. How many lanes were looked at.

    The saver holds the account's configuration exclusively. Lists of waiting Config items are short: the queue holds one per record.
    """
    return _reschedule(db, "l.connection_id = :id", account, connection, causes, does_of)


def reschedule_flow(db: Database, account: int, flow: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """A flow, or a mapping that it uses, was saved (D7): as `reschedule_connection`."""
    return _reschedule(db, "a.flow_id = :id", account, flow, causes, does_of)


def reschedule_account(db: Database, account: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """What holds for all of the account's connections was saved: as `reschedule_connection`, in one go, since all lanes of a transaction are locked in
    one order (ARCHITECTURE.md, rule 4)."""
    return _reschedule(db, "l.account_id = :id", account, account, causes, does_of)


def _reschedule(db: Database, where: str, account: int, number: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    rows = db.all(
        "SELECT DISTINCT a.lane_id FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.account_id = :account AND a.state = 2"
        f" AND a.queue > 0 AND a.category = :config AND {db.member('a.cause', 'causes')} AND {where}",
        {"account": account, "id": number, "config": Category.CONFIG.code, "causes": sorted(causes)},
    )
    return _for_lanes(
        db,
        [lane for (lane,) in rows],
        lambda stored, about, now: rules.reschedule(does_of(stored.lane.destination), stored.lane, about, causes, now),
    )


def reschedule_runs(db: Database, account: int, flow: int | None = None) -> int:
    """A tag assignment or a flow was saved (D7): untagged runs that wait are judged again at once."""
    return db.run(
        "UPDATE judgement SET due_at = :now WHERE account_id = :account AND queue < 3 AND due_at > :now AND cause = :cause"
        + ("" if flow is None else " AND flow_id = :flow"),
        {"account": account, "now": db.now(), "cause": Cause.UNTAGGED.value} | ({} if flow is None else {"flow": flow}),
    )


def end_flow(db: Database, account: int, flow: int, *, limit: int = CHUNK) -> int:
    """A flow was deleted (P12): its undelivered actions and stuck runs end as Failed. How many lanes of at most `limit`; 0: no more.

    What is left over is ended by the engine when it comes to be sent.
    """
    stuck = db.all(
        "UPDATE judgement SET queue = 3, due_at = NULL, cause = :cause, ended = :now WHERE account_id = :account AND flow_id = :flow AND queue < 3"
        " RETURNING run_id",
        {"account": account, "flow": flow, "cause": Cause.FLOW_DELETED.value, "now": db.now()},
    )
    count_stuck(db, account, [run for (run,) in stuck], was_open=True, is_open=False)
    return _end(db, "flow_id = :id", account, flow, Cause.FLOW_DELETED, limit)


def end_destination(db: Database, account: int, destination: int, *, limit: int = CHUNK) -> int:
    """A destination was removed (P12): as `end_flow`."""
    return _end(db, "destination_id = :id", account, destination, Cause.DESTINATION_REMOVED, limit)


def end_registration(db: Database, account: int, registration: int, *, limit: int = CHUNK) -> int:
    """A person is erased (B7): as `end_flow`."""
    return _end(db, "registration_id = :id", account, registration, Cause.ERASED, limit)


def _end(db: Database, where: str, account: int, number: int, cause: Cause, limit: int) -> int:
    rows = db.all(
        f"SELECT DISTINCT lane_id FROM action WHERE account_id = :account AND state < 10 AND {where} LIMIT :limit",
        {"account": account, "id": number, "limit": limit},
    )
    return _for_lanes(db, [lane for (lane,) in rows], lambda stored, about, now: rules.end(Does.UPDATES, stored.lane, about, cause, now))


def _for_lanes(db: Database, numbers: Sequence[int], rule: Callable[[StoredLane, list[OpenAction], int], Settlement]) -> int:
    lanes = lock_lanes(db, numbers)
    opened = open_actions(db, lanes)
    now = db.now()
    settled = [Settled(rule(stored, [a.action for a in opened[number]], now), stored, opened[number]) for number, stored in lanes.items()]
    changed = [s for s in settled if s.settlement.moves]
    if changed:
        store(db, changed, now)
    return len(lanes)


def does_of(db: Database, account: int) -> DoesOf:
    """What each destination of the account does; one that is gone updates."""
    rows = db.all("SELECT id, does FROM destination WHERE account_id = :account", {"account": account})
    known = {id: Does(does) for id, does in rows}
    return lambda id: known.get(id, Does.UPDATES)
