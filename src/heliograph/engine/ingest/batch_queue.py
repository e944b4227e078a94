"""The queue in front of a thread that writes what arrives in few transactions: documents, or calls of sources (ARCHITECTURE.md, rule 8; O7).

    submit(), from any thread → bounded queue → take(): all that has arrived

Batches are small when idle and large under load, because submissions gather while the batch before commits. Two waits make them larger:

    after a batch of many   until nearly as many have arrived, at most GATHER: senders that got their replies together send again together
    between two batches     PACE, so that single submissions share a transaction; no wait if every connected sender waits for a reply
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from heliograph.domain.errors import HeliographError

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


class WriterBusy(HeliographError):
    """More arrives than can be recorded; nothing of this request was taken."""


class Mishap(Enum):
    """Why a document got no answer from record(), or a call is not stored."""

    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class OfAccount(Protocol):
    """What is queued belongs to an account."""

    @property
    def account(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Submission[Item: OfAccount, Result]:
    """What arrived together, of one account."""

    items: Sequence[Item]
    size: int
    """In bytes."""
    done: Callable[[Sequence[Result]], None]
    """Called with one result for each item."""

    @property
    def account(self) -> int:
        return self.items[0].account if self.items else 0


class BatchQueue[Item: OfAccount, Result]:
    """Submissions that wait for the writer's thread."""

    def __init__(self, pace: float | None = None) -> None:
        """pace: seconds from the beginning of a batch of few to that of the next; None for PACE"""
        self._pace = PACE if pace is None else pace
        self._queue: queue.SimpleQueue[Submission[Item, Result] | None] = queue.SimpleQueue()
        self._expected = 0
        self._enough = threading.Event()
        self._began = float("-inf")
        self._paces = False
        self.others_may_send: Callable[[], bool] = lambda: False
        """Whether a sender is connected that has nothing under way, and may join a batch. Set by the door; otherwise no batch waits for more."""
        self._lock = threading.Lock()
        self._waiting = self._bytes = 0
        self._waiting_by_account: Counter[int] = Counter()
        self._closed = False

    def submit(self, items: Sequence[Item], size: int, done: Callable[[Sequence[Result]], None]) -> None:
        """Adds items of one account, in order. `done` gets one result for each, on the writer's thread, and must not raise.
        Raises WriterBusy."""
        submission = Submission(items, size, done)
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

    def close(self) -> None:
        """Accepts nothing more. What waits is still taken. Callable again."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
                self._enough.set()

    def take(self) -> list[Submission[Item, Result]]:
        """Waits for submissions and takes what has arrived; empty when the writer stops."""
        first = self._queue.get()
        if first is None:
            return []
        if self._expected:
            self._enough.wait(GATHER)
        else:
            self._keep_pace(self._began + self._pace - time.monotonic())
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
