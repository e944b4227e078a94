"""Every interleaving, in small bounds, of what can happen to a lane at a destination that updates a record (D2; docs/design/queue.md,
section 2).

Changes are recorded, an old version is created again (reconsidered, replayed, resent), requests start, are applied by the receiver, are
refused before or after they were sent, are cut, cannot begin, lose their answer, die with their worker; retries become due, a person
submits. Uses `domain.delivery.lanes` unchanged: only the receiver's behaviour is assumed.

Violation: the receiver applies a version older than one it has already applied. It is told if the newer one was settled as a failure (its
answer was lost), untold if nothing told us so. Stuck: an open action that nothing can ever move.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from heliograph.domain.delivery.action import ActionState, Does, NotSubmittable, OpenAction, Origin, new_action
from heliograph.domain.delivery.lanes import Flight, Lane, LaneState, Settlement, choose, in_flight_at_crash, settle, submit, woken
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Cut, Delivered, Outcome, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import Category, RetryPolicy

NOW = 1
LATER = 10**18
POLICY = RetryPolicy()
BEFORE_IT_LEFT = Refused(Category.CONNECTION, Cause.DNS, "", left=False)
AFTER_IT_LEFT = Refused(Category.GENERAL, Cause.ANSWER, "", left=True, status=500)
LOST = Refused(Category.CONNECTION, Cause.TIMEOUT, "", left=True)
INACTIVE = CouldNotBegin(Cause.FLOW_INACTIVE, "")
INVALID = ValidationFailed(("",))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often each event may happen."""

    versions: int = 3
    others: int = 1
    failures: int = 2
    lost: int = 1
    crashes: int = 1
    submits: int = 0
    ends: int = 0
    """Cut, could not begin, or invalid."""
    tries_used: int = 2
    """Tries that a new action has already used, so that few failures exhaust it."""


@dataclass(frozen=True, slots=True)
class World:
    """One state of a lane, its receiver and its worker. applied: (version, whether its answer was lost)."""

    lane: Lane
    actions: tuple[OpenAction, ...]
    applied: tuple[tuple[int, bool], ...]
    flight: OpenAction | None
    reached: bool
    left: Bounds


@dataclass(slots=True)
class Found:
    states: int = 0
    told: int = 0
    untold: int = 0
    stuck: int = 0
    example: World | None = None


def after(world: World, settlement: Settlement, **more: object) -> World:
    """The world after storing a settlement. Instants are reduced to due and not due, or the state space would be infinite."""
    changed = {m.new.id: m.new for m in settlement.moves}
    actions = tuple(folded(changed.get(a.id, a)) for a in world.actions)
    lane = replace(settlement.lane, due_at=None if settlement.lane.due_at is None or settlement.lane.due_at <= NOW else LATER)
    return replace(world, lane=lane, actions=actions, **more)


def folded(action: OpenAction) -> OpenAction:
    due = action.due_at
    return action if due is None else replace(action, due_at=LATER if due > NOW else NOW)


def steps(world: World, found: Found) -> Iterator[World]:
    yield from made(world)
    for action in world.actions:
        if action.state is ActionState.QUEUED and not action.is_due(NOW) and (world.flight is None or world.flight.id != action.id):
            actions = tuple(replace(a, due_at=NOW) if a.id == action.id else a for a in world.actions)
            yield replace(world, actions=actions, lane=recomputed(world.lane, actions))
        if world.left.submits:
            with contextlib.suppress(NotSubmittable):
                yield after(world, submit(Does.UPDATES, world.lane, world.actions, action.id, NOW), left=spent(world.left, "submits"))
    if world.flight is None:
        yield from started(world)
    else:
        yield from ended(world, found)


def made(world: World) -> Iterator[World]:
    newest = max((a.version for a in world.actions), default=0)
    if world.left.versions:
        yield with_action(world, newest + 1, Origin.RECORDED, "versions")
    if world.left.others:
        for version in range(1, newest + 1):
            yield with_action(world, version, Origin.REPLAY, "others")


def with_action(world: World, version: int, origin: Origin, bound: str) -> World:
    action = replace(new_action(len(world.actions), version, origin), tries=world.left.tries_used)
    return replace(world, actions=(*world.actions, action), lane=woken(world.lane, action.rank), left=spent(world.left, bound))


def spent(left: Bounds, bound: str) -> Bounds:
    return replace(left, **{bound: getattr(left, bound) - 1})


def recomputed(lane: Lane, actions: tuple[OpenAction, ...]) -> Lane:
    """The lane in the index of due lanes: the stored state cannot know that an instant has passed, so the read-ahead calls `choose`."""
    choice = choose(Does.UPDATES, lane.begun_version, actions, NOW)
    return replace(lane, state=choice.state, rank=choice.rank, due_at=choice.due_at)


def started(world: World) -> Iterator[World]:
    if world.lane.state is LaneState.IDLE:
        return
    choice = choose(Does.UPDATES, world.lane.begun_version, world.actions, NOW)
    if choice.action is not None:
        yield replace(world, flight=choice.action, reached=False)
    elif choice.superseded or world.lane.state is LaneState.READY:
        yield after(world, settle(Does.UPDATES, world.lane, world.actions, None, NOW, POLICY))


def ended(world: World, found: Found) -> Iterator[World]:
    began = world.flight
    assert began is not None

    def settled(outcome: Outcome, **more: object) -> World:
        return after(world, settle(Does.UPDATES, world.lane, world.actions, Flight(began, outcome), NOW, POLICY), flight=None, **more)

    left = world.left
    if not world.reached:
        newer = [lost for version, lost in world.applied if version > began.version]
        if newer:
            found.told, found.untold = found.told + all(newer), found.untold + (not all(newer))
            found.example = found.example or world
        else:
            yield replace(world, applied=(*world.applied, (began.version, False)), reached=True)
        if left.failures:
            yield settled(BEFORE_IT_LEFT, left=spent(left, "failures"))
            yield settled(AFTER_IT_LEFT, left=spent(left, "failures"))
        if left.ends:
            yield settled(INACTIVE, left=spent(left, "ends"))
            yield settled(INVALID, left=spent(left, "ends"))
            yield settled(Cut(), left=spent(left, "ends"))
    else:
        yield settled(Delivered(200))
        if left.ends:
            yield settled(Cut(), left=spent(left, "ends"))
        if left.lost:
            yield settled(LOST, applied=(*world.applied[:-1], (world.applied[-1][0], True)), left=spent(left, "lost"))
    if left.crashes:
        yield replace(world, lane=in_flight_at_crash(world.lane, began.version), flight=None, left=spent(left, "crashes"))


def explore(bounds: Bounds) -> Found:
    start = World(Lane(1, 1, 1), (), (), None, reached=False, left=bounds)
    seen, todo, found = {start}, deque([start]), Found()
    while todo:
        world = todo.popleft()
        nothing_more = True
        for following in steps(world, found):
            nothing_more = False
            if following not in seen:
                seen.add(following)
                todo.append(following)
        if nothing_more and any(a.state.is_open for a in world.actions):
            found.stuck += 1
            found.example = found.example or world
    found.states = len(seen)
    return found


def assert_sound(found: Found, at_least: int) -> None:
    assert (found.untold, found.stuck) == (0, 0), found.example
    assert found.told == 0, found.example
    assert found.states > at_least, "the model has shrunk: it proves less than it did"


def test_D2_nothing_newer_is_overwritten_small() -> None:
    assert_sound(explore(Bounds(versions=2, failures=1)), at_least=1_000)


def test_D2_nothing_newer_is_overwritten_by_submits_and_cuts_small() -> None:
    assert_sound(explore(Bounds(versions=2, failures=1, lost=0, crashes=1, submits=1, ends=1)), at_least=2_000)


@pytest.mark.trial
@pytest.mark.timeout(1200)
def test_D2_nothing_newer_is_overwritten_whole() -> None:
    assert_sound(explore(Bounds()), at_least=20_000)


@pytest.mark.trial
@pytest.mark.timeout(1200)
def test_D2_nothing_newer_is_overwritten_by_submits_and_cuts_whole() -> None:
    assert_sound(explore(Bounds(versions=3, failures=1, submits=1, ends=1)), at_least=20_000)


def test_D2_the_model_sees_a_forgotten_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks the check itself: without the in-flight journal, newer data is overwritten."""
    monkeypatch.setitem(globals(), "in_flight_at_crash", lambda lane, version: lane)
    assert explore(Bounds(versions=2, failures=2, lost=0, tries_used=3)).untold > 0
