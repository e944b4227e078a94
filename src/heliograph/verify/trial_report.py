"""The report of a trial: one JSON object, or the same in words."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import Any

from heliograph.verify.ledger import LedgerCounts


@dataclass(slots=True)
class VerifyReport:
    """The results of a trial."""

    counts: LedgerCounts = field(default_factory=LedgerCounts)
    targets: int = 0
    kills: int = 0
    in_flight_at_kills: int = 0
    """Lanes in the journals of killed or suspended workers, summed over all kills."""
    seconds: float = 0.0
    database: str = "sqlite"
    strikes: dict[str, int] = field(default_factory=dict)
    slots: dict[str, float] = field(default_factory=dict)
    """Seconds until each worker had its share of the slots, by the number of workers before and after."""
    answers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Faults besides the counts, one sentence each."""

    @property
    def ok(self) -> bool:
        """True if (D1, D2) nothing was lost or out of order, and only what was in flight at a kill was repeated."""
        counts = self.counts
        return not (counts.lost or counts.reordered or counts.renamed or self.faults or counts.duplicated > self.in_flight_at_kills)

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
            "in_flight_at_kills": self.in_flight_at_kills,
            "reordered": counts.reordered,
            "renamed": counts.renamed,
            "seconds": round(self.seconds, 1),
            "kills": self.kills,
            "strikes": self.strikes,
            "slots": self.slots,
            "answers": self.answers,
            "faults": self.faults,
            "examples": counts.examples,
            "database": self.database,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        }

    def summary(self) -> str:
        """The results in words."""
        counts = self.counts
        lines = [
            f"{self.kills} kills in {self.seconds:.0f} s on {self.database}",
            *(f"    {count:>4}  {what}" for what, count in sorted(self.strikes.items())),
            f"accepted            {counts.accepted:>8,}  versions of registrations, each owed to {self.targets} targets",
            f"owed                {counts.owed:>8,}",
            f"delivered           {counts.delivered:>8,}",
            f"superseded          {counts.superseded:>8,}  rightly not sent, since a newer version was",
            f"lost                {counts.lost:>8,}",
            f"duplicated          {counts.duplicated:>8,}  with {self.in_flight_at_kills:,} in flight at the kills",
            f"reordered           {counts.reordered:>8,}",
        ]
        if self.slots:
            steps = ", ".join(f"{step}: {seconds:.1f} s" for step, seconds in self.slots.items())
            lines.append(f"slots redistributed    workers {steps}")
        for what, examples in counts.examples.items():
            if what != "duplicated" or counts.duplicated > self.in_flight_at_kills:
                lines += [f"  {what}: {example}" for example in examples]
        lines += self.faults
        lines.append(
            "Nothing was lost or out of order, and only what was in flight was repeated." if self.ok else "FAILED: this must not happen."
        )
        return "\n".join(lines)
