"""How fast a job goes: live traffic comes first (docs/design/processes.md, section 4; D9)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
from django.db import Error, connections

from heliograph.store.database import Database, of_django
from heliograph.store.queue.lanes import is_behind
from heliograph.store.registrations import last_change

BEHIND: Final = 300
"""Lanes that wait for a worker."""
BESIDE_REST: Final = 2.0
"""A chunk's time is followed by so much of it at rest while others record, too, or deliveries are behind: a third of a core, and of the write gate, is the job's."""
BESIDE_FOR: Final = 1.0
"""Seconds since others have recorded something, until they count as gone."""


@dataclass(slots=True)
class Pace:
    """Of one job. least: the share of a chunk's time that follows it at rest when nobody else is at work."""

    least: float = 0.0
    _ours: int | None = None
    _beside_until: float = 0.0

    def began(self) -> None:
        """Right before a chunk is written: what was recorded since the one before was recorded by others."""
        last = _asked(last_change)
        if None not in (last, self._ours) and last != self._ours:
            self._beside_until = time.monotonic() + BESIDE_FOR

    def rest(self, took: float) -> float:
        """Seconds to rest after a chunk that took so many and is committed."""
        self._ours = _asked(last_change)
        beside = time.monotonic() < self._beside_until or _asked(lambda db: is_behind(db, BEHIND))
        return took * (BESIDE_REST if beside else self.least)


def _asked[T](ask: Callable[[Database], T]) -> T | None:
    """None where the database cannot say so now; it says more at the next chunk."""
    try:
        return ask(of_django(connections["default"]))
    except (Error, sqlite3.Error, psycopg.Error):
        return None
