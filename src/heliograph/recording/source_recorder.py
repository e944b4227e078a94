"""The thread that records stored calls of sources: beside the pages, and in the edge (docs/design/sources.md, section 1)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

import structlog

from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.source_calls import process
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.stored_calls import sources_with_calls

log = structlog.get_logger(__name__)

EVERY: Final = 2.0
"""Seconds between looks for stored calls, when nobody wakes it."""
AGAIN_AFTER: Final = 1.0
"""Seconds after which it opens another connection, when the database failed."""


class SourceRecorder:
    """Sources take turns, a batch each. Every process may have one: the lock of a source's row gives the source to one of them at a time."""

    def __init__(
        self, connect: Callable[[], Database], provider: Callable[[Database], ConfigProvider], on_recorded: Callable[[], object]
    ) -> None:
        """on_recorded: called after a commit that made changes."""
        self._connect, self._provider, self._on_recorded = connect, provider, on_recorded
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sources", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was stored. Callable from any thread; it does not wait."""
        self._news.set()

    def close(self, seconds: float = 5.0) -> None:
        """Ends after the running batch."""
        self._stop.set()
        self._news.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with contextlib.closing(self._connect()) as db:
                    provider = self._provider(db)
                    while not self._stop.is_set():
                        self._news.clear()
                        if not self._round(db, provider):
                            self._news.wait(EVERY)
            except driver_errors.all_errors() as error:
                log.warning("source_recording_failed", error=type(error).__name__, message=str(error)[:200])
                self._stop.wait(AGAIN_AFTER)

    def _round(self, db: Database, provider: ConfigProvider) -> bool:
        """One batch of each source. Returns whether there may be more."""
        may_be_more = False
        for source in sources_with_calls(db):
            if self._stop.is_set():
                return False
            batch = process(db, provider, source)
            if batch.changed:
                self._on_recorded()
            may_be_more = may_be_more or batch.halt is None
        return may_be_more
