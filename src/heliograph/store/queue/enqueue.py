"""Puts actions into their lanes, for record(), reconsidered runs, replay, resend and sync now (docs/design/recording.md, steps 5-6).

Each lane is inserted or woken once, with the lowest rank of its new actions, in the global lock order. A lane's connection and slot are set
when it is created; afterwards only the slot's owner moves it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heliograph.domain.delivery.action import ActionState, Origin, Rank
from heliograph.domain.delivery.lanes import LaneState
from heliograph.domain.delivery.slots import SLOTS, slot_of
from heliograph.domain.delivery.webhook_id import CHANCE_BITS, webhook_id
from heliograph.domain.figures import Delta, FigureKey, of_new_action
from heliograph.domain.flow.flow import Flow
from heliograph.store.database import Database
from heliograph.store.numbers import DrawnNumbers
from heliograph.store.row_states import LANE_READY


@dataclass(frozen=True, slots=True)
class Order:
    """An action to create. repeated: the action that a resend, sync now or replay repeats (D1)."""

    account: int
    change: int
    run: int | None
    registration: int | None
    event: int
    flow: int
    destination: int
    connection: int
    subject: int
    version: int
    mode: int
    origin: Origin = Origin.RECORDED
    rank: Rank = Rank.LIVE
    repeated: int | None = None
    as_of: int | None = None
    """The version of the account's configuration whose mappings its first attempt uses (D8); None: today's."""


@dataclass(slots=True)
class AcceptedChange:
    """A stored change that a flow accepts. Not frozen: recording creates one for each run, and a frozen one takes twice as long."""

    id: int
    account: int
    event: int
    registration: int | None
    subject: int
    version: int
    mode: int
    run: int | None
    """The run of the flow; None for a resend and sync now, which have none."""


def orders_for(
    flow: Flow, change: AcceptedChange, origin: Origin = Origin.RECORDED, repeated: Callable[[int], int | None] | None = None
) -> list[Order]:
    """The orders for a change that a flow accepts: one per destination. All destinations of a complete flow have connections.

    repeated: destination -> the action to repeat there
    """
    return [
        Order(
            account=change.account,
            change=change.id,
            run=change.run,
            registration=change.registration,
            event=change.event,
            flow=flow.id,
            destination=destination.id,
            connection=destination.connection,
            subject=change.subject,
            version=change.version,
            mode=change.mode,
            origin=origin,
            repeated=repeated(destination.id) if repeated is not None else None,
        )
        for destination in flow.destinations
        if destination.connection is not None
    ]


def enqueue(db: Database, orders: Sequence[Order], now: int, deltas: list[Delta], numbers: DrawnNumbers | None = None) -> list[int]:
    """Creates the actions in the caller's transaction and appends their figures to `deltas`. Returns their ids in the order of `orders`.

    now: microseconds of the database's clock. numbers: drawn with others of this transaction, as `numbers_of` foresees.
    """
    if not orders:
        return []
    numbers = numbers or DrawnNumbers(db, numbers_of(db, len(orders)))
    lanes = _wake(db, orders, numbers)
    ids = numbers.take("action_id", len(orders))
    db.many(
        "INSERT INTO action (id, account_id, uid, lane_id, run_id, change_id, registration_id, event_id, flow_id, destination_id, mode, version, rank, state, origin, repeated_id, created,"
        " connection_id)"
        f" VALUES (:id, :account, :uid, :lane, :run, :change, :registration, :event, :flow, :destination, :mode, :version, :rank, {ActionState.PENDING}, :origin, :repeated, :now,"
        " :connection)",
        [
            {
                "id": id,
                "account": order.account,
                "uid": webhook_id(now, secrets.randbits(CHANCE_BITS)),
                "lane": lanes[order.destination, order.subject][0],
                "run": order.run,
                "change": order.change,
                "registration": order.registration,
                "event": order.event,
                "flow": order.flow,
                "destination": order.destination,
                "mode": order.mode,
                "version": order.version,
                "rank": int(order.rank),
                "origin": int(order.origin),
                "repeated": order.repeated,
                "now": now,
                "connection": lanes[order.destination, order.subject][1],
            }
            for id, order in zip(ids, orders, strict=True)
        ],
    )
    mapped = [{"id": id, "as_of": o.as_of} for id, o in zip(ids, orders, strict=True) if o.as_of is not None]
    if mapped:
        db.many("UPDATE action SET as_of = :as_of WHERE id = :id", mapped)
    # A lane that is not moved to its destination's new connection yet (`engine.worker.lane_mover`) counts at the one that it has.
    kinds = Counter((o.account, o.mode, o.flow, lanes[o.destination, o.subject][1], o.origin is Origin.REPLAY) for o in orders)
    for (account, mode, flow, connection, replay), count in kinds.items():
        deltas += of_new_action(FigureKey(account, mode, flow, connection, now, replay=replay), count)
    return ids


def numbers_of(db: Database, orders: int) -> dict[str, int]:
    """The most numbers of each sequence that so many orders take. PostgreSQL draws positions while it inserts lanes."""
    return {"action_id": orders, "lane_pos": orders if db.vendor == "sqlite" else 0}


_LANE = "destination_id, subject_id, account_id, connection_id, slot, state, rank, pos"
_WOKEN = (
    " ON CONFLICT (destination_id, subject_id) DO UPDATE SET"
    f" rank = CASE WHEN lane.state = {LaneState.IDLE} OR excluded.rank < lane.rank THEN excluded.rank ELSE lane.rank END,"
    f" pos = CASE WHEN lane.{LANE_READY} AND lane.rank <= excluded.rank THEN lane.pos ELSE excluded.pos END, state = {LaneState.READY}, due_at = NULL"
    " RETURNING id, connection_id, destination_id, subject_id"
)


def _wake(db: Database, orders: Sequence[Order], numbers: DrawnNumbers) -> dict[tuple[int, int], tuple[int, int]]:
    """Creates or wakes each lane once, because one statement may not touch a lane twice. (destination, subject) -> the lane's id and connection."""
    least: dict[tuple[int, int], Order] = {}
    for order in orders:
        key = (order.destination, order.subject)
        if key not in least or order.rank < least[key].rank:
            least[key] = order
    least_rows = [least[key] for key in sorted(least)]
    if db.vendor == "postgresql":
        rows = db.all(
            f"INSERT INTO lane ({_LANE}) SELECT d, s, a, c, c % {SLOTS}, {LaneState.READY}, r, nextval('lane_pos_seq')"
            " FROM unnest(:d::bigint[], :s::bigint[], :a::bigint[], :c::bigint[], :r::int[]) t(d, s, a, c, r) ORDER BY 1, 2" + _WOKEN,
            {
                "d": [order.destination for order in least_rows],
                "s": [order.subject for order in least_rows],
                "a": [order.account for order in least_rows],
                "c": [order.connection for order in least_rows],
                "r": [int(order.rank) for order in least_rows],
            },
        )
        return {(d, s): (id, connection) for id, connection, d, s in rows}
    rows = db.all(
        f"INSERT INTO lane ({_LANE}) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, {LaneState.READY}, value ->> 5, value ->> 6"
        " FROM json_each(:rows) WHERE true" + _WOKEN,
        {
            "rows": [
                (order.destination, order.subject, order.account, order.connection, slot_of(order.connection), int(order.rank), pos)
                for order, pos in zip(least_rows, numbers.take("lane_pos", len(least_rows)), strict=True)
            ]
        },
    )
    return {(d, s): (id, connection) for id, connection, d, s in rows}
