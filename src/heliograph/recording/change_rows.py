"""Writes decided changes with their contents, runs, stuck runs, actions and figures (docs/design/recording.md, steps 4-6)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.domain.delivery.action import RunState, RunVerdict, StuckRun, stuck
from heliograph.domain.figures import Delta, mode_code, of_activity, of_processed_changes, of_run
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowDecision, FlowVerdict, Reason, decide, mode_of
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.recording.contents import write_after, write_before
from heliograph.store.database import Database
from heliograph.store.moments import to_micros
from heliograph.store.numbers import DrawnNumbers
from heliograph.store.queue import enqueue
from heliograph.store.queue.figures import put_deltas


@dataclass(slots=True)
class Recorded:
    """A change, the configuration that decided it, and the decisions. `registration` and `serial` are None for an event's change."""

    change: Change
    account: AccountConfig
    event: EventConfig
    registration: int | None = None
    serial: int | None = None
    id: int = 0
    """The change's id, drawn after the locks, so that a subject's ids rise with its versions."""
    state: str = ""
    """The registration's state as JSON."""
    decisions: Sequence[FlowDecision] = ()
    mode: int = 1

    def decide(self) -> None:
        """Decides which flows the change triggers. Reads and writes nothing."""
        mode = mode_of(self.change, self.account, self.event)
        self.decisions = decide(self.change, self.account, self.event, mode=mode)
        self.mode = mode_code(mode)


def numbers_of(db: Database, recorded: Sequence[Recorded]) -> dict[str, int]:
    """How many numbers of each sequence these changes, and what follows from them, take."""
    decided = [d for r in recorded for d in r.decisions]
    orders = sum(len(d.flow.destinations) for d in decided if d.verdict is FlowVerdict.TRIGGERED)
    return {"change_id": len(recorded), "run_id": len(decided), **enqueue.numbers_of(db, orders)}


def write_changes(db: Database, recorded: Sequence[Recorded], now: int, numbers: DrawnNumbers) -> None:
    """Stores decided changes, which have their ids, and everything that follows from them. now: microseconds. numbers: at least `numbers_of`."""
    if not recorded:
        return
    db.many(_CHANGE, [_change_row(r) for r in recorded])
    db.many(
        "INSERT INTO change_content (change_id, account_id, at, after, before) VALUES (:id, :account, :at, :after, :before)",
        [
            {
                "id": r.id,
                "account": r.account.id,
                "at": to_micros(r.change.at),
                "after": write_after(r.change, r.state),
                "before": write_before(r.change.before),
            }
            for r in recorded
        ],
    )
    deltas: list[Delta] = []
    for (account, mode, facets), n in Counter((r.account.id, r.mode, r.change.facets) for r in recorded).items():
        deltas += of_activity(account, now, mode, facets, n)
    processed: dict[tuple[int, int], list[int | None]] = {}
    for r in recorded:
        if r.decisions:
            processed.setdefault((r.account.id, r.mode), []).append(r.serial)
    deltas += [of_processed_changes(account, now, mode, serials) for (account, mode), serials in processed.items()]
    _write_runs(db, recorded, now, deltas, numbers)
    put_deltas(db, deltas)


_CHANGE = (
    "INSERT INTO change (id, account_id, kind, subject_id, registration_id, session_id, event_id, version, facets, mode, processed, quiet, at, by, account_version, event_version)"
    " VALUES (:id, :account, :kind, :subject, :registration, :session, :event, :version, :facets, :mode, :processed, :quiet, :at, :by, :account_version, :event_version)"
)


def _change_row(r: Recorded) -> dict[str, object]:
    c = r.change
    return {
        "id": r.id,
        "account": r.account.id,
        "kind": int(c.kind),
        "subject": c.subject_id,
        "registration": r.registration,
        "session": c.session.session if c.session else None,
        "event": r.event.id,
        "version": c.version,
        "facets": int(c.facets),
        "mode": r.mode,
        "processed": bool(r.decisions),
        "quiet": c.quiet,
        "at": to_micros(c.at),
        "by": c.by[:60],
        "account_version": r.account.version,
        "event_version": r.event.version,
    }


def _write_runs(db: Database, recorded: Sequence[Recorded], now: int, deltas: list[Delta], numbers: DrawnNumbers) -> None:
    decided = [(r, d) for r in recorded for d in r.decisions]
    if not decided:
        return
    ids = numbers.take("run_id", len(decided))
    db.many(
        "INSERT INTO run (id, account_id, change_id, flow_id, flow_number, decision, reason, mode, at)"
        " VALUES (:id, :account, :change, :flow, :number, :decision, :reason, :mode, :now)",
        [
            {
                "id": id,
                "account": r.account.id,
                "change": r.id,
                "flow": d.flow.id,
                "number": d.flow.number,
                "decision": 2 if d.verdict is FlowVerdict.TRIGGERED else 1,
                "reason": d.reason.value if d.reason else "",
                "mode": r.mode,
                "now": now,
            }
            for id, (r, d) in zip(ids, decided, strict=True)
        ],
    )
    orders: list[enqueue.Order] = []
    items: list[dict[str, object]] = []
    counts: Counter[tuple[int, int, int, RunState]] = Counter()
    for id, (r, d) in zip(ids, decided, strict=True):
        counts[r.account.id, r.mode, d.flow.id, d.state] += 1
        if d.state is RunState.TRIGGERED:
            orders += enqueue.orders_for(
                d.flow,
                r.change,
                account=r.account.id,
                number=r.id,
                run=id,
                registration=r.registration,
                event=r.event.id,
                mode=r.mode,
            )
        elif d.state is not RunState.NOT_SELECTED:
            items.append(_stuck_run(id, r, d, now))
    for (account, mode, flow, state), n in counts.items():
        deltas += of_run(account, now, mode, flow, state, n)
    if items:
        db.many(_STUCK_RUN, items)
    enqueue.enqueue(db, orders, now, deltas, numbers)


_STUCK_RUN = (
    "INSERT INTO stuck_run (id, account_id, run_id, change_id, flow_id, registration_id, event_id, mode, queue, category, tries, due_at, cause, message, created)"
    " VALUES (:run, :account, :run, :change, :flow, :registration, :event, :mode, :queue, :category, :tries, :due, :cause, '', :now)"
)


def _stuck_run(run: int, r: Recorded, d: FlowDecision, now: int) -> dict[str, object]:
    verdict = RunVerdict.RAISED if d.reason is Reason.FAILED else RunVerdict.UNTAGGED
    item: StuckRun = stuck(run, verdict, now, r.account.retry, jitter=random.uniform(-1, 1))  # noqa: S311 -- jitter is no secret
    return {
        "run": run,
        "account": r.account.id,
        "change": r.id,
        "flow": d.flow.id,
        "registration": r.registration,
        "event": r.event.id,
        "mode": r.mode,
        "queue": item.queue.code,
        "category": item.category.code,
        "tries": item.tries,
        "due": item.due_at,
        "cause": item.cause.value,
        "now": now,
    }
