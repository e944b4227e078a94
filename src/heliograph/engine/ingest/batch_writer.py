"""The batch writer records documents from many senders in few transactions (ARCHITECTURE.md, rule 8; I3, O7).

    submit(), from any thread → batch_queue → one thread: take all documents, resolve, record, commit → done()

`done` is called after the commit. If the database fails, or its response to a COMMIT is lost, the batch is UNAVAILABLE. After an internal
error the batch is halved until the faulty document is alone, so that it does not fail its neighbours.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from heliograph import failpoints
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.snapshot import ConfigProvider
from heliograph.engine.counters import ProcessCounters
from heliograph.engine.ingest.batch_queue import FEW, BatchQueue, Mishap, Submission
from heliograph.engine.thread_name import show_thread_name
from heliograph.engine.tracer import Tracer
from heliograph.engine.worker.handover import Handover
from heliograph.recording.batches import record_batch
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import event_ids, prepare
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.sqlite_database import SqliteDatabase
from heliograph.store.token_check import note_use

log = structlog.get_logger(__name__)

CONFIRM_EVERY: Final = 0.25
NOTE_EVERY: Final = 60.0
"""Seconds between writes of tokens' last use."""


type BatchResult = ItemResult | Mishap
type Done = Callable[[Sequence[BatchResult]], None]


class BatchWriter:
    """One thread with its own connection. `on_recorded` is called after a commit that made changes."""

    def __init__(
        self,
        open_database: Callable[[], Database],
        provider: Callable[[Database], ConfigProvider],
        *,
        endpoint: str,
        on_recorded: Callable[[], object] = lambda: None,
        on_death: Callable[[BaseException], object] = lambda _: None,
        tracer: Tracer | None = None,
    ) -> None:
        self._open, self._provider_of, self._endpoint = open_database, provider, endpoint
        self._on_recorded, self._on_death, self._tracer = on_recorded, on_death, tracer
        self.queue = BatchQueue[RecordItem, BatchResult]()
        self._writing = False
        self.handover: Handover | None = None
        """To the thread of the edge's event loop, once there is one: on SQLite that thread records, and this one waits for documents and
        for the write lock."""
        self.on_answered: Callable[[], object] = lambda: None
        """Called on the writer's thread once every document of a batch has its result. Set by the door, which then wakes its loop."""
        self._db: Database | None = None
        self._ahead: _Ahead | None = None
        self._used: set[int] = set()
        self._noted = time.monotonic()
        self._warned = float("-inf")
        self.batches = self.recorded = 0
        self.counters = ProcessCounters.inherited()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    # From any thread.

    def submit(self, items: Sequence[RecordItem], size: int, done: Done) -> None:
        """Records the documents of one account, in order. `done` gets one result for each, on the writer's thread, and must not raise.
        Raises WriterBusy."""
        self.queue.submit(items, size, done)

    def note_use(self, token: int) -> None:
        """Notes that this token was used now."""
        self._used.add(token)

    def stop(self, seconds: float) -> None:
        """Accepts nothing more, records what waits, and ends. Callable again."""
        self.queue.close()
        self._thread.join(seconds)

    @property
    def is_writing(self) -> bool:
        """True while a batch is being recorded."""
        return self._writing

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # The writer's thread.

    def _run(self) -> None:
        show_thread_name()
        try:
            while batch := self.queue.take():
                self._record(batch)
                self._note()
        except BaseException as error:  # whatever it is, the process must not continue half alive
            log.critical("batch_writer_died", error=type(error).__name__, message=str(error)[:300], exc_info=error)
            self._on_death(error)
        finally:
            self._close()

    def _record(self, batch: Sequence[Submission[RecordItem, BatchResult]]) -> None:
        items = batch[0].items if len(batch) == 1 else [item for each in batch for item in each.items]
        began = time.time_ns() if self._tracer is not None else 0
        self._writing = True
        results = self._write(items)
        self._writing = False
        self.batches += 1
        self.recorded += len(items)
        self.counters.recorded(len(items))
        if self._tracer is not None:
            self._trace(self._tracer, items, results, began)
        if any(isinstance(result, ItemResult) and result.changes for result in results):
            failpoints.reach(failpoints.Instant.CHANGES_COMMITTED)
            self._on_recorded()
        at = 0
        for each in batch:
            each.done(results[at : at + len(each.items)])
            at += len(each.items)
        self.on_answered()

    @staticmethod
    def _trace(tracer: Tracer, items: Sequence[RecordItem], results: Sequence[BatchResult], began: int) -> None:
        """Adds the spans of a batch's documents. began: nanoseconds since the epoch."""
        ended = time.time_ns()
        for item, result in zip(items, results, strict=True):
            outcome = result.value if isinstance(result, Mishap) else result.outcome.value
            tracer.recorded(item.trace, began, ended, {"heliograph.outcome": outcome, "heliograph.batch": len(items)})

    def _write(self, items: Sequence[RecordItem]) -> Sequence[BatchResult]:
        try:
            if self._db is None:
                self._db = self._open()
                self._ahead = _Ahead(self._db, self._provider_of(self._db))
            db = self._db
            handover = self.handover
            if handover is None or not isinstance(db, SqliteDatabase):
                return self._write_on(db, items)
            if len(items) > FEW:  # the write lock is held no longer than needed; for few, handing over twice costs more than resolving them
                handover.do(lambda: self._resolve(items))
            with db.admitted():
                return handover.do(lambda: self._write_on(db, items))
        except driver_errors.all_errors(OSError) as error:
            self._reset_connection(error)
            return [Mishap.UNAVAILABLE] * len(items)

    def _resolve(self, items: Sequence[RecordItem]) -> None:
        """Resolves documents before the write lock is taken. Ignores errors, because they occur again when the document is recorded."""
        assert self._ahead is not None
        try:
            self._ahead.prepare(items)
        except driver_errors.all_errors(OSError):
            raise
        except Exception as error:  # noqa: BLE001 -- see above
            log.debug("resolving_ahead_failed", error=type(error).__name__)

    def _write_on(self, db: Database, items: Sequence[RecordItem]) -> Sequence[BatchResult]:
        if self._db is not db or self._ahead is None:  # it was lost with the previous half: a new connection would not be admitted
            return [Mishap.UNAVAILABLE] * len(items)
        try:
            self._ahead.prepare(items)
            return record_batch(db, items, self._ahead.provider, endpoint=self._endpoint)
        except driver_errors.all_errors(OSError) as error:
            self._reset_connection(error)
            return [Mishap.UNAVAILABLE] * len(items)
        except Exception as error:
            if len(items) == 1:
                log.exception("recording_failed", error=type(error).__name__)
                return [Mishap.FAILED]
            middle = len(items) // 2
            return [*self._write_on(db, items[:middle]), *self._write_on(db, items[middle:])]

    def _reset_connection(self, error: BaseException) -> None:
        """Closes the connection, even if it is broken. The next batch opens a new one."""
        now = time.monotonic()
        if now - self._warned > 5.0:
            self._warned = now
            log.warning("recording_unavailable", error=type(error).__name__, message=str(error)[:200])
        self._close()

    def _close(self) -> None:
        db, self._db, self._ahead = self._db, None, None
        if db is not None:
            with contextlib.suppress(*driver_errors.all_errors()):
                db.close()

    def _note(self) -> None:
        now = time.monotonic()
        if now - self._noted < NOTE_EVERY or not self._used or self._db is None:
            return
        self._noted, used, self._used = now, self._used, set()
        try:
            with self._db.transaction():
                note_use(self._db, used, self._db.now())
        except driver_errors.all_errors() as error:
            self._reset_connection(error)


class _Ahead:
    """Resolves documents before the transaction, with the newest known configuration. If that has changed by then, record() resolves them
    again."""

    def __init__(self, db: Database, provider: ConfigProvider) -> None:
        self._db, self.provider = db, provider
        self._accounts: dict[int, AccountConfig] = {}
        self._events: dict[tuple[int, str], EventConfig | None] = {}
        self._confirmed = float("-inf")

    def prepare(self, items: Sequence[RecordItem]) -> None:
        now = time.monotonic()
        if now - self._confirmed > CONFIRM_EVERY:
            self._accounts.clear()
            self._events.clear()
            self._confirmed = now
        for item in items:
            try:
                event_code, code = item.address
            except DocumentRefused:
                continue
            key = (item.account, event_code)
            if key not in self._events:
                id = event_ids(self._db, {key}).get(key)
                self._events[key] = None if id is None else self.provider.event(id)
            event = self._events[key]
            if event is not None:
                account = self._accounts.get(item.account)
                if account is None:
                    account = self._accounts[item.account] = self.provider.account(item.account)
                prepare(item, code, account, event)
            if item.key is not None:
                _ = item.problem  # computes its hash, which is cached from then on
