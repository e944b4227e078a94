"""Stores the outcomes of attempts, and what a crash left behind (docs/design/queue.md, sections 5 and 10; D1-D8).

Every function works in the caller's transaction. Lanes are locked before their actions are read. The rules are those of
`domain.delivery.lanes`: the stored state is what `choose` returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import ActionState, AttemptKind, OpenAction, Origin
from heliograph.domain.delivery.lanes import LaneState, Settlement
from heliograph.domain.delivery.outcomes import Cause, Delivered
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.figures import Delta, FigureKey, of_delivery, of_move, of_new_connection, of_settlement
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ATTEMPT_COLUMNS, StoredAction
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.queue.lane_reads import StoredLane, lock_lanes, open_actions


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """The exchange of an attempt, as it is stored."""

    at: int
    """When the attempt began, in microseconds."""
    took: int
    """Microseconds."""
    category: Category | None
    cause: Cause | None
    status: int | None
    message: str
    connection: int
    versions: str
    request: str
    """JSON, with secrets masked."""
    response: str
    """JSON, with secrets masked."""
    is_erased: bool = False
    """Its person was erased while it was in flight: no content is stored."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A lane to store: the settlement, the rows that were read under the lock, and the attempt's exchange if there was one."""

    settlement: Settlement
    lane: StoredLane
    actions: Sequence[StoredAction]
    exchange: StoredExchange | None = None
    message: str = ""
    """A sentence without secrets, shown beside the action's category."""

    def without_words(self) -> Settled:
        """The same outcome without what may name a person."""
        exchange = self.exchange and replace(self.exchange, message="", request="", response="", is_erased=True)
        return replace(self, exchange=exchange, message="")


def store(db: Database, settled: Sequence[Settled], now: int) -> None:
    """Stores lanes, actions, attempts and figures, one statement per table. now: microseconds, read after the locks were taken."""
    settled = _without_erased(db, settled)
    with db.together():
        _store_attempts(db, settled)
        _store_actions(db, settled, now)
        _store_lanes(db, settled)
        put_deltas(db, _figures(settled, now))


def _without_erased(db: Database, settled: Sequence[Settled]) -> Sequence[Settled]:
    """The same outcomes, without the words of requests whose person was erased while they were in flight (B7).

    Only then can an action have ended under its request without its content being removed afterwards, so others cost no look.
    """
    ended = {
        action.registration
        for each in settled
        if each.settlement.attempt is not None
        for action in each.actions
        if action.id == each.settlement.attempt.action and not action.state.is_open and action.registration is not None
    }
    if not ended:
        return settled
    rows = db.all(f"SELECT id FROM registration WHERE {db.member('id', 'ids')} AND erased_at IS NOT NULL", {"ids": sorted(ended)})
    erased = {id for (id,) in rows}
    return [each.without_words() if any(action.registration in erased for action in each.actions) else each for each in settled]


def _store_attempts(db: Database, settled: Sequence[Settled]) -> None:
    rows, without_content = [], set()
    for settling in settled:
        attempt = settling.settlement.attempt
        if attempt is None or settling.exchange is None:
            continue
        if settling.exchange.is_erased:
            without_content.add(attempt.action)
        about = next(a for a in settling.actions if a.id == attempt.action)
        after = next((m.new for m in settling.settlement.moves if m.old.id == attempt.action), about)
        rows.append(
            {
                "account_id": about.account,
                "action_id": attempt.action,
                "n": attempt.number + 1,
                "kind": attempt.kind.code,
                "at": settling.exchange.at,
                "took": settling.exchange.took,
                "state": int(after.state),
                "category": settling.exchange.category.code if settling.exchange.category else None,
                "status": settling.exchange.status,
                "message": settling.exchange.message[:500],
                "flow_id": about.flow,
                "connection_id": settling.exchange.connection,
                "versions": settling.exchange.versions[:80],
                "cause": settling.exchange.cause.value if settling.exchange.cause else None,
                "request": settling.exchange.request,
                "response": settling.exchange.response,
            }
        )
    if rows:
        db.many(f"INSERT INTO attempt ({ATTEMPT_COLUMNS}) VALUES (:{ATTEMPT_COLUMNS.replace(', ', ', :')})", rows)
        db.many(
            "INSERT INTO attempt_content (action_id, n, account_id, at, request, response) VALUES (:action_id, :n, :account_id, :at, :request, :response)",
            [row for row in rows if row["action_id"] not in without_content],
        )


def _store_actions(db: Database, settled: Sequence[Settled], now: int) -> None:
    rows = []
    for each in settled:
        attempt = each.settlement.attempt
        delivered = lead = 0
        if attempt is not None and isinstance(attempt.outcome, Delivered) and attempt.outcome.lead is not None:
            delivered, lead = attempt.action, attempt.outcome.lead.code
        for move in each.settlement.moves:
            old, new = move.old, move.new
            ended = now if old.state.is_open and not new.state.is_open else None
            rows.append(
                {
                    "id": new.id,
                    "state": int(new.state),
                    "rank": int(new.rank),
                    "due": new.due_at,
                    "tries": new.tries,
                    "looks": new.looks,
                    "sent": new.sent,
                    "queue": new.queue.code if new.queue else 0,
                    "category": new.category.code if new.category else None,
                    "cause": new.cause.value if new.cause else "",
                    "message": _message(each, old, new),
                    "ended": ended,
                    "reopened": int(not old.state.is_open and new.state.is_open),
                    "lead": lead if new.id == delivered else 0,  # what the target reported: created or updated
                    "connection": each.lane.connection if attempt is not None and attempt.action == new.id else None,
                }
            )
    if rows:
        db.many(
            "UPDATE action SET state = :state, rank = :rank, due_at = :due, tries = :tries, looks = :looks, sent = :sent, queue = :queue,"
            " category = :category, cause = :cause, message = COALESCE(:message, message),"
            " ended = CASE WHEN :reopened = 1 THEN NULL ELSE COALESCE(:ended, ended) END, lead = lead + :lead,"
            " connection_id = COALESCE(:connection, connection_id) WHERE id = :id",
            rows,
        )


def _message(each: Settled, old: OpenAction, new: OpenAction) -> str | None:
    """The new sentence beside the category; None to leave it unchanged."""
    if (
        each.message
        and (each.settlement.attempt is None or each.settlement.attempt.action == new.id)
        and (new.cause, new.looks, new.sent)
        != (
            old.cause,
            old.looks,
            old.sent,
        )
    ):
        return each.message[:500] if new.state is not ActionState.SUPERSEDED else None
    return None


def _store_lanes(db: Database, settled: Sequence[Settled]) -> None:
    ordered = sorted(settled, key=lambda s: s.lane.lane.order)
    fresh = [
        each for each in ordered if each.settlement.fresh_position and each.settlement.lane.state is LaneState.READY
    ]  # nobody reads others by position
    positions = dict(zip((s.lane.lane.id for s in fresh), db.draw({"lane_pos": len(fresh)})["lane_pos"], strict=True))
    db.many(
        "UPDATE lane SET state = :state, rank = :rank, due_at = :due, begun_version = :begun, marks = :marks, pos = :pos WHERE id = :id",
        [
            {
                "id": lane.id,
                "state": int(lane.state),
                "rank": int(lane.rank),
                "due": lane.due_at,
                "begun": lane.begun_version,
                "marks": lane.crashes,
                "pos": positions.get(lane.id, each.lane.pos),
            }
            for each in ordered
            for lane in [each.settlement.lane]
        ],
    )


def _figures(settled: Sequence[Settled], now: int) -> Iterator[Delta]:
    """The figures of a batch. Delivered first attempts are counted together, because a batch holds hundreds of only a few kinds."""
    delivered: Counter[tuple[int, int, int, int, int, bool, int, ActionState]] = Counter()
    for each in settled:
        at = each.exchange.at if each.exchange else now
        attempt, moves = each.settlement.attempt, each.settlement.moves
        if (
            attempt is not None
            and len(moves) == len(each.actions) == 1
            and attempt.kind is AttemptKind.FIRST
            and isinstance(attempt.outcome, Delivered)
            and attempt.outcome.lead is None
            and moves[0].new.state is ActionState.SUCCESS
            and each.actions[0].connection in (0, each.lane.connection)
        ):
            action = each.actions[0]
            replay = action.origin is Origin.REPLAY
            key = (
                action.account,
                action.mode,
                action.flow,
                each.lane.connection,
                action.created // MINUTE,
                replay,
                at // MINUTE,
                moves[0].old.state,
            )
            delivered[key] += 1
            continue
        facts = {action.id: figure_key(action, action.connection or each.lane.connection) for action in each.actions}
        if attempt is not None and facts[attempt.action].connection != each.lane.connection:
            tried = next(action for action in each.actions if action.id == attempt.action)
            yield from of_new_connection(facts[tried.id], tried.state, each.lane.connection)
            facts[tried.id] = figure_key(tried, each.lane.connection)
        yield from of_settlement(each.settlement, facts, at)
    for (account, mode, flow, connection, created, replay, minute, was), count in delivered.items():
        key_of_kind = FigureKey(account, mode, flow, connection, created * MINUTE, replay)
        yield from of_move(key_of_kind, was, ActionState.SUCCESS, count)
        yield of_delivery(key_of_kind, minute * MINUTE, count)


def figure_key(action: StoredAction, connection: int) -> FigureKey:
    """What an action counts under at a connection."""
    return FigureKey(action.account, action.mode, action.flow, connection, action.created, action.origin is Origin.REPLAY)


def move_actions(db: Database, former: Mapping[int, int], connection: int) -> None:
    """Moves the open actions of lanes that were moved to another connection, with their figures: those that were never sent, which wait there
    from now on. An action that was sent keeps the connection of its last attempt until it is tried again (X2a).

    former: the connection that each lane had before. Its lanes are locked.
    """
    rows, deltas = [], list[Delta]()
    for lane, actions in open_actions(db, former).items():
        for action in actions:
            own = action.connection or former[lane]  # an older release has stored none
            if not action.sent:
                deltas += of_new_connection(figure_key(action, own), action.state, connection)
                own = connection
            if own != action.connection:
                rows.append({"id": action.id, "connection": own})
    if rows:
        db.many("UPDATE action SET connection_id = :connection WHERE id = :id", rows)
    put_deltas(db, deltas)


def advance_begun(db: Database, begun: Iterable[tuple[int, int]]) -> None:
    """Raises the begun version of lanes whose requests were sent but whose outcomes may no longer be stored. It only ever rises, so it
    needs no fence.

    begun: (lane, version). Locks the lanes, in order.
    """
    begun_versions: dict[int, int] = {}
    for lane, version in begun:
        begun_versions[lane] = max(version, begun_versions.get(lane, 0))
    known = lock_lanes(db, begun_versions)
    db.many(
        "UPDATE lane SET begun_version = :version WHERE id = :lane AND begun_version < :version",
        [{"lane": lane, "version": begun_versions[lane]} for lane in sorted(known, key=lambda lane_id: known[lane_id].lane.order)],
    )


def mark_in_flight_at_crash(db: Database, in_flight: Iterable[tuple[int, int]]) -> int:
    """Raises the begun version of lanes that a dead worker had in flight, and adds one to their crash count (D4). Returns the number of lanes.

    in_flight: pairs of (lane, version)
    """
    versions: dict[int, int] = {}
    for lane, version in in_flight:
        versions[lane] = max(version, versions.get(lane, 0))
    known = lock_lanes(db, versions)
    rows = []
    for lane_id, stored in sorted(known.items(), key=lambda item: item[1].lane.order):
        marked = rules.in_flight_at_crash(stored.lane, versions[lane_id])
        rows.append({"lane": lane_id, "begun": marked.begun_version, "marks": marked.crashes})
    db.many("UPDATE lane SET begun_version = :begun, marks = :marks WHERE id = :lane", rows)
    return len(rows)


def apply_to_lanes(db: Database, lane_ids: Sequence[int], rule: Callable[[StoredLane, Sequence[OpenAction], int], Settlement]) -> int:
    """Changes open actions for a page: locks the lanes, applies a rule to each, and stores what changed. Returns the number of lanes."""
    lanes = lock_lanes(db, lane_ids)
    opened = open_actions(db, lanes)
    now = db.now()
    settled = [Settled(rule(stored, opened[lane_id], now), stored, opened[lane_id]) for lane_id, stored in lanes.items()]
    changed = [s for s in settled if s.settlement.moves]
    if changed:
        store(db, changed, now)
    return len(lanes)
