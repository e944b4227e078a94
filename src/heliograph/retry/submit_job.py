"""The job "retry-items": submits or discards all items of the Retry Queue that match a filter, or those of a download (D8, P10).

A chunk submits its items in the transaction that saves its cursor: whatever kills the process, none is submitted twice by one job, and none
is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from django.db import connections

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.submit import AT_ONCE, discard_in, submit_in
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.retry import downloads
from heliograph.retry.retry_items import RetryFilter
from heliograph.retry.retry_queue import SUBMITTABLE, TABLES, QueueEnd, RetryQueue
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

KIND: Final = "retry-items"
MOVED: Final = "It was done, or gone, when its turn came."

type ItemDeed = Literal["submit", "discard"]


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, RetryItems)


def submittable(wanted: RetryFilter) -> RetryFilter | None:
    """The filter without what is Done; None where nothing else is asked for."""
    statuses = tuple(status for status in wanted.statuses or SUBMITTABLE if status in SUBMITTABLE)
    return replace(wanted, statuses=statuses) if statuses else None


def downloadable(wanted: RetryFilter) -> RetryFilter | None:
    """The filter with only what has failed, so without what is Done or waits for a tag; None where nothing else is asked for."""
    rows = submittable(wanted)
    return None if rows is None or wanted.untagged else replace(rows, untagged=False)


def start(reading: AccountReader, wanted: RetryFilter, deed: ItemDeed, *, by: str) -> Job:
    """Creates the job for all items that match as of now; later ones are left out."""
    queue = RetryQueue(reading)
    end, total = queue.end(), queue.count(wanted, most=None).n
    return control.create(KIND, reading.account, _parameters(deed, total, wanted=wanted, end=end), by=by, total=total)


def start_for_download(account: int, download: Job, total: int, *, by: str) -> Job:
    """Creates the job that submits exactly the rows of a download."""
    return control.create(KIND, account, _parameters("submit", total, download=download.pk), by=by, total=total)


def _parameters(
    deed: ItemDeed, total: int, *, wanted: RetryFilter | None = None, end: QueueEnd | None = None, download: int | None = None
) -> dict[str, Any]:
    return {
        "deed": deed,
        "wanted": wanted.as_json() if wanted else None,
        "upto": [end.action, end.run] if end else None,
        "download": download,
        "total": total,
    }


@dataclass(frozen=True, slots=True)
class KeyChunk:
    """Keys of items, and where the next chunk begins: a table of the queue (or 0) and an id in it; finished: there is none."""

    keys: tuple[str, ...]
    table: int
    after: int
    finished: bool


class RetryItems:
    """One run of the job. cursor: the table of the queue that is walked, and the id reached there; or the row of the download."""

    def __init__(self, job: Job) -> None:
        self._account: int = job.account_id
        self._p: Mapping[str, Any] = job.parameters
        self._wanted = RetryFilter.from_json(self._p["wanted"]) if self._p["wanted"] else None
        self._table, self._after = int(job.cursor.get("table", 0)), int(job.cursor.get("after", 0))
        self._done = int(job.done)
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._reasons = Counter({str(said): int(n) for said, n in job.result.get("reasons", {}).items()})

    def read(self) -> KeyChunk:
        """The keys of the next items."""
        db = of_django(connections["default"])
        if self._wanted is None:
            rows = downloads.keys_after(db, int(self._p["download"]), self._after, AT_ONCE)
            return KeyChunk(tuple(key for _n, key in rows), 0, rows[-1][0] if rows else self._after, len(rows) < AT_ONCE)
        upto = int(self._p["upto"][self._table])
        found, reached = RetryQueue(AccountReader(db, self._account)).walk(self._wanted, TABLES[self._table], self._after, upto, AT_ONCE)
        keys = tuple(item.key for item in found)
        if reached is not None:
            return KeyChunk(keys, self._table, reached, finished=False)
        return KeyChunk(keys, self._table + 1, 0, finished=self._table + 1 == len(TABLES))

    def write(self, db: Database, chunk: KeyChunk) -> ChunkResult:
        """Submits or discards them."""
        if self._p["deed"] == "discard":
            n = discard_in(db, self._account, chunk.keys)
            self._counts["done"] += n
            self._counts["left"] += len(chunk.keys) - n
        else:
            said = submit_in(db, self._account, chunk.keys)
            self._counts["done"] += len(said.done)
            self._counts["left"] += len(said.refused)
            self._reasons.update(said.refused.values())
        self._done += len(chunk.keys)
        self._table, self._after = chunk.table, chunk.after
        cursor = {"table": self._table, "after": self._after}
        total = max(int(self._p["total"]), self._done)
        return ChunkResult(cursor, self._done, total, dict(self._counts), {"reasons": dict(self._reasons)}, finished=chunk.finished)

    def close(self) -> None:
        """Does nothing: nothing is open."""
