"""The delivery machine under all events that can happen to a lane, in any order (D1-D8), and the figures of such histories (X2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliograph.domain.delivery.action import (
    OVER,
    ActionState,
    AttemptKind,
    Does,
    NotSubmittable,
    OpenAction,
    Origin,
    QueueStatus,
    Rank,
    RunState,
    new_action,
)
from heliograph.domain.delivery.lanes import (
    Flight,
    Lane,
    LaneState,
    Settlement,
    choose,
    end,
    expire,
    in_flight_at_crash,
    reschedule,
    settle,
    submit,
    withdraw,
    woken,
)
from heliograph.domain.delivery.outcomes import (
    CURED_BY_CONNECTION,
    CURED_BY_FLOW,
    Cause,
    CouldNotBegin,
    Cut,
    Delivered,
    Outcome,
    Refused,
    ValidationFailed,
    may_have_left,
)
from heliograph.domain.delivery.retry_policy import DAY, HOUR, MINUTE, SEVERITY, Category, RetryPolicy
from heliograph.domain.figures import (
    ActionRow,
    AttemptRow,
    Delta,
    FigureKey,
    Figures,
    FiguresDoNotAddUp,
    Period,
    RunRow,
    count,
    merged,
    of_activity,
    of_new_action,
    of_processed_changes,
    of_reconsidered,
    of_run,
    of_settlement,
    total,
)
from heliograph.domain.registration.change import Facet

START = 28_000_000 * MINUTE
POLICY = RetryPolicy()
ENDS = (Cause.FLOW_DELETED, Cause.DESTINATION_REMOVED, Cause.ERASED)

outcomes = st.one_of(
    st.just(Delivered(200)),
    st.builds(
        Refused,
        st.sampled_from(SEVERITY),
        st.sampled_from([Cause.ANSWER, Cause.TIMEOUT, Cause.OAUTH]),
        st.just(""),
        left=st.booleans(),
        retry_after=st.integers(0, 2 * DAY),
        stale=st.booleans(),
    ),
    st.just(ValidationFailed(("x",))),
    st.builds(CouldNotBegin, st.sampled_from(sorted(CURED_BY_FLOW)), st.just(""), st.booleans()),
    st.builds(Cut, st.booleans()),
)


class LaneMachine(RuleBasedStateMachine):
    """One lane, its worker, its target, a person; and an independent account of what was really sent."""

    does = Does.UPDATES

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(1, 1, 1)
        self.actions: dict[int, OpenAction] = {}
        self.facts: dict[int, FigureKey] = {}
        self.now = START
        self.flight: OpenAction | None = None
        self.newest = 0
        self.left: list[OpenAction] = []  # in the order in which they may have been sent
        self.automatic: dict[int, int] = {}  # failed attempts, not counting manual ones
        self.deltas: list[Delta] = []
        self.attempts: list[AttemptRow] = []

    def keep(self, settlement: Settlement) -> None:
        for move in settlement.moves:
            assert self.actions[move.old.id] == move.old
            self.actions[move.new.id] = move.new
        self.lane = settlement.lane
        self.deltas += of_settlement(settlement, self.facts, self.now)
        if (attempt := settlement.attempt) is not None:
            self.attempts.append(
                AttemptRow(
                    1,
                    self.now,
                    attempt.kind,
                    attempt.retried.category,
                    attempt.abandoned,
                    isinstance(attempt.outcome, ValidationFailed),
                    isinstance(attempt.outcome, Delivered),
                    attempt.retried.origin,
                )
            )

    @rule(origin=st.sampled_from(Origin), back=st.integers(0, 3))
    def make(self, origin: Origin, back: int) -> None:
        if origin == Origin.RECORDED:
            self.newest += 1
            back = 0
        assume(self.newest - back > 0)
        action = new_action(len(self.actions) + 1, self.newest - back, origin)
        self.actions[action.id] = action
        self.facts[action.id] = FigureKey(1, 1, 1, 1, self.now, replay=origin == Origin.REPLAY)
        self.deltas += of_new_action(self.facts[action.id])
        self.lane = woken(self.lane, action.rank)

    @rule(hours=st.sampled_from([MINUTE, HOUR, 50 * HOUR]))
    def time_passes(self, hours: int) -> None:
        self.now += hours

    @precondition(lambda self: self.flight is None and self.is_read)
    @rule()
    def take(self) -> None:
        choice = choose(self.does, self.lane.begun_version, self.actions.values(), self.now)
        if choice.action is None:
            self.keep(settle(self.does, self.lane, self.actions.values(), None, self.now, POLICY))
            return
        self.flight = choice.action
        assert self.flight.state.is_open
        assert self.flight.is_due(self.now)
        if self.does is Does.UPDATES:
            assert all(self.flight.version >= sent.version for sent in self.left), "older data after newer"
        elif (
            self.flight.next_kind is AttemptKind.FIRST and self.flight.origin != Origin.REPLAY and self.flight.state is ActionState.PENDING
        ):
            waiting = [a for a in self.actions.values() if a.state is ActionState.PENDING and a.origin != Origin.REPLAY]
            assert self.flight.order == min(a.order for a in waiting), "first attempts out of order"

    @property
    def is_read(self) -> bool:
        """True if the read-ahead finds it."""
        due = self.lane.due_at is not None and self.lane.due_at <= self.now
        return self.lane.state is LaneState.READY or (self.lane.state is LaneState.WAITING and due)

    @precondition(lambda self: self.flight is not None)
    @rule(outcome=outcomes, twice=st.booleans())
    def outcome(self, outcome: Outcome, twice: bool) -> None:
        began = self.flight
        assert began is not None
        before = self.actions[began.id]
        if may_have_left(outcome):
            self.left.append(began)
        settlement = settle(self.does, self.lane, self.actions.values(), Flight(began, outcome), self.now, POLICY)
        self.keep(settlement)
        if twice and not isinstance(outcome, Cut):  # the answer to the COMMIT was lost
            again = settle(self.does, self.lane, self.actions.values(), Flight(began, outcome), self.now, POLICY)
            if not (isinstance(outcome, CouldNotBegin) and outcome.stale):
                assert (again.moves, again.attempt) == ((), None)
        self.flight = None
        after = self.actions[began.id]
        manual = began.next_kind is AttemptKind.MANUAL
        if isinstance(outcome, Delivered):
            assert after.state is ActionState.SUCCESS
        elif before.state >= ActionState.SUCCESS:
            assert after.state is before.state, "a failure reopened what had ended"
        if isinstance(outcome, Refused):
            self.automatic[began.id] = self.automatic.get(began.id, 0) + (not manual)
            assert self.automatic[began.id] <= 4, "more than three automatic retries"
            if after.state is ActionState.QUEUED and after.rank != Rank.SUBMITTED:
                assert after.category is outcome.category
        if isinstance(outcome, CouldNotBegin) and not outcome.stale and before == began:
            assert after.waits_for_save, "what could not begin is tried by time, or was given up"
        assert after.tries == before.tries + (not manual and not isinstance(outcome, (Cut, CouldNotBegin)))

    @precondition(lambda self: self.flight is not None)
    @rule()
    def crash(self) -> None:
        assert self.flight is not None
        self.left.append(self.flight)
        self.lane = in_flight_at_crash(self.lane, self.flight.version)
        self.flight = None

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def submitted(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.actions)))
        before = self.actions[item]
        try:
            self.keep(submit(self.does, self.lane, self.actions.values(), item, self.now))
        except NotSubmittable:
            assert before.state not in (ActionState.QUEUED, ActionState.FAILED) or before.cause in OVER
            return
        after = self.actions[item]
        assert (after.tries, after.looks) == (before.tries, before.looks)
        assert after.state in (ActionState.QUEUED, ActionState.SUPERSEDED)

    @rule(cause=st.sampled_from(ENDS))
    def ended(self, cause: Cause) -> None:
        self.keep(end(self.does, self.lane, self.actions.values(), cause, self.now))
        assert not any(a.state.is_open for a in self.actions.values())

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def replay_cancelled(self, data: st.DataObject) -> None:
        """Y1: what a cancelled replay made and is not delivered ends; nothing else changes."""
        chosen = data.draw(st.frozensets(st.sampled_from(sorted(self.actions))))
        before = dict(self.actions)
        self.keep(withdraw(self.does, self.lane, self.actions.values(), chosen, self.now))
        for id, action in self.actions.items():
            if id in chosen and action.origin is Origin.REPLAY:
                assert not action.state.is_open
            elif action.state is not ActionState.SUPERSEDED:
                assert action == before[id]

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def content_removed(self, data: st.DataObject) -> None:
        """X6: what waits for a save ends with its content; nothing else changes."""
        chosen = data.draw(st.frozensets(st.sampled_from(sorted(self.actions))))
        before = dict(self.actions)
        self.keep(expire(self.does, self.lane, self.actions.values(), chosen, self.now))
        for id, action in self.actions.items():
            if id in chosen and before[id].waits_for_save:
                assert not action.state.is_open
            elif action.state is not ActionState.SUPERSEDED:
                assert action == before[id]

    @rule(causes=st.sampled_from([CURED_BY_FLOW, CURED_BY_CONNECTION]))
    def cured(self, causes: frozenset[Cause]) -> None:
        self.keep(reschedule(self.does, self.lane, self.actions.values(), causes, self.now))
        for action in self.actions.values():
            if action.state is ActionState.QUEUED and action.category is Category.CONFIG and action.cause in causes:
                assert action.is_due(self.now)

    @invariant()
    def lane_state_is_what_its_actions_say(self) -> None:
        opened = [a for a in self.actions.values() if a.state.is_open]
        if self.lane.state is LaneState.IDLE:
            assert not opened, "stuck"
        if self.lane.state is LaneState.WAITING:
            assert self.lane.due_at is not None or any(a.waits_for_save for a in opened), "stuck"
        if opened:
            assert self.lane.rank <= min(a.rank for a in opened)

    @invariant()
    def queue_status_fits_the_state(self) -> None:
        for action in self.actions.values():
            match action.state:
                case ActionState.PENDING | ActionState.VALIDATION:
                    assert action.queue is None
                case ActionState.QUEUED:
                    assert action.queue in (QueueStatus.RETRY, QueueStatus.ERROR)
                    assert not action.waits_for_save or action.cause in CURED_BY_FLOW, "no save wakes it"
                case ActionState.FAILED:
                    assert action.queue is QueueStatus.FAILED
                case ActionState.SUCCESS:
                    assert action.queue in (None, QueueStatus.DONE)
                case ActionState.SUPERSEDED:
                    assert action.queue is QueueStatus.DONE

    @invariant()
    def figures_are_what_is_counted(self) -> None:
        for replays in (True, False):
            period = Period(START, START + 10_000 * DAY, 1, replays)
            rows = [ActionRow(1, 1, self.facts[a.id].created, a.state, a.origin) for a in self.actions.values()]
            counted = count(period, (), rows, self.attempts)
            assert total(period, self.deltas) == counted
            held = [replace(row, connection_holds=True) for row in rows]  # as if their connection were paused now
            assert total(period, self.deltas, counted.pending) == count(period, (), held, self.attempts)

    def teardown(self) -> None:
        """Left alone with a working target, everything ends: nothing is lost, nothing is stuck."""
        if self.flight is not None:
            self.outcome(Delivered(200), twice=False)
        for _ in range(4 * len(self.actions) + 4):
            if self.lane.state is LaneState.IDLE:
                break
            if self.lane.due_at is not None:
                self.now = max(self.now, self.lane.due_at)
            elif self.lane.state is LaneState.WAITING:
                self.cured(CURED_BY_FLOW)
            self.take()
            if self.flight is not None:
                self.outcome(Delivered(200), twice=False)
        assert not any(a.state.is_open for a in self.actions.values())


class AddingLaneMachine(LaneMachine):
    """The same at a destination that adds a message or row."""

    does = Does.ADDS


TestUpdates = LaneMachine.TestCase
TestUpdates.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAdds = AddingLaneMachine.TestCase
TestAdds.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


runs = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 4), st.sampled_from(RunState), st.sampled_from(RunState)),
    max_size=40,
    unique_by=lambda r: (r[0], r[1]),
)


@given(runs, st.integers(0, 60), st.integers(0, 60))
def test_X2_processed_figures_are_what_is_counted(made: list[tuple[int, int, RunState, RunState]], since: int, length: int) -> None:
    """A change (1-12, three per registration) with runs of flows (1-4): decided, and judged again later."""
    rows, deltas, seen = [], [], set()
    for change, flow, first, later in made:
        mode, at = 1 + change % 2, START + change * 7 * MINUTE  # a change has one mode and one time
        if change not in seen:
            seen.add(change)
            deltas.append(of_processed_changes(1, at, mode, [change // 3]))
        deltas += of_run(1, at, mode, flow, first)
        deltas += of_reconsidered(1, at, mode, flow, first, later)
        rows.append(RunRow(change, change // 3, flow, mode, at, later))
    period = Period(START + since * MINUTE, START + (since + length) * MINUTE, 1)
    counted = count(period, rows, (), ())
    assert total(period, deltas) == counted == total(period, merged(deltas))
    assert counted.unique <= counted.changes
    assert counted.not_triggered == counted.not_selected + counted.untagged + counted.not_judged


def test_X2_one_creation_and_two_updates_are_three_changes_of_one_registration() -> None:
    rows = [RunRow(change, 7, flow, 1, START, RunState.TRIGGERED) for change in (1, 2, 3) for flow in (1, 2)]
    figures = count(Period(START, START + MINUTE, 1), rows, (), ())
    assert (figures.changes, figures.unique, figures.active_flows) == (3, 1, 2)


def test_X2_activity_counts_every_facet_of_a_change() -> None:
    deltas = list(of_activity(1, START, 1, Facet.CREATED | Facet.STATUS_CHANGED))
    assert [d.category for d in deltas] == [1, 4]


def test_X2_the_pie_and_the_queue() -> None:
    figures = Figures(
        triggered=10, success=5, queued=1, failed=2, validation=1, pending=1, not_triggered=6, untagged=3, undecided=1, ended=1
    )
    assert figures.pie == (5, 4)
    assert figures.in_retry_queue == 5
    assert (figures.not_selected, figures.not_judged) == (1, 2)


@pytest.mark.parametrize("parts", [{"held_count": 3}, {"pending": -1, "held_count": 3}, {"pending": 3, "held_count": -1}])
def test_X2_what_is_held_is_a_part_of_what_was_triggered(parts: dict[str, int]) -> None:
    assert Figures(triggered=2, pending=1, held_count=1).pie == (0, 0)
    with pytest.raises(FiguresDoNotAddUp):
        Figures(triggered=2, **parts)


def test_X2_merged_deltas_are_sorted_and_leave_out_nothing_that_counts() -> None:
    one = Delta(1, 5, 1, 20)
    assert merged([one, replace(one, count=2), replace(one, minute=4), replace(one, minute=4, count=-1)]) == [replace(one, count=3)]
    assert merged([replace(one, count=0, serials=(9,))])[0].serials == (9,)
