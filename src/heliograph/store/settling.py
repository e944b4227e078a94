"""Writing what became of lanes: outcomes of attempts, a person's wishes, fixes, endings (protocols section 3; spec D1-D8).

Every function works in the caller's transaction. Lanes are locked before their actions are read, and the rules are those of
`domain.lanes`: what is stored is what `choose` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from heliograph.domain import lanes as rules
from heliograph.domain.delivery import ActionState, AttemptKind, NotSubmittable, OpenAction, Origin, QueueStatus, StuckRun, submit_run
from heliograph.domain.figures import Delta, Facts, of_delivery, of_judged_again, of_move, of_settlement
from heliograph.domain.flows import Does
from heliograph.domain.lanes import Settlement
from heliograph.domain.outcomes import Cause, Delivered
from heliograph.domain.retry import MINUTE, Category
from heliograph.store.database import Database
from heliograph.store.figures import put_deltas
from heliograph.store.lanes import StoredAction, StoredLane, lock_lanes, open_actions

CHUNK = 500
"""Lanes per transaction where many are ended or made due."""

type DoesOf = Callable[[int], Does]
"""What a destination does, by its id."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an attempt leaves beside its outcome. at: its beginning; took: microseconds; request and response: JSON, secrets masked."""

    at: int
    took: int
    category: Category | None
    status: int | None
    message: str
    connection: int
    numbers: str
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class Settled:
    """One lane to store: what the rules said, its rows as they were under the lock, and the exchange of the attempt, if there was one."""

    settlement: Settlement
    lane: StoredLane
    actions: Sequence[StoredAction]
    exchange: Exchange | None = None
    message: str = ""
    """What is shown beside the action's category: a sentence without secrets."""


def store(db: Database, settled: Sequence[Settled], now: int) -> None:
    """Stores lanes, actions, attempts and figures, set by set. now: microseconds, drawn after the locks."""
    with db.together():
        _store_attempts(db, settled)
        _store_actions(db, settled, now)
        _store_lanes(db, settled)
        put_deltas(db, _figures(settled, now))


def _store_attempts(db: Database, settled: Sequence[Settled]) -> None:
    rows = []
    for s in settled:
        attempt = s.settlement.attempt
        if attempt is None or s.exchange is None:
            continue
        about = next(a for a in s.actions if a.id == attempt.action)
        after = next((m.new for m in s.settlement.moves if m.old.id == attempt.action), about.action)
        rows.append(
            {
                "account": about.account,
                "action": attempt.action,
                "n": attempt.number + 1,
                "kind": attempt.kind.code,
                "at": s.exchange.at,
                "took": s.exchange.took,
                "state": int(after.state),
                "category": s.exchange.category.code if s.exchange.category else None,
                "status": s.exchange.status,
                "message": s.exchange.message[:500],
                "flow": about.flow,
                "connection": s.exchange.connection,
                "numbers": s.exchange.numbers[:80],
                "request": s.exchange.request,
                "response": s.exchange.response,
            }
        )
    if rows:
        db.many(
            "INSERT INTO attempt (account_id, action_id, n, kind, at, took, state, category, status, message, flow_id, connection_id, numbers)"
            " VALUES (:account, :action, :n, :kind, :at, :took, :state, :category, :status, :message, :flow, :connection, :numbers)",
            rows,
        )
        db.many(
            "INSERT INTO attempt_content (action_id, n, account_id, at, request, response) VALUES (:action, :n, :account, :at, :request, :response)",
            rows,
        )


def _store_actions(db: Database, settled: Sequence[Settled], now: int) -> None:
    rows = []
    for s in settled:
        for move in s.settlement.moves:
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
                    "message": _message(s, old, new),
                    "ended": ended,
                    "reopened": int(not old.state.is_open and new.state.is_open),
                    "lead": _lead(s, new),
                }
            )
    if rows:
        db.many(
            "UPDATE action SET state = :state, rank = :rank, due_at = :due, tries = :tries, looks = :looks, sent = :sent, queue = :queue,"
            " category = :category, cause = :cause, message = COALESCE(:message, message),"
            " ended = CASE WHEN :reopened = 1 THEN NULL ELSE COALESCE(:ended, ended) END, lead = lead + :lead WHERE id = :id",
            rows,
        )


def _lead(s: Settled, new: OpenAction) -> int:
    """What the target reports of the action that was delivered just now; 0 for any other."""
    attempt = s.settlement.attempt
    if attempt is None or attempt.action != new.id or not isinstance(attempt.outcome, Delivered) or attempt.outcome.lead is None:
        return 0
    return attempt.outcome.lead.code


def _message(s: Settled, old: OpenAction, new: OpenAction) -> str | None:
    """The sentence beside the category; None: as it was."""
    if (
        s.message
        and (s.settlement.attempt is None or s.settlement.attempt.action == new.id)
        and (new.cause, new.looks, new.sent)
        != (
            old.cause,
            old.looks,
            old.sent,
        )
    ):
        return s.message[:500] if new.cause is not Cause.SUPERSEDED else None
    return None


def _store_lanes(db: Database, settled: Sequence[Settled]) -> None:
    ordered = sorted(settled, key=lambda s: s.lane.lane.order)
    fresh = [s for s in ordered if s.settlement.fresh_position]
    positions = dict(zip((s.lane.lane.id for s in fresh), db.draw("lane_pos", len(fresh)), strict=True))
    db.many(
        "UPDATE lane SET state = :state, rank = :rank, due_at = :due, begun_version = :begun, marks = :marks, pos = :pos WHERE id = :id",
        [
            {
                "id": lane.id,
                "state": int(lane.state),
                "rank": int(lane.rank),
                "due": lane.due_at,
                "begun": lane.begun_version,
                "marks": lane.marks,
                "pos": positions.get(lane.id, s.lane.pos),
            }
            for s in ordered
            for lane in [s.settlement.lane]
        ],
    )


def _figures(settled: Sequence[Settled], now: int) -> Iterator[Delta]:
    """What a batch adds. First attempts that were delivered are counted together: there are hundreds of them, in few kinds."""
    delivered: Counter[tuple[int, int, int, int, int, bool, int, ActionState]] = Counter()
    for s in settled:
        at = s.exchange.at if s.exchange else now
        attempt, moves = s.settlement.attempt, s.settlement.moves
        if (
            attempt is not None
            and len(moves) == len(s.actions) == 1
            and attempt.kind is AttemptKind.FIRST
            and isinstance(attempt.outcome, Delivered)
            and attempt.outcome.lead is None
            and moves[0].new.state is ActionState.SUCCESS
        ):
            a = s.actions[0]
            replay = a.action.origin is Origin.REPLAY
            key = (a.account, a.mode, a.flow, s.lane.connection, a.created // MINUTE, replay, at // MINUTE, moves[0].old.state)
            delivered[key] += 1
            continue
        facts = {a.id: Facts(a.account, a.mode, a.flow, s.lane.connection, a.created, a.action.origin is Origin.REPLAY) for a in s.actions}
        yield from of_settlement(s.settlement, facts, at)
    for (account, mode, flow, connection, created, replay, minute, was), n in delivered.items():
        of = Facts(account, mode, flow, connection, created * MINUTE, replay)
        yield from of_move(of, was, ActionState.SUCCESS, n)
        yield of_delivery(of, minute * MINUTE, n)


def raise_begun(db: Database, begun: Iterable[tuple[int, int]]) -> None:
    """(lane, version) of requests that left though their outcome may not be settled: monotone, so it needs no fence. Lanes are locked here, in order."""
    wanted: dict[int, int] = {}
    for lane, version in begun:
        wanted[lane] = max(version, wanted.get(lane, 0))
    known = lock_lanes(db, wanted)
    db.many(
        "UPDATE lane SET begun_version = :version WHERE id = :lane AND begun_version < :version",
        [{"lane": lane, "version": wanted[lane]} for lane in sorted(known, key=lambda n: known[n].lane.order)],
    )


def unclean_end(db: Database, in_flight: Iterable[tuple[int, int]]) -> int:
    """A worker died with these (lane, version) in flight: begun, and a mark each (D4). How many lanes that were."""
    wanted: dict[int, int] = {}
    for lane, version in in_flight:
        wanted[lane] = max(version, wanted.get(lane, 0))
    known = lock_lanes(db, wanted)
    rows = []
    for number, stored in sorted(known.items(), key=lambda item: item[1].lane.order):
        marked = rules.in_flight_at_crash(stored.lane, wanted[number])
        rows.append({"lane": number, "begun": marked.begun_version, "marks": marked.marks})
    db.many("UPDATE lane SET begun_version = :begun, marks = :marks WHERE id = :lane", rows)
    return len(rows)


# ---- wishes of pages and savers --------------------------------------------------------------------------------------------


def submit(db: Database, account: int, actions: Sequence[int], does_of: DoesOf) -> dict[int, str]:
    """Submit to Retry Queue (D8). action id -> what came of it: "" = it is at the front, else a sentence why not.

    Actions of other accounts are not found. The sentence of an item that newer data has overtaken says so; it ends as Done.
    """
    rows = db.all(
        f"SELECT id, lane_id FROM action WHERE {db.member('id', 'ids')} AND +account_id = :account",
        {"ids": list(actions), "account": account},
    )
    lane_of_action: dict[int, int] = dict(rows)
    said = {action: "There is no such item." for action in actions if action not in lane_of_action}
    lanes = lock_lanes(db, lane_of_action.values())
    opened = open_actions(db, lanes, also=lane_of_action)
    now = db.now()
    for number, lane in sorted(lanes.items(), key=lambda item: item[1].lane.order):
        stored, about = lane, opened[number]
        for item in sorted(a for a, where in lane_of_action.items() if where == number):
            try:
                wish = rules.submit(does_of(stored.lane.destination), stored.lane, [a.action for a in about], item, now)
            except NotSubmittable as error:
                said[item] = str(error)
                continue
            after = next((m.new for m in wish.moves if m.old.id == item), None)  # None: it is at the front already, with another item
            said[item] = (
                "" if after is None or after.state.is_open else "Newer data of this registration has been sent already; this item is done."
            )
            store(db, [Settled(wish, stored, about)], now)
            stored, about = _after(stored, about, wish)
    return said


def _after(stored: StoredLane, about: Sequence[StoredAction], settlement: Settlement) -> tuple[StoredLane, list[StoredAction]]:
    new = {m.new.id: m.new for m in settlement.moves}
    lane = replace(stored, lane=settlement.lane)
    return lane, [replace(a, action=new.get(a.id, a.action)) for a in about]


def submit_runs(db: Database, account: int, runs: Sequence[int]) -> dict[int, str]:
    """Submit to Retry Queue, for runs without an action: judged again at once. run id -> "" or a sentence why not."""
    rows = db.all(
        f"SELECT id, queue, category, cause, due_at, tries FROM judgement WHERE {db.member('id', 'ids')} AND +account_id = :account"
        f" ORDER BY id{db.for_update}",
        {"ids": list(runs), "account": account},
    )
    said = {run: "There is no such item." for run in runs if run not in {row[0] for row in rows}}
    reopened: list[int] = []
    for row in rows:
        before = stuck_run_of(row)
        try:
            after = submit_run(before)
        except NotSubmittable as error:
            said[row[0]] = str(error)
            continue
        said[row[0]] = ""
        db.run(
            "UPDATE judgement SET queue = :queue, due_at = :due, ended = NULL WHERE id = :id",
            {"id": after.id, "queue": after.queue.code, "due": after.due_at},
        )
        if not before.is_open:
            reopened.append(after.id)
    _count_stuck(db, account, reopened, was_open=False, is_open=True)
    return said


def _count_stuck(db: Database, account: int, runs: Sequence[int], *, was_open: bool, is_open: bool) -> None:
    """In Retry Queue, as these runs leave or join it (X2). Their changes were processed when they were: nothing else moves."""
    if runs:
        rows = db.all(f"SELECT at, mode, flow_id FROM run WHERE {db.member('id', 'runs')}", {"runs": list(runs)})
        put_deltas(
            db,
            (
                delta
                for at, mode, flow in rows
                for delta in of_judged_again(account, at, mode, flow, triggered=False, was_open=was_open, is_open=is_open)
            ),
        )


def stuck_run_of(row: tuple[int, int, int, str, int | None, int]) -> StuckRun:
    """A stuck run from (id, queue, category, cause, due_at, tries)."""
    number, queue, category, cause, due_at, tries = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckRun(number, status, kind, Cause(cause), due_at, tries)


def cure_connection(db: Database, account: int, connection: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """A connection was saved (D7): the Config items that wait on it for one of these causes are due at once. How many lanes were looked at.

    The saver holds the account's configuration exclusively. Lists of waiting Config items are short: the queue holds one per record.
    """
    return _cure(db, "l.connection_id = :id", account, connection, causes, does_of)


def cure_flow(db: Database, account: int, flow: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """A flow, or a mapping that it uses, was saved (D7): as `cure_connection`."""
    return _cure(db, "a.flow_id = :id", account, flow, causes, does_of)


def cure_account(db: Database, account: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    """What holds for all of the account's connections was saved: as `cure_connection`, in one go, since all lanes of a transaction are locked in
    one order (architecture rule 4)."""
    return _cure(db, "l.account_id = :id", account, account, causes, does_of)


def _cure(db: Database, where: str, account: int, number: int, causes: frozenset[Cause], does_of: DoesOf) -> int:
    rows = db.all(
        "SELECT DISTINCT a.lane_id FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.account_id = :account AND a.state = 2"
        f" AND a.queue > 0 AND a.category = :config AND {db.member('a.cause', 'causes')} AND {where}",
        {"account": account, "id": number, "config": Category.CONFIG.code, "causes": sorted(causes)},
    )
    return _for_lanes(
        db,
        [lane for (lane,) in rows],
        lambda stored, about, now: rules.cure(does_of(stored.lane.destination), stored.lane, about, causes, now),
    )


def cure_runs(db: Database, account: int, flow: int | None = None) -> int:
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
    _count_stuck(db, account, [run for (run,) in stuck], was_open=True, is_open=False)
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
