"""The scenarios: what each sets up and runs in turn. `single` and `bulk` run the fixed work alone; the others add something beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

from heliograph.bench.backlog import Queue, together
from heliograph.bench.backup_load import Backups
from heliograph.bench.fixture import Fixture, FixtureSize, make
from heliograph.bench.runs import WARM_UP, LoadRun, posted
from heliograph.bench.scenario import Scenario
from heliograph.bench.scenario_figures import Gathered, ScenarioFigures
from heliograph.bench.side_load import ApiReader, Busy, PageReads, insights_readers, overview_readers, paused
from heliograph.bench.signed_calls import SignedCalls
from heliograph.bench.site import BenchReceiver, Site, floor
from heliograph.bench.work import CLIENTS, LINES
from heliograph.stage.command_processes import free_port
from heliograph.stage.ground import Ground

SHARES: Final = (30, 80)
"""Percentages of the reached rate at which latencies are measured."""
LONGEST_PACED: Final = 15.0
"""Seconds of a run at a given rate."""
LIGHT: Final = (300, 50)
"""Single posts a second of the scenario light, and of its comparison."""
LIGHT_FOR: Final = 20.0
"""Seconds of such a run, and of the measurement of the idle product after all runs."""
SLOW: Final = 1_000
"""Connections of slow-targets, including the healthy one."""


@dataclass(slots=True)
class Bench:
    """A running scenario."""

    ground: Ground
    site: Site
    receiver: BenchReceiver
    say: Callable[[str], None]
    """Called with each step."""
    registrations: int
    pairs: int
    """The number of rounds in which the variants are run in turn."""
    queued: int
    _tags: int = 0
    _reads: PageReads = field(default_factory=PageReads)
    """Of the pages that were read beside the deliveries."""

    def run(self, scenario: Scenario) -> ScenarioFigures:
        """Sets up the scenario and runs it."""
        runs = {
            Scenario.SINGLE: lambda: self._basic(1),
            Scenario.BULK: lambda: self._basic(LINES),
            Scenario.MANY_FLOWS: self._many_flows,
            Scenario.BACKLOG: self._backlog,
            Scenario.SLOW_TARGETS: self._slow_targets,
            Scenario.BAD_TARGETS: self._bad_targets,
            Scenario.PAGES: self._pages,
            Scenario.INSIGHTS: self._insights,
            Scenario.OVERVIEW: self._overview,
            Scenario.API: self._api,
            Scenario.CALLS: self._calls,
            Scenario.BACKUP: self._backup,
            Scenario.LIGHT: self._light,
        }
        return runs[scenario]()

    # --- common to all scenarios

    def _post(self, made: Fixture, count: int, *, lines: int = 1, rate: float = 0.0, small: bool = False, position: str = "") -> LoadRun:
        self._tags += 1
        tag = f"{chr(65 + self._tags // 26 % 26)}{chr(65 + self._tags % 26)}-"
        return posted(self.site, self.receiver, made, tag=tag, count=count, lines=lines, rate=rate, small=small, position=position)

    def _warm_up(self, made: Fixture, lines: int = 1) -> list[str]:
        """A run that is not counted. Returns the delivered bodies, for the floor."""
        self.say("warming up")
        self._post(made, min(WARM_UP, self.registrations), lines=lines)
        bodies: list[str] = json.loads(self.receiver.ask("bodies"))
        return bodies

    def _floor(self, bodies: list[str]) -> float:
        return floor(self.receiver, bodies, max(1_000, self.registrations), CLIENTS)["per_s"]

    def _paced_count(self, rate: float) -> int:
        return max(CLIENTS * 2, min(self.registrations, int(rate * LONGEST_PACED)))

    def _basic(self, lines: int) -> ScenarioFigures:
        """10 flows, of which 1 triggers, with 1 destination."""
        made = make(FixtureSize("BENCH", self.receiver.url))
        gathered, bodies = Gathered(), self._warm_up(made, lines)
        for pair in range(self.pairs):
            self.say(f"pair {pair + 1} of {self.pairs}")
            if pair % 2:
                gathered.floors.append(self._floor(bodies))
            gathered.ours.append(self._post(made, self.registrations, lines=lines))
            if not pair % 2:
                gathered.floors.append(self._floor(bodies))
        rate = gathered.figures({}).deliveries_per_s
        for share in SHARES:
            self.say(f"latency at {share} % of {rate:,.0f}/s")
            paced = rate * share / 100
            gathered.paced[str(share)] = [self._post(made, self._paced_count(paced), lines=lines, rate=paced)]
        return gathered.figures(self.site.rss())

    # --- scenarios with a comparison

    def _many_flows(self) -> ScenarioFigures:
        """500 flows, of which 5 trigger; in turn with 5 flows that all trigger."""
        self.say("making 500 flows")
        few = make(FixtureSize("FEW", self.receiver.url, flows=5, matching=5))
        many = make(FixtureSize("MANY", self.receiver.url, flows=500, matching=5))
        gathered, bodies = Gathered(), self._warm_up(few)
        self._warm_up(many)
        for pair in range(self.pairs):
            self.say(f"pair {pair + 1} of {self.pairs}")
            for made, into in (
                ((few, gathered.others), (many, gathered.ours)) if pair % 2 else ((many, gathered.ours), (few, gathered.others))
            ):
                into.append(self._post(made, self.registrations // 5))
            gathered.floors.append(self._floor(bodies))
        return gathered.figures(self.site.rss(), "5 flows")

    def _backlog(self) -> ScenarioFigures:
        """Only deliveries, first from a queue of 1,000 and then from one of 1,000,000; in this order, because most of the second is never delivered.

        The queue is filled while its connection is paused.
        """
        made = make(FixtureSize("BACKLOG", self.receiver.url))
        gathered, bodies = Gathered(), self._warm_up(made)
        queue = Queue(self.site, self.receiver, made, lambda count: self._post(made.silent, count, lines=LINES, small=True).accepted)
        gathered.floors.append(self._floor(bodies))
        rounds = max(1, self.registrations // 1_000)
        with paused(made.account, made.connections, after=True):
            pass
        for pair in range(self.pairs):
            self.say(f"1,000 queued, {pair + 1} of {self.pairs}")
            gathered.others.append(together([queue.drained(min(1_000, self.registrations)) for _ in range(rounds)]))
        at = 0
        while at < self.queued:
            self.say(f"{at:,} of {self.queued:,} queued")
            at += queue.fill(min(50_000, self.queued - at))
        for pair in range(self.pairs):
            self.say(f"{self.queued:,} queued, {pair + 1} of {self.pairs}")
            gathered.ours.append(queue.part(self.registrations))
        return gathered.figures(self.site.rss(), "1,000 queued")

    def _slow_targets(self) -> ScenarioFigures:
        """A healthy target among 1,000: a third of the others is dead, a third never answers, a third resets connections. In turn with the
        healthy one alone."""
        self.say(f"making {SLOW:,} connections")
        dead = free_port()
        urls = tuple(
            (f"http://127.0.0.1:{dead}/", f"{self.receiver.url}/hang", f"{self.receiver.url}/reset")[number % 3]
            for number in range(SLOW - 1)
        )
        made = make(FixtureSize("SLOW", self.receiver.url, slow=urls))
        return self._with_and_without(made, "without slow targets", self._slow_ones)

    @contextmanager
    def _slow_ones(self, made: Fixture, *, there: bool) -> Iterator[None]:
        if not there:
            with paused(made.account, made.slow):
                yield
            return
        self._post(made, 20, position="slow")
        yield

    def _bad_targets(self) -> ScenarioFigures:
        """A healthy target among six bad ones that also get every change; in turn with an account that has only the healthy one."""
        url = self.receiver.url
        bad = (
            f"http://127.0.0.1:{free_port()}/",
            *(f"{url}/{path}" for path in ("hang", "reset", "busy", "drip")),
            "http://no-such-name.invalid/",
        )
        alone = make(FixtureSize("ALONE", url))
        among = make(FixtureSize("AMONG", url, slow=bad, all_hear=True))
        gathered, bodies = Gathered(), self._warm_up(alone)
        rate = self._post(among, max(CLIENTS * 2, self.registrations // 5)).per_s * SHARES[0] / 100
        for pair in range(self.pairs):
            self.say(f"pair {pair + 1} of {self.pairs}, {rate:,.0f}/s")
            for made in (alone, among) if pair % 2 else (among, alone):
                runs, paced = (gathered.others, gathered.others_paced) if made is alone else (gathered.ours, gathered.paced)
                with paused(among.account, among.slow) if made is alone else nullcontext():
                    run = self._post(made, self._paced_count(rate), rate=rate)
                paced.setdefault(str(SHARES[0]), []).append(run)
                runs.append(run)
            gathered.floors.append(self._floor(bodies))
        return gathered.figures(self.site.rss(), "alone")

    def _pages(self) -> ScenarioFigures:
        """People on the pages, a full read of the registrations and an import, all at once; in turn without them."""
        made = make(FixtureSize("PAGES", self.receiver.url))
        return self._with_and_without(made, "without pages and import", self._busy_ones)

    @contextmanager
    def _busy_ones(self, made: Fixture, *, there: bool) -> Iterator[None]:
        if not there:
            yield
            return
        with Busy(self.ground, self.site, made.account, self._reads):
            yield

    def _insights(self) -> ScenarioFigures:
        """Four people who read Metrics; in turn without them."""
        made = make(FixtureSize("INSIGHTS", self.receiver.url))
        return self._with_and_without(made, "without readers", self._readers)

    @contextmanager
    def _readers(self, made: Fixture, *, there: bool) -> Iterator[None]:
        with insights_readers(self.site, made.account, self._reads) if there else nullcontext():
            yield

    def _overview(self) -> ScenarioFigures:
        """Four people on the Overview, which fetches itself again, and on what is beside it; in turn without them. The watch of notifications
        looks in both, as in any `serve`."""
        made = make(FixtureSize("OVERVIEW", self.receiver.url))
        return self._with_and_without(made, "without readers", self._overview_readers)

    @contextmanager
    def _overview_readers(self, made: Fixture, *, there: bool) -> Iterator[None]:
        with overview_readers(self.site, made.account, self._reads, made.connections[0]) if there else nullcontext():
            yield

    def _api(self) -> ScenarioFigures:
        """A program that reads all registrations by the REST API, again and again, page by page; in turn without it."""
        made = make(FixtureSize("API", self.receiver.url))
        return self._with_and_without(made, "without the reader", self._api_reader)

    @contextmanager
    def _api_reader(self, made: Fixture, *, there: bool) -> Iterator[None]:
        with ApiReader(self.site, made.account, self.say) if there else nullcontext():
            yield

    def _calls(self) -> ScenarioFigures:
        """A platform whose signed calls become registrations; in turn without it."""
        made = make(FixtureSize("CALLS", self.receiver.url))
        return self._with_and_without(made, "without calls", self._inbound_calls)

    @contextmanager
    def _inbound_calls(self, made: Fixture, *, there: bool) -> Iterator[None]:
        with SignedCalls(self.site, made.account, self.say) if there else nullcontext():
            yield

    def _backup(self) -> ScenarioFigures:
        """Backups, one after another; in turn without them."""
        made = make(FixtureSize("BACKUP", self.receiver.url))
        return self._with_and_without(made, "without backups", self._backups)

    @contextmanager
    def _backups(self, made: Fixture, *, there: bool) -> Iterator[None]:
        with Backups(self.ground, self.say) if there else nullcontext():
            yield

    def _light(self) -> ScenarioFigures:
        """Few single posts, in turn with fewer; then nothing at all. Each post has its moment and does not wait for the posts before it."""
        made = make(FixtureSize("LIGHT", self.receiver.url))
        gathered, bodies = Gathered(), self._warm_up(made)
        for pair in range(self.pairs):
            self.say(f"pair {pair + 1} of {self.pairs}")
            for rate, runs in zip(LIGHT, (gathered.ours, gathered.others), strict=True):
                runs.append(self._post(made, int(rate * LIGHT_FOR), rate=rate))
        gathered.floors.append(self._floor(bodies))
        self.say("nothing to do")
        before = self.site.cpu()
        time.sleep(LIGHT_FOR)
        idle = {name: seconds - before.get(name, 0.0) for name, seconds in self.site.cpu().items()}
        return replace(
            gathered.figures(self.site.rss(), f"{LIGHT[1]} a second"),
            latency_ms=gathered.open_loop(gathered.ours),
            beside=gathered.beside(f"{LIGHT[1]} a second", gathered.open_loop(gathered.others)),
            idle_percent={name: round(100 * seconds / LIGHT_FOR, 2) for name, seconds in idle.items()},
        )

    def _with_and_without(self, made: Fixture, what: str, beside: Callable[..., object]) -> ScenarioFigures:
        """Runs at half of the rate reached alone (for the latencies) and at the full rate, with and without something beside it."""
        gathered, bodies = Gathered(), self._warm_up(made)
        with beside(made, there=False):  # type: ignore[attr-defined]
            half = self._post(made, self.registrations).per_s / 2
        for pair in range(self.pairs):
            self.say(f"pair {pair + 1} of {self.pairs}")
            for there in (False, True) if pair % 2 else (True, False):
                runs, paced = (gathered.ours, gathered.paced) if there else (gathered.others, gathered.others_paced)
                with beside(made, there=there):  # type: ignore[attr-defined]
                    paced.setdefault("50", []).append(self._post(made, self._paced_count(half), rate=half))
                    runs.append(self._post(made, self.registrations))
            gathered.floors.append(self._floor(bodies))
        return replace(gathered.figures(self.site.rss(), what), pages=self._reads.figures())
