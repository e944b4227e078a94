"""Jobs as JSON: long work of the account, with its progress (ARCHITECTURE.md, rule 6)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from heliograph.administration.job_operations import OPERATIONS, JobOperation
from heliograph.api.documents.shared_forms import Document, Id, Instant
from heliograph.jobs import control
from heliograph.jobs.control import QueuePlace
from heliograph.jobs.models import Job


class StateOfJob(StrEnum):
    """The states of a job. One that is paused or has failed goes on from where it was when it is resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


class PlaceInQueue(Document):
    """Where a waiting job is in the queue of jobs."""

    ahead: Annotated[int, msgspec.Meta(description="Jobs of this account that go first.")]
    shared: Annotated[bool, msgspec.Meta(description="Whether jobs of other accounts take turns with it.")]


class JobDocument(Document):
    """A job."""

    id: Id
    kind: Annotated[str, msgspec.Meta(description="What it does, such as `retry-items`, `export-records`, `import`.")]
    state: StateOfJob
    done: Annotated[int, msgspec.Meta(description="Rows so far.")]
    total: Annotated[int | None, msgspec.Meta(description="Rows in all; null if that is not known yet.")]
    seconds_left: Annotated[int | None, msgspec.Meta(description="At the present rate; null if it does not run, or if that is not known.")]
    place: Annotated[PlaceInQueue | None, msgspec.Meta(description="Only of a job that waits in the queue, also between two turns.")]
    counts: Annotated[dict[str, int], msgspec.Meta(description="What it has done so far, in the words of its kind.")]
    reasons: Annotated[dict[str, int], msgspec.Meta(description="Why rows were left out: how many for each reason.")]
    error: Annotated[str, msgspec.Meta(description="Why it has failed, or waits again; empty if it does not.")]
    operations: Annotated[
        list[JobOperation], msgspec.Meta(description="What jobs of its kind take: `POST jobs/{id}/pause`, `…/resume`, `…/cancel`.")
    ]
    by: Annotated[str, msgspec.Meta(description="Who began it: `user:7`, `token:3`, …")]
    created: Instant
    started: Instant | None
    finished: Instant | None

    @classmethod
    def from_row(cls, row: Job, place: QueuePlace | None = None) -> JobDocument:
        """The document of a row."""
        left = row.time_left
        reasons = row.result.get("reasons", {})
        return cls(
            id=str(row.pk),
            kind=row.kind,
            state=StateOfJob(row.state),
            done=row.done,
            total=row.total,
            seconds_left=None if left is None else round(left.total_seconds()),
            place=None if place is None else PlaceInQueue(ahead=place.ahead, shared=place.others),
            counts={name: count for name, count in row.counts.items() if isinstance(count, int)},
            reasons=reasons if isinstance(reasons, dict) else {},
            error=row.error,
            operations=sorted(OPERATIONS.get(row.kind, ())),
            by=row.created_by,
            created=row.created,
            started=row.started,
            finished=row.finished,
        )

    @classmethod
    def from_rows(cls, account: int, rows: Sequence[Job]) -> list[JobDocument]:
        """The documents of an account's jobs. A waiting job has its place in the queue."""
        waiting = [row for row in rows if row.is_waiting]
        places = control.places(account, waiting) if waiting else {}
        return [cls.from_row(row, places.get(row.pk)) for row in rows]

    @classmethod
    def of_job(cls, row: Job) -> JobDocument:
        """The document of one job, with its place."""
        return cls.from_rows(row.account_id, [row])[0]
