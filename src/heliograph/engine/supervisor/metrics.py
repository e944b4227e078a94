"""The figures of an installation for Prometheus (O2): what the processes of this start counted, and what the database says now.

No label names an account, a flow, a connection, a person or a text. docs/running/README.md lists every metric.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from heliograph import __version__
from heliograph.domain.delivery.slots import SLOTS
from heliograph.engine.counters import DURATION, OUTCOMES, RECORDED, SETTLED, Histogram
from heliograph.engine.supervisor.operations_port import RUNNING
from heliograph.store.status import ServerStatus

log = structlog.get_logger(__name__)

FRESH: Final = 1.0
"""Seconds for which the database is not asked again, however often it is scraped."""

type Counted = Mapping[str, Sequence[int]]
"""What each process counted, by its name (heliograph.engine.counters)."""


class Metrics:
    """Reads and writes them. states: of the processes; counted: their numbers; status: reads the database, may raise anything."""

    def __init__(self, states: Callable[[], Mapping[str, str]], counted: Callable[[], Counted], status: Callable[[], ServerStatus]) -> None:
        self._states, self._counted, self._read = states, counted, status
        self._lock = threading.Lock()
        self._kept: tuple[float, ServerStatus | None] = (float("-inf"), None)

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content type and text. accept: the request's header."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(_Families(self._states(), self._counted(), self._status()))

    def _status(self) -> ServerStatus | None:
        """What the database says; None while it says nothing."""
        with self._lock:
            if time.monotonic() - self._kept[0] > FRESH:
                try:
                    found = self._read()
                except Exception as error:  # noqa: BLE001 -- whatever is wrong with it, the other figures are still good
                    log.debug("status_unreadable", error=type(error).__name__)
                    found = None
                self._kept = (time.monotonic(), found)
            return self._kept[1]


class _Families(Collector):
    """One scrape."""

    def __init__(self, states: Mapping[str, str], counted: Counted, status: ServerStatus | None) -> None:
        self._states, self._counted, self._status = states, counted, status

    def collect(self) -> Iterator[Metric]:
        yield _gauge("heliograph_build_info", "The version that runs.", {(__version__,): 1}, "version")
        up = {(name,): float(state == RUNNING) for name, state in self._states.items()}
        yield _gauge("heliograph_process_up", "Whether a process of this start runs and serves.", up, "process")
        yield self._deliveries()
        yield self._histogram(
            "heliograph_attempt_duration_seconds", "Time that attempts took, from start to the end of the answer.", DURATION
        )
        yield self._histogram("heliograph_settle_batch_size", "Outcomes stored in one transaction.", SETTLED)
        yield self._histogram("heliograph_record_batch_size", "Documents recorded in one transaction of the doors.", RECORDED)
        yield _gauge("heliograph_database_up", "Whether the database could be read.", {(): float(self._status is not None)})
        if self._status is not None:
            yield from _of_database(self._status)

    def _deliveries(self) -> Metric:
        found = CounterMetricFamily("heliograph_attempts", "Attempts by outcome and category of failure.", labels=("outcome", "category"))
        for n, key in enumerate(OUTCOMES):
            found.add_metric(key, sum(values[n] for values in self._counted.values()))
        return found

    def _histogram(self, name: str, help: str, of: Histogram) -> Metric:
        counts = [sum(each) for each in zip(*(values[of.first : of.end] for values in self._counted.values()), strict=True)] or [0] * (
            of.end - of.first
        )
        *places, total = counts
        bounds = [*(f"{float(bound)}" for bound in of.bounds), "+Inf"]
        found = HistogramMetricFamily(name, help)
        found.add_metric((), list(zip(bounds, accumulate(places), strict=True)), total / of.scale)
        return found


def _of_database(status: ServerStatus) -> Iterator[Metric]:
    items = {("pending",): status.pending, ("queued",): status.waiting, ("untagged",): status.stuck}
    yield _gauge("heliograph_queue_items", "Actions to be sent or retried, and decisions that wait for a tag.", items, "state")
    oldest = {("pending",): status.oldest_pending or 0.0, ("due",): status.oldest_due or 0.0}
    yield _gauge(
        "heliograph_queue_oldest_seconds", "Age of the oldest first attempt that waits, and of the longest due retry.", oldest, "state"
    )
    held = {("paused",): status.paused_connections, ("resting",): status.held_connections}
    yield _gauge("heliograph_connections_held", "Connections that send nothing now.", held, "state")
    yield _gauge("heliograph_slots", "Shares of all connections.", {(): SLOTS})
    yield _gauge("heliograph_slots_owned", "Shares that a live worker owns.", {(): status.owned_slots})
    yield _gauge("heliograph_workers", "Workers that are alive.", {(): len(status.workers)})
    yield _gauge("heliograph_jobs", "Long work by state.", {(state,): n for state, n in status.jobs.items()}, "state")
    yield _gauge("heliograph_figures_unfolded", "Deltas of figures that are not added up yet.", {(): status.unfolded_figures})
    if status.database_bytes is not None:
        yield _gauge("heliograph_database_size_bytes", "Size of the database on disk.", {(): status.database_bytes})
    if status.disk_free is not None:
        yield _gauge("heliograph_disk_free_bytes", "Free space of the data folder's disk.", {(): status.disk_free})


def _gauge(name: str, help: str, values: Mapping[tuple[str], float] | Mapping[tuple[()], float], *labels: str) -> Metric:
    found = GaugeMetricFamily(name, help, labels=labels)
    for key, value in values.items():
        found.add_metric(key, value)
    return found
