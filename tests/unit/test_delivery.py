"""The life of one action and of one lane (D1-D8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heliograph.domain.delivery.action import (
    ENDS_RUN,
    FRONT,
    ActionState,
    AttemptKind,
    Does,
    NotSubmittable,
    OpenAction,
    Origin,
    QueueStatus,
    Rank,
    RunState,
    RunVerdict,
    StuckRun,
    ended_run,
    new_action,
    reconsidered,
    stuck,
    submit_run,
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
    woken,
)
from heliograph.domain.delivery.outcomes import (
    CURED_BY_ADDRESS,
    CURED_BY_CONNECTION,
    CURED_BY_FLOW,
    Cause,
    CouldNotBegin,
    Cut,
    Delivered,
    Outcome,
    Refused,
    ValidationFailed,
)
from heliograph.domain.delivery.retry_policy import DAY, MINUTE, Category, RetryPolicy

NOW = 1_000_000 * MINUTE
POLICY = RetryPolicy()
LANE = Lane(1, destination=1, subject=1, state=LaneState.READY)
ANSWERED_500 = Refused(Category.GENERAL, Cause.ANSWER, "The target answered 500.", left=True, status=500)
ANSWERED_401 = Refused(Category.CONFIG, Cause.ANSWER, "The target answered 401.", left=True, status=401)
NO_NAME = Refused(Category.CONNECTION, Cause.DNS, "No such name.", left=False)
INACTIVE = CouldNotBegin(Cause.FLOW_INACTIVE, "The flow is switched off.")


class Story:
    """One lane through time: what it would do, and what is done to it."""

    def __init__(self, *actions: OpenAction, does: Does = Does.UPDATES, lane: Lane = LANE) -> None:
        self.does, self.lane, self.now = does, lane, NOW
        self.actions = {a.id: a for a in actions}
        self.last: Settlement | None = None

    def __getitem__(self, number: int) -> OpenAction:
        return self.actions[number]

    @property
    def next(self) -> OpenAction | None:
        return choose(self.does, self.lane.begun_version, self.actions.values(), self.now).action

    def keep(self, settlement: Settlement) -> Story:
        self.lane, self.last = settlement.lane, settlement
        self.actions |= {m.new.id: m.new for m in settlement.moves}
        return self

    def settle(self, began: OpenAction, outcome: Outcome) -> Story:
        return self.keep(settle(self.does, self.lane, self.actions.values(), Flight(began, outcome), self.now, POLICY))

    def send(self, outcome: Outcome) -> Story:
        began = self.next
        assert began is not None, "nothing is due"
        return self.settle(began, outcome)

    def wait(self) -> Story:
        assert self.lane.state is LaneState.WAITING
        assert self.lane.due_at is not None
        self.now = self.lane.due_at
        return self

    def saved(self, *causes: Cause) -> Story:
        return self.keep(reschedule(self.does, self.lane, self.actions.values(), frozenset(causes), self.now))

    def submit(self, number: int) -> Story:
        return self.keep(submit(self.does, self.lane, self.actions.values(), number, self.now))


def states(story: Story) -> list[str]:
    return [a.state.name.lower() for a in story.actions.values()]


def test_D6_retry_then_error_then_failed() -> None:
    story = Story(new_action(1, 1))
    seen = []
    story.send(ANSWERED_500)
    for minutes in (15, 60, 240):
        seen.append((story[1].queue, story[1].tries))
        assert story.lane.state is LaneState.WAITING
        assert story.lane.due_at == story.now + minutes * MINUTE
        story.wait().send(ANSWERED_500)
    assert seen == [(QueueStatus.RETRY, 1), (QueueStatus.ERROR, 2), (QueueStatus.ERROR, 3)]
    assert (story[1].state, story[1].queue, story[1].sent) == (ActionState.FAILED, QueueStatus.FAILED, 4)
    assert story.lane.state is LaneState.IDLE
    assert story.last
    assert story.last.attempt
    assert story.last.attempt.abandoned
    assert story.last.attempt.kind is AttemptKind.AUTO


def test_D6_solved_by_a_retry_is_done_and_a_first_success_never_was_in_the_queue() -> None:
    assert Story(new_action(1, 1)).send(Delivered(200))[1].queue is None
    story = Story(new_action(1, 1)).send(NO_NAME).wait().send(Delivered(200))
    assert (story[1].state, story[1].queue, story[1].category) == (ActionState.SUCCESS, QueueStatus.DONE, Category.CONNECTION)


def test_M5_invalid_is_final_and_never_in_the_queue() -> None:
    story = Story(new_action(1, 1)).send(ANSWERED_500).wait().send(ValidationFailed(("Last Name is empty.",)))
    assert (story[1].state, story[1].queue, story[1].category) == (ActionState.VALIDATION, None, Category.VALIDATION)
    with pytest.raises(NotSubmittable):
        story.submit(1)


def test_D5_an_action_that_cannot_begin_waits_for_a_save_and_uses_no_try() -> None:
    story = Story(new_action(1, 1)).send(INACTIVE)
    for looks in range(1, 9):  # the flow is saved, and is still off
        assert story.last
        assert story.last.attempt is None
        assert (story[1].state, story[1].queue, story[1].category) == (ActionState.QUEUED, QueueStatus.RETRY, Category.CONFIG)
        assert (story[1].tries, story[1].looks, story[1].sent) == (0, looks, 0)
        assert (story.lane.state, story.lane.due_at) == (LaneState.WAITING, None), "it is tried by time"
        story.now += 1000 * DAY
        assert story.next is None
        story.saved(Cause.OAUTH)
        assert story.next is None, "a save that cures something else woke it"
        story.saved(Cause.FLOW_INACTIVE).send(INACTIVE)
    story.saved(Cause.FLOW_INACTIVE).send(Delivered(200))
    assert (story[1].state, story[1].queue, story[1].tries) == (ActionState.SUCCESS, QueueStatus.DONE, 1)


def test_D5_looks_and_tries_are_counted_apart() -> None:
    story = Story(new_action(1, 1)).send(INACTIVE).saved(Cause.FLOW_INACTIVE).send(INACTIVE).saved(Cause.FLOW_INACTIVE)
    assert story.next is not None
    assert story.next.next_kind is AttemptKind.FIRST
    story.send(ANSWERED_500)
    assert (story[1].looks, story[1].tries, story[1].queue) == (2, 1, QueueStatus.RETRY)
    assert story.lane.due_at == story.now + 15 * MINUTE


def test_D5_what_was_submitted_after_its_last_retry_waits_for_a_save_too() -> None:
    story = Story(new_action(1, 1)).send(ANSWERED_500)
    for _ in range(3):
        story.wait().send(ANSWERED_500)
    assert story.submit(1).send(INACTIVE)[1].waits_for_save
    story.saved(Cause.FLOW_INACTIVE).send(ANSWERED_500)
    assert story.last
    assert story.last.attempt
    assert (story.last.attempt.kind, story.last.attempt.abandoned) == (AttemptKind.MANUAL, False)
    assert (story[1].state, story[1].tries) == (ActionState.FAILED, 4)


def test_D8_a_try_as_it_was_whose_mapping_is_gone_waits_for_no_save() -> None:
    gone = replace(INACTIVE, cause=Cause.MAPPING_GONE, is_by_time=True)
    story = Story(new_action(1, 1)).send(ANSWERED_500).submit(1).send(gone)
    assert (story.lane.due_at, story[1].tries) == (story.now + 30 * MINUTE, 1)
    assert story.wait().send(ANSWERED_500)[1].queue is QueueStatus.ERROR
    for _ in range(2):
        story.wait().send(ANSWERED_500)
    assert story.submit(1).send(gone)[1].queue is QueueStatus.FAILED, "there is no retry to wait for"


def test_X6_what_waits_for_a_save_ends_with_its_content() -> None:
    story = Story(new_action(1, 1), new_action(2, 2), new_action(3, 3), does=Does.ADDS).send(INACTIVE).send(ANSWERED_500)
    story.keep(expire(story.does, story.lane, story.actions.values(), {1, 2, 3}, story.now))
    assert states(story) == ["failed", "queued", "pending"]
    assert (story[1].queue, story[1].cause) == (QueueStatus.FAILED, Cause.CONTENT_REMOVED)
    with pytest.raises(NotSubmittable):
        story.submit(1)


def test_D8_submit_neither_uses_up_nor_resets_the_automatic_retries() -> None:
    story = Story(new_action(1, 1)).send(ANSWERED_500).submit(1)
    assert (story.lane.state, story.lane.rank, story[1].rank) == (LaneState.READY, Rank.SUBMITTED, Rank.SUBMITTED)
    story.send(ANSWERED_500)
    assert story.last
    assert story.last.attempt
    assert story.last.attempt.kind is AttemptKind.MANUAL
    assert (story[1].tries, story[1].rank, story[1].queue, story.lane.rank) == (1, Rank.LIVE, QueueStatus.ERROR, Rank.LIVE)
    for _ in range(3):
        story.wait().send(ANSWERED_500)
    assert story[1].state is ActionState.FAILED
    assert story.submit(1)[1].queue is QueueStatus.RETRY
    story.send(ANSWERED_500)
    assert (story[1].state, story[1].tries) == (ActionState.FAILED, 4)
    assert story.last.attempt
    assert not story.last.attempt.abandoned
    assert story.submit(1).send(Delivered(200))[1].queue is QueueStatus.DONE


def test_D8_a_submit_while_a_retry_is_under_way_is_not_lost() -> None:
    story = Story(new_action(1, 1)).send(ANSWERED_500).wait()
    began = story.next
    assert began is not None
    story.submit(1).settle(began, ANSWERED_500)
    assert (story[1].rank, story.lane.state, story[1].tries) == (Rank.SUBMITTED, LaneState.READY, 2)
    assert story.next is not None
    assert story.next.next_kind is AttemptKind.MANUAL


def test_D8_submit_makes_the_highest_open_version_due() -> None:
    story = Story(new_action(1, 1), new_action(2, 2)).send(NO_NAME).send(NO_NAME).submit(1)
    assert story.next is not None
    assert story.next.id == 2
    story.send(Delivered(200))
    assert states(story) == ["superseded", "success"]


def test_D8_submitting_what_newer_data_has_overtaken_ends_it() -> None:
    story = Story(
        replace(new_action(1, 1), state=ActionState.FAILED, queue=QueueStatus.FAILED, tries=4), lane=replace(LANE, begun_version=2)
    )
    story.submit(1)
    assert (story[1].state, story[1].queue, story[1].cause) == (ActionState.SUPERSEDED, QueueStatus.DONE, Cause.SUPERSEDED)
    assert story.lane.state is LaneState.IDLE


@pytest.mark.parametrize("cause", [Cause.FLOW_DELETED, Cause.DESTINATION_REMOVED, Cause.ERASED])
def test_P12_B7_what_ended_for_good_cannot_be_submitted(cause: Cause) -> None:
    story = Story(new_action(1, 1), new_action(2, 2))
    story.keep(end(story.does, story.lane, story.actions.values(), cause, NOW))
    assert states(story) == ["failed", "failed"]
    assert story.lane.state is LaneState.IDLE
    with pytest.raises(NotSubmittable):
        story.submit(1)


def test_D1_what_is_true_wins_a_delivery_after_its_flow_was_deleted() -> None:
    for outcome, state in (
        (Delivered(200), ActionState.SUCCESS),
        (ANSWERED_500, ActionState.FAILED),
        (ValidationFailed(("x",)), ActionState.FAILED),
    ):
        story = Story(new_action(1, 1))
        began = story.next
        assert began is not None
        story.keep(end(story.does, story.lane, story.actions.values(), Cause.FLOW_DELETED, NOW)).settle(began, outcome)
        assert (story[1].state, story[1].sent, story.lane.state) == (state, 1, LaneState.IDLE)


def test_D1_settling_twice_changes_nothing() -> None:
    for outcome in (Delivered(200), ANSWERED_500, INACTIVE, ValidationFailed(("x",))):
        story = Story(new_action(1, 1))
        began = story.next
        assert began is not None
        story.settle(began, outcome)
        once = (story.lane, dict(story.actions))
        story.settle(began, outcome)
        assert (story.lane, story.actions) == once
        assert story.last
        assert story.last.attempt is None


def test_D2_first_attempts_of_a_record_go_in_order_and_a_later_success_supersedes() -> None:
    story = Story(new_action(1, 1), new_action(2, 2), new_action(3, 3))
    order = []
    for outcome in (NO_NAME, ANSWERED_500, Delivered(200)):
        assert story.next is not None
        order.append(story.next.id)
        story.send(outcome)
    assert order == [1, 2, 3]
    assert states(story) == ["superseded", "superseded", "success"]


def test_D2_a_lost_answer_of_a_newer_version_supersedes_too() -> None:
    story = Story(new_action(1, 1), new_action(2, 2)).send(NO_NAME)
    story.send(Refused(Category.CONNECTION, Cause.TIMEOUT, "No answer.", left=True))
    assert states(story) == ["superseded", "queued"]


def test_D2_an_older_version_made_later_is_superseded_unsent() -> None:
    story = Story(new_action(1, 5)).send(Delivered(200))
    story.actions[2] = new_action(2, 3, Origin.RECONSIDERED)
    story.lane = woken(story.lane, Rank.LIVE)
    assert story.next is None
    story.keep(settle(story.does, story.lane, story.actions.values(), None, NOW, POLICY))
    assert states(story) == ["success", "superseded"]
    assert story.lane.state is LaneState.IDLE


def test_D2_the_same_version_can_be_sent_again() -> None:
    story = Story(new_action(1, 5)).send(Delivered(200))
    story.actions[2] = new_action(2, 5, Origin.RESENT)
    assert story.next is not None
    assert story.next.id == 2


def test_D2_adding_sends_everything_first_attempts_then_retries_then_replays() -> None:
    story = Story(
        replace(new_action(1, 1), state=ActionState.QUEUED, due_at=NOW, tries=1),
        new_action(2, 2, Origin.REPLAY),
        new_action(3, 3),
        new_action(4, 4),
        does=Does.ADDS,
    )
    order = []
    while story.next is not None:
        order.append(story.next.id)
        story.send(Delivered(200))
    assert order == [3, 4, 1, 2]


def test_D2_a_live_change_does_not_wait_for_one_in_the_retry_queue() -> None:
    for does in Does:
        story = Story(new_action(1, 1), does=does).send(NO_NAME)
        story.actions[2] = new_action(2, 2)
        assert story.next is not None
        assert story.next.id == 2


def test_D1_a_cut_request_uses_no_try_is_sent_again_and_has_begun() -> None:
    story = Story(new_action(1, 1)).send(Cut())
    assert (story[1].tries, story[1].sent, story[1].state) == (0, 0, ActionState.PENDING)
    assert story.lane.begun_version == 1
    assert story.next is not None
    story = Story(new_action(1, 1)).send(Cut(left=False))
    assert story.lane.begun_version == 0


def test_D4_three_crashes_make_a_poison_and_any_outcome_clears_the_marks() -> None:
    lane = LANE
    for crash in range(3):
        assert lane.is_poison is (crash >= 3)
        lane = in_flight_at_crash(lane, 1)
    assert lane.is_poison
    poison = Refused(Category.SYSTEM, Cause.POISON, "Three workers crashed while it was under way.", left=False)
    story = Story(new_action(1, 1), lane=lane).send(poison)
    assert (story.lane.crashes, story[1].category, story[1].queue) == (0, Category.SYSTEM, QueueStatus.RETRY)
    assert story.lane.begun_version == 1


def test_D7_a_fix_makes_the_items_that_it_cures_due() -> None:
    story = Story(new_action(1, 1)).send(ANSWERED_401)
    story.keep(reschedule(story.does, story.lane, story.actions.values(), CURED_BY_FLOW, NOW))
    assert story.lane.state is LaneState.WAITING
    story.keep(reschedule(story.does, story.lane, story.actions.values(), CURED_BY_CONNECTION, NOW))
    assert (story.lane.state, story[1].rank) == (LaneState.READY, Rank.LIVE)
    assert story.send(Delivered(200))[1].queue is QueueStatus.DONE


def test_D7_another_address_makes_due_what_was_not_reached_and_nothing_else() -> None:
    refused = Refused(Category.CONNECTION, Cause.REFUSED, "Connection refused.", left=False)
    found = []
    for causes in (CURED_BY_CONNECTION, CURED_BY_CONNECTION | CURED_BY_ADDRESS):  # a new password cures no wrong port
        story = Story(new_action(1, 1)).send(refused)
        story.keep(reschedule(story.does, story.lane, story.actions.values(), causes, NOW))
        found.append(story.lane.state)
    assert found == [LaneState.WAITING, LaneState.READY]
    assert Story(new_action(1, 1)).send(replace(refused, stale=True)).lane.state is LaneState.READY, "saved during the attempt"
    busy = Story(new_action(1, 1)).send(Refused(Category.CONNECTION, Cause.ANSWER, "", left=True, status=503))
    busy.keep(reschedule(busy.does, busy.lane, busy.actions.values(), CURED_BY_CONNECTION | CURED_BY_ADDRESS, NOW))
    assert busy.lane.state is LaneState.WAITING, "it was reached"


def test_D7_a_fix_saved_during_the_attempt_is_not_lost() -> None:
    story = Story(new_action(1, 1)).send(replace(ANSWERED_401, stale=True))
    assert (story.lane.state, story[1].due_at, story[1].tries) == (LaneState.READY, NOW, 1)
    story = Story(new_action(1, 1)).send(replace(INACTIVE, stale=True))
    assert (story.lane.state, story[1].looks) == (LaneState.READY, 0)
    story = Story(new_action(1, 1)).send(ANSWERED_401).wait()
    began = story.next
    assert began is not None
    story.actions[1] = replace(story[1], due_at=story.now + 1)  # what a saver does while it is in flight
    story.now += 5
    story.settle(began, ANSWERED_401)
    assert story[1].due_at == story.now


def test_P12_a_removed_destination_ends_waiting_and_pending_actions_only() -> None:
    story = Story(new_action(1, 1), new_action(2, 2), does=Does.ADDS).send(Delivered(200))
    story.keep(end(story.does, story.lane, story.actions.values(), Cause.DESTINATION_REMOVED, NOW))
    assert states(story) == ["success", "failed"]
    assert story[2].queue is QueueStatus.FAILED


def test_F7_an_untagged_run_waits_however_often_it_is_judged() -> None:
    run = waiting = stuck(7, RunVerdict.UNTAGGED, NOW, POLICY)
    assert (run.queue, run.due_at, run.category, run.state) == (QueueStatus.RETRY, None, Category.CONFIG, RunState.UNTAGGED)
    for _ in range(9):
        run = reconsidered(submit_run(run), RunVerdict.UNTAGGED, NOW, POLICY)
        assert run == waiting
    again = submit_run(run)
    assert again.by_hand
    assert again.due_at == FRONT
    assert reconsidered(again, RunVerdict.TRIGGERED, NOW, POLICY).queue is QueueStatus.DONE


def test_F7_D7_a_decision_that_raises_has_three_tries_and_may_then_wait_for_a_tag() -> None:
    run = stuck(7, RunVerdict.RAISED, NOW, POLICY)
    seen = []
    for _ in range(3):
        run = reconsidered(run, RunVerdict.RAISED, NOW, POLICY)
        seen.append((run.queue, run.due_at, run.state))
    assert seen == [
        (QueueStatus.ERROR, NOW + 5 * MINUTE, RunState.UNDECIDED),
        (QueueStatus.ERROR, NOW + 15 * MINUTE, RunState.UNDECIDED),
        (QueueStatus.FAILED, None, RunState.ENDED),
    ]
    assert reconsidered(run, RunVerdict.TRIGGERED, NOW, POLICY) == run
    assert reconsidered(submit_run(run), RunVerdict.UNTAGGED, NOW, POLICY) == stuck(7, RunVerdict.UNTAGGED, NOW, POLICY)


@pytest.mark.parametrize("cause", sorted(ENDS_RUN))
def test_F7_a_run_that_cannot_be_judged_any_more_is_done_and_has_not_failed(cause: Cause) -> None:
    run = ended_run(stuck(7, RunVerdict.UNTAGGED, NOW, POLICY), cause)
    assert (run.queue, run.due_at, run.state) == (QueueStatus.DONE, None, RunState.ENDED)
    with pytest.raises(NotSubmittable):
        submit_run(run)


@pytest.mark.parametrize("verdict", [RunVerdict.TRIGGERED, RunVerdict.NOT_SELECTED])
def test_F7_a_decided_run_is_done(verdict: RunVerdict) -> None:
    run = reconsidered(stuck(7, RunVerdict.UNTAGGED, NOW, POLICY), verdict, NOW, POLICY)
    assert (run.queue, run.due_at) == (QueueStatus.DONE, None)
    with pytest.raises(NotSubmittable):
        submit_run(run)


def test_D8_a_run_submitted_by_hand_uses_no_try() -> None:
    run: StuckRun = submit_run(stuck(7, RunVerdict.RAISED, NOW, POLICY))
    assert run.category is Category.SYSTEM
    assert reconsidered(run, RunVerdict.RAISED, NOW, POLICY).tries == 0
