"""The course of a trial's faults: one after another under load, with what the system did about each."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.failpoints import Instant
from heliograph.stage.command_processes import ServiceProcess, wait_until
from heliograph.verify.faults import Fault
from heliograph.verify.ledger import Ledger
from heliograph.verify.strikes import StrikeProblem

DELIVERIES_BETWEEN: Final = 25
"""Versions to deliver after a fault before the next one: most faults meet a system at work, a few one that is just starting."""
AT_ONCE: Final = 0.15
"""The share of faults that do not wait for these deliveries."""
STANDSTILL: Final = 90.0
"""Seconds without a delivery after which none is expected any more."""
_TROUBLE: Final = frozenset({"warning", "error", "critical"})
"""Levels of the log's lines that say what the system did."""


class Standstill(HeliographError):
    """Deliveries have stopped."""


@dataclass(slots=True)
class FaultReport:
    """What all faults of one kind did."""

    times: int = 0
    refused: int = 0
    """How often senders were not answered with success while it lasted."""
    until_accepted: float = 0.0
    """The longest time from the end of a fault to the next accepted version, in seconds."""
    until_delivered: float = 0.0
    """Likewise, to the next version that a target took."""
    log: Counter[str] = field(default_factory=Counter)
    """Lines of the log about trouble, from its beginning to that of the next fault, by their event."""

    def to_json(self) -> dict[str, Any]:
        return {
            "times": self.times,
            "refused": self.refused,
            "longest_until_accepted": round(self.until_accepted, 1),
            "longest_until_delivered": round(self.until_delivered, 1),
            "log": dict(self.log.most_common()),
        }


@dataclass(frozen=True, slots=True)
class _Occurrence:
    fault: Fault
    ended_at: float
    refused: int
    log_starts: Mapping[Path, int]
    """The sizes of the logs when it began."""


@dataclass(slots=True)
class FaultCourse:
    """Provokes faults. Everything happens on the caller's thread."""

    ledger: Ledger
    random: random.Random
    parts: Sequence[ServiceProcess]
    """All services whose logs are read."""
    provoke: Mapping[Fault, Callable[[], str]]
    """Provokes a fault, and returns what was done, in words. May raise StrikeProblem."""
    failpoint: Callable[[Instant], str]
    refused: Callable[[], int]
    say: Callable[[str], None] = lambda _: None
    problems: list[str] = field(default_factory=list)
    done: int = 0
    _occurrences: list[_Occurrence] = field(default_factory=list)

    def run(self, faults: Sequence[tuple[Fault, Instant | None]]) -> None:
        """Provokes the faults in this order. Raises Standstill."""
        for fault, instant in faults:
            self._wait()
            log_starts, refused = self._log_sizes(), self.refused()
            try:
                words = self.provoke[fault]() if instant is None else self.failpoint(instant)
            except StrikeProblem as problem:
                words = str(problem)
                self.problems.append(words)
            self._occurrences.append(_Occurrence(fault, time.monotonic(), self.refused() - refused, log_starts))
            self.done += 1
            self.say(words)

    def _wait(self) -> None:
        if self.random.random() >= AT_ONCE:
            before = self.ledger.delivered
            if not wait_until(lambda: self.ledger.delivered >= before + DELIVERIES_BETWEEN, STANDSTILL):
                came = self.ledger.delivered - before
                raise Standstill(f"Only {came} versions were delivered within {STANDSTILL:.0f} s, although registrations kept coming.")
        time.sleep(self.random.uniform(0.0, 1.0))

    def reports(self) -> dict[str, FaultReport]:
        """What the faults of each kind did, for the end of the trial."""
        reports: dict[str, FaultReport] = {}
        ends = [each.log_starts for each in self._occurrences[1:]] + [self._log_sizes()]
        for occurrence, log_ends in zip(self._occurrences, ends, strict=True):
            report = reports.setdefault(occurrence.fault.value, FaultReport())
            report.times += 1
            report.refused += occurrence.refused
            accepted_at, taken_at = self.ledger.first_after(occurrence.ended_at)
            report.until_accepted = max(report.until_accepted, (accepted_at or occurrence.ended_at) - occurrence.ended_at)
            report.until_delivered = max(report.until_delivered, (taken_at or occurrence.ended_at) - occurrence.ended_at)
            for file, end in log_ends.items():
                start = occurrence.log_starts.get(file, 0)
                report.log.update(line["event"].partition(" <")[0] for line in lines_of(file, start, end) if line.get("level") in _TROUBLE)
        return reports

    def in_flight(self, journals: Mapping[str, int]) -> int:
        """The number of requests that may be repeated: those in flight when an engine died, and those whose outcomes a worker discarded, since
        its slots belonged to another one.

        journals: lanes in the journals of killed engines, by worker. The log has those of engines that ended by themselves
        """
        by_worker, discarded = dict(journals), 0
        for part in self.parts:
            for line in lines_of(part.log):
                if line.get("event") == "worker_ended_uncleanly":
                    by_worker[line["worker"]] = max(line["in_flight"], by_worker.get(line["worker"], 0))
                elif line.get("event") == "outcomes_discarded":
                    discarded += line["outcomes"]
        return sum(by_worker.values()) + discarded

    def _log_sizes(self) -> dict[Path, int]:
        return {part.log: part.log.stat().st_size for part in self.parts if part.log.exists()}


def lines_of(file: Path, start: int = 0, end: int | None = None) -> Iterator[dict[str, Any]]:
    """The log's lines that are JSON objects, between two positions in bytes."""
    if not file.exists():
        return
    with file.open("rb") as log:
        log.seek(start)
        content = log.read() if end is None else log.read(end - start)
    for line in content.splitlines():
        if line.startswith(b"{") and line.endswith(b"}"):
            try:
                yield json.loads(line)
            except ValueError:  # two processes wrote at once
                continue
