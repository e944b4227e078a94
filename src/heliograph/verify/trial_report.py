"""The report of a trial: one JSON object, or the same in words."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import Any

from heliograph.verify.fault_course import FaultReport
from heliograph.verify.ledger import LedgerCounts


@dataclass(slots=True)
class VerifyReport:
    """The results of a trial."""

    counts: LedgerCounts = field(default_factory=LedgerCounts)
    targets: int = 0
    kills: int = 0
    in_flight: int = 0
    """Requests that were in flight when an engine died, or whose outcomes a worker discarded, summed over all faults."""
    submitted: int = 0
    """Failed items that were submitted from the Retry Queue at the end."""
    seconds: float = 0.0
    database: str = "sqlite"
    strikes: dict[str, int] = field(default_factory=dict)
    slots: dict[str, float] = field(default_factory=dict)
    """Seconds until each worker had its share of the slots, by the number of workers before and after."""
    answers: dict[str, int] = field(default_factory=dict)
    faults: dict[str, FaultReport] = field(default_factory=dict)
    """What the system did about the faults, by kind."""
    not_provoked: dict[str, str] = field(default_factory=dict)
    """Why faults of the other kinds cannot be provoked here."""
    problems: list[str] = field(default_factory=list)
    """What must not happen, besides the counts: a sentence for each."""

    @property
    def ok(self) -> bool:
        """True if (D1, D2) nothing was lost or out of order, and only what was in flight at a fault was repeated."""
        counts = self.counts
        return not (counts.lost or counts.reordered or counts.renamed or self.problems or counts.duplicated > self.in_flight)

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        counts = self.counts
        return {
            "ok": self.ok,
            "accepted": counts.accepted,
            "owed": counts.owed,
            "delivered": counts.delivered,
            "superseded": counts.superseded,
            "lost": counts.lost,
            "duplicated": counts.duplicated,
            "in_flight": self.in_flight,
            "reordered": counts.reordered,
            "renamed": counts.renamed,
            "seconds": round(self.seconds, 1),
            "kills": self.kills,
            "strikes": self.strikes,
            "faults": {name: fault.to_json() for name, fault in self.faults.items()},
            "not_provoked": self.not_provoked,
            "slots": self.slots,
            "answers": self.answers,
            "submitted": self.submitted,
            "problems": self.problems,
            "examples": counts.examples,
            "database": self.database,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        }

    def summary(self) -> str:
        """The results in words."""
        counts = self.counts
        lines = [
            f"{sum(fault.times for fault in self.faults.values())} faults in {self.seconds:.0f} s on {self.database}",
            *(line for name, fault in sorted(self.faults.items()) for line in _fault_lines(name, fault)),
            *(f"    not provoked: {name}, since {reason}" for name, reason in sorted(self.not_provoked.items())),
            f"accepted            {counts.accepted:>8,}  versions of registrations, each owed to {self.targets} targets",
            f"owed                {counts.owed:>8,}",
            f"delivered           {counts.delivered:>8,}  of them {self.submitted:,} submitted from the Retry Queue",
            f"superseded          {counts.superseded:>8,}  rightly not sent, since a newer version was",
            f"lost                {counts.lost:>8,}",
            f"duplicated          {counts.duplicated:>8,}  with {self.in_flight:,} in flight at the faults",
            f"reordered           {counts.reordered:>8,}",
        ]
        if self.slots:
            steps = ", ".join(f"{step}: {seconds:.1f} s" for step, seconds in self.slots.items())
            lines.append(f"slots redistributed    workers {steps}")
        for what, examples in counts.examples.items():
            if what != "duplicated" or counts.duplicated > self.in_flight:
                lines += [f"  {what}: {example}" for example in examples]
        lines += self.problems
        lines.append(
            "Nothing was lost or out of order, and only what was in flight was repeated." if self.ok else "FAILED: this must not happen."
        )
        return "\n".join(lines)


def _fault_lines(name: str, fault: FaultReport) -> tuple[str, str]:
    """How often a fault happened, and what the system did."""
    log = ", ".join(f"{event} {count:,}" for event, count in fault.log.most_common())
    afterwards = f"accepted again within {fault.until_accepted:.1f} s, delivered again within {fault.until_delivered:.1f} s"
    return (
        f"    {fault.times:>4}  {name}: senders refused {fault.refused:,} times; afterwards {afterwards}",
        f"          log: {log or 'nothing'}",
    )
