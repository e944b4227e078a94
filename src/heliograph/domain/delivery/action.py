r"""The life of an action from the decision to its end (guide: The Retry Queue; D1-D8).

    pending --delivered--> success
       |----invalid------> validation
       |----failed, or could not begin--> queued --delivered--> success (Done)
       |                                    |  \--failed again, more left--> queued (Error)
       |                                    |--could not begin--> queued, waits for a save
       |                                    |--used up--> failed (Failed) --submitted by hand--> queued
       \----a newer version may have been sent-----\--> superseded (Done)

Pure: instants are microseconds since the epoch and are parameters, like jitter. `lanes` joins the actions of one lane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Final, assert_never

from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, Cause, CouldNotBegin, Cut, Delivered, Outcome, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES, Category, GiveUp, RetryAt, RetryPolicy
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import gettext_noop

POISON_CRASHES: Final = 3
"""An action that was in flight at this many crashes of its worker is taken for their cause (D4)."""
LOOKS_COUNTED: Final = 30_000
"""Further times that an action could not begin are not counted: the column is a small integer."""


class Does(StrEnum):
    """The effect of a request at its target (F8). It decides whether older versions may be skipped (D2)."""

    UPDATES = "updates"  # updates a record
    ADDS = "adds"  # adds a message or row


class NotSubmittable(HeliographError):
    """This item cannot be submitted to the Retry Queue."""


FIRST_ENDED: Final = 10
"""Actions with a lower state are open, all others have ended (D2)."""


class ActionState(IntEnum):
    """The state of an action."""

    PENDING = 1
    QUEUED = 2
    SUCCESS = 10
    FAILED = 11
    VALIDATION = 12
    SUPERSEDED = 13

    @property
    def is_open(self) -> bool:
        return self < FIRST_ENDED


class Origin(IntEnum):
    """Why an action was created."""

    RECORDED = 0
    RECONSIDERED = 1
    REPLAY = 2
    RESENT = 3
    """Resent by hand, or sync now."""


class Rank(IntEnum):
    """The order on a connection: lower ranks first."""

    SUBMITTED = 0
    LIVE = 20
    REPLAY = 30


class QueueStatus(StrEnum):
    """The status shown on the Retry page (D6); an action that never failed has none."""

    RETRY = "Retry"
    ERROR = "Error"
    FAILED = "Failed"
    DONE = "Done"

    @property
    def code(self) -> int:
        """Its number in tables; 0 there means never in the queue."""
        return _QUEUE_CODES[self]

    @classmethod
    def of_code(cls, code: int) -> QueueStatus | None:
        """The status of a number from a table."""
        return _QUEUE_OF_CODE[code] if code else None


OPEN_STATUSES: Final = (QueueStatus.RETRY, QueueStatus.ERROR)
"""The statuses of items that are tried again."""
SUBMITTABLE: Final = (*OPEN_STATUSES, QueueStatus.FAILED)
"""The statuses whose items can be submitted: all but Done."""
_QUEUE_CODES = {status: number for number, status in enumerate(QueueStatus, start=1)}
_QUEUE_OF_CODE = {number: status for status, number in _QUEUE_CODES.items()}


class AttemptKind(StrEnum):
    """The kinds of attempts."""

    FIRST = "first"
    AUTO = "auto"
    MANUAL = "manual"

    @property
    def code(self) -> int:
        """Its number in tables."""
        return _KIND_CODES[self]


_KIND_CODES = {kind: number for number, kind in enumerate(AttemptKind, start=1)}


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action as its lane sees it."""

    id: int
    version: int
    rank: Rank = Rank.LIVE
    state: ActionState = ActionState.PENDING
    origin: Origin = Origin.RECORDED
    due_at: int | None = None
    """None: due at once while it is pending; in the queue it is not due by time, but waits for the save that lets it begin (D5)."""
    tries: int = 0
    """Tries used: the first attempt counts, a manual one does not."""
    looks: int = 0
    """How often it could not begin."""
    sent: int = 0
    """Attempts that ended, of any kind. An outcome counts only if this is unchanged since the attempt began (D1)."""
    queue: QueueStatus | None = None
    category: Category | None = None
    cause: Cause | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Its position in the subject's history (D2)."""
        return (self.version, self.id)

    def is_due(self, now: int) -> bool:
        return self.state is ActionState.PENDING if self.due_at is None else self.due_at <= now

    @property
    def waits_for_save(self) -> bool:
        """True if it could not begin, and only something that a person saves lets it begin (D5)."""
        return self.state is ActionState.QUEUED and self.due_at is None

    @property
    def next_kind(self) -> AttemptKind:
        """The kind of attempt that would begin now. Once the automatic retries are used up, every further one is one that a person asked for."""
        if self.rank == Rank.SUBMITTED or self.tries > AUTOMATIC_RETRIES:
            return AttemptKind.MANUAL
        return AttemptKind.FIRST if self.tries == 0 else AttemptKind.AUTO


def new_action(number: int, version: int, origin: Origin = Origin.RECORDED) -> OpenAction:
    """A new action, due at once."""
    return OpenAction(number, version, Rank.REPLAY if origin == Origin.REPLAY else Rank.LIVE, origin=origin)


def counts(current: OpenAction, began: OpenAction) -> bool:
    """True if this outcome has not been applied yet. It is applied only once, even if the database's response to a COMMIT was lost."""
    return current.sent == began.sent and current.looks == began.looks


def after(current: OpenAction, began: OpenAction, outcome: Outcome, now: int, policy: RetryPolicy, *, jitter: float = 0.0) -> OpenAction:
    """The action after an attempt of it has ended.

    current: its state now, under the lock: a page may have submitted or ended it during the attempt
    began: its state when the attempt began

    Facts win: a delivery counts even if its flow was deleted during the attempt; a failure does not reopen an ended action.
    """
    manual = began.next_kind is AttemptKind.MANUAL
    if isinstance(outcome, Delivered):  # almost always; and dataclasses.replace() takes three times as long
        return OpenAction(
            current.id,
            current.version,
            Rank.REPLAY if current.origin == Origin.REPLAY else Rank.LIVE,
            ActionState.SUCCESS,
            current.origin,
            None,
            current.tries + (not manual),
            current.looks,
            current.sent + 1,
            QueueStatus.DONE if current.queue is not None else None,
            current.category,
            current.cause,
        )
    tried = replace(current, sent=current.sent + 1, tries=current.tries + (not manual))
    match outcome:
        case Cut():
            return current
        case ValidationFailed():
            if not current.state.is_open:
                return tried
            return replace(
                _at_ordinary_rank(tried), state=ActionState.VALIDATION, queue=None, category=Category.VALIDATION, cause=Cause.INVALID
            )
        case Refused():
            if not current.state.is_open:
                return tried
            failed = replace(tried, category=outcome.category, cause=outcome.cause)
            next_step = policy.decide(outcome.category, max(tried.tries - 1, 0), now, jitter=jitter, retry_after=outcome.retry_after)
            status = QueueStatus.RETRY if began.next_kind is AttemptKind.FIRST else QueueStatus.ERROR
            at_once = outcome.stale and (outcome.category is Category.CONFIG or outcome.cause in CURED_BY_ADDRESS)
            return _waiting(failed, began, next_step, status, now, at_once=at_once)
        case CouldNotBegin():
            if not current.state.is_open:
                return current
            unbegun = replace(current, category=Category.CONFIG, cause=outcome.cause)
            status = QueueStatus.ERROR if current.queue is QueueStatus.ERROR else QueueStatus.RETRY
            if outcome.stale:  # checked with an outdated configuration: it does not count as a check
                return _waiting(unbegun, began, RetryAt(now), status, now, at_once=True)
            checked = replace(unbegun, looks=min(current.looks + 1, LOOKS_COUNTED))
            if not outcome.is_by_time:
                return _waiting(checked, began, None, status, now, at_once=False)
            used_up = current.tries > AUTOMATIC_RETRIES
            next_try = GiveUp() if used_up else policy.decide(Category.CONFIG, current.looks, now, jitter=jitter)
            return _waiting(checked, began, next_try, status, now, at_once=False)
        case _:
            assert_never(outcome)


def _waiting(
    action: OpenAction, began: OpenAction, next_step: RetryAt | GiveUp | None, status: QueueStatus, now: int, *, at_once: bool
) -> OpenAction:
    """The action in the Retry Queue, or given up.

    next_step: None: it is not tried by time, but waits for the save that lets it begin
    """
    # submitted during this attempt: that request still stands
    if action.rank == Rank.SUBMITTED and (began.rank != Rank.SUBMITTED or action.due_at != began.due_at):
        return replace(action, state=ActionState.QUEUED, queue=status, rank=Rank.SUBMITTED)
    if isinstance(next_step, GiveUp):
        return replace(_at_ordinary_rank(action), state=ActionState.FAILED, queue=QueueStatus.FAILED)
    # a saved fix made it due during this attempt, which began without the fix (D7)
    rescheduled = action.category is Category.CONFIG and action.due_at != began.due_at
    if at_once or rescheduled:
        due_at: int | None = now
    else:
        due_at = None if next_step is None else next_step.due
    return replace(_at_ordinary_rank(action), state=ActionState.QUEUED, queue=status, due_at=due_at)


def _at_ordinary_rank(action: OpenAction) -> OpenAction:
    """Not submitted any more: a submit is good for one try."""
    return replace(action, rank=Rank.REPLAY if action.origin == Origin.REPLAY else Rank.LIVE, due_at=None)


def superseded(action: OpenAction) -> OpenAction:
    """The action once a request for a newer version may have been sent (D2). It keeps its cause, by which the Retry Queue groups it."""
    return replace(_at_ordinary_rank(action), state=ActionState.SUPERSEDED, queue=QueueStatus.DONE, cause=action.cause or Cause.SUPERSEDED)


OVER = frozenset({Cause.FLOW_DELETED, Cause.DESTINATION_REMOVED, Cause.ERASED, Cause.CONTENT_REMOVED})
"""Its flow, destination, person or content is gone."""
NOTHING_LEFT = gettext_noop("Its flow, destination, registration or content is gone: there is nothing left to send, or nowhere to send it.")


def is_submittable(queue: QueueStatus | None, cause: Cause | None) -> bool:
    """Whether Submit to Retry Queue is offered for an item (D8): it waits or has failed, and something is left to send."""
    return queue in SUBMITTABLE and cause not in OVER


def submitted(action: OpenAction, now: int) -> OpenAction:
    """Submit to Retry Queue (D8): moves it to the front, once. Neither uses nor resets the automatic retries.

    Raises NotSubmittable if it is not waiting or failed, or if its flow, destination or person is gone.
    """
    if action.state not in (ActionState.QUEUED, ActionState.FAILED):
        raise NotSubmittable("Only items with the status Retry, Error or Failed can be submitted.")
    if action.cause in OVER:
        raise NotSubmittable(NOTHING_LEFT)
    status = action.queue if action.queue is QueueStatus.ERROR else QueueStatus.RETRY
    return replace(action, state=ActionState.QUEUED, queue=status, rank=Rank.SUBMITTED, due_at=now)


def ended(action: OpenAction, cause: Cause) -> OpenAction:
    """The action once its flow or destination is deleted (P12), its person erased (B7) or its content removed (X6): an open action ends as
    Failed, an ended one stays unchanged."""
    if cause not in OVER:
        raise ValueError(f"{cause} does not end an action")
    if not action.state.is_open:
        return action
    return replace(
        _at_ordinary_rank(action),
        state=ActionState.FAILED,
        queue=QueueStatus.FAILED,
        category=action.category or Category.CONFIG,
        cause=cause,
    )


def discarded(action: OpenAction) -> OpenAction:
    """The action once a person has discarded it: it ends as Failed if it waits and was made in the flow's other mode; any other stays
    unchanged."""
    if action.state is not ActionState.QUEUED or action.cause is not Cause.FLOW_MODE:
        return action
    return replace(_at_ordinary_rank(action), state=ActionState.FAILED, queue=QueueStatus.FAILED, cause=Cause.DISCARDED)


def withdrawn(action: OpenAction) -> OpenAction:
    """The action once its replay is cancelled (Y1): it ends as Failed if it is a replay's and not delivered; any other stays unchanged."""
    if not action.state.is_open or action.origin != Origin.REPLAY:
        return action
    return replace(
        _at_ordinary_rank(action),
        state=ActionState.FAILED,
        queue=QueueStatus.FAILED,
        category=action.category or Category.CONFIG,
        cause=Cause.REPLAY_CANCELLED,
    )


def rescheduled(action: OpenAction, causes: frozenset[Cause], now: int) -> OpenAction:
    """The action after a fix for `causes` was saved (D7): a waiting item with such a cause is due at once, if it is Config or did not reach
    the target."""
    may_be = action.category is Category.CONFIG or action.cause in CURED_BY_ADDRESS
    if action.state is not ActionState.QUEUED or not may_be or action.cause not in causes:
        return action
    return action if action.is_due(now) else replace(action, due_at=now)


# ---- runs without an action ------------------------------------------------------------------------------------------------


FRONT = 0
"""The due instant of a submitted run: before all others."""


class RunVerdict(StrEnum):
    """The result of judging a stuck run again (F7, D7)."""

    TRIGGERED = "triggered"
    NOT_SELECTED = "not selected"
    UNTAGGED = "untagged"
    RAISED = "raised"
    """The decision itself failed with an internal exception, category System."""


class RunState(StrEnum):
    """The state of a run. The numbers of runs in all states but TRIGGERED add up to Actions Not Triggered (X2)."""

    TRIGGERED = "triggered"
    NOT_SELECTED = "not selected"
    UNTAGGED = "untagged"
    """It waits for a tag (F7)."""
    UNDECIDED = "undecided"
    """Its decision raised an exception, and is tried again."""
    ENDED = "ended"
    """It will never be decided: its flow or its content is gone, or its decision raised an exception in every try."""


ENDS_RUN: Final = frozenset({Cause.FLOW_DELETED, Cause.ERASED, Cause.CONTENT_REMOVED})
"""Causes after which a run cannot be judged any more."""


@dataclass(frozen=True, slots=True)
class StuckRun:
    """A run that could not be decided: an item of the Retry Queue without an action.

        untagged (Config)        waits until its content is removed; due when something is saved that may cure it, or when a person submits it
        an exception (System)    has three automatic tries

    An untagged run has no retry interval, because only a change of the set-up can change its decision.
    """

    id: int
    queue: QueueStatus
    category: Category
    cause: Cause
    due_at: int | None
    """When it is judged again, in microseconds. None: not by time. FRONT: submitted by hand."""
    tries: int = 0
    """Automatic tries of a decision that raised; the first decision does not count."""

    @property
    def by_hand(self) -> bool:
        return self.due_at == FRONT

    @property
    def is_open(self) -> bool:
        return self.queue in (QueueStatus.RETRY, QueueStatus.ERROR)

    @property
    def state(self) -> RunState:
        """The state of its run."""
        if self.is_open:
            return RunState.UNDECIDED if self.cause is Cause.EXCEPTION else RunState.UNTAGGED
        if self.queue is QueueStatus.FAILED or self.cause in ENDS_RUN:
            return RunState.ENDED
        return RunState.NOT_SELECTED if self.cause is Cause.NOT_SELECTED else RunState.TRIGGERED


def stuck(run: int, verdict: RunVerdict, now: int, policy: RetryPolicy, *, jitter: float = 0.0) -> StuckRun:
    """The Retry item of a run that its first decision left undecided."""
    if verdict is not RunVerdict.RAISED:
        return StuckRun(run, QueueStatus.RETRY, Category.CONFIG, Cause.UNTAGGED, None)
    first = policy.decide(Category.SYSTEM, 0, now, jitter=jitter)
    assert isinstance(first, RetryAt)
    return StuckRun(run, QueueStatus.RETRY, Category.SYSTEM, Cause.EXCEPTION, first.due)


def reconsidered(run: StuckRun, verdict: RunVerdict, now: int, policy: RetryPolicy, *, jitter: float = 0.0) -> StuckRun:
    """The item after its run was decided again. If the tag is still missing, it waits on. If the decision raised, it uses one of three
    automatic tries, or none if a person submitted it."""
    if not run.is_open:
        return run
    match verdict:
        case RunVerdict.TRIGGERED:
            return replace(run, queue=QueueStatus.DONE, due_at=None)
        case RunVerdict.NOT_SELECTED:
            return replace(run, queue=QueueStatus.DONE, cause=Cause.NOT_SELECTED, due_at=None)
        case RunVerdict.UNTAGGED:
            return StuckRun(run.id, QueueStatus.RETRY, Category.CONFIG, Cause.UNTAGGED, None)
        case RunVerdict.RAISED:
            tries = run.tries + (not run.by_hand and run.cause is Cause.EXCEPTION)
            what = policy.decide(Category.SYSTEM, tries, now, jitter=jitter)
            raised = replace(run, category=Category.SYSTEM, cause=Cause.EXCEPTION, tries=tries)
            if isinstance(what, GiveUp):
                return replace(raised, queue=QueueStatus.FAILED, due_at=None)
            return replace(raised, queue=QueueStatus.ERROR, due_at=what.due)
        case _:
            assert_never(verdict)


def ended_run(run: StuckRun, cause: Cause) -> StuckRun:
    """The item once its flow or content is gone. It does not count as failed: nothing was tried, and nothing can be done about it."""
    if cause not in ENDS_RUN:
        raise ValueError(f"{cause} does not end a run")
    return replace(run, queue=QueueStatus.DONE, cause=cause, due_at=None) if run.is_open else run


def submit_run(run: StuckRun) -> StuckRun:
    """Submit to Retry Queue for a run: it is judged again at once."""
    if run.queue is QueueStatus.DONE:
        raise NotSubmittable("Only items with the status Retry, Error or Failed can be submitted.")
    return replace(run, queue=QueueStatus.ERROR if run.queue is QueueStatus.ERROR else QueueStatus.RETRY, due_at=FRONT)
