"""Stores calls that came in, many in one transaction, before they are answered (S2, O7; ARCHITECTURE.md, rule 8).

One thread takes what the queue has, inserts it and commits; then the calls have their results, and whoever records them is woken.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from heliograph.engine.counters import ProcessCounters
from heliograph.engine.ingest.batch_queue import BatchQueue, Mishap, Submission
from heliograph.engine.thread_name import show_thread_name
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.inbound_calls import InboundCall, insert_calls

log = structlog.get_logger(__name__)

PACE: Final = 0.005
"""Seconds from the beginning of a batch of few calls to that of the next: storing one costs a tenth of recording it."""

type CallResult = Mishap | None
"""None: the call is stored, or was before."""
type Done = Callable[[Sequence[CallResult]], None]


class CallWriter:
    """One thread with its own connection.

    on_stored: called after a commit
    on_death: called when the thread dies, so that the process is never half alive
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        counters: ProcessCounters,
        *,
        on_stored: Callable[[], object],
        on_death: Callable[[BaseException], object],
    ) -> None:
        self._open, self._counters, self._on_stored, self._on_death = open_database, counters, on_stored, on_death
        self._db: Database | None = None
        self._warned = float("-inf")
        self.queue = BatchQueue[InboundCall, CallResult](PACE)
        self.on_answered: Callable[[], object] = lambda: None
        """Called on the writer's thread once every call of a batch has its result. Set by the door, which then wakes its loop."""
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
        self._thread.start()

    def submit(self, calls: Sequence[InboundCall], size: int, done: Done) -> None:
        """Stores calls of one account. `done` gets one result for each, on the writer's thread, and must not raise. Raises WriterBusy."""
        self.queue.submit(calls, size, done)

    def stop(self, seconds: float) -> None:
        """Accepts nothing more, stores what waits, and ends. Callable again."""
        self.queue.close()
        self._thread.join(seconds)

    def _run(self) -> None:
        show_thread_name()
        try:
            while batch := self.queue.take():
                self._store(batch)
        except BaseException as error:  # whatever it is, the process must not continue half alive
            log.critical("call_writer_died", error=type(error).__name__, message=str(error)[:300], exc_info=error)
            self._on_death(error)
        finally:
            self._close()

    def _store(self, batch: Sequence[Submission[InboundCall, CallResult]]) -> None:
        results = self._write([call for each in batch for call in each.items])
        if None in results:
            self._counters.stored(results.count(None))
            self._on_stored()
        at = 0
        for each in batch:
            each.done(results[at : at + len(each.items)])
            at += len(each.items)
        self.on_answered()

    def _write(self, calls: Sequence[InboundCall]) -> list[CallResult]:
        """Stores calls, halved if the database refuses one of them."""
        try:
            if self._db is None:
                self._db = self._open()
            with self._db.transaction():
                insert_calls(self._db, calls)
        except driver_errors.refusals() as error:
            if len(calls) == 1:
                log.error("call_not_stored", source=calls[0].source, error=type(error).__name__)  # noqa: TRY400 -- the driver quotes values
                return [Mishap.FAILED]
            middle = len(calls) // 2
            return [*self._write(calls[:middle]), *self._write(calls[middle:])]
        except driver_errors.all_errors(OSError) as error:
            self._reset_connection(error)
            return [Mishap.UNAVAILABLE] * len(calls)
        return [None] * len(calls)

    def _reset_connection(self, error: BaseException) -> None:
        """Closes the connection, even if it is broken. The next batch opens a new one."""
        now = time.monotonic()
        if now - self._warned > 5.0:
            self._warned = now
            log.warning("calls_unavailable", error=type(error).__name__, message=str(error)[:200])
        self._close()

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(*driver_errors.all_errors()):
                db.close()
