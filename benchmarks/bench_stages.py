"""What each stage of the path costs: microseconds of CPU for each delivery, one thread, stage by stage on the real code and database.

    python benchmarks/bench_stages.py [--registrations 6400] [--batch 64] [--flows 10] [--matching 1] [--statements] [--database-url URL] [--json]
        [--profile STAGE]

accepted (edge: read and decode) → resolved (against the configuration) → recorded (one transaction a batch: keys, rows, diff, decide, queue) →
rendered (read ahead, compose) → sent (libcurl, by bench_sender.py) → settled (one transaction a batch). The work is that of `heliograph bench`.
--statements says how much of each stage is spent in the database's driver: on SQLite its C code with all of SQLite, on PostgreSQL psycopg without
the server. That is the floor of a stage that writes the same rows; what is above it is Python. --profile prints where the time of one stage goes,
by function. CPU seconds hardly move with the load of the machine, unlike rates.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import pstats
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Self

import psycopg

from heliograph.stage.ground import ground

ANSWER = (b"HTTP/1.1 200 OK\r\n", b"Content-Type: application/json\r\n", b"Content-Length: 11\r\n", b"\r\n")


class Clock:
    """Counts the CPU of calls of a driver, in seconds; one call inside another is counted once."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._inside = False

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """It, with its CPU counted."""

        def counting(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return call(*args, **kwargs)
            self._inside, before = True, time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self.spent += time.thread_time() - before
                self._inside = False

        return counting


class ClockedCursor:
    """A cursor under the clock, also where it is asked for rows that a pipeline still has to bring."""

    def __init__(self, cursor: Any, clock: Clock) -> None:
        self._cursor, self._clock = cursor, clock
        self.fetchall = clock.counted(cursor.fetchall)

    def execute(self, *args: Any) -> ClockedCursor:
        self._clock.counted(self._cursor.execute)(*args)
        return self

    def executemany(self, *args: Any) -> None:
        self._clock.counted(self._cursor.executemany)(*args)

    @property
    def rowcount(self) -> int:
        return self._clock.counted(lambda: self._cursor.rowcount)()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()


class ClockedConnection:
    """A connection whose statements, and pipelines, are under the clock."""

    def __init__(self, connection: Any, clock: Clock) -> None:
        self._connection, self._clock = connection, clock

    def execute(self, *args: Any) -> ClockedCursor:
        return ClockedCursor(self._clock.counted(self._connection.execute)(*args), self._clock)

    def executemany(self, *args: Any) -> ClockedCursor:
        return ClockedCursor(self._clock.counted(self._connection.executemany)(*args), self._clock)

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[None]:
        under_way = self._connection.pipeline()
        self._clock.counted(under_way.__enter__)()
        try:
            yield
        except BaseException as error:
            under_way.__exit__(type(error), error, error.__traceback__)
            raise
        self._clock.counted(under_way.__exit__)(None, None, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def put_under(clock: Clock, database: Any) -> None:
    """Counts what this database spends in its driver."""
    if database.vendor == "postgresql":
        real = database.connection
        database.connection = ClockedConnection(real, clock)
        database._cursor = lambda: ClockedCursor(psycopg.Cursor(real), clock)
    else:
        database.connection = ClockedConnection(database.connection, clock)


class Collecting:
    """Stands where the sender is: what is sent here is answered when the benchmark says so."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, Any]] = []
        self.under_way = 0

    def start(self, request: Any, _route: Any, done: Any, _began: float = 0.0) -> None:
        self.started.append((request, done))


class Stages:
    """The parts of one engine on one thread. cpu: seconds by stage; of_driver: those of them that its driver takes, if they are counted."""

    def __init__(self, receiver: str, *, flows: int, matching: int, profiled: str, counts_driver: bool = False) -> None:
        from heliograph.bench.fixture import FixtureSize, make
        from heliograph.engine.ingest.batch_writer import _Ahead
        from heliograph.engine.worker.completer import Completer
        from heliograph.engine.worker.config_view import ConfigView
        from heliograph.engine.worker.inflight_journal import InflightJournal
        from heliograph.engine.worker.lane_reader import LaneReader
        from heliograph.engine.worker.oauth_tokens import OAuthTokens
        from heliograph.engine.worker.request_builder import RequestBuilder
        from heliograph.engine.worker.shared_lanes import SharedLanes
        from heliograph.engine.worker.slot_ownership import AllSlots, SharedSlots
        from heliograph.options import Options
        from heliograph.store.config_cache import Committed
        from heliograph.store.token_check import ApiGrant
        from heliograph.wiring import flight_folder, open_database, worker_setup

        options = Options.load()
        made = make(FixtureSize("STAGES", receiver, flows, matching))
        self.grant = ApiGrant(1, made.account, frozenset({"ingest"}))
        setup = worker_setup(options)
        self.recorder, self.writer, self.reading = (open_database(options) for _ in range(3))
        self.ahead = _Ahead(self.recorder, Committed(self.recorder))
        self.memory, self.sender = SharedLanes(), Collecting()
        self.journal = InflightJournal(flight_folder(options), "stages")
        slots = AllSlots("stages") if options.on_sqlite else SharedSlots("stages")
        slots.own(self.writer, {})
        self.completer = Completer(self.writer, ConfigView(setup.source(self.writer)), slots, self.memory, self.journal)
        tokens = OAuthTokens(setup.vault, self.sender, self.memory, "stages")  # type: ignore[arg-type]
        builder = RequestBuilder(setup.source(self.reading), setup.vault, setup.policy, tokens)
        self.reader = LaneReader(self.reading, builder, slots, self.memory, self.journal, self.sender)  # type: ignore[arg-type]
        self.cpu: Counter[str] = Counter()
        self.of_driver: Counter[str] = Counter()
        self.clock = Clock()
        if counts_driver:
            for each in (self.recorder, self.writer, self.reading):
                put_under(self.clock, each)
        self.deliveries = self.bodies = 0
        self.profiled, self.profile = profiled, cProfile.Profile()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the CPU of what is done in it."""
        before, before_in_driver = time.thread_time(), self.clock.spent
        if name == self.profiled:
            self.profile.enable()
        yield
        if name == self.profiled:
            self.profile.disable()
        self.cpu[name] += time.thread_time() - before
        self.of_driver[name] += self.clock.spent - before_in_driver

    def round(self, bodies: list[tuple[str, bytes]]) -> None:
        """A batch, from its bytes to its end."""
        from heliograph.engine.ingest import request_rules
        from heliograph.engine.ingest.problem_documents import reply_of
        from heliograph.outbound.exchange import Response, Timings
        from heliograph.recording.batches import record_batch

        with self.stage("accepted"):
            items: list[Any] = [request_rules.item_of(body, self.grant, key) for key, body in bodies]
        with self.stage("resolved"):
            self.ahead.prepare(items)
        with self.stage("recorded"):
            answers = record_batch(self.recorder, items, self.ahead.source, endpoint=request_rules.PATH)
        with self.stage("answered"):
            replies = [reply_of(answer).body for answer in answers]
        assert all(b'"changes":[' in reply for reply in replies), replies[0]
        while True:
            with self.stage("rendered"):
                self.reader.cycle()
            started, self.sender.started = self.sender.started, []
            if not started:
                break
            for _request, done in started:
                done(Response(200, ANSWER, b'{"ok":true}', truncated=False, timings=Timings(total=0.001), address="127.0.0.1", reused=True))
            self.deliveries += len(started)
            with self.stage("settled"):
                while batch := self.completer.take():
                    self.completer.settle(batch)
            self.reader.pace.news, self.reader.pace.paused_until = True, float("-inf")


def requests(count: int) -> Iterator[tuple[str, bytes]]:
    """Keys and bodies, as the load generator of `heliograph bench` makes them."""
    from heliograph.bench.work import document, encode

    for n in range(count // 2):
        for update in (False, True):
            yield f"k{n}-{update}", encode(document(f"S{n:06}", update=update))


def measured(given: argparse.Namespace, say: Callable[[Stages], None]) -> tuple[dict[str, float], dict[str, float]]:
    """Microseconds of CPU a delivery, by stage: of all, and of the driver."""
    from heliograph.engine.supervisor.processes import tune

    with ground("stages", given.database_url):
        stages = Stages(
            "http://127.0.0.1:9", flows=given.flows, matching=given.matching, profiled=given.profile, counts_driver=given.statements
        )
        work = sorted(requests(given.registrations + 2 * given.batch), key=lambda pair: pair[0].endswith("True"))
        for at in range(0, len(work), given.batch):
            if at == given.batch:  # the first batch compiles
                tune()
                stages.cpu.clear()
                stages.of_driver.clear()
                stages.deliveries = 0
            stages.round(work[at : at + given.batch])
        say(stages)
        for each in (stages.recorder, stages.writer, stages.reading):
            with closing(each):
                pass
        return per_delivery(stages.cpu, stages.deliveries), per_delivery(stages.of_driver, stages.deliveries)


def per_delivery(seconds: Counter[str], deliveries: int) -> dict[str, float]:
    """Microseconds, by stage and together."""
    per = {name: round(spent / deliveries * 1e6, 1) for name, spent in seconds.items()}
    return per | {"together": round(sum(per.values()), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registrations", type=int, default=6_400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--flows", type=int, default=10)
    parser.add_argument("--matching", type=int, default=1)
    parser.add_argument("--statements", action="store_true")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", default="", metavar="STAGE")
    given = parser.parse_args()

    def say(stages: Stages) -> None:
        if stages.profiled:
            pstats.Stats(stages.profile).sort_stats("tottime").print_stats(45)

    found, in_driver = measured(given, say)
    if given.json:
        report = {"benchmark": "bench_stages", "batch": given.batch, "cpu_us_per_delivery": found}
        print(json.dumps(report | ({"driver_us_per_delivery": in_driver} if given.statements else {})))
    else:
        for name, value in found.items():
            print(f"{name:>10}  {value:8,.1f} µs" + (f"  {in_driver[name]:8,.1f} in the driver" if given.statements else ""))


if __name__ == "__main__":
    main()
