"""How long a thread has waited for a processor, as Linux counts it: it tells whether others want the processors too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

BUSY: Final = 0.15
"""Ratio of the time waiting for a processor to the time on one, from which the processors count as contended. An idle machine is near 0."""
_ACCOUNT: Final = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """The CPU time of a thread, in seconds since it began."""

    ran: float
    """On a processor."""
    waited: float
    """Ready to run, while others ran."""

    @classmethod
    def now(cls) -> Self:
        """The times of the calling thread; zeros if the system does not count them, so that no thread seems to wait."""
        try:
            ran, waited, _turns = _ACCOUNT.read_bytes().split()
        except (OSError, ValueError):
            return cls(0.0, 0.0)
        return cls(int(ran) / 1e9, int(waited) / 1e9)

    def since(self, began: CpuTime) -> Self:
        return type(self)(self.ran - began.ran, self.waited - began.waited)

    @property
    def is_contended(self) -> bool:
        return self.waited > BUSY * self.ran
