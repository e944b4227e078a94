"""The pace of a job: live traffic comes first (docs/design/processes.md, section 4; D9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.db import Error, connections

from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.queue.lane_reads import is_behind
from heliograph.store.registrations import last_change
from heliograph.web.cpu_time import CpuTime

BEHIND: Final = 300
"""Waiting lanes from which deliveries count as behind."""
BESIDE_PAUSE: Final = 2.0
"""Pause after a chunk, as a multiple of its duration, while others record or deliveries are behind. The job then takes a third of a core, and of the
write lock."""
BUSY_PAUSE: Final = 7.0
"""Pause after a chunk, as a multiple of its CPU time, while others also want the processors. The job then takes an eighth of a core at most."""
LONGEST_BUSY_PAUSE: Final = 5.0
"""The longest of these pauses, in seconds: a job notices only after its pause that it is paused, and its heartbeat must stay within control.LEASE."""
BESIDE_FOR: Final = 1.0
"""Seconds after a recording by others for which they count as recording."""


@dataclass(slots=True)
class Pace:
    """The pace of one job."""

    least: float = 0.0
    """The pause after a chunk, as a multiple of its duration, when nothing else is running."""
    _ours: int | None = None
    _beside_until: float = 0.0
    _cpu: CpuTime = field(default_factory=CpuTime.now)

    def began(self) -> None:
        """Called right before a chunk is written: all changes since the previous chunk were recorded by others."""
        last = _answer_or_none(last_change)
        if None not in (last, self._ours) and last != self._ours:
            self._beside_until = time.monotonic() + BESIDE_FOR

    def pause(self, took: float) -> float:
        """Seconds to pause after a committed chunk that took `took` seconds."""
        self._ours = _answer_or_none(last_change)
        beside = time.monotonic() < self._beside_until or _answer_or_none(lambda db: is_behind(db, BEHIND))
        now = CpuTime.now()
        cpu, self._cpu = now.since(self._cpu), now
        if not beside:
            return took * self.least
        return max(took * BESIDE_PAUSE, min(cpu.ran * BUSY_PAUSE, LONGEST_BUSY_PAUSE) if cpu.is_contended else 0.0)


def _answer_or_none[T](ask: Callable[[Database], T]) -> T | None:
    """None if the database cannot answer now; it is asked again at the next chunk."""
    try:
        return ask(of_django(connections["default"]))
    except driver_errors.all_errors(Error):
        return None
