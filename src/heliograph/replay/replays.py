"""Creates, starts, pauses, resumes and cancels replays (guide: Replaying a Flow; Y1). Pages and commands call the same functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_scopes import scope, scopes_disabled

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.replay import dry_run, send_job
from heliograph.replay.models import REASON_LENGTH, Replay
from heliograph.replay.selection import ReplayChoice, Selection
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.store.queue import replay_actions as queue
from heliograph.store.queue.pending_items import does_of
from heliograph.store.row_states import ACTION_UNDELIVERED

FASTEST: Final = 30_000
"""The highest rate, in actions a minute."""
USUAL_RATE: Final = 600
"""The rate that the form proposes, in actions a minute."""
WITHDRAWN: Final = 500
"""The number of actions that one transaction withdraws."""


class NotNow(HeliographError):
    """The operation is not possible in the present stage of the replay. The message says why."""


class Stage(StrEnum):
    """The stages of a replay."""

    CHECKING = "checking"
    CHECK_STOPPED = "check stopped"
    CHECKED = "checked"
    WAITING = "waiting"
    """It was started, and its job waits in the queue, for its first turn or the next one."""
    SENDING = "sending"
    PAUSED = "paused"
    FAILED = "failed"
    """It stopped because of an error, and can be resumed once that is cured."""
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ReplayState:
    """A replay with its jobs as they are now."""

    replay: Replay
    check: Job
    send: Job | None

    @property
    def stage(self) -> Stage:
        """The stage of the replay, by the states of its jobs."""
        if self.send is None:
            if self.check.state == JobState.DONE:
                return Stage.CHECKED
            over = self.check.state in (JobState.FAILED, JobState.CANCELLED, JobState.CANCELLING)
            return Stage.CHECK_STOPPED if over else Stage.CHECKING
        if self.replay.stopped is not None:
            return Stage.CANCELLED
        if self.send.is_waiting:
            return Stage.WAITING
        return _STAGES.get(JobState(self.send.state), Stage.SENDING)

    @property
    def first_verdict(self) -> ReplayVerdict:
        """The verdict whose lines are shown first, because a person wants to check these before sending."""
        numbers = self.verdicts
        return next((verdict for verdict in _FIRST if numbers[verdict]), ReplayVerdict.NEW)

    @property
    def verdicts(self) -> Mapping[ReplayVerdict, int]:
        """The number of lines of each verdict."""
        return {verdict: int(self.check.counts.get(verdict.value, 0)) for verdict in ReplayVerdict}


_FIRST: Final = (
    *(ReplayVerdict.DIFFERENT, ReplayVerdict.NEW, ReplayVerdict.WOULD_FAIL),
    *(ReplayVerdict.SUPERSEDED, ReplayVerdict.FILTERED, ReplayVerdict.SAME),
)
_STAGES: Final = {
    JobState.PAUSED: Stage.PAUSED,
    JobState.FAILED: Stage.FAILED,
    JobState.CANCELLED: Stage.CANCELLED,
    JobState.CANCELLING: Stage.CANCELLED,
    JobState.DONE: Stage.DONE,
}


@dataclass(frozen=True, slots=True)
class SentCounts:
    """The numbers of the chosen lines, by their result so far."""

    chosen: int
    """All chosen lines."""
    success: int
    superseded: int
    queued: int
    failed: int
    """Lines whose action failed after at least one try."""
    validation: int
    filtered: int
    """Lines that were left out, because the flow filtered their change by then."""
    gone: int
    """Lines that were left out, because the content of their change was gone."""
    not_sent: int
    """Lines that a cancelled replay never added, or withdrew before their first attempt."""

    @property
    def ended(self) -> int:
        """The number of lines with a result of their own. A withdrawn line has none."""
        return self.success + self.superseded + self.queued + self.failed + self.validation + self.filtered + self.gone

    @property
    def pending(self) -> int:
        """The number of all other lines: they are not sent yet, or their first attempt has not ended."""
        return max(0, self.chosen - self.ended - self.not_sent)


def create(account: int, flow: int, selection: Selection, *, by: str) -> Replay:
    """Creates a replay and begins its dry run. A flow has one dry run at a time.

    Raises NotThere or Invalid; TooMuchWork if the account has too many jobs.
    """
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        flow_config = Committed(db).account(account).flows.get(flow)
        if flow_config is None:
            raise NotThere(f"There is no flow {flow}.")
        if flow_config.watch is None or not flow_config.destinations:
            raise Invalid({"flow": [_("Something is missing in this flow: it does not yet say what it watches for, or where it sends.")]})
        control.lock_account(account)
        dry_runs = Replay.objects.filter(account=account, flow_id=flow, send_job__isnull=True).values("check_job")
        if Job.objects.filter(pk__in=dry_runs, state__in=(*control.OPEN, JobState.PAUSED)).exists():
            raise Invalid({"flow": [_("A dry run of this flow has not ended. Wait for it, or open it under Earlier replays and stop it.")]})
        row: Replay = Replay.objects.create(  # type: ignore[misc]  # the field takes instants
            account_id=account,
            flow_id=flow,
            flow_name=flow_config.name,
            selection=selection.as_json(),
            by=by[:60],
            created=from_micros(db.now()),
        )
        row.check_job = control.create(dry_run.KIND, account, {"replay": row.pk}, by=by, rows=0).pk
        row.save(update_fields=["check_job"])
    return row


def find(account: int, id: int) -> ReplayState:
    """A replay of the account. Raises NotThere."""
    with scope(account=account):
        row = Replay.objects.filter(pk=id, account=account).first()
    if row is None or row.check_job is None:
        raise NotThere(f"There is no replay {id}.")
    send = control.find(row.send_job, account) if row.send_job is not None else None
    return ReplayState(row, control.find(row.check_job, account), send)


def states_of(account: int, rows: Iterable[Replay]) -> list[ReplayState]:
    """The states of replays of the account, in their order. Their jobs are read at once."""
    rows = [row for row in rows if row.check_job is not None]
    ids = {id for row in rows for id in (row.check_job, row.send_job) if id is not None}
    with scopes_disabled():
        jobs = {job.pk: job for job in Job.objects.filter(pk__in=ids, account_id=account)}
    return [ReplayState(row, jobs[row.check_job], jobs.get(row.send_job or 0)) for row in rows if row.check_job in jobs]


def is_outdated(config: AccountConfig, state: ReplayState) -> bool:
    """True if the set-up was saved since the dry run, which may have ended otherwise now."""
    return state.stage is Stage.CHECKED and state.replay.config_version not in (0, config.version)


def actions_sent(db: Database, states: Sequence[ReplayState]) -> dict[int, int]:
    """How many actions were sent, or are still to be sent, by the id of each replay that has been started. Actions that a cancel withdrew do not
    count."""
    cancelled = sent_counts_of(db, [state for state in states if state.stage is Stage.CANCELLED])
    sent = {state.replay.pk: int(state.send.counts.get("sent", 0)) for state in states if state.send is not None}
    return sent | {id: counts.chosen - counts.not_sent - counts.filtered - counts.gone for id, counts in cancelled.items()}


def start(account: int, id: int, choice: ReplayChoice, rate: int | None, reason: str, *, by: str) -> Replay:
    """Begins to send the chosen lines of a dry run.

    rate: actions a minute; None if it could not be read, which is refused

    Raises NotThere, NotNow or Invalid.
    """
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        row = _locked(account, id)
        state = find(account, id)
        if state.stage is not Stage.CHECKED:
            raise NotNow(_("It was started already, or its dry run has not ended."))
        total = chosen_lines(db, row.pk, choice)
        wrong: dict[str, list[str]] = {}
        if choice.lines and total < len(set(choice.lines)):
            wrong["send"] = [_("Something of what is chosen is not in this dry run, or cannot be sent.")]
        if not total:
            wrong["send"] = [_("Choose what is sent: nothing of what is chosen can be.")]
        if rate is None or not 1 <= rate <= FASTEST:
            wrong["rate"] = [_("Give a whole number a minute from 1 to %(n)s.") % {"n": intcomma(FASTEST)}]
        if not reason.strip():
            wrong["reason"] = [_("Say why: it is recorded in the audit log.")]
        elif len(reason.strip()) > REASON_LENGTH:
            wrong["reason"] = [_("Say it in at most %(n)s characters.") % {"n": REASON_LENGTH}]
        if wrong:
            raise Invalid(wrong)
        _check_flow(db, row)
        row.choice, row.rate, row.reason = choice.as_json(), rate, reason.strip()
        row.started, row.started_by = from_micros(db.now()), by[:60]
        row.send_job = control.create(send_job.KIND, account, {"replay": row.pk, "total": total}, by=by, is_paced=True).pk
        row.save()
        audit_facts = {"reason": row.reason, "actions": total, "a minute": rate, "replay": row.pk}
        audit.note(db, account, by=by, what=Deed.REPLAYED, kind="flow", id=row.flow_id, name=row.flow_name, after=audit_facts)
    return row


def pause(account: int, id: int) -> None:
    """Pauses a replay: no actions are added until it is resumed, but those already added are sent. Raises NotThere or NotNow."""
    with transaction.atomic():
        row = _locked(account, id)
        try:
            control.pause(_send_job(row), account)
        except control.NotPossible as error:
            raise NotNow(error.sentence) from None


def resume(account: int, id: int) -> None:
    """Resumes a replay after a pause or an error. Raises NotThere or NotNow."""
    with transaction.atomic():
        row = _locked(account, id)
        if row.stopped is not None:
            raise NotNow(_("It was cancelled."))
        try:
            control.resume(_send_job(row), account)
        except control.NotPossible as error:
            raise NotNow(error.sentence) from None


def cancel(account: int, id: int, *, by: str) -> None:
    """Cancels a replay: it adds nothing more, and its undelivered actions end as Failed. Raises NotThere or NotNow."""
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        row = _locked(account, id)
        try:
            control.cancel(_send_job(row), account)
        except control.NotPossible as error:
            raise NotNow(error.sentence) from None
        row.stopped, row.stopped_by = from_micros(db.now()), by[:60]
        row.save(update_fields=["stopped", "stopped_by"])
        audit.note(
            db, account, by=by, what=Deed.REPLAY_CANCELLED, kind="flow", id=row.flow_id, name=row.flow_name, after={"replay": row.pk}
        )
    while _withdraw_some(account, row):
        pass


def stop_check(account: int, id: int) -> None:
    """Stops a dry run. Raises NotThere or NotNow."""
    state = find(account, id)
    try:
        control.cancel(state.check.pk, account)
    except control.NotPossible as error:
        raise NotNow(error.sentence) from None


def chosen_lines(db: Database, replay: int, choice: ReplayChoice) -> int:
    """The number of lines that a choice sends."""
    sendable = ReplayChoice(frozenset(verdict for verdict in choice.verdicts if verdict.is_sent), choice.lines)
    where = sendable.conditions(db, replay)
    ((count,),) = db.all(f"SELECT count(*) FROM replay_line WHERE {where.sql}", where.params)
    return int(count)


def sent_counts(db: Database, state: ReplayState) -> SentCounts:
    """The results of the chosen lines so far."""
    return sent_counts_of(db, [state])[state.replay.pk]


def sent_counts_of(db: Database, states: Sequence[ReplayState]) -> dict[int, SentCounts]:
    """The results of the chosen lines so far, by the id of each replay."""
    if not states:
        return {}
    ids = [state.replay.pk for state in states]
    results: dict[int, dict[ActionState, int]] = {id: {} for id in ids}
    withdrawn: dict[int, int] = dict.fromkeys(ids, 0)
    rows = db.all(
        "SELECT l.replay_id, a.state, count(*), count(CASE WHEN a.cause = :cause AND a.tries = 0 THEN 1 END)"
        f" FROM replay_line l JOIN action a ON a.id = l.action_id WHERE {db.member('l.replay_id', 'replays')} GROUP BY l.replay_id, a.state",
        {"replays": ids, "cause": Cause.REPLAY_CANCELLED},
    )
    for id, code, count, of_cause in rows:
        results[id][ActionState(code)] = int(count)
        if ActionState(code) is ActionState.FAILED:
            withdrawn[id] = int(of_cause)
    left: dict[int, dict[int, int]] = {id: {} for id in ids}
    rows = db.all(
        f"SELECT replay_id, left_out, count(*) FROM replay_line WHERE {db.member('replay_id', 'replays')} AND left_out > 0"
        " GROUP BY replay_id, left_out",
        {"replays": ids},
    )
    for id, why, count in rows:
        left[id][why] = int(count)
    return {
        state.replay.pk: _counts(state, results[state.replay.pk], left[state.replay.pk], withdrawn[state.replay.pk]) for state in states
    }


def _counts(state: ReplayState, results: Mapping[ActionState, int], left: Mapping[int, int], withdrawn: int) -> SentCounts:
    """results: by the state of their action. left: lines without one, by why they were left out. withdrawn: failed ones that the cancel ended"""
    chosen = int(state.send.parameters["total"]) if state.send else 0
    known = sum(results.values()) + sum(left.values())
    return SentCounts(
        chosen=chosen,
        success=results.get(ActionState.SUCCESS, 0),
        superseded=results.get(ActionState.SUPERSEDED, 0),
        queued=results.get(ActionState.QUEUED, 0),
        failed=results.get(ActionState.FAILED, 0) - withdrawn,
        validation=results.get(ActionState.VALIDATION, 0),
        filtered=left.get(send_job.FILTERED, 0),
        gone=left.get(send_job.GONE, 0),
        not_sent=withdrawn + (max(0, chosen - known) if state.stage is Stage.CANCELLED else 0),
    )


def _check_flow(db: Database, row: Replay) -> None:
    config = Committed(db).account(row.account_id)
    flow = config.flows.get(row.flow_id)
    if flow is None:
        raise NotNow(_("The flow has been deleted."))
    if not flow.active:
        raise NotNow(_("The flow is switched off. Switch it on, then send."))
    if missing(flow, config):
        raise NotNow(_("Something is missing in the flow. Complete it, then send."))
    others = Replay.objects.filter(account=row.account_id, flow_id=row.flow_id, send_job__isnull=False, stopped__isnull=True).exclude(
        pk=row.pk
    )
    running = Job.objects.filter(pk__in=[other.send_job for other in others]).exclude(state__in=(JobState.DONE, JobState.CANCELLED))
    if running.exists():
        raise NotNow(_("Another replay of this flow has not ended: wait for it, or cancel it."))


def _locked(account: int, id: int) -> Replay:
    with scope(account=account):
        row: Replay | None = Replay.objects.select_for_update().filter(pk=id, account=account).first()
    if row is None:
        raise NotThere(f"There is no replay {id}.")
    return row


def _send_job(row: Replay) -> int:
    if row.send_job is None:
        raise NotNow(_("It has not been started."))
    return row.send_job


def _withdraw_some(account: int, row: Replay) -> int:
    """Ends some of a replay's undelivered actions in a transaction of its own. Returns their number."""
    with transaction.atomic():
        db = of_django(connection)
        rows = db.all(
            "SELECT a.id FROM action a JOIN replay_line l ON l.action_id = a.id"
            f" WHERE a.flow_id = :flow AND a.{ACTION_UNDELIVERED} AND a.origin = {Origin.REPLAY} AND l.replay_id = :replay LIMIT :limit",
            {"flow": row.flow_id, "replay": row.pk, "limit": WITHDRAWN},
        )
        if rows:
            queue.withdraw(db, [id for (id,) in rows], does_of(db, account))
    return len(rows)
