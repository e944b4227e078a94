"""Jobs: long work of the account (docs/design/processes.md, section 4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Path, Query, modify
from dmr.routing import path

from heliograph.administration.job_operations import OF_SIGNAL, JobOperation, find, operate
from heliograph.api.controller import ApiController
from heliograph.api.documents.job_documents import JobDocument, StateOfJob
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import OPERATE, READ
from heliograph.jobs.models import Job
from heliograph.web.cursor import pages


class JobQuery(ListQuery):
    """The parameters of the list of jobs."""

    state: Annotated[StateOfJob | None, msgspec.Meta(description="Only jobs in this state.")] = None
    kind: Annotated[str, msgspec.Meta(max_length=40, description="Only jobs of this kind.")] = ""


class JobPath(Document):
    """The address of a job."""

    job: Id


class Jobs(ApiController):
    """The jobs of the account."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[JobQuery]) -> Items[JobDocument]:
        """List the jobs of the account, the newest first. Those of Signal are left out while Signal is off."""
        rows = Job.objects.order_by("-pk")
        if not self.account.signal_enabled:
            rows = rows.exclude(kind__in=OF_SIGNAL)
        if parsed_query.state is not None:
            rows = rows.filter(state=parsed_query.state.value)
        if parsed_query.kind:
            rows = rows.filter(kind=parsed_query.kind)
        page = pages(
            lambda at, limit: list((rows.filter(pk__lt=at.key[0]) if at else rows)[:limit]),
            lambda row: (row.pk,),
            parsed_query.cursor_of(int),
            size=parsed_query.limit,
        )
        documents = JobDocument.from_rows(self.account.pk, page.rows)
        return items_of(self.request, page.with_rows(documents), lambda document: document)


class OneJob(ApiController):
    """One job."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[JobPath]) -> JobDocument:
        """Read a job: its state, its progress, and its place in the queue."""
        return JobDocument.of_job(find(self.account, number_of(parsed_path.job)))


class JobOperationController(ApiController):
    """An operation on a job."""

    access: ClassVar = {"POST": OPERATE}

    def operate(self, path: JobPath, operation: JobOperation) -> JobDocument:
        """Performs the operation. Returns the job's new state. Raises UnknownJob, SignalOff, NotPossible, TooMuchWork."""
        return JobDocument.of_job(operate(self.account, number_of(path.job), operation))


class JobPause(JobOperationController):
    """Pausing a job."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[JobPath]) -> JobDocument:
        """Pause a job after its current chunk. Nothing of it is lost."""
        return self.operate(parsed_path, JobOperation.PAUSE)


class JobResume(JobOperationController):
    """Resuming a job."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[JobPath]) -> JobDocument:
        """Resume a job that is paused or has failed. It goes on from where it was."""
        return self.operate(parsed_path, JobOperation.RESUME)


class JobCancel(JobOperationController):
    """Cancelling a job."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[JobPath]) -> JobDocument:
        """Cancel a job after its current chunk. What it has done stays done."""
        return self.operate(parsed_path, JobOperation.CANCEL)


ROUTES: Final = [
    path("jobs", Jobs.as_view()),
    path("jobs/<str:job>", OneJob.as_view()),
    path("jobs/<str:job>/pause", JobPause.as_view()),
    path("jobs/<str:job>/resume", JobResume.as_view()),
    path("jobs/<str:job>/cancel", JobCancel.as_view()),
]
