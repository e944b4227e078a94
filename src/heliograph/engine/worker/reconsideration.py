"""Decides stuck runs again: untagged ones after a save that may cure them, and those whose decision raised an exception (F7, D7).

The worker does it that owns the slot for the account's id, in bounded transactions under the slot's epoch:

    1  compare waiting runs with a saved fix, and make those due that it may cure
    2  lock configuration, due runs and lanes, leave out runs that have ended, decide the others
"""

from __future__ import annotations

import random
from collections.abc import Collection

import structlog

from heliograph.domain.delivery.action import Origin, RunVerdict, reconsidered
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.slots import may_settle, slot_of
from heliograph.domain.figures import Delta, of_reconsidered
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.decision import FlowVerdict, Reason, decide_flow
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.flow.stop_causes import stop_of_flow, stop_sentence
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.contents import read_changes
from heliograph.store import configuration_versions
from heliograph.store.database import Database
from heliograph.store.queue import stuck_runs
from heliograph.store.queue.enqueue import AcceptedChange, Order, enqueue, orders_for
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.queue.slot_leases import fence
from heliograph.store.queue.stuck_runs import DueRun

log = structlog.get_logger(__name__)


def accounts_to_reconsider(db: Database, slots: Collection[int]) -> list[int]:
    """Accounts with due runs, or with a saved fix that runs have to be compared with. Only those whose slots this worker owns."""
    accounts = {*stuck_runs.accounts_with_due(db), *stuck_runs.accounts_with_cures(db)}
    return sorted(account for account in accounts if slot_of(account) in slots)


def reconsider_account(db: Database, provider: ConfigProvider, account: int, epoch: int) -> bool:
    """Compares up to `stuck_runs.COMPARED` runs of an account with a saved fix, then decides up to `stuck_runs.AT_ONCE` due runs, in two
    transactions. Returns whether more may be left."""
    with db.transaction():
        compared = stuck_runs.compare_next(db, account) if _still_owns(db, account, epoch) else 0
    with db.transaction():
        judged = _reconsider(db, provider, account, epoch)
    return compared > 0 or judged == stuck_runs.AT_ONCE


def _still_owns(db: Database, account: int, epoch: int) -> bool:
    return may_settle(epoch, fence(db, [slot_of(account)]).get(slot_of(account)))


def _reconsider(db: Database, provider: ConfigProvider, account: int, epoch: int) -> int:
    events = stuck_runs.events_with_due(db, account)
    configuration_versions.lock_shared(db, [account], [(account, event) for event in events])
    if not _still_owns(db, account, epoch):
        return 0
    now = db.now()
    due = stuck_runs.lock_due(db, account, events, now)
    if not due:
        return 0
    versions = configuration_versions.versions(db, [account], events)
    config = provider.account(account, versions[configuration_versions.ACCOUNT, account])
    changes = read_changes(db, sorted({run.change for run in due}))
    deltas: list[Delta] = []
    orders: list[Order] = []
    for run in due:
        version = versions.get((configuration_versions.EVENT, run.event))
        event = provider.event(run.event, version) if version is not None else None
        change = changes.get(run.change, (None, None))[0]
        orders += _store_verdict(db, run, config, event, change, now, deltas)
    enqueue(db, orders, now, deltas)  # all at once: lanes are locked in one order
    put_deltas(db, deltas)
    return len(due)


def _store_verdict(
    db: Database, run: DueRun, config: AccountConfig, event: EventConfig | None, change: Change | None, now: int, deltas: list[Delta]
) -> list[Order]:
    """Stores the result for a run. Returns the orders for its actions."""
    flow = config.flows.get(run.flow)
    if flow is None or change is None or event is None:
        ended = stuck_runs.end(db, run, Cause.FLOW_DELETED if flow is None else Cause.CONTENT_REMOVED, now)
        deltas += of_reconsidered(run.account, run.at, run.mode, run.flow, run.stuck.state, ended.state)
        return []
    verdict, reason, message = _verdict(flow, change, config, event, run)
    triggered = verdict is RunVerdict.TRIGGERED
    after = reconsidered(run.stuck, verdict, now, config.retry, jitter=random.uniform(-1, 1))  # noqa: S311 -- spreads retries, guards nothing
    stuck_runs.store_decided(db, after, now, triggered=triggered, reason=reason, message=message)
    deltas += of_reconsidered(run.account, run.at, run.mode, run.flow, run.stuck.state, after.state)
    if not triggered:
        return []
    accepted = AcceptedChange(
        id=run.change,
        account=run.account,
        event=run.event,
        registration=run.registration,
        subject=change.subject_id,
        version=change.version,
        mode=run.mode,
        run=run.stuck.id,
    )
    return orders_for(flow, accepted, Origin.RECONSIDERED)


def _verdict(flow: Flow, change: Change, config: AccountConfig, event: EventConfig, run: DueRun) -> tuple[RunVerdict, str, str]:
    """The result, the run's new reason ("" = unchanged) and a sentence."""
    mode = Mode.of_code(run.mode)
    # A flow that is off, incomplete or now in the other mode decides nothing: the run waits until the flow runs again as it did.
    stop = Cause.FLOW_INACTIVE if not config.signal_enabled else stop_of_flow(flow, mode)
    if stop is None and missing(flow, config):
        stop = Cause.FLOW_INCOMPLETE
    if stop is not None:
        return RunVerdict.UNTAGGED, "", stop_sentence(stop, config, flow, mode)
    try:
        decision = decide_flow(flow, change, config, event, mode=mode)
    except Exception as error:
        log.exception("reconsideration_failed", run=run.stuck.id, change=run.change)
        return RunVerdict.RAISED, Reason.FAILED.value, f"Heliograph failed with an internal error: {type(error).__name__}."
    if decision is None:
        return RunVerdict.NOT_SELECTED, Reason.NOT_SELECTED.value, "By today's rules, the flow does not take it."
    if decision.verdict is FlowVerdict.TRIGGERED:
        return RunVerdict.TRIGGERED, "", ""
    if decision.reason is not None and decision.reason.can_be_fixed:
        return RunVerdict.UNTAGGED, decision.reason.value, ""
    is_news = run.stuck.cause is Cause.UNTAGGED
    return (
        RunVerdict.NOT_SELECTED,
        Reason.NOT_SELECTED.value,
        "It is tagged now, but the flow does not select its tags." if is_news else "The flow does not select its tags.",
    )
