"""Slots, epochs and order under crashes and clock jumps, over the real SQL of both databases (docs/design/queue.md, section 3; D1, D2).

Several simulated workers share a database. Each has the product's own ownership, completer and in-flight journal; only the threads, the
target and the clocks are simulated: a worker reads, starts, gets answers and settles in any order that Hypothesis finds.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.databases import DatabaseFacts

from heliograph.domain.delivery.action import ActionState, Does, Origin, Rank
from heliograph.domain.delivery.lanes import LaneState, choose
from heliograph.domain.delivery.outcomes import Cause, Cut, Delivered, Outcome, Refused
from heliograph.domain.delivery.retry_policy import Category, RetryPolicy
from heliograph.domain.delivery.slots import may_start, slot_of
from heliograph.domain.figures import REPLAYED, Delta
from heliograph.engine.worker.completer import Completer
from heliograph.engine.worker.config_view import ConfigView
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.recovery import recover
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes, TakenLane
from heliograph.engine.worker.slot_ownership import Lease, SharedSlots
from heliograph.store.database import Database
from heliograph.store.queue import lane_reads, submissions
from heliograph.store.queue.action_rows import ACTION_COLUMNS, action_of
from heliograph.store.queue.enqueue import Order, enqueue
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.queue.lane_reads import LANE_COLUMNS, LaneWant, lane_of

LEASE, TOTAL = 5.0, 2.0
SUBJECTS, CONNECTIONS = (11, 12), {1: 101, 2: 102}  # destination 1 updates a record, 2 adds
DOES = {1: Does.UPDATES, 2: Does.ADDS}
LOST = Refused(Category.CONNECTION, Cause.TIMEOUT, "", left=True)
ANSWERS: dict[str, tuple[bool, Outcome]] = {
    "delivered": (True, Delivered(200)),
    "lost": (True, LOST),
    "refused": (False, Refused(Category.GENERAL, Cause.ANSWER, "", left=True, status=500)),
    "never left": (False, Refused(Category.CONNECTION, Cause.DNS, "", left=False)),
    "cut": (False, Cut()),
}


@dataclass
class Clock:
    """The machine's clock, which only advances, and the database's, which may jump."""

    at: float = 1_000.0
    offset: float = 0.0

    def __call__(self) -> float:
        return self.at

    @property
    def micros(self) -> int:
        return round((1_700_000_000 + self.at + self.offset) * 1_000_000)


class Clocked:
    """A database with a simulated clock."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def now(self) -> int:
        return self._clock.micros


@dataclass
class Flying:
    """A request in flight."""

    taken: TakenLane
    cell: int
    ends: float


@dataclass
class Worker:
    """One simulated worker, built from the product's own parts."""

    name: str
    db: Any
    clock: Clock
    folder: Path
    memory: SharedLanes = field(default_factory=SharedLanes)
    flights: dict[int, Flying] = field(default_factory=dict)
    landed: list[FinishedLane] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ownership = SharedSlots(self.name, Lease(LEASE, 1.0), clock=self.clock)
        self.flight = InflightJournal(self.folder, self.name)
        self.completer = Completer(self.db, ConfigView(None), self.ownership, self.memory, self.flight)

    @property
    def busy(self) -> set[int]:
        held = [f.taken.stored.slot for f in self.flights.values()] + [one.taken.stored.slot for one in self.landed]
        return set(held)

    def own(self) -> None:
        self.ownership.own(self.db, {})
        self.ownership.free_idle(self.db, self.busy)

    def read(self) -> list[Flying]:
        """Reads ahead and starts what may start, like the reading thread. Returns what was started."""
        now = self.db.now()
        mine = [c for c in lane_reads.connections_with_work(self.db, now) if self.ownership.epoch(slot_of(c)) is not None]
        wants = [LaneWant(c, rank, 10) for c in mine for rank in (*Rank, None)]
        found = [stored for stored in lane_reads.read_lanes(self.db, wants, now) if self.memory.enter(stored.lane.id)]
        about = lane_reads.open_actions(self.db, [stored.lane.id for stored in found])
        started = []
        for stored in found:
            choice = choose(DOES[stored.lane.destination], stored.lane.begun_version, about[stored.lane.id], now)
            action = next((a for a in about[stored.lane.id] if choice.action is not None and a.id == choice.action.id), None)
            epoch = self.ownership.epoch(stored.slot)
            taken = TakenLane(stored, epoch or 0, DOES[stored.lane.destination], RetryPolicy(), action, self.clock())
            if action is None:
                self.landed.append(FinishedLane(taken))
            elif epoch is None or not may_start(self.ownership.time_left(stored.slot), TOTAL):
                self.memory.drop(taken)
            else:
                cell = self.flight.note(stored.lane.id, action.version)
                self.flights[stored.lane.id] = Flying(taken, cell, self.clock() + TOTAL)
                started.append(self.flights[stored.lane.id])
        return started

    def settle(self) -> None:
        batch, self.landed = self.landed, []
        if batch:
            self.completer.settle(batch)

    def die(self) -> None:
        """Dies as by SIGKILL: the file stays, its lock and the connection go."""
        os.close(self.flight._file)
        self.flight._map.close()
        self.db.close()


class Protocol(RuleBasedStateMachine):
    """The actions of workers, recorders, people, crashes and clocks."""

    facts: DatabaseFacts
    numbers = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = Path(tempfile.mkdtemp(prefix="flight-", dir=self.facts.data))
        self.db = self.connect()
        for table in ("lane", "action", "attempt", "attempt_content", "figure_delta", "worker", "connection_state"):
            self.db.run(f"DELETE FROM {table}")
        self.db.run("UPDATE slot SET owner = NULL, until = 0")
        self.workers: list[Worker] = []
        self.versions: dict[int, int] = defaultdict(int)
        self.applied: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.jumped = False
        self.unread = False
        """A worker has died, and its file has not been read yet."""

    def connect(self) -> Any:
        db = self.facts.open()
        if db.vendor == "sqlite":
            db.run("PRAGMA synchronous = OFF")  # no power cut here
        return Clocked(db, self.clock)

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            for worker in self.workers:
                worker.die()
            self.db.close()

    # ---- actions

    @rule(subject=st.sampled_from(SUBJECTS), origin=st.sampled_from((Origin.RECORDED, Origin.RECORDED, Origin.REPLAY)))
    def record(self, subject: int, origin: Origin) -> None:
        """Records a change, or an old version once more."""
        if origin is Origin.REPLAY and not self.versions[subject]:
            return
        self.versions[subject] += origin is Origin.RECORDED
        version = self.versions[subject] if origin is Origin.RECORDED else 1
        rank = Rank.REPLAY if origin is Origin.REPLAY else Rank.LIVE
        orders = [
            Order(1, 1, None, None, 1, 1, destination, connection, subject, version, 1, origin, rank)
            for destination, connection in CONNECTIONS.items()
        ]
        deltas: list[Delta] = []
        with self.db.transaction():
            enqueue(self.db, orders, self.db.now(), deltas)
            put_deltas(self.db, deltas)

    @precondition(lambda self: len(self.workers) < 3)
    @rule()
    def hire(self) -> None:
        self.workers.append(Worker(f"w{next(self.numbers)}", self.connect(), self.clock, self.folder))
        self.workers[-1].own()

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def own(self, data: st.DataObject) -> None:
        self.one(data).own()

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        worker = self.one(data)
        others = {lane for w in self.workers if w is not worker for lane in w.flights}
        for flying in worker.read():
            assert self.jumped or flying.taken.stored.lane.id not in others, "two requests of a lane at once"

    @precondition(lambda self: any(w.flights for w in self.workers))
    @rule(data=st.data(), answer=st.sampled_from(sorted(ANSWERS)))
    def hear(self, data: st.DataObject, answer: str) -> None:
        """A request ends."""
        worker = data.draw(st.sampled_from([w for w in self.workers if w.flights]))
        self.end(worker, data.draw(st.sampled_from(sorted(worker.flights))), answer)

    @precondition(lambda self: any(w.landed for w in self.workers))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([w for w in self.workers if w.landed])).settle()

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), applied=st.booleans())
    def crash(self, data: st.DataObject, applied: bool) -> None:
        """A worker dies; what it had in flight may have been applied."""
        worker = self.one(data)
        for flying in worker.flights.values():
            if applied:
                self.apply(flying)
        self.workers.remove(worker)
        worker.die()
        self.unread = True

    @precondition(lambda self: self.unread)
    @rule()
    def recover(self) -> None:
        """What the supervisor does before it restarts a worker."""
        recover(self.db, self.folder)
        self.unread = False

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """A worker begins to drain: it frees its slots as they become idle, and claims none."""
        worker = self.one(data)
        worker.ownership.give_up(worker.db)
        worker.own()

    @precondition(lambda self: any(not w.flights and not w.landed for w in self.workers))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A graceful end."""
        worker = data.draw(st.sampled_from([w for w in self.workers if not w.flights and not w.landed]))
        worker.ownership.leave(worker.db)
        worker.flight.close()
        worker.db.close()
        self.workers.remove(worker)

    @rule(seconds=st.sampled_from((0.5, 1.5, 3.0, 6.0, 3_700.0)), answer=st.sampled_from(("lost", "refused")))
    def pass_time(self, seconds: float, answer: str) -> None:
        """Time passes; a request ends when its time is over."""
        if self.unread:  # the supervisor restarts within less than a lease
            self.recover()
        self.clock.at += seconds
        for worker in self.workers:
            for lane in [lane for lane, flying in worker.flights.items() if flying.ends <= self.clock.at]:
                self.end(worker, lane, answer)

    @rule(seconds=st.sampled_from((-40.0, -3.0, 3.0, 40.0)))
    def jump(self, seconds: float) -> None:
        """The database's clock is changed. A jump forward ends leases that their owners rely on: order then depends on the epochs."""
        self.clock.offset += seconds
        self.jumped = self.jumped or seconds > 0

    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        """A person submits a waiting or failed item."""
        waiting = [id for (id,) in self.db.all("SELECT id FROM action WHERE state IN (2, 11) ORDER BY id")]
        if waiting:
            with self.db.transaction():
                submissions.submit(self.db, 1, [data.draw(st.sampled_from(waiting))], DOES.__getitem__)

    # ---- invariants

    @invariant()
    def states_are_counted(self) -> None:
        """The figures equal a recount (X2), whatever happened twice or too late."""
        measures = [base + state for base in (10, 10 + REPLAYED) for state in ActionState]
        added = self.db.all(
            f"SELECT measure, sum(n) FROM figure_delta WHERE {self.db.member('measure', 'all')} GROUP BY measure HAVING sum(n) <> 0",
            {"all": measures},
        )
        counted = "SELECT 10 + state + CASE WHEN origin = 2 THEN 100 ELSE 0 END, count(*) FROM action GROUP BY 1"
        assert {k: int(n) for k, n in added} == dict(self.db.all(counted))

    @invariant()
    def attempts_are_counted_once(self) -> None:
        assert not self.db.all(
            "SELECT a.id FROM action a LEFT JOIN attempt t ON t.action_id = a.id GROUP BY a.id, a.sent HAVING count(t.action_id) <> a.sent"
        )

    # ---- helpers

    def one(self, data: st.DataObject) -> Worker:
        worker: Worker = data.draw(st.sampled_from(self.workers))
        return worker

    def apply(self, flying: Flying) -> None:
        lane, action = flying.taken.stored.lane, flying.taken.action
        assert action is not None
        before = self.applied[lane.destination, lane.subject]
        version = action.version
        if DOES[lane.destination] is Does.UPDATES and not self.jumped:
            assert version >= max(before, default=0), f"version {version} after {before}"
        before.append(version)

    def end(self, worker: Worker, lane: int, answer: str) -> None:
        flying = worker.flights.pop(lane)
        applied, outcome = ANSWERS[answer]
        if applied:
            self.apply(flying)
        worker.landed.append(FinishedLane(flying.taken, outcome=outcome, cell=flying.cell, began=flying.ends - TOTAL, ended=self.clock()))

    def lanes(self) -> Iterator[tuple[Any, list[Any]]]:
        for row in self.db.all(f"SELECT {LANE_COLUMNS} FROM lane"):
            stored = lane_of(row)
            rows = self.db.all(f"SELECT {ACTION_COLUMNS} FROM action WHERE lane_id = :lane AND state < 10", {"lane": stored.lane.id})
            yield stored.lane, [action_of(action) for action in rows]

    def drain(self) -> None:
        """From any state, whatever has died: with one worker and a target that accepts everything, nothing is left and nothing is stuck."""
        for worker in self.workers:
            worker.die()
        self.workers.clear()
        recover(self.db, self.folder)
        self.clock.at += 100
        self.clock.offset = max(self.clock.offset, 0.0) + 100  # whatever time the clock was set back by has passed
        worker = Worker(f"w{next(self.numbers)}", self.connect(), self.clock, self.folder)
        self.workers.append(worker)
        for _ in range(200):
            worker.own()
            worker.read()
            for lane in list(worker.flights):
                self.end(worker, lane, "delivered")
            worker.settle()
            if not self.db.all("SELECT 1 FROM action WHERE state < 10 LIMIT 1"):
                break
            self.clock.at += 1_800
        for lane, opened_ in self.lanes():
            assert not opened_, (lane, opened_)
            assert lane.state is LaneState.IDLE, lane
        self.states_are_counted()
        self.everything_arrived()

    def everything_arrived(self) -> None:
        """What ended as delivered was applied; missing are only versions that a newer one superseded, or that were refused to the end."""
        for destination, subject, version, state in self.db.all(
            "SELECT l.destination_id, l.subject_id, a.version, a.state FROM action a JOIN lane l ON l.id = a.lane_id"
        ):
            applied = self.applied[destination, subject]
            if state == ActionState.SUCCESS:
                assert version in applied
            elif state == ActionState.SUPERSEDED:
                assert DOES[destination] is Does.UPDATES
            else:
                assert state == ActionState.FAILED


@pytest.fixture
def machine(fresh_database: DatabaseFacts) -> type[Protocol]:
    return type("OfThisDatabase", (Protocol,), {"facts": fresh_database})


def test_D1_D2_slots_epochs_and_order_hold_whatever_happens(machine: type[Protocol]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=40, deadline=None))


@pytest.mark.trial
@pytest.mark.timeout(1800)
def test_D1_D2_slots_epochs_and_order_hold_whatever_happens_for_long(machine: type[Protocol]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=600, stateful_step_count=80, deadline=None))
