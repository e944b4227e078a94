"""One run: set-up, load, kills, a partition, a drain, counts. Imported only after Django is set up.

Each event begins with a whole cluster (a primary and its synchronous standby) under load, and ends with one. Times are counted from the instant
of the kill or cut.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Final

import psycopg

from heliograph.accounts.models import Account, Role
from heliograph.accounts.people import PersonFacts, create_user, new_password
from heliograph.engine.worker import inflight_journal
from heliograph.options import Options
from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import Ground
from heliograph.stage.receiver import Receiver
from heliograph.store.queue.lane_reads import unsettled
from heliograph.verify.ledger import Arrival, Ledger, LedgerCounts, LedgerVersion
from heliograph.verify.trial_account import TrialTarget, make_trial_account
from heliograph.verify.trial_targets import TrialTargets
from heliograph.wiring import open_database
from tests.failover.cluster import Cluster, Node
from tests.failover.senders import Senders
from tests.failover.watch import SENTENCE, Watch, ready
from tests.waiting import until

TARGETS: Final = {"record": True, "another-record": True, "message": False}
"""Name of a target -> True if a request updates a record there (D2)."""
APART: Final = 16
"""Unused connections between two targets, so that workers share the targets."""
PATIENCE: Final = 180.0
"""Seconds that the run waits for something that must come."""
BETWEEN: Final = 300
"""Deliveries between a whole cluster and the next event."""
POSTGRES: Final = "PostgreSQL killed"
MACHINE: Final = "machine killed"
PARTITION: Final = "partition"
EVENTS: Final = (POSTGRES, MACHINE, POSTGRES, MACHINE, POSTGRES, PARTITION)


@dataclass(slots=True)
class Event:
    """A kill or partition, and what came of it. Times are seconds after it."""

    what: str
    node: str
    """The primary that was hit."""
    accepted_after: float = 0.0
    """Until the first post that was sent after it was accepted."""
    delivered_after: float = 0.0
    """Until the first request for such a post arrived at a target."""
    pages: list[str] = field(default_factory=list)
    pages_after: float | None = None
    """Until all webs' pages answered 200 again."""
    reasons: list[str] = field(default_factory=list)
    ready_after: float | None = None
    in_flight: int = 0
    """The most lanes that were in flight or unsettled at once until the first delivery."""
    engines_died: int = 0


@dataclass(slots=True)
class Report:
    """The results of a run."""

    rate: float
    events: list[Event] = field(default_factory=list)
    counts: LedgerCounts = field(default_factory=LedgerCounts)
    answers: dict[str, int] = field(default_factory=dict)
    fenced: str = ""
    """What became of the writes that were tried on the primary that was cut off."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        counts = self.counts
        in_flight = sum(event.in_flight for event in self.events)
        return not (counts.lost or counts.reordered or counts.renamed or self.faults) and counts.duplicated <= in_flight

    def text(self) -> str:
        counts = self.counts
        lines = [
            f"{len(self.events)} failures in {self.seconds:.0f} s, {self.rate:g} posts a second to 2 web, 3 worker, {len(TARGETS)} targets",
            "",
            f"{'event':<18} {'primary':<7} {'accepted after':>15} {'delivered after':>16} {'ready after':>12} {'in flight':>10} {'engines died':>13}",
        ]
        lines += [
            f"{event.what:<18} {event.node:<7} {event.accepted_after:>13.1f} s {event.delivered_after:>14.1f} s {event.ready_after or 0:>10.1f} s"
            f" {event.in_flight:>10} {event.engines_died:>13}"
            for event in self.events
        ]
        pages = dict.fromkeys(said for event in self.events for said in event.pages)
        reasons = dict.fromkeys(said for event in self.events for said in event.reasons)
        lines += ["", "pages, 503:", *(f"    {said}" for said in pages), "/health/ready, 503:", *(f"    {said}" for said in reasons)]
        lines += [
            self.fenced,
            "answers to posts: " + ", ".join(f"{count} × {answer}" for answer, count in sorted(self.answers.items())),
            "",
        ]
        lines += [
            f"accepted    {counts.accepted:>8,}  versions of registrations, each owed to {len(TARGETS)} targets",
            f"owed        {counts.owed:>8,}",
            f"delivered   {counts.delivered:>8,}",
            f"superseded  {counts.superseded:>8,}  rightly not sent, since a newer version was",
            f"lost        {counts.lost:>8,}",
            f"reordered   {counts.reordered:>8,}",
            f"renamed     {counts.renamed:>8,}",
            f"repeated    {counts.duplicated:>8,}  with {sum(event.in_flight for event in self.events):,} in flight",
        ]
        lines += [f"  {kind}: {example}" for kind, examples in counts.examples.items() for example in examples]
        lines += self.faults
        lines.append("Nothing was lost or out of order." if self.is_good else "FAILED: this must not happen.")
        return "\n".join(lines)


@dataclass(slots=True)
class TimedLedger(Ledger):
    """A ledger that is asked for first arrivals while it runs."""

    first_arrivals: dict[LedgerVersion, float] = field(default_factory=dict)

    def arrive(self, arrival: Arrival) -> Arrival:
        self.first_arrivals.setdefault(arrival.version, arrival.at)
        return Ledger.arrive(self, arrival)


class Fence:
    """A client that goes on writing to the primary that was cut off: none of its writes may be acknowledged."""

    def __init__(self, node: Node) -> None:
        """Makes the table that is written to, while the cluster is whole."""
        self._url = node.url("heliograph")
        with psycopg.connect(self._url) as session:
            session.execute("CREATE SCHEMA fence")
            session.execute("CREATE TABLE fence.written (at timestamptz)")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fence", daemon=True)
        self._began = time.monotonic()
        self.refused_after: float | None = None
        """Seconds until the first write ended without having been acknowledged."""
        self.acknowledged = self.refused = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> str:
        self._stopping.set()
        self._thread.join()
        return (
            f"the primary that was cut off, written to all the time: {self.acknowledged} writes acknowledged, the first was given up after"
            f" {self.refused_after or 0:.1f} s, {self.refused} in all"
        )

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=2, application_name="fence") as session:
                    session.execute("INSERT INTO fence.written VALUES (now())")
                    self.acknowledged += 1
            except psycopg.Error:
                self.refused += 1
                self.refused_after = self.refused_after or time.monotonic() - self._began


class Trial:
    """A run's parts."""

    def __init__(self, ground: Ground, cluster: Cluster, rate: float, say: Callable[[str], None]) -> None:
        self.cluster, self.say, self.folder = cluster, say, ground.folder
        self.ledger = TimedLedger(TARGETS)
        self.targets = TrialTargets(self.ledger, frozenset(), random.Random(1), slow=False)
        self.report = Report(rate)
        self.webs = [ServiceProcess(ground, "web", f"web-{n}") for n in (1, 2)]
        self.workers = [ServiceProcess(ground, "worker", f"worker-{n}") for n in (1, 2, 3)]
        self.watch = Watch(self.webs)
        self.began = time.monotonic()

    def run(self) -> Report:
        with ExitStack() as stack:
            receiver = stack.enter_context(Receiver(self.targets.take))
            token = make_trial_account(
                [TrialTarget(name, receiver.url(f"/{name}"), updates) for name, updates in TARGETS.items()], apart=APART
            )
            parts = [*self.webs, *self.workers]
            for part in parts:
                stack.callback(part.end)
                part.start()
            for part in parts:
                part.until_ready(PATIENCE)
            senders = Senders(self.ledger, [door for web in self.webs for door in (web.door, web.pages)], token, self.report.rate)
            senders.start()
            self.watch.start(*self._user())
            for what in EVENTS:
                self._event(what, senders)
            self.say("draining …")
            if not senders.stop(PATIENCE):
                self.report.faults.append("Some senders were not answered at the end.")
            self._drain()
            self.watch.stop()
            self.watch.write(self.folder / "watch.log", self.began)
            self.report.faults += [f"{part.name} ended by itself." for part in parts if part.running.returncode is not None]
        self.report.counts, self.report.answers = self.ledger.count(), dict(senders.answers)
        self.report.faults += senders.unexpected[:10]
        self.report.seconds = time.monotonic() - self.began
        return self.report

    def _event(self, what: str, senders: Senders) -> None:
        self.cluster.until_whole()
        enough = self.ledger.delivered + BETWEEN
        until(lambda: self.ledger.delivered >= enough, PATIENCE)
        primary = self.cluster.primary()
        other, event, engines = self.cluster.other(primary), Event(what, primary.name), self._engines()
        self.report.events.append(event)
        self.say(f"{time.monotonic() - self.began:6.1f} {what}: {primary.name}")
        fence = Fence(primary) if what == PARTITION else None
        at = time.monotonic()
        self.ledger.strike(at)
        if what == POSTGRES:
            primary.kill_postgres()
        elif what == MACHINE:
            primary.kill()
        else:
            self.cluster.cut_off()
        done = time.monotonic()
        if fence:
            fence.start()
        event.accepted_after = self._first_accepted(senders, done, event) - at
        event.delivered_after = self._first_delivered(senders, done, event) - at
        self.say(f"    accepted after {event.accepted_after:.1f} s, delivered after {event.delivered_after:.1f} s")
        self.cluster.until_primary(other)
        if what == MACHINE:
            primary.start()
        if fence:
            self._end_partition(fence, other)
        self.cluster.until_whole()
        until(lambda: all(ready(web)[0] == 200 for web in self.webs), PATIENCE, every=0.2)
        event.engines_died = sum(engine not in self._engines() for engine in engines)
        event.pages, event.pages_after = self.watch.outage("page", at)
        event.reasons, event.ready_after = self.watch.outage("ready", at)
        if not event.reasons or not any(said.startswith(SENTENCE) for said in event.pages):
            self.report.faults.append(f"{what}: pages said {event.pages}, /health/ready {event.reasons}.")

    def _end_partition(self, fence: Fence, primary: Node) -> None:
        """Mends the links. primary: the new one"""
        self.report.fenced = fence.stop()
        with psycopg.connect(primary.url("heliograph")) as session:
            ((rows,),) = session.execute("SELECT count(*) FROM fence.written").fetchall()
        if fence.acknowledged or rows:
            self.report.faults.append(
                f"{fence.acknowledged} writes were acknowledged by the primary that was cut off; the new one has {rows}."
            )
        self.cluster.mend()

    def _user(self) -> tuple[str, str]:
        """Makes the user who looks at the pages. Returns e-mail and password."""
        email, password = "ada@example.org", new_password()
        create_user(PersonFacts(email, "Ada", Role.VIEWER, Account.objects.get()), password, by="trial")
        return email, password

    def _engines(self) -> set[int]:
        return {pid for worker in self.workers for name, pid in worker.pids().items() if name == "engine"}

    def _in_flight(self) -> int:
        """Lanes in flight, or with an outcome that is not stored yet."""
        return sum(sum(inflight_journal.noted(worker.flight).values()) for worker in self.workers)

    def _first_accepted(self, senders: Senders, since: float, event: Event) -> float:
        """When the first post that was sent after that was accepted."""

        def first() -> float | None:
            event.in_flight = max(event.in_flight, self._in_flight())
            return min((accepted for sent, accepted, _ in senders.accepted[-1000:] if sent > since), default=None)

        found = until(first, PATIENCE)
        assert found is not None
        return found

    def _first_delivered(self, senders: Senders, since: float, event: Event) -> float:
        """When the first request for such a post arrived."""

        def first() -> float | None:
            event.in_flight = max(event.in_flight, self._in_flight())
            arrivals = (self.ledger.first_arrivals.get(version) for sent, _, version in senders.accepted[-1000:] if sent > since)
            return min((arrived for arrived in arrivals if arrived is not None), default=None)

        found = until(first, PATIENCE)
        assert found is not None
        return found

    def _drain(self) -> None:
        """Waits until nothing is left to send. This only ends the wait; nothing is counted by it."""
        with closing(open_database(Options.load(), read_only=True)) as db:
            until(lambda: not unsettled(db), PATIENCE, every=0.2)
