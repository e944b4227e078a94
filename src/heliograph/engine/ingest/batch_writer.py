"""The batch writer records documents from many senders in few transactions (ARCHITECTURE.md, rule 8; I3, O7).

    submit(), from any thread → bounded queue → one thread: take all documents, resolve, record, commit → done()

Batches are small when idle and large under load, because documents gather while the batch before commits. Two waits make them larger:

    after a batch of many   until nearly as many have arrived, at most GATHER: senders that got their replies together send again together
    between two batches     PACE, so that single documents share a transaction; no wait if every connected sender waits for a reply

`done` is called after the commit. If the database fails, or its response to a COMMIT is lost, the batch is UNAVAILABLE. After an internal
error the batch is halved until the faulty document is alone, so that it does not fail its neighbours.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import structlog

from heliograph import failpoints
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.snapshot import ConfigProvider
from heliograph.engine.counters import ProcessCounters
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

MOST_AT_ONCE: Final = 300
"""Documents per transaction. A larger batch is hardly cheaper per document, and makes pages wait longer for the write lock."""
FEW: Final = 16
"""After a batch of more requests than this, the next one waits for as many."""
PACE: Final = 0.015
"""Seconds from the beginning of a batch of few to that of the next. Half of what a batch costs does not depend on its size; a document
that comes after an idle period is recorded at once."""
PACED_MOST: Final = 32
"""So many waiting documents are recorded before their time."""
MOST_WAITING: Final = 8_000
MOST_BYTES: Final = 32 * 1024 * 1024
"""Limits on the documents that wait to be recorded, and on their bytes. Beyond them documents are refused as WriterBusy, before memory grows."""
MOST_OF_ONE: Final = MOST_WAITING // 2
"""How many of them one account may have, so that however much it sends, others are accepted."""
GATHER: Final = 0.005
CONFIRM_EVERY: Final = 0.25
NOTE_EVERY: Final = 60.0
"""Seconds between writes of tokens' last use."""


class WriterBusy(HeliographError):
    """More arrives than can be recorded; nothing of this request was taken."""


class Mishap(Enum):
    """Why a document got no answer from record()."""

    UNAVAILABLE = "unavailable"
    FAILED = "failed"


type BatchResult = ItemResult | Mishap
type Done = Callable[[Sequence[BatchResult]], None]


@dataclass(frozen=True, slots=True)
class _Submission:
    """Documents that arrived together, of one account. size: in bytes."""

    items: Sequence[RecordItem]
    size: int
    done: Done

    @property
    def account(self) -> int:
        return self.items[0].account if self.items else 0


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
        self._queue: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._expected = 0
        self._enough = threading.Event()
        self._began = float("-inf")
        self._paces = False
        self.others_may_send: Callable[[], bool] = lambda: False
        """Whether a sender is connected that has nothing under way, and may join a batch. Set by the door; otherwise no batch waits for more."""
        self._lock = threading.Lock()
        self._waiting = self._bytes = 0
        self._waiting_by_account: Counter[int] = Counter()
        self._closed = self._writing = False
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
        submission = _Submission(items, size, done)
        with self._lock:
            if self._closed or (self._waiting and (self._waiting + len(items) > MOST_WAITING or self._bytes + size > MOST_BYTES)):
                raise WriterBusy
            if (own_waiting := self._waiting_by_account[submission.account]) and own_waiting + len(items) > MOST_OF_ONE:
                raise WriterBusy
            self._waiting += len(items)
            self._waiting_by_account[submission.account] += len(items)
            self._bytes += size
            self._queue.put(submission)
            if 0 < self._expected <= self._waiting or (self._paces and (self._waiting >= PACED_MOST or not self.others_may_send())):
                self._enough.set()

    def note_use(self, token: int) -> None:
        """Notes that this token was used now."""
        self._used.add(token)

    def stop(self, seconds: float) -> None:
        """Accepts nothing more, records what waits, and ends. Callable again."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
                self._enough.set()
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
            while batch := self._take():
                self._record(batch)
                self._note()
        except BaseException as error:  # whatever it is, the process must not continue half alive
            log.critical("batch_writer_died", error=type(error).__name__, message=str(error)[:300], exc_info=error)
            self._on_death(error)
        finally:
            self._close()

    def _take(self) -> list[_Submission]:
        """Waits for submissions and takes what has arrived; empty when the writer stops."""
        first = self._queue.get()
        if first is None:
            return []
        if self._expected:
            self._enough.wait(GATHER)
        else:
            self._keep_pace(self._began + PACE - time.monotonic())
        self._began = time.monotonic()
        batch, items = [first], len(first.items)
        while items < MOST_AT_ONCE:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            batch.append(more)
            items += len(more.items)
        with self._lock:
            self._waiting -= items
            self._bytes -= sum(each.size for each in batch)
            for each in batch:
                self._waiting_by_account[each.account] -= len(each.items)
            self._waiting_by_account += Counter()  # drops accounts with nothing waiting
            self._expected = min(items * 3 // 4, MOST_AT_ONCE) if len(batch) > FEW else 0
            self._enough.clear()
            if self._waiting >= self._expected or self._closed:
                self._enough.set()
        return batch

    def _keep_pace(self, seconds: float) -> None:
        """Waits for more documents while somebody may still send one."""
        if seconds <= 0:
            return
        with self._lock:
            if self._closed or self._waiting >= PACED_MOST or not self.others_may_send():
                return
            self._paces = True
            self._enough.clear()
        self._enough.wait(seconds)
        self._paces = False

    def _record(self, batch: Sequence[_Submission]) -> None:
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
