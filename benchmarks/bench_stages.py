"""What each stage of the path costs: microseconds of CPU for each delivery, one thread, stage by stage on the real code and database.

    python benchmarks/bench_stages.py [--registrations 6400] [--batch 64] [--flows 10] [--matching 1] [--database-url URL] [--json] [--profile STAGE]

accepted (edge: read and decode) → resolved (against the configuration) → recorded (one transaction a batch: keys, rows, diff, decide, queue) →
rendered (read ahead, compose) → sent (libcurl, by bench_sender.py) → settled (one transaction a batch). The work is that of `heliograph bench`.
--profile prints where the time of one stage goes, by function. CPU seconds hardly move with the load of the machine, unlike rates.
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
from typing import Any

from heliograph.stage.ground import ground

ANSWER = (b"HTTP/1.1 200 OK\r\n", b"Content-Type: application/json\r\n", b"Content-Length: 11\r\n", b"\r\n")


class Collecting:
    """Stands where the sender is: what is sent here is answered when the benchmark says so."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, Any]] = []
        self.under_way = 0

    def start(self, request: Any, _route: Any, done: Any, _began: float = 0.0) -> None:
        self.started.append((request, done))


class Stages:
    """The parts of one engine on one thread. cpu: seconds by stage."""

    def __init__(self, receiver: str, *, flows: int, matching: int, profiled: str) -> None:
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
        from heliograph.store.tokens import ApiGrant
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
        self.deliveries = self.bodies = 0
        self.profiled, self.profile = profiled, cProfile.Profile()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the CPU of what is done in it."""
        before = time.thread_time()
        if name == self.profiled:
            self.profile.enable()
        yield
        if name == self.profiled:
            self.profile.disable()
        self.cpu[name] += time.thread_time() - before

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
            self.reader.news, self.reader._rests_until = True, float("-inf")


def requests(count: int) -> Iterator[tuple[str, bytes]]:
    """Keys and bodies, as the load generator of `heliograph bench` makes them."""
    from heliograph.bench.work import document, encode

    for n in range(count // 2):
        for update in (False, True):
            yield f"k{n}-{update}", encode(document(f"S{n:06}", update=update))


def measured(given: argparse.Namespace, say: Callable[[Stages], None]) -> dict[str, Any]:
    from heliograph.engine.supervisor.processes import tune

    with ground("stages", given.database_url):
        stages = Stages("http://127.0.0.1:9", flows=given.flows, matching=given.matching, profiled=given.profile)
        work = sorted(requests(given.registrations + 2 * given.batch), key=lambda pair: pair[0].endswith("True"))
        for at in range(0, len(work), given.batch):
            if at == given.batch:  # the first batch compiles
                tune()
                stages.cpu.clear()
                stages.deliveries = 0
            stages.round(work[at : at + given.batch])
        say(stages)
        for each in (stages.recorder, stages.writer, stages.reading):
            with closing(each):
                pass
        per = {name: round(seconds / stages.deliveries * 1e6, 1) for name, seconds in stages.cpu.items()}
        return per | {"together": round(sum(per.values()), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registrations", type=int, default=6_400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--flows", type=int, default=10)
    parser.add_argument("--matching", type=int, default=1)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", default="", metavar="STAGE")
    given = parser.parse_args()

    def say(stages: Stages) -> None:
        if stages.profiled:
            pstats.Stats(stages.profile).sort_stats("tottime").print_stats(45)

    found = measured(given, say)
    if given.json:
        print(json.dumps({"benchmark": "bench_stages", "batch": given.batch, "cpu_us_per_delivery": found}))
    else:
        for name, value in found.items():
            print(f"{name:>10}  {value:8,.1f} µs")


if __name__ == "__main__":
    main()
