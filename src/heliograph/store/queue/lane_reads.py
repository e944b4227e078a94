"""Reading the queue: lanes that have something to send, and their open actions (docs/design/queue.md, section 4).

Only the owner of a slot reads its connections' lanes, without locks or writes. In one statement, a lane settled between
snapshot and take would bring actions that were sent already. So actions are read afterwards, once the lane is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.lanes import Lane, LaneState
from heliograph.store.connection_states import states
from heliograph.store.database import Database, Row
from heliograph.store.queue.action_rows import ACTION_COLUMNS, StoredAction, action_of, prefixed
from heliograph.store.row_states import ACTION_ENDED, ACTION_OPEN, LANE_READY, LANE_WAITING


@dataclass(frozen=True, slots=True)
class StoredLane:
    """A lane with its place in the queue."""

    lane: Lane
    account: int
    connection: int
    slot: int
    pos: int


@dataclass(frozen=True, slots=True)
class LaneWant:
    """One read for a connection: lanes with positions above `floor`. rank None: due retries."""

    connection: int
    rank: Rank | None
    limit: int
    floor: int = 0


LANE_COLUMNS = "id, destination_id, subject_id, account_id, connection_id, slot, state, rank, pos, due_at, begun_version, marks"

# Calling an enum class takes half a microsecond, and each row has two enum values.
_LANE_STATES = {state.value: state for state in LaneState}
_RANKS = {rank.value: rank for rank in Rank}


def lane_of(row: Row) -> StoredLane:
    """A lane from a row of LANE_COLUMNS."""
    lane_id, destination, subject, account, connection, slot, state, rank, pos, due_at, begun, marks = row
    return StoredLane(
        Lane(lane_id, destination, subject, _LANE_STATES[state], _RANKS[rank], due_at, begun, marks), account, connection, slot, pos
    )


def work_by_connection(db: Database, now: int) -> dict[int, frozenset[Rank | None]]:
    """For each connection with something to send, the ranks of its ready lanes; None stands for due retries. Loose index scans: their cost does
    not grow with the backlog."""
    ranks = ", ".join(
        f"EXISTS (SELECT 1 FROM lane l WHERE l.{LANE_READY} AND l.connection_id = c.id AND l.rank = {int(rank)})" for rank in Rank
    )
    false = ", ".join(["false"] * len(Rank))
    rows = db.all(
        f"WITH RECURSIVE c(id) AS ({_NEXT.format(state=LANE_READY, of='c')}), d(id) AS ({_NEXT.format(state=LANE_WAITING, of='d')})"
        f" SELECT c.id, {ranks}, false FROM c WHERE c.id IS NOT NULL"
        f" UNION ALL SELECT d.id, {false}, true FROM d WHERE d.id IS NOT NULL"
        f" AND EXISTS (SELECT 1 FROM lane l WHERE l.{LANE_WAITING} AND l.connection_id = d.id AND l.due_at <= :now)",
        {"now": now},
    )
    work: dict[int, frozenset[Rank | None]] = {}
    for connection, *flags in sorted(rows):
        there = frozenset(rank for rank, flag in zip((*Rank, None), flags, strict=True) if flag)
        work[connection] = work.get(connection, frozenset()) | there
    return work


_NEXT = (
    "SELECT min(connection_id) FROM lane WHERE {state} UNION ALL"
    " SELECT (SELECT min(l.connection_id) FROM lane l WHERE l.{state} AND l.connection_id > {of}.id) FROM {of} WHERE {of}.id IS NOT NULL"
)
"""A loose index scan: each statement finds the next connection id after the last one."""


def connections_with_work(db: Database, now: int) -> list[int]:
    """Connections with a lane to send or a retry that is due."""
    return list(work_by_connection(db, now))


def read_lanes(db: Database, wants: Sequence[LaneWant], now: int) -> list[StoredLane]:
    """The lanes to send for each want, in queue order. Takes no lock and writes nothing."""
    lanes: list[StoredLane] = []
    for rank in sorted({w.rank for w in wants if w.rank is not None}):
        lanes += _read_ready(db, [w for w in wants if w.rank == rank], rank)
    lanes += _read_due(db, [w for w in wants if w.rank is None], now)
    return lanes


def _read_ready(db: Database, wants: Sequence[LaneWant], rank: Rank) -> list[StoredLane]:
    if db.vendor == "postgresql":
        rows = db.all(
            f"SELECT {prefixed('l', LANE_COLUMNS)} FROM unnest(:connections::bigint[], :floors::bigint[], :limits::int[]) t(c, f, n), LATERAL"
            f" (SELECT {LANE_COLUMNS} FROM lane WHERE connection_id = t.c AND {LANE_READY} AND rank = :rank AND pos > t.f ORDER BY pos LIMIT t.n) l",
            {
                "connections": [w.connection for w in wants],
                "floors": [w.floor for w in wants],
                "limits": [w.limit for w in wants],
                "rank": int(rank),
            },
        )
        return [lane_of(row) for row in rows]
    sql = (
        f"SELECT {LANE_COLUMNS} FROM lane WHERE connection_id = :c AND {LANE_READY} AND rank = :rank AND pos > :floor ORDER BY pos LIMIT :n"
    )
    return [lane_of(row) for w in wants for row in db.all(sql, {"c": w.connection, "rank": int(rank), "floor": w.floor, "n": w.limit})]


def _read_due(db: Database, wants: Sequence[LaneWant], now: int) -> list[StoredLane]:
    if not wants:
        return []
    if db.vendor == "postgresql":
        rows = db.all(
            f"SELECT {prefixed('l', LANE_COLUMNS)} FROM unnest(:connections::bigint[], :limits::int[]) t(c, n), LATERAL"
            f" (SELECT {LANE_COLUMNS} FROM lane WHERE connection_id = t.c AND {LANE_WAITING} AND due_at <= :now ORDER BY due_at LIMIT t.n) l",
            {"connections": [w.connection for w in wants], "limits": [w.limit for w in wants], "now": now},
        )
        return [lane_of(row) for row in rows]
    sql = f"SELECT {LANE_COLUMNS} FROM lane WHERE connection_id = :c AND {LANE_WAITING} AND due_at <= :now ORDER BY due_at LIMIT :n"
    return [lane_of(row) for w in wants for row in db.all(sql, {"c": w.connection, "now": now, "n": w.limit})]


def open_actions(db: Database, lanes: Iterable[int], also: Iterable[int] = ()) -> dict[int, list[StoredAction]]:
    """The open actions of these lanes by lane, and the actions in `also` whether open or not."""
    return ask_actions(db, lanes, also)()


def ask_actions(db: Database, lanes: Iterable[int], also: Iterable[int] = ()) -> Callable[[], dict[int, list[StoredAction]]]:
    """Like `open_actions`, but returns a function that waits for the result (`Database.ask`)."""
    lane_ids, more = sorted(set(lanes)), sorted(set(also))
    if not lane_ids:
        return dict
    sql = f"SELECT {ACTION_COLUMNS} FROM action WHERE {db.member('lane_id', 'lanes')} AND {ACTION_OPEN}"
    # `+`: by id. In a new database, PostgreSQL would look through a flow's actions for their states.
    ended = f" UNION ALL SELECT {ACTION_COLUMNS} FROM action WHERE {db.member('id', 'ids')} AND +{ACTION_ENDED}"
    fetch = db.ask(sql + ended, {"lanes": lane_ids, "ids": more}) if more else db.ask(sql, {"lanes": lane_ids})

    def answer() -> dict[int, list[StoredAction]]:
        actions_by_lane: dict[int, list[StoredAction]] = {lane: [] for lane in lane_ids}
        for row in fetch():
            stored = action_of(row)
            actions_by_lane.setdefault(stored.lane, []).append(stored)
        return actions_by_lane

    return answer


def lock_lanes(db: Database, lanes: Iterable[int]) -> dict[int, StoredLane]:
    """The lanes, locked in the global lock order (ARCHITECTURE.md, rule 4)."""
    return ask_lanes(db, lanes)()


def ask_lanes(db: Database, lanes: Iterable[int]) -> Callable[[], dict[int, StoredLane]]:
    """Like `lock_lanes`, but returns a function that waits for the result (`Database.ask`)."""
    lane_ids = sorted(set(lanes))
    if not lane_ids:
        return dict
    fetch = db.ask(
        f"SELECT {LANE_COLUMNS} FROM lane WHERE {db.member('id', 'lanes')} ORDER BY destination_id, subject_id{db.for_update}",
        {"lanes": lane_ids},
    )
    return lambda: {row[0]: lane_of(row) for row in fetch()}


def is_open(db: Database, action: int) -> bool:
    """True if the action has not ended. Checked once more right before a replayed action is sent."""
    return bool(db.all(f"SELECT 1 FROM action WHERE id = :id AND {ACTION_OPEN}", {"id": action}))


def traceparent(db: Database, change: int) -> str:
    """The traceparent that came with a change; "" for none. Asked only while traces are on."""
    return next((value for (value,) in db.all("SELECT traceparent FROM change WHERE id = :id", {"id": change})), None) or ""


def unsettled(db: Database) -> int:
    """Counts lanes that have something to send, in flight or waiting until it is due."""
    ((count,),) = db.all(f"SELECT count(*) FROM lane WHERE state <> {LaneState.IDLE}")
    return int(count)


def is_behind(db: Database, most: int) -> bool:
    """True if more than `most` lanes wait only because the workers are slow.

    Lanes of these connections do not count: paused, being released, in a retry-after pause, or not reached by the last attempt.
    """
    count, now = 0, db.now()
    excused = {connection for connection, state in states(db).items() if state.paused or state.failures or state.held_until > now}
    for connection in connections_with_work(db, now):
        if connection not in excused:
            ((counted,),) = db.all(
                f"SELECT count(*) FROM (SELECT 1 FROM lane WHERE {LANE_READY} AND connection_id = :connection LIMIT :most) l",
                {"connection": connection, "most": most + 1 - count},
            )
            count += counted
            if count > most:
                return True
    return False


def misplaced(db: Database, destination: int, connection: int, slots: Iterable[int], limit: int) -> list[StoredLane]:
    """The destination's lanes in these slots that still belong to its former connection."""
    rows = db.all(
        f"SELECT {LANE_COLUMNS} FROM lane WHERE destination_id = :destination AND connection_id <> :connection AND {db.member('slot', 'slots')}"
        " ORDER BY subject_id LIMIT :limit",
        {"destination": destination, "connection": connection, "slots": sorted(set(slots)), "limit": limit},
    )
    return [lane_of(row) for row in rows]


def move(db: Database, lanes: Sequence[int], connection: int, slot: int) -> None:
    """Moves lanes to the end of another connection's queue. Only the owner of their slot may call it, under lock and fence."""
    db.many(
        "UPDATE lane SET connection_id = :connection, slot = :slot, pos = :pos WHERE id = :lane",
        [
            {"lane": lane, "connection": connection, "slot": slot, "pos": pos}
            for lane, pos in zip(lanes, db.draw({"lane_pos": len(lanes)})["lane_pos"], strict=True)
        ],
    )
