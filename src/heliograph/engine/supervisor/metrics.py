"""The figures of an installation for Prometheus (O2): what the processes of this start counted, and what the database says now.

No label names an account, a flow, a connection, a person or a text. docs/running/README.md lists every metric.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from heliograph.domain.delivery.slots import SLOTS
from heliograph.engine.supervisor.installation_status import RUNNING, InstallationStatus, ObservedSizes, ProcessFigures
from heliograph.store.installation_state import ServerStatus

log = structlog.get_logger(__name__)

FRESH: Final = 1.0
"""Seconds for which figures from the database are reused, however often they are scraped."""


class Metrics:
    """Collects and writes them. processes: of this start; status: reads the database, may raise anything."""

    def __init__(self, processes: Callable[[], ProcessFigures], status: Callable[[], ServerStatus]) -> None:
        self._processes, self._read = processes, status
        self._lock = threading.Lock()
        self._last_status: tuple[float, ServerStatus | None] = (float("-inf"), None)

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content type and text. accept: the request's header."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(_Families(InstallationStatus(self._processes(), self._status())))

    def _status(self) -> ServerStatus | None:
        """The status from the database; None while the database does not respond."""
        with self._lock:
            if time.monotonic() - self._last_status[0] > FRESH:
                try:
                    status = self._read()
                except Exception as error:  # noqa: BLE001 -- whatever is wrong with it, the other figures are still good
                    log.debug("status_unreadable", error=type(error).__name__)
                    status = None
                self._last_status = (time.monotonic(), status)
            return self._last_status[1]


class _Families(Collector):
    """One scrape."""

    def __init__(self, status: InstallationStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield _gauge("heliograph_build_info", "The version that runs.", {(self._status.version,): 1}, "version")
        if self._status.processes is not None:
            yield from _of_processes(self._status.processes)
        yield _gauge("heliograph_database_up", "Whether the database could be read.", {(): float(self._status.database is not None)})
        if self._status.database is not None:
            yield from _of_database(self._status.database)


def _of_processes(processes: ProcessFigures) -> Iterator[Metric]:
    up = {(name,): float(state == RUNNING) for name, state in processes.states.items()}
    yield _gauge("heliograph_process_up", "Whether a process of this start runs and serves.", up, "process")
    attempts = CounterMetricFamily("heliograph_attempts", "Attempts by outcome and category of failure.", labels=("outcome", "category"))
    for key, count in processes.attempts.items():
        attempts.add_metric(key, count)
    yield attempts
    yield _histogram(
        "heliograph_attempt_duration_seconds", "Time that attempts took, from start to the end of the answer.", processes.attempt_seconds
    )
    yield _histogram("heliograph_settle_batch_size", "Outcomes stored in one transaction.", processes.settled_sizes)
    yield _histogram("heliograph_record_batch_size", "Documents recorded in one transaction of the doors.", processes.recorded_sizes)
    yield _histogram("heliograph_call_batch_size", "Calls of sources stored in one transaction of the doors.", processes.stored_sizes)
    ended = CounterMetricFamily(
        "heliograph_door_connections_ended", "Connections that the fast door ended or refused, by reason.", labels=("reason",)
    )
    for end, count in processes.ended_connections.items():
        ended.add_metric((end,), count)
    yield ended
    refused = CounterMetricFamily(
        "heliograph_refused_requests", "Refused requests, and refused documents of requests with many.", labels=("entrance", "status")
    )
    for refusal, count in processes.refusals.items():
        refused.add_metric(refusal, count)
    yield refused
    sign_ins = CounterMetricFamily("heliograph_sign_in_failures", "Sign-ins that failed.", labels=("reason",))
    for reason, count in processes.failed_sign_ins.items():
        sign_ins.add_metric((reason,), count)
    yield sign_ins


def _histogram(name: str, help: str, sizes: ObservedSizes) -> Metric:
    family = HistogramMetricFamily(name, help)
    family.add_metric((), list(zip([*(f"{float(bound)}" for bound in sizes.bounds), "+Inf"], sizes.cumulated, strict=True)), sizes.total)
    return family


def _of_database(status: ServerStatus) -> Iterator[Metric]:
    items = {("pending",): status.pending, ("held",): status.held_count, ("queued",): status.waiting, ("untagged",): status.untagged}
    yield _gauge(
        "heliograph_queue_items",
        "Actions to be sent, held by their connection or retried, and decisions that wait for a tag.",
        items,
        "state",
    )
    yield _gauge("heliograph_failed_items", "Items of the Retry Queue that are Failed: they wait for nobody.", {(): status.failed})
    oldest = {("pending",): status.oldest_pending or 0.0, ("due",): status.oldest_due or 0.0}
    yield _gauge(
        "heliograph_queue_oldest_seconds", "Age of the oldest first attempt that waits, and of the longest due retry.", oldest, "state"
    )
    holding = {("paused",): status.paused_connections, ("resting",): status.held_connections}
    yield _gauge("heliograph_connections_held", "Connections that send nothing now.", holding, "state")
    failing = {(longer,): n for longer, n in status.failing_connections.items()}
    yield _gauge("heliograph_connections_failing", "Connections that deliver nothing, though they are tried.", failing, "longer_than")
    yield _gauge("heliograph_slots", "Shares of all connections.", {(): SLOTS})
    yield _gauge("heliograph_slots_owned", "Shares that a live worker owns.", {(): status.owned_slots})
    yield _gauge("heliograph_workers", "Workers that are alive.", {(): len(status.workers)})
    yield _gauge("heliograph_jobs", "Long work by state.", {(state,): n for state, n in status.jobs.items()}, "state")
    yield _gauge("heliograph_figures_unfolded", "Deltas of figures that are not added up yet.", {(): status.unfolded_figures})
    if status.database_bytes is not None:
        yield _gauge("heliograph_database_size_bytes", "Size of the database on disk.", {(): status.database_bytes})
    free = {(name,): disk.free for name, disk in status.disks.items()}
    yield _gauge("heliograph_disk_free_bytes", "Free space of a disk that is written to.", free, "of")
    yield _gauge("heliograph_disk_size_bytes", "Size of that disk.", {(name,): disk.size for name, disk in status.disks.items()}, "of")
    last_change = _known(status.last_change)
    yield _gauge("heliograph_last_change_timestamp_seconds", "When the last change was accepted; none if there was none.", last_change)
    backup_age = _known(status.backup_age)
    yield _gauge("heliograph_backup_age_seconds", "Time since the newest complete backup began; none if there was none.", backup_age)
    yield _gauge(
        "heliograph_unreleased_accounts",
        "Accounts of a restored copy that send nothing until they are released.",
        {(): status.unreleased_accounts},
    )
    yield _gauge("heliograph_ledger_gaps", "Registrations that are not here as they are at their source.", {(): status.ledger_gaps})


def _known(value: float | None) -> dict[tuple[()], float]:
    return {} if value is None else {(): value}


def _gauge(name: str, help: str, values: Mapping[tuple[str], float] | Mapping[tuple[()], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
