"""Download rows: the items of a filter that wait for a retry or have failed, as CSV with the target's words, made by a job and kept for a day (D8, P10).

The rows themselves are stored with the job, so that exactly these items can be submitted, even if the filter matches others by then.
"""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any, Final

import structlog
from django.db import DatabaseError, connections, transaction
from django.utils.translation import gettext as _
from django_scopes import scope, scopes_disabled

from heliograph.accounts.audit import Deed, note
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.exchanges import Exchange, exchanges
from heliograph.deliveries.refusals import said_by_target
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.registration.change import Change
from heliograph.domain.spreadsheet_cells import without_formula
from heliograph.jobs import control
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.retry.models import DownloadedRow
from heliograph.retry.retry_filter_words import filter_words
from heliograph.retry.retry_items import RetryFilter, RetryItem, downloadable
from heliograph.retry.retry_queue import TABLES, QueueEnd, RetryQueue
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAttempt, attempts_of
from heliograph.store.row_states import ITEM_SUBMITTABLE

log = structlog.get_logger(__name__)

KIND: Final = "retry-download"
COLUMNS: Final = (
    "registration",
    "name",
    "email",
    "event",
    "flow",
    "connection",
    "status",
    "category",
    "reason",
    "http_status",
    "target_said",
    "answer",
    "retries",
    "first_tried",
    "last_tried",
    "next_try",
    "webhook_id",
    "request_body",
)
"""The columns of a file, in order. Times are ISO 8601 in UTC."""
UNASKED: Final = ("request_body",)
"""Columns that are left out unless somebody asks for them."""
KEPT: Final = timedelta(days=1)
"""The time for which the rows of a download are stored."""
LONGEST_ANSWER: Final = 2_000
"""Characters of an answer in a cell."""
_CHUNK: Final = 200
_HOUR: Final = 3600.0


class NothingFailed(HeliographError):
    """No item that waits for a retry or has failed is like this."""


class FileGone(NotInAccount):
    """The download has no file: it is not finished, or its rows are no longer stored."""


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, Downloading)


@dataclass(frozen=True, slots=True)
class FailedRows:
    """All rows that match a filter now and are not Done. They are counted before the transaction of a download."""

    account: int
    retry_filter: RetryFilter
    end: QueueEnd
    total: int
    filter_in_words: str
    """The filter as the audit words it, which is kept for good: it names no person."""

    @classmethod
    def read(cls, account: int, retry_filter: RetryFilter) -> FailedRows:
        """Counts them. Raises NothingFailed."""
        rows = downloadable(retry_filter)
        if rows is None:
            raise NothingFailed(_("Nothing that waits for a retry or has failed matches the filters. Change one of them."))
        with account_reader(account) as reader:
            queue = RetryQueue(reader)
            end, total = queue.end(), queue.count(rows, most=None).number
            if not total:
                raise NothingFailed(_("Nothing that waits for a retry or has failed matches the filters. Change one of them."))
            return cls(account, rows, end, total, filter_words(rows, reader, names_text=False))


def finished(account: int, id: int) -> Job:
    """A download whose rows are stored. Raises UnknownJob, FileGone."""
    row = of_account(account, id)
    if row.state != JobState.DONE or not is_kept(row):
        raise FileGone
    return row


def of_account(account: int, id: int) -> Job:
    """A download, in any state. Raises UnknownJob."""
    row = control.find(id, account)
    if row.kind != KIND:
        raise control.UnknownJob
    return row


def file_name(row: Job) -> str:
    """The name of a download's file."""
    return f"retry-{row.created:%Y-%m-%d-%H%M}.csv"


def start(rows: FailedRows, columns: Sequence[str], *, exact: bool, by: str) -> Job:
    """Creates the job of a download. Raises TooMuchWork.

    columns: those of the file; none for all that are usual
    exact: True for cells as they are stored; False for cells in which a spreadsheet reads no formula
    """
    chosen = [name for name in COLUMNS if name in columns] or [name for name in COLUMNS if name not in UNASKED]
    parameters = {
        "wanted": rows.retry_filter.as_json(),
        "upto": [rows.end.action, rows.end.run],
        "columns": chosen,
        "exact": exact,
        "total": rows.total,
    }
    with transaction.atomic(), scope(account=rows.account):
        job = control.create(KIND, rows.account, parameters, by=by, total=rows.total, rows=rows.total)
        audit_facts = {"rows": rows.total, "filter": rows.filter_in_words, "columns": [name.replace("_", " ") for name in chosen]}
        db = of_django(connections["default"])
        note(db, rows.account, by=by, what=Deed.DOWNLOADED, kind="failed rows", id=job.pk, name="Retry", after=audit_facts)
    return job


class Downloading:
    """One run of the job. Its cursor is the table that is walked and the last id that was read there."""

    def __init__(self, job: Job) -> None:
        self._job: int = job.pk
        self._account: int = job.account_id
        self._parameters: Mapping[str, Any] = job.parameters
        self._filter = RetryFilter.from_json(self._parameters["wanted"])
        self._table, self._after = int(job.cursor.get("table", 0)), int(job.cursor.get("after", 0))
        self._done = int(job.done)

    def read(self) -> tuple[list[tuple[RetryItem, list[str]]], int | None]:
        """The next items with their cells, and the last id that was read; None for the id at the end of the table."""
        reader = AccountReader(of_django(connections["default"]), self._account)
        upto = int(self._parameters["upto"][self._table])
        items, reached = RetryQueue(reader).walk(self._filter, TABLES[self._table], self._after, upto, _CHUNK)
        return list(zip(items, cells_of(reader, items), strict=True)), reached

    def write(self, db: Database, chunk: tuple[list[tuple[RetryItem, list[str]]], int | None]) -> ChunkResult:
        """Stores the rows of a chunk."""
        rows, reached = chunk
        made = [
            DownloadedRow(job_id=self._job, n=number, item=item.key, registration_id=item.row.registration, cells=json.dumps(cells))
            for number, (item, cells) in enumerate(rows, start=self._done + 1)
        ]
        with scopes_disabled():
            DownloadedRow.objects.bulk_create(made)
        self._done += len(rows)
        self._table, self._after = (self._table, reached) if reached is not None else (self._table + 1, 0)
        cursor = {"table": self._table, "after": self._after}
        finished = self._table == len(TABLES)
        return ChunkResult(cursor, self._done, max(int(self._parameters["total"]), self._done), finished=finished, rows=len(rows))

    def close(self) -> None:
        """Does nothing: nothing is open."""


# --- cells


def cells_of(reader: AccountReader, items: Sequence[RetryItem]) -> list[list[str]]:
    """The cells of items as they are stored, in the order of COLUMNS."""
    actions = [item.action.id for item in items if item.action]
    attempts = attempts_of(reader.db, reader.account, actions)
    exchange_of_attempt = exchanges(reader.db, reader.account, actions)
    changes = reader.changes(item.row.change for item in items)
    rows = []
    for item in items:
        tried = attempts.get(item.action.id, []) if item.action else []
        last = next((exchange_of_attempt[a.action, a.number] for a in reversed(tried) if (a.action, a.number) in exchange_of_attempt), None)
        cell_of_column = _cells(item, changes.get(item.row.change, (None, ()))[0], tried, last)
        rows.append([cell_of_column[name] for name in COLUMNS])
    return rows


def _cells(item: RetryItem, change: Change | None, tried: Sequence[StoredAttempt], last: Exchange | None) -> dict[str, str]:
    action, registration = item.action, change.registration if change else None
    answered = next((attempt.status for attempt in reversed(tried) if attempt.status), None)
    return {
        "registration": item.person.code if item.person else "",
        "name": item.person.name if item.person else "",
        "email": str(registration.profile.get("email", "")) if registration else "",
        "event": item.event,
        "flow": item.flow,
        "connection": item.connection,
        "status": item.queue.value,
        "category": item.row.category.value if item.row.category else "",
        "reason": delivery_words.cause_of(item.row.cause, item.blamed_name, item.row.message),
        "http_status": str(answered or ""),
        "target_said": said_by_target(last),
        "answer": last.response_body[:LONGEST_ANSWER] if last else "",
        "retries": str(max(action.tries - 1, 0) if action else item.row.tries),
        "first_tried": _utc(tried[0].at) if tried else "",
        "last_tried": _utc(tried[-1].at) if tried else "",
        "next_try": _utc(item.row.due_at) if item.row.due_at else "",
        "webhook_id": action.uid if action else "",
        "request_body": last.request_body if last else "",
    }


def _utc(at: int) -> str:
    return from_micros(at).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what is kept


def keys_after(db: Database, job: int, number: int, limit: int) -> list[tuple[int, str]]:
    """The next rows of a download after the row of this number: (number of the row, key of its item)."""
    rows = db.all(
        "SELECT n, item FROM retry_download_row WHERE job_id = :job AND n > :n ORDER BY n LIMIT :limit",
        {"job": job, "n": number, "limit": limit},
    )
    return [(int(place), str(key)) for place, key in rows]


def still_failed(db: Database, account: int, job: int) -> int:
    """How many items of a download can still be submitted: those that are neither Done nor deleted."""
    ((count,),) = db.all(
        "SELECT (SELECT count(*) FROM retry_download_row d JOIN action a ON d.item = 'a' || a.id WHERE d.job_id = :job AND a.account_id = :account"
        f" AND a.{ITEM_SUBMITTABLE}) + (SELECT count(*) FROM retry_download_row d JOIN stuck_run j ON d.item = 'r' || j.id WHERE d.job_id = :job"
        f" AND j.account_id = :account AND j.{ITEM_SUBMITTABLE})",
        {"job": job, "account": account},
    )
    return int(count)


def first_rows(db: Database, job: Job, limit: int) -> list[list[str]]:
    """The first rows of a finished download, as cells of its columns."""
    at = [COLUMNS.index(name) for name in job.parameters["columns"]]
    rows = db.all("SELECT cells FROM retry_download_row WHERE job_id = :job ORDER BY n LIMIT :limit", {"job": job.pk, "limit": limit})
    return [[cells[i] for i in at] for cells in (json.loads(text) for (text,) in rows)]


def file_lines(db: Database, job: Job) -> Iterator[bytes]:
    """The lines of the file in UTF-8. A file for spreadsheets has a byte order mark, and no cell is a formula."""
    exact: bool = job.parameters["exact"]
    columns: list[str] = job.parameters["columns"]
    at = [COLUMNS.index(name) for name in columns]
    yield (b"" if exact else "\ufeff".encode()) + _line(columns, exact=True)
    number = 0
    while True:
        rows = db.all(
            "SELECT n, cells FROM retry_download_row WHERE job_id = :job AND n > :n ORDER BY n LIMIT 500", {"job": job.pk, "n": number}
        )
        for _number, text in rows:
            cells = json.loads(text)
            yield _line([cells[i] for i in at], exact=exact)
        if not rows:
            return
        number = rows[-1][0]


def _line(cells: Sequence[str], *, exact: bool) -> bytes:
    csv_text = StringIO()
    csv.writer(csv_text).writerow(cells if exact else map(without_formula, cells))
    return csv_text.getvalue().encode("utf-8", "replace")


def is_kept(job: Job) -> bool:
    """True while the rows of a download are stored."""
    return job.created > control.now() - KEPT


def forget_old() -> int:
    """Deletes the rows of all downloads older than KEPT, of all accounts. Returns the number of rows."""
    with scopes_disabled():
        old = Job.objects.filter(kind=KIND, created__lt=control.now() - KEPT)
        for job in old.exclude(state__in=ENDED):
            control.forget(job.pk)
        deleted = 0
        while some := list(DownloadedRow.objects.filter(job__in=old).values_list("pk", flat=True)[:_CHUNK]):
            with transaction.atomic():
                deleted += DownloadedRow.objects.filter(pk__in=some).delete()[0]
    return deleted


def care(stop: threading.Event) -> None:
    """Deletes old downloads once an hour, until it is stopped."""
    while not stop.is_set():
        try:
            forget_old()
        except DatabaseError:
            log.exception("old_downloads_not_removed")
        finally:
            connections["default"].close()
        stop.wait(_HOUR)
