"""Saving a fix reschedules the items it resolves (D7); deleting a flow, a destination or a person fails their pending items (P12, B7).

Everything runs in the caller's transaction and locks lanes before it reads their actions. The rules are those of `domain.delivery.lanes`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import ActionState, Does
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.store.database import Database
from heliograph.store.queue.outcome_store import apply_to_lanes
from heliograph.store.queue.submissions import DoesOf
from heliograph.store.row_states import ACTION_IN_QUEUE, ACTION_OPEN, ACTION_WAITS_FOR_SAVE

CHUNK = 500
"""Lanes per transaction when many items end."""


def reschedule_connection(db: Database, account: int, connection: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """Makes the items due that wait on a saved connection for one of these causes (D7). Returns the number of lanes it looked at.

    The caller holds the account's configuration lock exclusively. The lists are short: the queue holds at most one such item per record.
    """
    return _reschedule(db, "l.connection_id = :id", account, connection, causes, does_of)


def reschedule_flow(db: Database, account: int, flow: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """Like `reschedule_connection`, after a flow or one of its mappings was saved (D7)."""
    return _reschedule(db, "a.flow_id = :id", account, flow, causes, does_of)


def reschedule_account(db: Database, account: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """Like `reschedule_connection`, after a save that concerns all connections of the account. One call, because a transaction locks all
    its lanes in one order (ARCHITECTURE.md, rule 4)."""
    return _reschedule(db, "l.account_id = :id", account, account, causes, does_of)


def _reschedule(db: Database, where: str, account: int, number: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    rows = db.all(
        f"SELECT DISTINCT a.lane_id FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.account_id = :account AND a.state = {ActionState.QUEUED}"
        f" AND a.{ACTION_IN_QUEUE} AND a.category IN (:config, :connection) AND {db.member('a.cause', 'causes')} AND {where}",
        {
            "account": account,
            "id": number,
            "config": Category.CONFIG.code,
            "connection": (Category.CONNECTION if causes & CURED_BY_ADDRESS else Category.CONFIG).code,
            "causes": sorted(causes),
        },
    )
    return apply_to_lanes(
        db,
        [lane for (lane,) in rows],
        lambda stored, about, now: rules.reschedule(does_of(stored.lane.destination), stored.lane, about, causes, now),
    )


def end_flow(db: Database, account: int, flow: int, *, limit: int = CHUNK) -> int:
    """Fails the undelivered actions of a deleted flow (P12), at most `limit` lanes. Returns how many lanes; 0 means that none are left.

    The engine fails the rest when it is their turn to be sent.
    """
    return _end(db, "flow_id = :id", account, flow, Cause.FLOW_DELETED, limit)


def end_destination(db: Database, account: int, destination: int, *, limit: int = CHUNK) -> int:
    """Like `end_flow`, for a removed destination (P12)."""
    return _end(db, "destination_id = :id", account, destination, Cause.DESTINATION_REMOVED, limit)


def end_registration(db: Database, account: int, registration: int) -> int:
    """Fails the undelivered actions of an erased registration and of its session registrations (B7). Returns how many actions.

    They are found by their changes: a registration has few, the queue may have millions.
    """
    rows = db.all(
        f"SELECT a.id, a.lane_id FROM change c JOIN action a ON a.change_id = c.id AND a.{ACTION_OPEN}"
        " WHERE c.registration_id = :registration AND +c.account_id = :account",
        {"registration": registration, "account": account},
    )
    apply_to_lanes(
        db,
        sorted({lane for _id, lane in rows}),
        lambda stored, about, now: rules.end(Does.UPDATES, stored.lane, about, Cause.ERASED, now),
    )
    return len(rows)


def end_of_content(db: Database, changes: Collection[int]) -> int:
    """Fails the actions of these changes that wait for a save (D5): retention removes their content (X6). Returns how many."""
    if not changes:
        return 0
    rows = db.all(
        f"SELECT account_id, id, lane_id FROM action WHERE {db.member('change_id', 'ids')} AND {ACTION_WAITS_FOR_SAVE}",
        {"ids": sorted(changes)},
    )
    by_account: dict[int, dict[int, int]] = {}
    for account, id, lane in rows:
        by_account.setdefault(account, {})[id] = lane
    for account, lane_of in sorted(by_account.items()):
        _expire(db, does_of(db, account), lane_of)
    return len(rows)


def _expire(db: Database, does: DoesOf, lane_of: Mapping[int, int]) -> None:
    """lane_of: the actions to be ended -> the lane of each"""
    apply_to_lanes(
        db,
        sorted(set(lane_of.values())),
        lambda stored, about, now: rules.expire(does(stored.lane.destination), stored.lane, about, lane_of, now),
    )


def discard(db: Database, account: int, actions: Sequence[int], does_of: DoesOf) -> int:
    """Ends those of these actions that wait and were made in their flow's other mode; how many."""
    rows = db.all(
        f"SELECT id, lane_id FROM action WHERE {db.member('id', 'ids')} AND +account_id = :account AND state = {ActionState.QUEUED} AND cause = :cause",
        {"ids": list(actions), "account": account, "cause": Cause.FLOW_MODE.value},
    )
    chosen = {id for id, _lane in rows}
    apply_to_lanes(
        db,
        sorted({lane for _id, lane in rows}),
        lambda stored, about, now: rules.discard(does_of(stored.lane.destination), stored.lane, about, chosen, now),
    )
    return len(chosen)


def _end(db: Database, where: str, account: int, number: int, cause: Cause, limit: int) -> int:
    rows = db.all(
        f"SELECT DISTINCT lane_id FROM action WHERE +account_id = :account AND {ACTION_OPEN} AND lane_id > 0 AND {where} LIMIT :limit",
        {"account": account, "id": number, "limit": limit},
    )
    return apply_to_lanes(
        db, [lane for (lane,) in rows], lambda stored, about, now: rules.end(Does.UPDATES, stored.lane, about, cause, now)
    )


def does_of(db: Database, account: int) -> DoesOf:
    """The effect of each destination of the account (F8). A deleted destination counts as one that updates a record."""
    rows = db.all("SELECT id, does FROM destination WHERE account_id = :account", {"account": account})
    known = {id: Does(does) for id, does in rows}
    return lambda id: known.get(id, Does.UPDATES)
