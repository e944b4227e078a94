"""When the reading thread reads lanes ahead (docs/design/queue.md, section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

IDLE = 0.2
"""Seconds between two reads without an announcement. They find changes of forms, jobs and commands, and those whose announcement was lost."""
READ_EVERY = 0.5
"""Seconds between two reads without news. A retry is sent at most this much late."""
LOOK_EVERY = 0.16
"""Seconds between two looks at the data version. A look is one cheap PRAGMA."""
LONGEST_PAUSE = 0.008
"""Longest pause in seconds between two reads while there is work. The usual pause is twice the duration of the last read, so that a read returns
more lanes at once."""


@dataclass(slots=True)
class ReadPace:
    """Decides when the next read is due, from what the last one returned and from what was announced since. All times are monotonic seconds.

    With work there is a short pause between reads. Without work a read happens when something was recorded, or every READ_EVERY seconds.
    """

    data_version: Callable[[], int | None] | None = None
    """Returns a number that changes with each commit of another connection to the SQLite database. None on PostgreSQL, which has no such number:
    there, a read every IDLE / 2 seconds takes its place."""
    news: bool = False
    """Something was recorded, so a read may find lanes. Any thread may set it."""
    has_work: bool = False
    """The last read took lanes and left others for the next."""
    paused_until: float = 0.0
    _read_at: float = -math.inf
    _looked_at: float = 0.0
    _last_data_version: int | None = -1

    def is_due(self, now: float) -> bool:
        """Whether to read now."""
        if now < self.paused_until:
            return False
        if now - self._read_at >= READ_EVERY or self.has_work or self.news:
            return True
        if self.data_version is None:
            return now - self._read_at >= IDLE / 2
        if now - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = now
        previous, self._last_data_version = self._last_data_version, self.data_version()
        return previous != self._last_data_version

    def begin_read(self, now: float) -> None:
        """Call it before the read, so that a change that is recorded during the read causes another one."""
        self._read_at, self.news = now, False

    def end_read(self, began: float, ended: float, *, next_search_at: float) -> None:
        """Plans the pause after a read.

        next_search_at: when the work finder may search again. If only news asks for the next read, nothing but a search can find its lanes.
        """
        self.paused_until = ended + min(LONGEST_PAUSE, 2 * (ended - began))
        if self.news and not self.has_work:
            self.paused_until = max(self.paused_until, next_search_at)

    def pause(self, now: float, *, memory_is_full: bool) -> float:
        """Seconds to wait for a signal until the next read may be due, at most IDLE. It may be negative."""
        if not (self.has_work or self.news):
            return IDLE
        return min(IDLE, LONGEST_PAUSE if memory_is_full else self.paused_until - now)
