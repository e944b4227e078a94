"""Every interleaving, in small bounds, of two workers and one slot (ARCHITECTURE.md, rule 7; docs/design/queue.md, section 3).

Renewals and claims are requested, applied by the database and answered at different times; workers start requests, get answers, settle
late, die, stall forever, give the slot back. Uses `domain.delivery.slots` unchanged. Time is relative and bounded by the lease, so that the
state space is finite.

Violations: two requests of a lane at once; an outcome settled although another owner has read the lane since; a state from which the lane's
action can never be settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from heliograph.domain.delivery import slots

LEASE, TIMEOUT = 3, 1
"""In ticks: a lease, and the longest request."""
GONE = -1
"""Nothing is left, however long ago it ended."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The database's row. left: ticks until the lease ends."""

    owner: int | None = None
    epoch: int = 0
    left: int = GONE


@dataclass(frozen=True, slots=True)
class Asked:
    """A pending renewal or claim. age: ticks since the request; got: the epoch, once the database has applied it; 0: it was refused."""

    age: int = 0
    got: int | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker believes. left: ticks of its lease by its own clock; flight: (epoch, age) of its request; landed: the epoch of an
    outcome to settle."""

    epoch: int | None = None
    left: int = GONE
    asked: Asked | None = None
    flight: tuple[int, int] | None = None
    landed: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    slot: Slot
    workers: tuple[Worker, ...]
    done: bool
    crashes: int


@dataclass(slots=True)
class Found:
    states: int = 0
    overlapping: int = 0
    twice: int = 0
    """Settled under a former owner, while the new one has the lane."""
    stuck: int = 0
    example: World | None = None


def put(world: World, at: int, worker: Worker, **more: object) -> World:
    return replace(world, workers=tuple(worker if i == at else w for i, w in enumerate(world.workers)), **more)


def steps(world: World, found: Found) -> Iterator[World]:
    if all(w.flight is None or w.flight[1] < TIMEOUT for w in world.workers):  # a request is cut off when its time is over
        yield ticked(world)
    for at, worker in enumerate(world.workers):
        yield from asking(world, at, worker)
        yield from sending(world, at, worker, found)
        if world.crashes:
            yield put(world, at, Worker(), crashes=world.crashes - 1)


def ticked(world: World) -> World:
    def older(worker: Worker) -> Worker:
        return replace(
            worker,
            left=max(worker.left - 1, GONE),
            asked=worker.asked and replace(worker.asked, age=min(worker.asked.age + 1, LEASE + 1)),
            flight=worker.flight and (worker.flight[0], worker.flight[1] + 1),
        )

    return replace(world, slot=replace(world.slot, left=max(world.slot.left - 1, GONE)), workers=tuple(older(w) for w in world.workers))


def asking(world: World, at: int, worker: Worker) -> Iterator[World]:
    """The steps of store.queue.slot_leases: renew what is ours and still valid; claim what has expired; release what is idle."""
    slot = world.slot
    if worker.asked is None:
        yield put(world, at, replace(worker, asked=Asked()))
    elif worker.asked.got is None:
        if slot.owner == at and slot.left > 0:
            yield put(world, at, replace(worker, asked=replace(worker.asked, got=slot.epoch)), slot=replace(slot, left=LEASE))
        elif slot.left < 0:
            claimed = Slot(at, slot.epoch + 1, LEASE)
            yield put(world, at, replace(worker, asked=replace(worker.asked, got=claimed.epoch)), slot=claimed)
        else:
            yield put(world, at, replace(worker, asked=replace(worker.asked, got=0)))
    elif worker.asked.got == 0:
        yield put(world, at, replace(worker, asked=None, epoch=None, left=GONE))
    else:  # the lease counts from before the request
        yield put(world, at, replace(worker, asked=None, epoch=worker.asked.got, left=max(LEASE - worker.asked.age, GONE)))
    if worker.epoch is not None and worker.flight is None and worker.landed is None and worker.asked is None:
        freed = Slot(None, slot.epoch) if slot.owner == at and slot.epoch == worker.epoch else slot
        yield put(world, at, replace(worker, epoch=None, left=GONE), slot=freed)


def sending(world: World, at: int, worker: Worker, found: Found) -> Iterator[World]:
    if worker.flight is not None:
        epoch, _ = worker.flight
        yield put(world, at, replace(worker, flight=None, landed=epoch))
    elif worker.landed is not None:
        if slots.may_settle(worker.landed, world.slot.epoch):
            others = [w for i, w in enumerate(world.workers) if i != at]
            if any(w.flight is not None or w.landed == world.slot.epoch for w in others):
                found.twice += 1
                found.example = found.example or world
            yield put(world, at, replace(worker, landed=None), done=True)
        else:
            yield put(world, at, replace(worker, landed=None))
    elif not world.done and worker.epoch is not None and slots.may_start(worker.left, TIMEOUT):
        if any(w.flight is not None for w in world.workers):
            found.overlapping += 1
            found.example = found.example or world
        yield put(world, at, replace(worker, flight=(worker.epoch, 0)))


def bounded(world: World, epochs: int) -> bool:
    return world.slot.epoch <= epochs


def explore(*, epochs: int = 3, crashes: int = 1, to_the_first: bool = False) -> Found:
    """epochs: changes of owner; the last one has no successor, so only states that can still change hands count as stuck.

    to_the_first: only until something is wrong."""
    start = World(Slot(), (Worker(), Worker()), done=False, crashes=crashes)
    before: dict[World, set[World]] = {start: set()}
    todo, found = deque([start]), Found()
    while todo and not (to_the_first and found.example):
        world = todo.popleft()
        for following in steps(world, found):
            if not bounded(following, epochs):
                continue
            if following not in before:
                before[following] = set()
                todo.append(following)
            before[following].add(world)
    found.states = len(before)
    good = {world for world in before if world.done}
    todo = deque(good)
    while todo:
        for earlier in before[todo.popleft()]:
            if earlier not in good:
                good.add(earlier)
                todo.append(earlier)
    lost = [world for world in before if world not in good and world.slot.epoch < epochs]
    found.stuck = len(lost)
    found.example = found.example or (lost[0] if lost else None)
    return found


def assert_sound(found: Found, at_least: int) -> None:
    assert (found.overlapping, found.twice, found.stuck) == (0, 0, 0), found.example
    assert found.states > at_least, "the model has shrunk: it proves less than it did"


def test_D1_a_lane_has_one_owner_small() -> None:
    assert_sound(explore(epochs=2), at_least=3_000)


@pytest.mark.trial
@pytest.mark.timeout(1200)
def test_D1_a_lane_has_one_owner_whole() -> None:
    assert_sound(explore(epochs=4, crashes=2), at_least=20_000)


def test_D1_the_model_sees_a_request_that_outlives_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks the check itself: a request that may end after the lease collides with the next owner's."""
    monkeypatch.setattr(slots, "may_start", lambda left, _timeout: left > -1)
    assert explore(epochs=2, to_the_first=True).overlapping > 0


def test_D1_the_model_sees_a_missing_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "may_settle", lambda _taken, _present: True)
    assert explore(epochs=2, to_the_first=True).twice > 0


def test_D1_slots_are_shared_fairly() -> None:
    for alive in range(1, 70):
        share = slots.fair_share(alive)
        assert share * alive >= slots.SLOTS > (share - 1) * alive
        owned = range(share + 3)
        assert slots.claimable(owned, alive) == 0
        assert slots.superfluous(owned, [0, 1], alive) == 1
        assert slots.claimable(range(share - 1), alive) == 1
        assert slots.superfluous(range(share), [0], alive) == 0
