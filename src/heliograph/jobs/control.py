"""Starts, pauses, resumes and cancels jobs, for pages and commands alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django_scopes import scopes_disabled

from heliograph.domain.errors import HeliographError
from heliograph.jobs.models import Job, JobState
from heliograph.store.django_database import of_django
from heliograph.store.moments import from_micros

LEASE = timedelta(seconds=60)  # a job whose owner has been silent for this long may be claimed by any runner


class NotPossible(HeliographError):
    """The job's state does not allow that."""


class UnknownJob(HeliographError):
    """There is no such job."""


def now() -> datetime:
    """The database's clock, with which the leases of all machines are compared."""
    return from_micros(of_django(connections["default"]).now())


def is_alive(job: Job, at: datetime) -> bool:
    """True if a runner is running it now."""
    return bool(job.owner) and job.heartbeat is not None and job.heartbeat > at - LEASE


def create(kind: str, account: int, parameters: Mapping[str, Any], *, by: str, owner: str = "", total: int | None = None) -> Job:
    """A new job, waiting for a runner. owner: a runner that takes it at once; total: rows in all, if that is known. Inside the caller's
    transaction, if there is one."""
    with scopes_disabled():
        return Job.objects.create(
            kind=kind,
            account_id=account,
            parameters=dict(parameters),
            created_by=by,
            total=total,
            state=JobState.RUNNING if owner else JobState.QUEUED,
            owner=owner,
            heartbeat=now() if owner else None,
        )


def release(job: int) -> Job:
    """Takes a job from an owner that is known to be gone, without waiting for its lease to expire."""
    with transaction.atomic():
        row = _locked(job, None)
        row.owner = ""
        return _saved(row, JobState.QUEUED if row.state == JobState.RUNNING else JobState(row.state))


def find(job: int, account: int | None = None) -> Job:
    """The job's current row. account: only if it is this account's. Raises UnknownJob."""
    with scopes_disabled():
        found = Job.objects.filter(pk=job, **({} if account is None else {"account_id": account})).first()
    if found is None:
        raise UnknownJob(f"There is no job {job}.")
    return found


def pause(job: int, account: int | None = None) -> Job:
    """Pauses the job: its runner stops after the current chunk, and nothing is lost."""
    with transaction.atomic():
        row = _locked(job, account)
        if row.state not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED):
            raise NotPossible(f"Job {job} is {row.state}; only a waiting or running job can be paused.")
        return _saved(row, JobState.PAUSED)


def resume(job: int, account: int | None = None) -> Job:
    """Continues the job from its cursor. A failed job tries again from where it failed."""
    with transaction.atomic():
        row = _locked(job, account)
        if row.state in (JobState.QUEUED, JobState.RUNNING):
            return row
        if row.state not in (JobState.PAUSED, JobState.FAILED):
            raise NotPossible(f"Job {job} is {row.state}; only a paused or failed job can be resumed.")
        row.error = ""
        row.finished = None
        return _saved(row, JobState.QUEUED)


def cancel(job: int, account: int | None = None) -> Job:
    """Cancels the job after the current chunk. What it has done stays done."""
    with transaction.atomic():
        row = _locked(job, account)
        if row.is_over:
            raise NotPossible(f"Job {job} is already {row.state}.")
        if is_alive(row, now()):
            return _saved(row, JobState.CANCELLING)
        row.finished, row.owner = now(), ""
        return _saved(row, JobState.CANCELLED)


def forget(job: int) -> Job:
    """Cancels a job of an owner that is known to be gone, without waiting for its lease to run out; also one that has failed: nothing goes on with it."""
    with transaction.atomic():
        row = _locked(job, None)
        row.finished, row.owner = now(), ""
        return _saved(row, JobState.CANCELLED)


def _locked(job: int, account: int | None) -> Job:
    with scopes_disabled():
        found = Job.objects.select_for_update().filter(pk=job, **({} if account is None else {"account_id": account})).first()
    if found is None:
        raise UnknownJob(f"There is no job {job}.")
    return found


def _saved(row: Job, state: JobState) -> Job:
    row.state = state
    with scopes_disabled():
        row.save(update_fields=["state", "error", "finished", "owner"])
    return row
