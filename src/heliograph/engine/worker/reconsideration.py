"""Reconsiders stuck runs: untagged ones, and those whose decision raised an exception (F7, D7).

The owner of slot hash(account) does it in one transaction under the slot's epoch. It locks configuration, runs and lanes, and handles only
runs that are still open once their rows are locked.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from heliograph.domain.delivery.action import Origin, QueueStatus, RunVerdict, StuckRun, reconsidered
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.slots import may_settle, slot_of
from heliograph.domain.figures import Delta, of_reconsidered
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict, Reason, decide_flow
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.snapshot import ConfigSource
from heliograph.recording.contents import read_changes
from heliograph.store import configuration
from heliograph.store.database import Database
from heliograph.store.queue.enqueue import Order, enqueue, orders_for
from heliograph.store.queue.figures import put_deltas
from heliograph.store.queue.slots import fence
from heliograph.store.queue.submissions import stuck_run_of

log = structlog.get_logger(__name__)

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Item:
    """A stuck run that is due."""

    stuck: StuckRun
    account: int
    change: int
    flow: int
    registration: int | None
    event: int
    mode: int
    run_at: int


_COLUMNS = "j.id, j.queue, j.category, j.cause, j.due_at, j.tries, j.account_id, j.change_id, j.flow_id, j.registration_id, j.event_id, j.mode, r.at"


def accounts_to_reconsider(db: Database, slots: Collection[int]) -> list[int]:
    """Accounts with due runs whose slots this worker owns. A loose index scan: its cost does not grow with the number of waiting runs."""
    rows = db.all(
        "WITH RECURSIVE a(id) AS (SELECT min(account_id) FROM stuck_run WHERE queue < 3 AND due_at >= 0 UNION ALL"
        " SELECT (SELECT min(j.account_id) FROM stuck_run j WHERE j.queue < 3 AND j.due_at >= 0 AND j.account_id > a.id) FROM a WHERE a.id IS NOT NULL)"
        " SELECT a.id FROM a WHERE a.id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM stuck_run d WHERE d.queue < 3 AND d.account_id = a.id AND d.due_at <= :now)",
        {"now": db.now()},
    )
    return [account for (account,) in rows if slot_of(account) in slots]


def reconsider_account(db: Database, source: ConfigSource, account: int, epoch: int) -> int:
    """Reconsiders up to AT_ONCE due runs of an account in its own transaction. Returns how many."""
    with db.transaction():
        return _reconsider(db, source, account, epoch)


def _reconsider(db: Database, source: ConfigSource, account: int, epoch: int) -> int:
    events = [
        event
        for (event,) in db.all(
            "SELECT DISTINCT event_id FROM (SELECT event_id FROM stuck_run WHERE account_id = :account AND queue < 3 AND due_at <= :now"
            " ORDER BY due_at, id LIMIT :most) x",
            {"account": account, "now": db.now(), "most": AT_ONCE},
        )
    ]
    configuration.lock_shared(db, [account], [(account, event) for event in events])
    if not may_settle(epoch, fence(db, [slot_of(account)]).get(slot_of(account))):
        return 0
    now = db.now()
    # Rows that a page is submitting now are left for the next turn: the page locks them in another order.
    update = " FOR UPDATE OF j SKIP LOCKED" if db.vendor == "postgresql" else ""
    rows = db.all(
        f"SELECT {_COLUMNS} FROM stuck_run j JOIN run r ON r.id = j.run_id WHERE j.account_id = :account AND j.queue < 3 AND j.due_at <= :now"
        f" AND {db.member('j.event_id', 'events')} ORDER BY j.due_at, j.id LIMIT :most{update}",
        {"account": account, "now": now, "most": AT_ONCE, "events": events},
    )
    if not rows:
        return 0
    items = [_item(row) for row in rows]
    versions = configuration.versions(db, [account], events)
    config = source.account(account, versions[configuration.ACCOUNT, account])
    changes = read_changes(db, sorted({item.change for item in items}))
    deltas: list[Delta] = []
    orders: list[Order] = []
    for item in items:
        version = versions.get((configuration.EVENT, item.event))
        event = source.event(item.event, version) if version is not None else None
        change = changes.get(item.change, (None, None))[0]
        orders += _settle(db, item, config, event, change, now, deltas)
    enqueue(db, orders, now, deltas)  # all at once: lanes are locked in one order
    put_deltas(db, deltas)
    return len(items)


def _item(row: Sequence[Any]) -> _Item:
    return _Item(stuck_run_of((row[0], row[1], row[2], row[3], row[4], row[5])), *row[6:])


def _settle(
    db: Database, item: _Item, config: AccountConfig, event: EventConfig | None, change: Change | None, now: int, deltas: list[Delta]
) -> list[Order]:
    """Stores the result for a run. Returns the orders for its actions."""
    flow = config.flows.get(item.flow)
    if flow is None or change is None or event is None:
        cause = Cause.FLOW_DELETED if flow is None else Cause.ERASED
        _end(db, item, cause, now)
        deltas += of_reconsidered(item.account, item.run_at, item.mode, item.flow, triggered=False, was_open=True, is_open=False)
        return []
    verdict, reason, message = _verdict(flow, change, config, event, item)
    after = reconsidered(item.stuck, verdict, now, config.retry, jitter=random.uniform(-1, 1))  # noqa: S311 -- spreads retries, guards nothing
    if verdict is RunVerdict.TRIGGERED:
        db.run("UPDATE run SET decision = 2, reason = '' WHERE id = :run", {"run": item.stuck.id})
    elif reason:
        db.run("UPDATE run SET reason = :reason WHERE id = :run", {"run": item.stuck.id, "reason": reason})
    db.run(
        "UPDATE stuck_run SET queue = :queue, category = :category, cause = :cause, tries = :tries, due_at = :due, message = :message, ended = :ended"
        " WHERE id = :id",
        {
            "id": after.id,
            "queue": after.queue.code,
            "category": after.category.code,
            "cause": after.cause.value,
            "tries": after.tries,
            "due": after.due_at,
            "message": message,
            "ended": None if after.is_open else now,
        },
    )
    triggered = verdict is RunVerdict.TRIGGERED
    deltas += of_reconsidered(item.account, item.run_at, item.mode, item.flow, triggered=triggered, was_open=True, is_open=after.is_open)
    if not triggered:
        return []
    return orders_for(
        flow,
        change,
        account=item.account,
        number=item.change,
        run=item.stuck.id,
        registration=item.registration,
        event=item.event,
        mode=item.mode,
        origin=Origin.RECONSIDERED,
    )


def _end(db: Database, item: _Item, cause: Cause, now: int) -> None:
    db.run(
        "UPDATE stuck_run SET queue = :queue, cause = :cause, due_at = NULL, ended = :now WHERE id = :id",
        {"id": item.stuck.id, "queue": QueueStatus.FAILED.code, "cause": cause.value, "now": now},
    )


def _verdict(flow: Flow, change: Change, config: AccountConfig, event: EventConfig, item: _Item) -> tuple[RunVerdict, str, str]:
    """The result, the run's new reason ("" = unchanged) and a sentence."""
    mode = Mode.LIVE if item.mode == 1 else Mode.TEST
    if not flow.active:
        return RunVerdict.UNTAGGED, "", "The flow is switched off."
    try:
        decision = decide_flow(flow, change, config, event, mode=mode)
    except Exception as error:
        log.exception("reconsideration_failed", run=item.stuck.id, change=item.change)
        return RunVerdict.RAISED, Reason.FAILED.value, f"Heliograph failed with an internal error: {type(error).__name__}."
    if decision is None:
        return RunVerdict.NOT_SELECTED, Reason.NOT_SELECTED.value, "By today's rules, the flow does not take it."
    if decision.verdict is FlowVerdict.TRIGGERED:
        return RunVerdict.TRIGGERED, "", ""
    if decision.reason is not None and decision.reason.can_be_fixed:
        return RunVerdict.UNTAGGED, decision.reason.value, ""
    return RunVerdict.NOT_SELECTED, Reason.NOT_SELECTED.value, "It is tagged now, but the flow does not select its tags."
