"""What doors note about calls without making their senders wait: refusals by reason and hour, the last call of a source, the use of a secret.

All is counted in memory and written every few seconds, on a thread and a connection of its own. A flood of refused calls is a few counts.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from heliograph.domain.source.inbound_request import RefusalReason
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.inbound_calls import HOUR, DoorSource, InboundCall, RefusalKey, add_refusals, note_calls

log = structlog.get_logger(__name__)

WRITTEN_AFTER: Final = 3.0
"""Seconds for which notes are gathered."""
MOST_COUNTED: Final = 2_000
"""Sources with their reasons and hours that are counted between two writes. Others are not counted until then."""


class InboundNotes:
    """The notes of a process, from any thread."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._open = open_database
        self._db: Database | None = None
        self._counts: Counter[RefusalKey] = Counter()
        self._first_at: dict[RefusalKey, int] = {}
        self._last_at: dict[RefusalKey, int] = {}
        self._sources: set[int] = set()
        self._secrets: set[int] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._has_news = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def refused(self, source: DoorSource, reason: RefusalReason, now: int) -> None:
        """Counts a refused call. now: microseconds"""
        key = RefusalKey(source.id, now // HOUR * HOUR, reason.value, source.account)
        with self._lock:
            if key in self._counts or len(self._counts) < MOST_COUNTED:
                self._counts[key] += 1
                self._first_at.setdefault(key, now)
                self._last_at[key] = now
        self._wake()

    def called(self, call: InboundCall) -> None:
        """Notes a call that was stored."""
        with self._lock:
            self._sources.add(call.source)
            if call.secret is not None:
                self._secrets.add(call.secret)
        self._wake()

    def write(self) -> None:
        """Writes what was noted. If the database fails, the notes wait for the next time."""
        with self._writing:
            self._write()

    def close(self, seconds: float = 5.0) -> None:
        """Writes what is left, and ends."""
        self._stop.set()
        self._has_news.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self.write()
        self._disconnect()

    def _wake(self) -> None:
        if self._has_news.is_set():
            return
        self._has_news.set()
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="call notes", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._has_news.wait()
            self._stop.wait(WRITTEN_AFTER)
            self._has_news.clear()
            self.write()

    def _write(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
            first_at, self._first_at = self._first_at, {}
            last_at, self._last_at = self._last_at, {}
            sources, self._sources = self._sources, set()
            secrets, self._secrets = self._secrets, set()
        if not counts and not sources:
            return
        try:
            if self._db is None:
                self._db = self._open()
            with self._db.transaction():
                add_refusals(self._db, counts, first_at, last_at)
                note_calls(self._db, sources, secrets)
        except driver_errors.refusals() as error:  # a source or its account is gone
            log.warning("call_notes_refused", error=type(error).__name__)
        except driver_errors.all_errors(OSError) as error:
            log.warning("call_notes_unavailable", error=type(error).__name__, message=str(error)[:200])
            self._disconnect()
            with self._lock:
                self._counts.update(counts)
                self._first_at = {**self._first_at, **first_at}
                self._last_at = {**last_at, **self._last_at}
                self._sources |= sources
                self._secrets |= secrets

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(*driver_errors.all_errors()):
                db.close()
