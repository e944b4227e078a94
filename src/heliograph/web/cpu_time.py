"""How long a thread has waited for a processor, by Linux's own account: whether others want it too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

BUSY: Final = 0.15
"""Waiting for a processor, as a share of the time on one, from which others count as wanting it. Alone on a machine it is near nothing."""
_ACCOUNT: Final = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Of the calling thread, in seconds since it began. ran: on a processor; waited: ready to run, while others ran."""

    ran: float
    waited: float

    @classmethod
    def now(cls) -> Self:
        """All zero where the system has no such account: nobody counts as waiting there."""
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
