"""Files: rows of the Retry Queue (D8, P10), and exports of lists of records (X3)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from dmr import Body, Path, Query, ResponseSpec, modify, validate
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.download_documents import DownloadDocument, ExportDocument, NewDownload, NewExport
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.record_documents import RecordQuery, record_filter_of
from heliograph.api.documents.scope_documents import scope_of
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.endpoints.figure_endpoints import KindPath
from heliograph.api.endpoints.file_answers import FILE, FileController, csv_answer
from heliograph.api.token_access import EXPORT, OPERATE
from heliograph.deliveries.account_reader import account_reader
from heliograph.insights import record_export
from heliograph.insights.export_request import ExportRequest
from heliograph.insights.record_export import CsvForm
from heliograph.insights.replay_share import ReplayShare
from heliograph.retry import downloads, queue_operations
from heliograph.retry.downloads import FailedRows
from heliograph.store.django_database import of_django, read_database


class DownloadPath(Document):
    """The address of a download."""

    download: Id


class ExportPath(Document):
    """The address of an export."""

    export: Id


class RetryDownloads(ApiController):
    """Making files of rows of the Retry Queue."""

    access: ClassVar = {"POST": EXPORT}
    of_signal: ClassVar = True
    counts_first: ClassVar = True

    @validate(ResponseSpec(DownloadDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_body: Body[NewDownload]) -> HttpResponse:
        """Make a file of the rows of the Retry Queue that match now, as a job."""
        with account_reader(self.account.pk) as reader:
            retry_filter = parsed_body.retry_filter(reader)
        exact = parsed_body.form is CsvForm.EXACT
        return self.start_counted(
            lambda: FailedRows.read(self.account.pk, retry_filter),
            lambda rows: DownloadDocument.from_job(downloads.start(rows, parsed_body.columns or (), exact=exact, by=self.actor)),
        )


class OneRetryDownload(ApiController):
    """A file of rows of the Retry Queue."""

    access: ClassVar = {"GET": EXPORT}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[DownloadPath]) -> DownloadDocument:
        """Read how far a file of rows of the Retry Queue is, and how many of its rows can still be submitted."""
        job = downloads.of_account(self.account.pk, number_of(parsed_path.download))
        with read_database() as db:
            return DownloadDocument.from_job(job, downloads.still_failed(db, self.account.pk, job.pk))


class RetryDownloadFile(FileController):
    """The file of rows of the Retry Queue."""

    access: ClassVar = {"GET": EXPORT}
    of_signal: ClassVar = True

    @validate(*FILE)
    def get(self, parsed_path: Path[DownloadPath]) -> StreamingHttpResponse:
        """Read the file: CSV in UTF-8, whose first line has the names of columns. A file for spreadsheets begins with a byte order mark."""
        row = downloads.finished(self.account.pk, number_of(parsed_path.download))
        return csv_answer(downloads.file_lines(of_django(connections["read"]), row), downloads.file_name(row))


class RetryDownloadSubmit(ApiController):
    """Submitting the rows of a file."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.ACCEPTED)
    def post(self, parsed_path: Path[DownloadPath]) -> JobDocument:
        """Submit exactly the rows of a file, as a job. Rows that are no longer failed are left out."""
        job = queue_operations.start_submit_of_download(self.account.pk, number_of(parsed_path.download), by=self.actor)
        return JobDocument.of_job(job)


class RecordExports(ApiController):
    """Exporting a list of records."""

    access: ClassVar = {"POST": EXPORT}
    of_signal: ClassVar = True

    counts_first: ClassVar = True

    @validate(ResponseSpec(ExportDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_path: Path[KindPath], parsed_query: Query[RecordQuery], parsed_body: Body[NewExport]) -> HttpResponse:
        """Export a whole list of records as CSV, as a job. The parameters are those of the list; `limit` and `cursor` are ignored."""
        with account_reader(self.account.pk, snapshot=True) as reader:
            scope = scope_of(reader, self.account, parsed_query, ReplayShare.ALL)
        record_filter = record_filter_of(parsed_query, parsed_path.kind, scope)
        return self.start_counted(
            lambda: ExportRequest.read(self.account.pk, record_filter, parsed_query.sort, scope),
            lambda request: ExportDocument.from_job(
                request.start(parsed_body.form, by=self.actor, zone=self.account.timezone, language="en")
            ),
        )


class OneExport(ApiController):
    """An export of a list of records."""

    access: ClassVar = {"GET": EXPORT}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ExportPath]) -> ExportDocument:
        """Read how far an export is, and where its file is."""
        return ExportDocument.from_job(record_export.of_account(self.account.pk, number_of(parsed_path.export)))


class ExportFile(FileController):
    """The file of an export."""

    access: ClassVar = {"GET": EXPORT}
    of_signal: ClassVar = True

    @validate(*FILE)
    def get(self, parsed_path: Path[ExportPath]) -> StreamingHttpResponse:
        """Read the file of an export: CSV in UTF-8, whose first line has the names of columns."""
        job, file = record_export.finished(self.account.pk, number_of(parsed_path.export))
        return csv_answer(record_export.file_parts(file), record_export.file_name(job))


ROUTES: Final = [
    path("retry/downloads", RetryDownloads.as_view()),
    path("retry/downloads/<str:download>", OneRetryDownload.as_view()),
    path("retry/downloads/<str:download>/file", RetryDownloadFile.as_view()),
    path("retry/downloads/<str:download>/submit", RetryDownloadSubmit.as_view()),
    path("records/<str:kind>/export", RecordExports.as_view()),
    path("exports/<str:export>", OneExport.as_view()),
    path("exports/<str:export>/file", ExportFile.as_view()),
]
