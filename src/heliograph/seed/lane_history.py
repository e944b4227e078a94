"""One lane of a seeded history, played by the engine's own rules (`domain.delivery.lanes`) and the clock of the history.

Almost all actions are delivered by their first attempt, on a lane where nothing else waits. `History` writes these at once. This module plays all
other actions from attempt to attempt, until the action or the history ends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import ActionState, Does, NotSubmittable, OpenAction, Origin
from heliograph.domain.delivery.lanes import Flight, Lane, LaneState, Settlement
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Delivered, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import HOUR, MINUTE, SECOND, Category, RetryPolicy
from heliograph.domain.figures import Delta, FigureKey, of_new_action, of_settlement
from heliograph.seed.target_answers import Answered

SUBMITTED: Final = 0.2
"""The share of failed actions that somebody submits by hand."""


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """The destination of a lane."""

    id: int
    flow: int
    connection: int
    does: Does
    versions: str
    """The configuration versions that its attempts use (F10)."""
    policy: RetryPolicy
    off_from: int
    """When its flow was switched off, in microseconds."""
    held_from: int
    """When its connection was paused, in microseconds."""


@dataclass(slots=True)
class PlayedAction:
    """An action with all that its row needs."""

    now: OpenAction
    chance: int
    """The random part of its webhook-id."""
    change: int
    run: int | None
    created: int
    request: object | None
    """The source of its request's text; None if the values are invalid."""
    invalid: ValidationFailed | None = None
    """The problem with the values."""
    repeated: int | None = None
    ended: int | None = None
    message: str = ""
    lead: int = 0


@dataclass(frozen=True, slots=True)
class PlayedAttempt:
    """An attempt with all that its rows need."""

    action: int
    number: int
    kind: int
    at: int
    took: int
    state: int
    category: Category | None
    cause: Cause | None
    status: int | None
    message: str
    request: object | None
    response: str


@dataclass(slots=True)
class LaneHistory:
    """A lane with its actions."""

    account: int
    mode: int
    """From `Mode.code`."""
    to: DestinationFacts
    lane: Lane
    pos: int
    actions: dict[int, PlayedAction] = field(default_factory=dict)
    """Actions that are not written yet, by id."""
    submit: tuple[int, int] | None = None
    """(when, which action): the next submit by hand."""
    now: int = 0

    @property
    def rests(self) -> bool:
        """True if no action is left to be played."""
        return not self.actions

    def add(self, action: PlayedAction, at: int) -> Iterator[Delta]:
        """Adds a new action, and yields its deltas."""
        self.actions[action.now.id] = action
        self.lane = rules.woken(self.lane, action.now.rank)
        self.now = max(self.now, at)
        yield from of_new_action(self._key(action))

    def play(self, until: int, chance: random.Random, answer: Callable[[int, bool, bool], Answered]) -> Iterator[Delta | PlayedAttempt]:
        """Plays the lane until a moment, and yields its attempts and deltas.

        answer: (when, whether it is a retry, whether the target knows the record) -> how the attempt ends
        """
        while (turn := self._turn(until)) is not None:
            if self.submit is not None and turn == self.submit[0]:
                yield from self._submitted(turn)
                continue
            choice = rules.choose(self.to.does, self.lane.begun_version, [a.now for a in self.actions.values()], turn)
            if choice.action is None:
                yield from self._settled(rules.settle(self.to.does, self.lane, self._open(), None, turn, self.to.policy), turn, turn)
                continue
            began = turn + round((0.004 + 0.2 * chance.random() ** 4) * SECOND)
            if began >= until:
                self.now = turn
                return
            yield from self._tried(choice.action, began, chance, answer)

    def taken(self) -> list[PlayedAction]:
        """Removes and returns the actions that have ended for good."""
        waits = self.submit[1] if self.submit else 0
        done = [a for a in self.actions.values() if not a.now.state.is_open and a.now.id != waits]
        for each in done:
            del self.actions[each.now.id]
        return done

    def _turn(self, until: int) -> int | None:
        """When the lane has something to do next; None if not before `until`."""
        opened = self._open()
        at = None
        if opened:
            choice = rules.choose(self.to.does, self.lane.begun_version, opened, self.now)
            if choice.state is not LaneState.WAITING:
                at = self.now
            elif choice.due_at is not None:  # else they wait for a save, and a history has none
                at = max(self.now, choice.due_at)
            if at is not None and at >= self.to.held_from:
                at = None  # its connection is paused, so due actions wait
        if self.submit is not None and (at is None or self.submit[0] < at):
            at = self.submit[0]
        return at if at is not None and at < until else None

    def _open(self) -> list[OpenAction]:
        return [a.now for a in self.actions.values() if a.now.state.is_open]

    def _tried(
        self, action: OpenAction, began: int, chance: random.Random, answer: Callable[[int, bool, bool], Answered]
    ) -> Iterator[Delta | PlayedAttempt]:
        played = self.actions[action.id]
        request = None
        if began >= self.to.off_from:
            answered = Answered(CouldNotBegin(Cause.FLOW_INACTIVE, "The flow is switched off."), 0, "", None)
        elif played.invalid is not None or played.request is None:
            answered = Answered(played.invalid or ValidationFailed(()), 0, "", None)
        else:
            answered = answer(began, action.tries > 0, self.lane.begun_version > 0)
            request = played.request if answered.text else None
        end = began + answered.took
        settlement = rules.settle(
            self.to.does, self.lane, self._open(), Flight(action, answered.outcome), end, self.to.policy, jitter=chance.uniform(-1, 1)
        )
        message = answered.outcome.message if isinstance(answered.outcome, (Refused, CouldNotBegin)) else ""
        if isinstance(answered.outcome, ValidationFailed):
            message = "; ".join(answered.outcome.problems)
        self._remember(settlement, end, message)
        yield from of_settlement(settlement, {id: self._key(a) for id, a in self.actions.items()}, began)
        if settlement.attempt is not None:
            if isinstance(answered.outcome, Delivered) and answered.outcome.lead is not None:
                played.lead = answered.outcome.lead.code
            category = (
                answered.outcome.category
                if isinstance(answered.outcome, Refused)
                else Category.VALIDATION
                if isinstance(answered.outcome, ValidationFailed)
                else None
            )
            attempt_message = message if category is not None else ""
            cause = answered.outcome.cause if isinstance(answered.outcome, Refused) else None
            yield PlayedAttempt(
                action.id, settlement.attempt.number + 1, settlement.attempt.kind.code, began, answered.took, int(played.now.state), category, cause,
                answered.status, attempt_message, request, answered.text,
            )  # fmt: skip
        self.now = end
        if played.now.state is ActionState.FAILED and self.submit is None and played.now.sent <= 4 and chance.random() < SUBMITTED:
            self.submit = (end + round(chance.uniform(10 * MINUTE, 9 * HOUR)), action.id)

    def _submitted(self, at: int) -> Iterator[Delta]:
        assert self.submit is not None
        item, self.submit, self.now = self.submit[1], None, at
        considered = [a.now for a in self.actions.values() if a.now.state.is_open or a.now.id == item]
        try:
            settlement = rules.submit(self.to.does, self.lane, considered, item, at)
        except NotSubmittable:
            return
        yield from self._settled(settlement, at, at)

    def _settled(self, settlement: Settlement, at: int, minute: int) -> Iterator[Delta]:
        self._remember(settlement, at, "")
        yield from of_settlement(settlement, {id: self._key(a) for id, a in self.actions.items()}, minute)

    def _remember(self, settlement: Settlement, at: int, message: str) -> None:
        for move in settlement.moves:
            played = self.actions[move.new.id]
            old, new = move.old, move.new
            played.now = new
            if old.state.is_open and not new.state.is_open:
                played.ended = at
            elif not old.state.is_open and new.state.is_open:
                played.ended = None
            if message and new.cause is not Cause.SUPERSEDED and (new.cause, new.looks, new.sent) != (old.cause, old.looks, old.sent):
                played.message = message
        self.lane = settlement.lane

    def _key(self, action: PlayedAction) -> FigureKey:
        replay = action.now.origin is Origin.REPLAY
        return FigureKey(self.account, self.mode, self.to.flow, self.to.connection, action.created, replay=replay)
