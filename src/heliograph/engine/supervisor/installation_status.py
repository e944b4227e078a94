"""The status of an installation (O2), collected once for `/metrics` and for `heliograph status`.

The supervisor supplies what the processes of this start have counted, the database the rest. Nothing here names an account, a flow, a
connection or a person, except the last error of a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from heliograph import __version__
from heliograph.engine.counters import (
    DURATION,
    ENDS,
    OUTCOMES,
    RECORDED,
    REFUSALS,
    REFUSED,
    SETTLED,
    SIGN_IN_REASONS,
    SIGN_INS,
    SIZE,
    STORED,
    ConnectionEnd,
    Histogram,
    OutcomeKey,
    RefusalKey,
)
from heliograph.store.installation_state import ServerStatus

RUNNING: Final = "running"
"""The state of a process that serves."""

STATUS: Final = "/status"
"""Where the operations port answers `ProcessFigures` as JSON."""

_NUMBERS: Final = SIZE // 8


@dataclass(frozen=True, slots=True)
class ObservedSizes:
    """A histogram."""

    bounds: Sequence[float]
    cumulated: Sequence[int]
    """The number of observations up to each bound, and at last of all."""
    total: float
    """The sum of the observed values, in units of the bounds."""

    @property
    def count(self) -> int:
        return self.cumulated[-1]

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "sum": self.total, "up_to": dict(zip(map(str, self.bounds), self.cumulated, strict=False))}


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """The states and counters of the processes of one start."""

    installation: str
    """Names the data folder without showing it."""
    states: Mapping[str, str]
    """By process."""
    counted: Mapping[str, Sequence[int]]
    """The numbers of each process (heliograph.engine.counters)."""
    most_files: int | None = None
    """The most files that each process may open; 0: any number; None: not known."""

    @property
    def attempts(self) -> Mapping[OutcomeKey, int]:
        """Attempts that ended, by outcome and category of failure."""
        return {key: self._sum(n) for n, key in enumerate(OUTCOMES)}

    @property
    def attempt_seconds(self) -> ObservedSizes:
        return self._observed(DURATION)

    @property
    def settled_sizes(self) -> ObservedSizes:
        """Outcomes stored in one transaction."""
        return self._observed(SETTLED)

    @property
    def recorded_sizes(self) -> ObservedSizes:
        """Documents recorded in one transaction of the doors."""
        return self._observed(RECORDED)

    @property
    def stored_sizes(self) -> ObservedSizes:
        """Calls of sources stored in one transaction of the doors."""
        return self._observed(STORED)

    @property
    def ended_connections(self) -> Mapping[ConnectionEnd, int]:
        """Connections that the fast door ended or refused, by reason."""
        return {end: self._sum(n) for n, end in enumerate(ConnectionEnd, start=ENDS)}

    @property
    def refusals(self) -> Mapping[RefusalKey, int]:
        """Requests, and documents of requests, that were refused, by entrance and status."""
        return {key: self._sum(n) for n, key in enumerate(REFUSALS, start=REFUSED)}

    @property
    def failed_sign_ins(self) -> Mapping[str, int]:
        """Sign-ins that failed, by reason."""
        return {reason.value: self._sum(n) for n, reason in enumerate(SIGN_IN_REASONS, start=SIGN_INS)}

    def _sum(self, number: int) -> int:
        return sum(values[number] for values in self.counted.values())

    def _observed(self, histogram: Histogram) -> ObservedSizes:
        *places, total = [self._sum(n) for n in range(histogram.first, histogram.end)]
        return ObservedSizes(histogram.bounds, list(accumulate(places)), total / histogram.scale)

    def for_port(self) -> dict[str, Any]:
        """The JSON of the operations port."""
        return {
            "installation": self.installation,
            "states": dict(self.states),
            "counted": {k: list(v) for k, v in self.counted.items()},
            "most_files": self.most_files,
        }

    @classmethod
    def from_port(cls, answer: Any) -> ProcessFigures:
        """Reads `for_port`. Raises ValueError for what another release or program answered."""
        try:
            figures = cls(
                str(answer["installation"]),
                dict(answer["states"]),
                {str(k): [int(n) for n in v] for k, v in answer["counted"].items()},
                None if answer.get("most_files") is None else int(answer["most_files"]),
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not the figures of Heliograph's processes") from error
        if any(len(values) != _NUMBERS for values in figures.counted.values()):
            raise ValueError("the figures of another release")
        return figures


@dataclass(frozen=True, slots=True)
class InstallationStatus:
    """The status of an installation."""

    processes: ProcessFigures | None
    """None: no start answers on this machine."""
    database: ServerStatus | None
    """None: it cannot be read."""
    version: str = __version__

    def as_json(self) -> dict[str, Any]:
        """For `--json`. Every number of /metrics is in it (tests/integration/test_metrics.py)."""
        processes = self.processes
        return {
            "version": self.version,
            "processes": dict(processes.states) if processes else None,
            "attempts": [[*key, n] for key, n in processes.attempts.items()] if processes else None,
            "attempt_seconds": processes.attempt_seconds.as_json() if processes else None,
            "settle_batch_sizes": processes.settled_sizes.as_json() if processes else None,
            "record_batch_sizes": processes.recorded_sizes.as_json() if processes else None,
            "call_batch_sizes": processes.stored_sizes.as_json() if processes else None,
            "door_connections_ended": dict(processes.ended_connections) if processes else None,
            "refused": [[*key, n] for key, n in processes.refusals.items()] if processes else None,
            "failed_sign_ins": dict(processes.failed_sign_ins) if processes else None,
            "database_up": self.database is not None,
            **(self.database.as_json() if self.database else {}),
        }
