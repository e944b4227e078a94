"""The thread that records stored calls of sources, beside the pages (docs/design/sources.md, section 1).

The edge has none: recording takes ten times the processor that storing does, and would hold up the answers of its one event loop.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.source_calls import MOST_CALLS, process
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.stored_calls import sources_with_calls

log = structlog.get_logger(__name__)

EVERY: Final = 0.25
"""Seconds between looks for stored calls, when nobody wakes it: those of the fast door, whose process has no such thread."""
AT_MOST: Final = 0.01
"""Seconds that a batch should take: so long a sender may have to wait at a door until its call is stored, where the database has one writer. The
number of calls of a batch follows from that."""
FEWEST_CALLS: Final = 4
AGAIN_AFTER: Final = 1.0
"""Seconds after which it opens another connection, when the database failed."""


class SourceRecorder:
    """Sources take turns, a batch each. Every process may have one: the lock of a source's row gives the source to one of them at a time."""

    def __init__(
        self, connect: Callable[[], Database], provider: Callable[[Database], ConfigProvider], on_recorded: Callable[[], object]
    ) -> None:
        """on_recorded: called after a commit that made changes."""
        self._connect, self._provider, self._on_recorded = connect, provider, on_recorded
        self._most_calls = MOST_CALLS
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="call recorder", daemon=True)
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
            began = time.monotonic()
            try:
                batch = process(db, provider, source, self._most_calls)
            except driver_errors.all_errors():
                raise
            except Exception as error:  # a bug of ours that one source meets: the others go on
                log.exception("source_not_recorded", source=source, error=type(error).__name__)
                continue
            self._most_calls = next_size(self._most_calls, time.monotonic() - began)
            if batch.changed:
                self._on_recorded()
            may_be_more = may_be_more or batch.halt is None
        return may_be_more


def next_size(calls: int, took: float) -> int:
    """The calls of the next batch, after one that took so many seconds: fewer after a long one, a few more after a short one."""
    return max(FEWEST_CALLS, calls * 2 // 3) if took > AT_MOST else min(MOST_CALLS, calls + 2)
