"""Decides for scripts whether a report is slower than an earlier one.

It compares the CPU per delivery of all processes of Heliograph, and of the database if it runs here. It also compares the ratio to the floor, except
in `light`, where a rate is given. Rates and latencies are not compared, because they depend on the load of the machine at that hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from heliograph.bench.bench_report import MACHINE, BenchReport
from heliograph.bench.scenario import Scenario

BESIDE: Final = frozenset({"load", "receiver"})
"""Processes of the bench itself."""
MACHINE_FACTS: Final = ("system", "cpu", "cores", "python", "database", "workers")
"""The facts that two reports must have in common. The system counts by its name without the version, and Python by its minor version."""


class SpeedVerdict(IntEnum):
    """How a report compares with an earlier one; the values are exit codes."""

    NOT_SLOWER = 0
    SLOWER = 1
    NOT_COMPARABLE = 2


@dataclass(frozen=True, slots=True)
class ReportComparison:
    """A verdict with its reasons, as sentences; NOT_SLOWER has none."""

    verdict: SpeedVerdict
    reasons: Sequence[str]


def compared(now: BenchReport, before: BenchReport, tolerance: float) -> ReportComparison:
    """Compares the scenarios of `now`.

    tolerance: percent by which a figure may be worse
    """
    if reasons := list(_differences(now, before)):
        return ReportComparison(SpeedVerdict.NOT_COMPARABLE, reasons)
    slower_reasons = [reason for name in _scenarios(now) for reason in _slower(name, now[name], before[name], tolerance)]
    return ReportComparison(SpeedVerdict.SLOWER if slower_reasons else SpeedVerdict.NOT_SLOWER, slower_reasons)


def _scenarios(report: BenchReport) -> list[str]:
    return [name for name in report if name != MACHINE]


def _differences(now: BenchReport, before: BenchReport) -> Iterator[str]:
    for fact in MACHINE_FACTS:
        fact_now, there = _fact(now[MACHINE], fact), _fact(before[MACHINE], fact)
        if fact_now != there:
            yield f"{fact} is {fact_now}, and was {there}."
    for name in _scenarios(now):
        if name not in before:
            yield f"The earlier report has no scenario {name}."
        elif not _cpu(now[name]) or not _cpu(before[name]):
            yield f"{name}: CPU was not measured."
        elif bool(now[name].get("ratio")) != bool(before[name].get("ratio")):
            yield f"{name}: the floor was measured in one report only."


def _fact(machine: Mapping[str, Any], name: str) -> str:
    fact = str(machine.get(name, "unknown"))
    match name:
        case "system":
            return fact.partition(" ")[0]
        case "python":
            return ".".join(fact.split(".")[:2])
        case _:
            return fact


def _slower(name: str, now: Mapping[str, Any], before: Mapping[str, Any], tolerance: float) -> Iterator[str]:
    cpu, cpu_before = _cpu(now), _cpu(before)
    if cpu > cpu_before * (1 + tolerance / 100):
        yield f"{name}: a delivery takes {cpu:,.0f} µs of CPU, {_change(cpu, cpu_before)} of the {cpu_before:,.0f} before."
    ratio, ratio_before = now.get("ratio", 0.0), before.get("ratio", 0.0)
    if name != Scenario.LIGHT and ratio < ratio_before * (1 - tolerance / 100):
        yield f"{name}: the ratio to the floor is {ratio:.3f}, {_change(ratio, ratio_before)} of the {ratio_before:.3f} before."
    if now.get("lost", 0) > before.get("lost", 0):
        yield f"{name}: {now['lost']} accepted registrations were not delivered."


def _change(now: float, before: float) -> str:
    return f"{now / before:.0%}"


def _cpu(figures: Mapping[str, Any]) -> float:
    """Microseconds of CPU per delivery of all processes except the bench's own."""
    cpu: Mapping[str, float] = figures.get("cpu_us_per_delivery", {})
    return sum(value for process, value in cpu.items() if process not in BESIDE)
