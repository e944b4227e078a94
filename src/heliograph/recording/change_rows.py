"""Writes decided changes with their contents, runs, stuck runs, actions and figures (docs/design/recording.md, steps 4-6)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.domain.delivery.action import RunState, RunVerdict, StuckRun, stuck
from heliograph.domain.figures import Delta, of_activity, of_processed_changes, of_run
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowDecision, FlowVerdict, Reason, decide, mode_of
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.recording.contents import write_after, write_before
from heliograph.store.database import Database
from heliograph.store.instants import to_micros
from heliograph.store.numbers import DrawnNumbers
from heliograph.store.queue import enqueue
from heliograph.store.queue.figure_deltas import put_deltas


@dataclass(slots=True)
class Recorded:
    """A change, the configuration by which it was decided, and the decisions. `registration` and `serial` are None for an event's change."""

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
    trace: str = ""
    """The traceparent of the request that made it; "" for none."""

    def decide(self) -> None:
        """Decides which flows the change triggers. Reads and writes nothing."""
        mode = mode_of(self.change, self.account, self.event)
        self.decisions = decide(self.change, self.account, self.event, mode=mode)
        self.mode = mode.code


def numbers_of(db: Database, recorded: Sequence[Recorded]) -> dict[str, int]:
    """How many numbers of each sequence these changes, and what follows from them, take."""
    decided = [d for r in recorded for d in r.decisions]
    orders = sum(len(d.flow.destinations) for d in decided if d.verdict is FlowVerdict.TRIGGERED)
    return {"change_id": len(recorded), "run_id": len(decided), **enqueue.numbers_of(db, orders)}


def write_changes(db: Database, recorded: Sequence[Recorded], now: int, numbers: DrawnNumbers) -> None:
    """Stores decided changes with their runs, actions and figures. The changes have their ids already.

    now: microseconds by the database's clock
    numbers: at least as many as `numbers_of` says
    """
    if not recorded:
        return
    db.many(_CHANGE, [_change_row(record) for record in recorded])
    db.many(
        "INSERT INTO change_content (change_id, account_id, at, after, before) VALUES (:id, :account, :at, :after, :before)",
        [
            {
                "id": record.id,
                "account": record.account.id,
                "at": to_micros(record.change.at),
                "after": write_after(record.change, record.state),
                "before": write_before(record.change.before),
            }
            for record in recorded
        ],
    )
    deltas: list[Delta] = []
    for (account, mode, facets), count in Counter((record.account.id, record.mode, record.change.facets) for record in recorded).items():
        deltas += of_activity(account, now, mode, facets, count)
    processed: dict[tuple[int, int], list[int | None]] = {}
    for record in recorded:
        if record.decisions:
            processed.setdefault((record.account.id, record.mode), []).append(record.serial)
    deltas += [of_processed_changes(account, now, mode, serials) for (account, mode), serials in processed.items()]
    _write_runs(db, recorded, now, deltas, numbers)
    put_deltas(db, deltas)


_CHANGE = (
    "INSERT INTO change (id, account_id, kind, subject_id, registration_id, session_id, event_id, version, facets, mode, processed, quiet, at, by, account_version, event_version, traceparent)"
    " VALUES (:id, :account, :kind, :subject, :registration, :session, :event, :version, :facets, :mode, :processed, :quiet, :at, :by, :account_version, :event_version, :traceparent)"
)


def _change_row(record: Recorded) -> dict[str, object]:
    change = record.change
    return {
        "id": record.id,
        "account": record.account.id,
        "kind": int(change.kind),
        "subject": change.subject_id,
        "registration": record.registration,
        "session": change.session.session if change.session else None,
        "event": record.event.id,
        "version": change.version,
        "facets": int(change.facets),
        "mode": record.mode,
        "processed": bool(record.decisions),
        "quiet": change.quiet,
        "at": to_micros(change.at),
        "by": change.by[:60],
        "account_version": record.account.version,
        "event_version": record.event.version,
        "traceparent": record.trace or None,
    }


def _write_runs(db: Database, recorded: Sequence[Recorded], now: int, deltas: list[Delta], numbers: DrawnNumbers) -> None:
    decided = [(record, decision) for record in recorded for decision in record.decisions]
    if not decided:
        return
    ids = numbers.take("run_id", len(decided))
    db.many(
        "INSERT INTO run (id, account_id, change_id, flow_id, flow_number, decision, reason, mode, at)"
        " VALUES (:id, :account, :change, :flow, :number, :decision, :reason, :mode, :now)",
        [
            {
                "id": id,
                "account": record.account.id,
                "change": record.id,
                "flow": decision.flow.id,
                "number": decision.flow.number,
                "decision": decision.verdict.code,
                "reason": decision.reason.value if decision.reason else "",
                "mode": record.mode,
                "now": now,
            }
            for id, (record, decision) in zip(ids, decided, strict=True)
        ],
    )
    orders: list[enqueue.Order] = []
    items: list[dict[str, object]] = []
    counts: Counter[tuple[int, int, int, RunState]] = Counter()
    for id, (record, decision) in zip(ids, decided, strict=True):
        counts[record.account.id, record.mode, decision.flow.id, decision.state] += 1
        if decision.state is RunState.TRIGGERED:
            accepted = enqueue.AcceptedChange(
                id=record.id,
                account=record.account.id,
                event=record.event.id,
                registration=record.registration,
                subject=record.change.subject_id,
                version=record.change.version,
                mode=record.mode,
                run=id,
            )
            orders += enqueue.orders_for(decision.flow, accepted)
        elif decision.state is not RunState.NOT_SELECTED:
            items.append(_stuck_run(id, record, decision, now))
    for (account, mode, flow, state), count in counts.items():
        deltas += of_run(account, now, mode, flow, state, count)
    if items:
        db.many(_STUCK_RUN, items)
    enqueue.enqueue(db, orders, now, deltas, numbers)


_STUCK_RUN = (
    "INSERT INTO stuck_run (id, account_id, run_id, change_id, flow_id, registration_id, event_id, mode, queue, category, tries, due_at, cause, message, created)"
    " VALUES (:run, :account, :run, :change, :flow, :registration, :event, :mode, :queue, :category, :tries, :due, :cause, '', :now)"
)


def _stuck_run(run: int, record: Recorded, decision: FlowDecision, now: int) -> dict[str, object]:
    verdict = RunVerdict.RAISED if decision.reason is Reason.FAILED else RunVerdict.UNTAGGED
    item: StuckRun = stuck(run, verdict, now, record.account.retry, jitter=random.uniform(-1, 1))  # noqa: S311 -- jitter is no secret
    return {
        "run": run,
        "account": record.account.id,
        "change": record.id,
        "flow": decision.flow.id,
        "registration": record.registration,
        "event": record.event.id,
        "mode": record.mode,
        "queue": item.queue.code,
        "category": item.category.code,
        "tries": item.tries,
        "due": item.due_at,
        "cause": item.cause.value,
        "now": now,
    }
