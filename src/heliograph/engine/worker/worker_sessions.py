"""The worker's two sessions with PostgreSQL, one for each of its threads, and how it gets others after they were lost (O19).

While the database is gone, requests that are under way end, their outcomes wait in memory, and nothing new starts: what was not confirmed for
two seconds starts nothing (config_confirmation.CONFIRMED_FOR). Afterwards it goes on like a worker that was suspended for that time.

Whether the commit that a session was lost in took place is not known. So it is done again, and changes nothing if it had (docs/design/queue.md,
section 5).
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

import structlog

from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.database_outages import SAID_EVERY
from heliograph.store.database_trouble import Trouble, trouble_of

log = structlog.get_logger(__name__)

SHORTEST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
"""Seconds: the longest pause between two tries to begin a session."""
PASSING: Final = (Trouble.UNREACHABLE, Trouble.READ_ONLY, Trouble.FULL, Trouble.FAILING, Trouble.NO_FILES)


def check_passes(error: Exception, db: Database) -> None:
    """Raises the error again, unless it may pass: a lost race, a database that is busy, full or gone, a standby.

    A session with a standby is closed, since the primary is elsewhere.
    """
    trouble = trouble_of(error)
    if db.is_shared and trouble is Trouble.READ_ONLY:
        db.close()
    if not (db.is_lost or trouble in PASSING or isinstance(error, driver_errors.lost_races(sqlite3.OperationalError))):
        raise error


class WorkerSessions:
    """Both sessions. The settling thread begins others for both threads: that may take seconds, for which libcurl on the reading thread must not
    wait."""

    def __init__(self, writer: Database, reader: Database) -> None:
        self._writer, self._reader = writer, reader
        self.reader_is_lost = False
        """Set by the reading thread, which then leaves its session alone until the settling thread has replaced it."""
        self.pause = SHORTEST_PAUSE
        """Seconds until the next try, which doubles from one to the next."""
        self._try_at = self._said_at = float("-inf")

    @property
    def are_lost(self) -> bool:
        """True if one of them is lost."""
        return self._writer.is_lost or self.reader_is_lost

    def reopen(self) -> bool:
        """Tries to begin a session in place of each lost one, if it is time for another try. True if none is lost any more."""
        if time.monotonic() < self._try_at:
            return False
        try:
            if self._writer.is_lost:
                self._writer.reopen()
            if self.reader_is_lost:
                self._reader.reopen()
                self.reader_is_lost = False
        except driver_errors.all_errors() as error:
            log.warning("database_error", during="connect", error=type(error).__name__, message=str(error)[:200])
            self.pause = min(LONGEST_PAUSE, self.pause * 2)
            self._try_at = time.monotonic() + self.pause
            return False
        if time.monotonic() >= self._said_at + SAID_EVERY:  # a server that can only be read ends each session at its first write
            self._said_at = time.monotonic()
            log.warning("database_sessions_replaced")
        self.pause = SHORTEST_PAUSE
        return True
