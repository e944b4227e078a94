"""The figures of a scenario: medians of its pairs of runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from heliograph.bench.runs import LoadRun, percentile


@dataclass(frozen=True, slots=True)
class Beside:
    """The comparison run in turn with the scenario, e.g. 5 flows beside 500, or the healthy target alone."""

    what: str
    deliveries_per_s: float
    latency_ms: Mapping[str, Mapping[str, float]]
    cpu_us_per_delivery: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ScenarioFigures:
    """One scenario."""

    deliveries_per_s: float
    floor_per_s: float
    ratio: float
    latency_ms: Mapping[str, Mapping[str, float]]
    """From acceptance to delivery, by the percentage of the rate at which it was measured. In an open loop: from the moment a request was meant to be
    sent to its receipt and to its delivery.
    """
    cpu_us_per_delivery: Mapping[str, float]
    rss_mb: Mapping[str, float]
    lost: int
    duplicated: int
    beside: Beside | None = None
    idle_percent: Mapping[str, float] | None = None
    """Percent of a core that each process uses with nothing to do."""
    thread_us_per_delivery: Mapping[str, float] | None = None
    """CPU microseconds by process and thread."""
    batches: Mapping[str, Mapping[str, float]] | None = None
    """The number of recorded and of settled batches a second, and their mean size."""
    pages: Mapping[str, Mapping[str, float]] | None = None
    """The number of reads of each page and their mean milliseconds, by path: sums over all runs."""

    def as_json(self) -> dict[str, Any]:
        """The fields, without those that were not measured."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(slots=True)
class Gathered:
    """Collects the runs of a scenario and of its comparison."""

    ours: list[LoadRun] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    others: list[LoadRun] = field(default_factory=list)
    paced: dict[str, list[LoadRun]] = field(default_factory=dict)
    others_paced: dict[str, list[LoadRun]] = field(default_factory=dict)

    def figures(self, rss: Mapping[str, float], what: str = "") -> ScenarioFigures:
        """The medians.

        what: the name of the comparison
        """
        beside = None
        if self.others:
            beside = Beside(what, _rate(self.others), _latencies(self.others_paced), _cpu(self.others))
        everything = [*self.ours, *self.others, *(run for runs in (*self.paced.values(), *self.others_paced.values()) for run in runs)]
        floor = statistics.median(self.floors) if self.floors else 0.0
        ratios = [run.per_s / per_s for run, per_s in zip(self.ours, self.floors, strict=False) if per_s]
        return ScenarioFigures(
            _rate(self.ours),
            round(floor, 1),
            round(statistics.median(ratios), 4) if ratios else 0.0,
            _latencies(self.paced),
            _cpu(self.ours),
            rss,
            sum(run.lost for run in everything),
            sum(run.duplicated for run in everything),
            beside,
            thread_us_per_delivery=_medians([run.thread_us for run in self.ours]) or None,
            batches=_batches(self.ours),
        )

    def beside(self, what: str, latency_ms: Mapping[str, Mapping[str, float]]) -> Beside:
        """The comparison, with latencies of its own."""
        return Beside(what, _rate(self.others), latency_ms, _cpu(self.others))

    @staticmethod
    def open_loop(runs: Sequence[LoadRun]) -> dict[str, dict[str, float]]:
        """Latencies of runs at a given rate, from the moment each request was meant to be sent."""
        return {
            what: {f"p{p}": round(statistics.median(percentile(getattr(run, name), p / 100) for run in runs), 2) for p in (50, 99)}
            for what, name in (("receipt", "receipts"), ("delivered", "whole"))
        }


def _rate(runs: Sequence[LoadRun]) -> float:
    return round(statistics.median(run.per_s for run in runs), 1) if runs else 0.0


def _latencies(paced: Mapping[str, Sequence[LoadRun]]) -> dict[str, dict[str, float]]:
    return {
        share: {f"p{p}": round(statistics.median(run.latency(p / 100) for run in runs), 2) for p in (50, 99)}
        for share, runs in paced.items()
    }


def _batches(runs: Sequence[LoadRun]) -> dict[str, dict[str, float]] | None:
    """Batches per second and their mean size, by kind: medians of the runs; None if no run has counted them."""
    counted = [run for run in runs if run.batches and run.seconds]
    return {
        what: {
            "per_s": round(statistics.median(run.batches[what][0] / run.seconds for run in counted), 1),
            "mean": round(statistics.median(run.batches[what][1] / max(1.0, run.batches[what][0]) for run in counted), 1),
        }
        for what in (counted[0].batches if counted else ())
    } or None


def _cpu(runs: Iterable[LoadRun]) -> dict[str, float]:
    return _medians([run.cpu_us for run in runs])


def _medians(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    by_name: dict[str, list[float]] = {}
    for each in runs:
        for name, value in each.items():
            by_name.setdefault(name, []).append(value)
    return {name: round(statistics.median(values), 1) for name, values in by_name.items()}
