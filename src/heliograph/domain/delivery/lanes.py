"""The next action of a lane, and the lane after an outcome (D2; checked exhaustively in tests/property/test_lane_interleavings.py).

A lane is one destination × one subject; it has at most one request in flight. One function, `choose`, decides what is sent next, what is
superseded, and the lane's new state. The lane reader calls it to know what to send; the completer and the pages call it to know what to
store.

A version has *begun* once a request for it may have been sent. At a destination that updates a record, versions older than a begun one are
never sent: the newer one's answer may have been lost, but its data may have arrived.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from heliograph.domain.delivery.action import (
    FIRST_ENDED,
    POISON_CRASHES,
    ActionState,
    AttemptKind,
    Does,
    OpenAction,
    Origin,
    Rank,
    after,
    counts,
    discarded,
    ended,
    rescheduled,
    submitted,
    superseded,
    withdrawn,
)
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Cut, Outcome, may_have_left
from heliograph.domain.delivery.retry_policy import RetryPolicy


class LaneState(IntEnum):
    """In flight is not a state: it is only known in its owner's memory."""

    IDLE = 0
    READY = 1
    WAITING = 2
    """Until `due_at`, or for a save."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One destination × one subject."""

    id: int
    destination: int
    subject: int
    state: LaneState = LaneState.IDLE
    rank: Rank = Rank.LIVE
    """The lowest of its open actions."""
    due_at: int | None = None
    """Only while waiting; None then: not by time, its actions wait for a save (D5)."""
    begun_version: int = 0
    crashes: int = 0
    """Crashes of a worker while the lane was in flight, since its last settled outcome."""

    @property
    def order(self) -> tuple[int, int]:
        """The order in which lanes are locked (ARCHITECTURE.md, rule 4)."""
        return (self.destination, self.subject)

    @property
    def is_poison(self) -> bool:
        """True if the next action of the lane was in flight at three crashes of its worker: it fails as System instead of being sent (D4)."""
        return self.crashes >= POISON_CRASHES


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """The next step of a lane: the action to send, if any, the actions that are superseded, and the state to store."""

    action: OpenAction | None
    superseded: tuple[OpenAction, ...]
    state: LaneState
    rank: Rank
    due_at: int | None


@dataclass(frozen=True, slots=True)
class Flight:
    """An action as it was when its attempt began, and the outcome."""

    began: OpenAction
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Move:
    """An action before and after."""

    old: OpenAction
    new: OpenAction


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt to store."""

    action: int
    number: int
    """How many attempts of this action ended before it."""
    kind: AttemptKind
    outcome: Outcome
    retried: OpenAction
    """The action when the attempt began: its category is the one that a retry was made for."""
    abandoned: bool = False
    """It used up the automatic retries: Insights counts it as abandoned."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to store for a lane."""

    lane: Lane
    moves: tuple[Move, ...] = ()
    attempt: Attempted | None = None
    fresh_position: bool = True
    """The lane moves to the end of its rank: it became ready, or its rank fell."""


_NOTHING = LaneChoice(None, (), LaneState.IDLE, Rank.LIVE, None)


def choose(does: Does, begun_version: int, actions: Iterable[OpenAction], now: int) -> LaneChoice:
    """The next step of a lane with these open actions.

    At a destination that updates a record, the action to send is the first that there is of:
        the lowest version among due first attempts created by record()
        the highest open version, once it is due

    At a destination that adds a message or row:
        the lowest version among due first attempts and submits
        the lowest due retry
        the lowest due replay
    """
    open_actions = [action for action in actions if action.state < FIRST_ENDED]
    if not open_actions:
        return _NOTHING

    # The target updates a record: what is older than a begun version is not sent any more
    if does is Does.UPDATES:
        outdated = tuple(a for a in open_actions if a.version < begun_version)
        sendable = [a for a in open_actions if a.version >= begun_version]
        if not sendable:
            return LaneChoice(None, outdated, LaneState.IDLE, Rank.LIVE, None)
        rank = min(action.rank for action in sendable)
        firsts = [a for a in sendable if a.origin == Origin.RECORDED and a.state is ActionState.PENDING and a.is_due(now)]
        if firsts:
            return LaneChoice(min(firsts, key=_order), outdated, LaneState.READY, rank, None)
        newest = max(sendable, key=_order)
        if newest.is_due(now):
            return LaneChoice(newest, outdated, LaneState.READY, rank, None)
        return LaneChoice(None, outdated, LaneState.WAITING, rank, newest.due_at)

    # The target adds a message or row: each is sent
    rank = min(action.rank for action in open_actions)
    due = [a for a in open_actions if a.is_due(now)]
    firsts = [a for a in due if a.rank == Rank.SUBMITTED or (a.state is ActionState.PENDING and a.origin != Origin.REPLAY)]
    retries = [a for a in due if a.state is ActionState.QUEUED and a.origin != Origin.REPLAY]
    for group in (firsts, retries, due):
        if group:
            return LaneChoice(min(group, key=_order), (), LaneState.READY, rank, None)
    return LaneChoice(None, (), LaneState.WAITING, rank, min((a.due_at for a in open_actions if a.due_at is not None), default=None))


def _order(action: OpenAction) -> tuple[int, int]:
    return action.order


def settle(
    does: Does, lane: Lane, actions: Iterable[OpenAction], flight: Flight | None, now: int, policy: RetryPolicy, *, jitter: float = 0.0
) -> Settlement:
    """Applies an outcome to a lane and returns what to store. Call it under the lane's lock and the slot's epoch. A second call with the same
    outcome changes nothing.

    actions: the open ones, and the one that was in flight even if it has ended since
    flight: None: nothing was sent
    """
    before = {action.id: action for action in actions}
    now_are = dict(before)
    begun = lane.begun_version
    attempt: Attempted | None = None
    if flight is not None:
        began, outcome = flight.began, flight.outcome
        left = may_have_left(outcome)
        if left:
            begun = max(begun, began.version)
        current = before.get(began.id)
        if current is not None and counts(current, began):
            now_are[began.id] = after(current, began, outcome, now, policy, jitter=jitter)
            if not isinstance(outcome, (Cut, CouldNotBegin)):
                gave_up = now_are[began.id].state is ActionState.FAILED and current.state.is_open
                abandoned = gave_up and began.next_kind is not AttemptKind.MANUAL
                attempt = Attempted(began.id, current.sent, began.next_kind, outcome, began, abandoned)
        if left and does is Does.UPDATES and len(before) > 1:
            now_are |= {a.id: superseded(a) for a in now_are.values() if a.state.is_open and a.order < began.order}
    crashes = lane.crashes if flight is not None and isinstance(flight.outcome, Cut) else 0
    if begun != lane.begun_version or crashes != lane.crashes:
        lane = Lane(lane.id, lane.destination, lane.subject, lane.state, lane.rank, lane.due_at, begun, crashes)
    return _stored(does, lane, before, now_are, now, attempt=attempt)


def submit(does: Does, lane: Lane, actions: Iterable[OpenAction], item: int, now: int) -> Settlement:
    """Submit to Retry Queue (D8), under the lane's lock. actions: those open now and the submitted one.

    If newer data may have been sent already, the item ends as superseded. At a destination that updates a record the highest open version
    is sent: if that is another item, both become due, and the submitted one ends together with it. Raises NotSubmittable.
    """
    before = {action.id: action for action in actions}
    now_are = dict(before)
    item_action = submitted(before[item], now)
    if does is Does.UPDATES and item_action.version < lane.begun_version:
        now_are[item] = superseded(item_action)
        return _stored(does, lane, before, now_are, now, page=True)
    now_are[item] = item_action
    if does is Does.UPDATES:
        top = max((a for a in now_are.values() if a.state.is_open), key=_order)
        if top.id != item and top.state is ActionState.QUEUED:
            now_are[top.id] = submitted(top, now)
    return _stored(does, lane, before, now_are, now, page=True)


def end(does: Does, lane: Lane, actions: Iterable[OpenAction], cause: Cause, now: int) -> Settlement:
    """Ends open actions as Failed: flow deleted, destination removed (P12) or person erased (B7). A request in flight may still arrive."""
    before = {action.id: action for action in actions}
    return _stored(does, lane, before, {i: ended(a, cause) for i, a in before.items()}, now, page=True)


def expire(does: Does, lane: Lane, actions: Iterable[OpenAction], chosen: Container[int], now: int) -> Settlement:
    """Ends those of the chosen actions that wait for a save: retention removes their content (X6)."""
    before = {action.id: action for action in actions}
    now_are = {i: ended(a, Cause.CONTENT_REMOVED) if i in chosen and a.waits_for_save else a for i, a in before.items()}
    return _stored(does, lane, before, now_are, now, page=True)


def discard(does: Does, lane: Lane, actions: Iterable[OpenAction], chosen: Container[int], now: int) -> Settlement:
    """Ends those of the chosen actions that wait and were made in the flow's other mode."""
    before = {action.id: action for action in actions}
    return _stored(does, lane, before, {i: discarded(a) if i in chosen else a for i, a in before.items()}, now, page=True)


def withdraw(does: Does, lane: Lane, actions: Iterable[OpenAction], chosen: Container[int], now: int) -> Settlement:
    """Ends the chosen actions that belong to a cancelled replay. A request in flight may still arrive."""
    before = {action.id: action for action in actions}
    return _stored(does, lane, before, {i: withdrawn(a) if i in chosen else a for i, a in before.items()}, now, page=True)


def reschedule(does: Does, lane: Lane, actions: Iterable[OpenAction], causes: frozenset[Cause], now: int) -> Settlement:
    """Makes waiting items of these causes due at once: a fix was saved (D7)."""
    before = {action.id: action for action in actions}
    return _stored(does, lane, before, {i: rescheduled(a, causes, now) for i, a in before.items()}, now, page=True)


def woken(lane: Lane, rank: Rank) -> Lane:
    """The lane after an action of `rank` was added. Equals the SQL of record(), INSERT … ON CONFLICT."""
    least = rank if lane.state is LaneState.IDLE else min(lane.rank, rank)
    return replace(lane, state=LaneState.READY, rank=least, due_at=None)


def in_flight_at_crash(lane: Lane, version: int) -> Lane:
    """The lane after its worker crashed while it was in flight: its version counts as begun, and its crash count rises."""
    return replace(lane, begun_version=max(lane.begun_version, version), crashes=lane.crashes + 1)


def _stored(
    does: Does,
    lane: Lane,
    before: Mapping[int, OpenAction],
    now_are: dict[int, OpenAction],
    now: int,
    *,
    attempt: Attempted | None = None,
    page: bool = False,
) -> Settlement:
    """The lane as `choose` leaves it. A page does not move a ready lane unless its rank falls."""
    choice = choose(does, lane.begun_version, now_are.values(), now)
    now_are |= {action.id: superseded(action) for action in choice.superseded}
    moves = tuple(Move(old, new) for i, old in before.items() if (new := now_are[i]) is not old and new != old)
    after_ = Lane(lane.id, lane.destination, lane.subject, choice.state, choice.rank, choice.due_at, lane.begun_version, lane.crashes)
    keeps_place = page and lane.state is LaneState.READY and lane.rank <= after_.rank
    return Settlement(after_, moves, attempt, fresh_position=not keeps_place)
