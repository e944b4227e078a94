"""Files of the Retry Queue and of lists of records as JSON: how far they are, and where they are (D8, X3)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.retry_filter_documents import ItemFilter
from heliograph.api.documents.shared_forms import Document, Id, Instant
from heliograph.insights import record_export
from heliograph.insights.record_export import CsvForm
from heliograph.insights.record_kinds import RecordKind
from heliograph.jobs.models import Job, JobState
from heliograph.retry import downloads

type Column = Literal[
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
]

Form = Annotated[
    CsvForm,
    msgspec.Meta(description="`spreadsheets`: no cell begins a formula. `exact`: each cell as it is stored, times in UTC."),
]
File = Annotated[str | None, msgspec.Meta(description="The address of the file; null until it is done, and once it is no longer kept.")]


class NewDownload(ItemFilter):
    """A file of rows of the Retry Queue to make: of all that match, but for those that are done or wait for a tag."""

    form: Form = CsvForm.EXACT
    columns: Annotated[
        Annotated[list[Column], msgspec.Meta(min_length=1)] | None,
        msgspec.Meta(description="Null: all but `request_body`; in the order of this list."),
    ] = None


class DownloadDocument(Document):
    """A file of rows of the Retry Queue. Its rows are kept for a day; exactly these can be submitted, even if the filter would match others by now."""

    id: Id
    job: JobDocument
    form: CsvForm
    columns: list[Column]
    file: File
    kept_until: Instant
    can_submit: Annotated[int, msgspec.Meta(description="How many of its rows can still be submitted; 0 until it is done.")]

    @classmethod
    def from_job(cls, job: Job, still_failed: int = 0) -> DownloadDocument:
        """The document of a download. still_failed: the number of its rows that can be submitted, if it is done."""
        is_ready = job.state == JobState.DONE and downloads.is_kept(job)
        return cls(
            id=str(job.pk),
            job=JobDocument.of_job(job),
            form=CsvForm.EXACT if job.parameters["exact"] else CsvForm.SPREADSHEETS,
            columns=job.parameters["columns"],
            file=f"/api/v1/retry/downloads/{job.pk}/file" if is_ready else None,
            kept_until=job.created + downloads.KEPT,
            can_submit=still_failed if is_ready else 0,
        )


class NewExport(Document):
    """The kind of file to make of a list of records."""

    form: Form = CsvForm.EXACT


class ExportDocument(Document):
    """The export of a list of records. Its file is kept for a week."""

    id: Id
    job: JobDocument
    kind: RecordKind
    form: CsvForm
    file: File

    @classmethod
    def from_job(cls, job: Job) -> ExportDocument:
        """The document of an export."""
        is_ready = job.state == JobState.DONE and record_export.file_of(job).is_file()
        return cls(
            id=str(job.pk),
            job=JobDocument.of_job(job),
            kind=RecordKind(job.parameters["wanted"]["kind"]),
            form=CsvForm(job.parameters["form"]),
            file=f"/api/v1/exports/{job.pk}/file" if is_ready else None,
        )
