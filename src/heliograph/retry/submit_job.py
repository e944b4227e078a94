"""The job "retry-items": submits or discards all items of the Retry Queue that match a filter, or those of a download (D8, P10).

A chunk submits its items in the transaction that saves its cursor. So even if the process is killed, one job submits each item exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connections

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_operations import AT_ONCE, discard_in, submit_in
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.retry import downloads
from heliograph.retry.retry_items import RetryFilter
from heliograph.retry.retry_queue import TABLES, QueueEnd, RetryQueue
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

KIND: Final = "retry-items"

type ItemOperation = Literal["submit", "discard"]


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, RetryItems)


@dataclass(frozen=True, slots=True)
class MatchingItems:
    """All items that match a filter now; those that come later are not among them. They are counted before the transaction of a job."""

    account: int
    retry_filter: RetryFilter
    end: QueueEnd
    total: int

    @classmethod
    def read(cls, reader: AccountReader, retry_filter: RetryFilter) -> MatchingItems:
        """Counts them."""
        queue = RetryQueue(reader)
        end = queue.end()
        return cls(reader.account, retry_filter, end, queue.count(retry_filter, most=None).number)


def start(items: MatchingItems, operation: ItemOperation, *, by: str) -> Job:
    """Creates the job for these items."""
    parameters = _parameters(operation, items.total, retry_filter=items.retry_filter, end=items.end)
    return control.create(KIND, items.account, parameters, by=by, total=items.total)


def start_for_download(account: int, download: Job, total: int, *, by: str) -> Job:
    """Creates the job that submits exactly the rows of a download."""
    return control.create(KIND, account, _parameters("submit", total, download=download.pk), by=by, total=total)


def _parameters(
    operation: ItemOperation,
    total: int,
    *,
    retry_filter: RetryFilter | None = None,
    end: QueueEnd | None = None,
    download: int | None = None,
) -> dict[str, Any]:
    return {
        "deed": operation,
        "wanted": retry_filter.as_json() if retry_filter else None,
        "upto": [end.action, end.run] if end else None,
        "download": download,
        "total": total,
    }


@dataclass(frozen=True, slots=True)
class KeyChunk:
    """The items of one chunk, and where the next chunk begins."""

    keys: tuple[str, ...]
    """Keys of the items, as URLs have them."""
    table: int
    """The next chunk's table, as an index into TABLES; 0 for the rows of a download."""
    after: int
    """The next chunk begins after this id of the table, or after this row of the download."""
    finished: bool
    """True if no chunk follows."""


class RetryItems:
    """The job at work. Its cursor is the table that is walked and the last id that was read there, or the last row of the download."""

    def __init__(self, job: Job) -> None:
        self._account: int = job.account_id
        self._parameters: Mapping[str, Any] = job.parameters
        self._filter = RetryFilter.from_json(self._parameters["wanted"]) if self._parameters["wanted"] else None
        self._table, self._after = int(job.cursor.get("table", 0)), int(job.cursor.get("after", 0))
        self._handled = int(job.done)
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._reasons = Counter({str(reason): int(n) for reason, n in job.result.get("reasons", {}).items()})

    def read(self) -> KeyChunk:
        """The keys of the next items."""
        db = of_django(connections["default"])
        if self._filter is None:
            rows = downloads.keys_after(db, int(self._parameters["download"]), self._after, AT_ONCE)
            return KeyChunk(tuple(key for _n, key in rows), 0, rows[-1][0] if rows else self._after, len(rows) < AT_ONCE)
        upto = int(self._parameters["upto"][self._table])
        items, reached = RetryQueue(AccountReader(db, self._account)).walk(self._filter, TABLES[self._table], self._after, upto, AT_ONCE)
        keys = tuple(item.key for item in items)
        if reached is not None:
            return KeyChunk(keys, self._table, reached, finished=False)
        return KeyChunk(keys, self._table + 1, 0, finished=self._table + 1 == len(TABLES))

    def write(self, db: Database, chunk: KeyChunk) -> ChunkResult:
        """Submits or discards the items of a chunk."""
        if self._parameters["deed"] == "discard":
            discarded = discard_in(db, self._account, chunk.keys)
            self._counts["done"] += discarded
            self._counts["left"] += len(chunk.keys) - discarded
        else:
            submitted = submit_in(db, self._account, chunk.keys)
            self._counts["done"] += len(submitted.done)
            self._counts["left"] += len(submitted.refused)
            self._reasons.update(submitted.refused.values())
        self._handled += len(chunk.keys)
        self._table, self._after = chunk.table, chunk.after
        cursor = {"table": self._table, "after": self._after}
        total = max(int(self._parameters["total"]), self._handled)
        return ChunkResult(cursor, self._handled, total, dict(self._counts), {"reasons": dict(self._reasons)}, finished=chunk.finished)

    def close(self) -> None:
        """Does nothing: nothing is open."""
