"""The job "export-records": a list of records as CSV (X3).

There are two kinds of CSV. In the one for spreadsheets no cell can begin a formula, and times are in the account's time zone. The exact one
contains each text as it is stored, and times in UTC. Files are kept for a week, below the data folder in a folder of their account.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.refusals import last_statuses
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.spreadsheet_cells import without_formula
from heliograph.insights.record_kinds import RecordFilter, RecordSort, RowKind
from heliograph.insights.record_rows import row_of
from heliograph.insights.records import PARTS, Record, Records
from heliograph.jobs import control
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.web.cursor import Cursor

log = structlog.get_logger(__name__)

KIND: Final = "export-records"
CHUNK: Final = 500
NO_ACTION: Final = frozenset({RowKind.CHANGE, RowKind.REGISTRATION})
"""Kinds of rows that are not about an action."""
MOST_OPEN: Final = 5
"""Exports of one account that wait or run at the same time."""
KEPT: Final = datetime.timedelta(days=7)
HOUR: Final = 3600.0
PART: Final = 64 * 1024
"""Bytes of a file that are read at once."""
EXPORTING: Final = "exporting"


class CsvForm(StrEnum):
    """The kinds of CSV."""

    SPREADSHEETS = "spreadsheets"
    EXACT = "exact"


class TooManyExports(HeliographError):
    """Other exports of the account are not done yet. Wait for one of them."""


class NoFile(NotInAccount):
    """The export has no file: it is not finished, or its file is no longer kept."""


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, RecordExport, is_here)


def start(
    account: int,
    record_filter: RecordFilter,
    sort: RecordSort,
    form: CsvForm,
    list_facts: Mapping[str, str],
    total: int,
    *,
    by: str,
    is_exact: bool = True,
    filter_words: Sequence[str] = (),
) -> Job:
    """Starts the export of a list.

    list_facts: "name" and "back" (the URL) of the list, "kept" (its note on retention), "zone" and "language" of the user
    is_exact: False if there may be more records than `total`
    filter_words: the filter in words, for the audit

    Raises TooManyExports.
    """
    with scope(account=account):
        waiting = Job.objects.filter(kind=KIND).exclude(state__in=[*ENDED, JobState.FAILED]).count()
    if waiting >= MOST_OPEN:
        raise TooManyExports(_("%(n)d exports of this account are still running. Wait until one has ended.") % {"n": waiting})
    parameters = {"wanted": record_filter.as_json(), "sort": sort.value, "form": form.value, "total": total, "by": by, **list_facts}
    with transaction.atomic(), scope(account=account):
        job = control.create(KIND, account, parameters, by=by, rows=total)
        records = total if is_exact else _("at least %(n)s") % {"n": intcomma(total)}
        audit_facts = {"records": records, "filter": list(filter_words), "CSV": form.value}
        audit.note(
            of_django(connection),
            account,
            by=by,
            what=Deed.EXPORTED,
            kind="record list",
            id=job.pk,
            name=list_facts["name"],
            after=audit_facts,
        )
    return job


def file_of(job: Job) -> Path:
    """The path of an export's file. The account is part of it."""
    return _root() / str(int(job.account_id)) / f"{int(job.pk)}.csv"


def file_name(job: Job) -> str:
    """The name under which an export's file is downloaded."""
    return f"heliograph-{job.parameters['wanted']['kind']}-{job.pk}.csv"


def of_account(account: int, id: int) -> Job:
    """An export, in any state. Raises UnknownJob."""
    job = control.find(id, account)
    if job.kind != KIND:
        raise control.UnknownJob
    return job


def finished(account: int, id: int) -> tuple[Job, Path]:
    """A finished export with its file. Raises UnknownJob, NoFile."""
    job = of_account(account, id)
    path = file_of(job)
    if job.state != JobState.DONE or not path.is_file():
        raise NoFile
    return job, path


def file_parts(path: Path) -> Iterator[bytes]:
    """The content of a file, part by part."""
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


def is_here(job: Job) -> bool:
    """Whether this machine has the file of an export that was begun."""
    return not job.cursor or file_of(job).is_file()


@dataclass(frozen=True, slots=True)
class ExportChunk:
    """Some lines of the file."""

    text: str
    rows: int
    """The number of records in it."""
    after: str
    """The cursor of the next chunk; "" at the end."""


class RecordExport:
    """One run of the job. Its cursor contains the cursor of the next record and the number of bytes written so far."""

    def __init__(self, job: Job) -> None:
        self._job, self._parameters = job, job.parameters
        self._filter, self._sort = RecordFilter.from_json(self._parameters["wanted"]), RecordSort(self._parameters["sort"])
        self._form, self._zone = CsvForm(self._parameters["form"]), ZoneInfo(str(self._parameters["zone"]))
        self._after, self._bytes, self._done = str(job.cursor.get("after", "")), int(job.cursor.get("bytes", 0)), int(job.done)

    def read(self) -> ExportChunk:
        """Reads the next records, as lines."""
        row_kind = self._filter.kind.row_kind
        with (
            translation.override(str(self._parameters["language"])),
            timezone.override(self._zone),
            account_reader(self._job.account_id) as reader,
        ):
            records, after = Records(reader, self._filter, self._sort).walk(Cursor.read(self._after, parts=PARTS), CHUNK)
            lines: list[Sequence[object]] = [] if self._bytes else [[*_head(row_kind), *self._id_names(row_kind)]]
            ids = self._ids(reader, records, row_kind)
            is_of_attempts = row_kind is RowKind.ATTEMPT
            statuses = {} if is_of_attempts else last_statuses(reader, [record.action_id for record in records if record.action_id])
            for record in records:
                row = row_of(record, row_kind, reader)
                status = record.status if is_of_attempts else statuses.get(record.action_id)
                lines.append([*self._cells(row, row_kind, status), *ids[record.id]])
        csv_text = io.StringIO()
        converted = without_formula if self._form is CsvForm.SPREADSHEETS else str
        csv.writer(csv_text).writerows([converted("" if cell is None else str(cell)) for cell in line] for line in lines)
        # Without a byte order mark, spreadsheets assume another encoding than UTF-8.
        byte_order_mark = "\ufeff" if self._form is CsvForm.SPREADSHEETS and not self._bytes else ""
        return ExportChunk(byte_order_mark + csv_text.getvalue(), len(records), str(after) if after else "")

    def write(self, db: Database, chunk: ExportChunk) -> ChunkResult:
        """Appends the lines of a chunk. If a run was killed, the bytes that it wrote after its last cursor are overwritten."""
        path, content = file_of(self._job), chunk.text.encode()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("r+b" if self._bytes else "wb") as file:
            file.truncate(self._bytes)
            file.seek(self._bytes)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._after, self._bytes, self._done = chunk.after, self._bytes + len(content), self._done + chunk.rows
        total = max(int(self._parameters["total"]), self._done) if chunk.after else self._done
        cursor = {"after": self._after, "bytes": self._bytes}
        counts = {"rows": self._done, "bytes": self._bytes}
        return ChunkResult(cursor, self._done, total, counts, phase=EXPORTING, finished=not chunk.after, rows=chunk.rows)

    def close(self) -> None:
        """Does nothing: the file is closed after each chunk."""

    def _id_names(self, row_kind: RowKind) -> Sequence[str]:
        """The heads of the columns by which another program identifies a record."""
        if self._form is not CsvForm.EXACT or row_kind is RowKind.FLOW:
            return ()
        return (_("Change ID"),) if row_kind in NO_ACTION else (_("Change ID"), "webhook-id")

    def _ids(self, reader: AccountReader, records: Sequence[Record], row_kind: RowKind) -> Mapping[int, Sequence[object]]:
        """The cells of the columns of `_id_names`, by the record's id. A run without an action has no webhook-id."""
        if not self._id_names(row_kind):
            return {record.id: () for record in records}
        if row_kind in NO_ACTION:
            return {record.id: (record.change_id,) for record in records}
        actions = sorted({record.action_id for record in records if record.action_id})
        uids = reader.webhook_ids(actions)
        return {record.id: (record.change_id, uids.get(record.action_id, "")) for record in records}

    def _cells(self, row: Mapping[str, Any], row_kind: RowKind, status: int | None) -> list[object]:
        """status: of the last answer to the action, or of the answer to the attempt"""
        at: datetime.datetime = row["at"]
        if self._form is CsvForm.EXACT:
            when = at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        else:
            when = at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")
        if row_kind is RowKind.FLOW:
            return [row["flow"], when, row["changes"]]
        cells = [when, row["code"], row["who"], row["event"], row["what"]]
        if row_kind is RowKind.REGISTRATION:
            return [*cells, row["changes"]]
        if row_kind is RowKind.CHANGE:
            return cells
        return [
            *cells,
            row["flow"],
            row["connection"],
            row["state"],
            row["said"],
            status,
            _("Yes") if row["is_replay"] else _("No"),
            row["integration"],
        ]


def _head(row_kind: RowKind) -> Sequence[str]:
    if row_kind is RowKind.FLOW:
        return [_("Flow"), _("Latest change"), _("Changes")]
    heads = [
        _("Latest change") if row_kind is RowKind.REGISTRATION else _("When"),
        _("Registration"),
        _("Name"),
        _("Event"),
        _("What changed"),
    ]
    if row_kind is RowKind.REGISTRATION:
        return [*heads, _("Changes")]
    if row_kind is RowKind.CHANGE:
        return heads
    return [*heads, _("Flow"), _("Connection"), _("Result"), _("Why"), _("HTTP status"), _("Replay"), _("Integration")]


def forget_old() -> int:
    """Removes the files of exports that were not written to for a week. Returns their number."""
    removed = 0
    for path in _root().glob("*/*.csv"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - KEPT.total_seconds():
                path.unlink()
                removed += 1
    return removed


def care(stop: threading.Event) -> None:
    """Removes old files once an hour, until it is stopped."""
    while not stop.is_set():
        try:
            forget_old()
        except OSError:
            log.exception("old_exports_not_removed")
        stop.wait(HOUR)


def _root() -> Path:
    return Path(settings.HELIOGRAPH.data) / "exports"
