"""Starts, pauses, resumes and cancels jobs, for pages and commands alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django_scopes import scopes_disabled

from heliograph.domain.errors import HeliographError, NotInAccount, TooMuchWork
from heliograph.jobs import owners
from heliograph.jobs.models import Job, JobState
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros

LEASE = timedelta(seconds=60)
"""Time without a heartbeat after which any runner may claim a job. It may do so at once if the owner's process is known to be dead."""
OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
"""States of jobs that a runner must start, continue or end."""
ROWS_WITHIN = timedelta(days=1)
"""The time for which the rows of an account's jobs are counted."""
_ACCOUNT_LOCK = 6  # the class of the advisory lock on PostgreSQL under which an account's jobs are counted


class NotPossible(HeliographError):
    """The job's state does not allow that."""


class UnknownJob(NotInAccount):
    """There is no such job."""


def now() -> datetime:
    """The database's clock, with which the leases of all machines are compared."""
    return from_micros(of_django(connections["default"]).now())


def is_alive(job: Job, at: datetime) -> bool:
    """True if a runner is running it now."""
    return bool(job.owner) and job.heartbeat is not None and job.heartbeat > at - LEASE and not owners.is_dead(job.owner)


def create(
    kind: str,
    account: int,
    parameters: Mapping[str, Any],
    *,
    by: str,
    owner: str = "",
    total: int | None = None,
    rows: int | None = None,
    is_paced: bool = False,
) -> Job:
    """Creates a job that waits for a runner, in the caller's transaction if there is one.

    owner: a runner that takes the job at once. It does not queue, so an account may have any number of such jobs.
    total: rows in all, if that is known.
    rows: the least number of rows that the job will leave for people (a dry run, a download, an export).
    is_paced: True for a job that mostly waits, such as a replay; these have a queue of their own.

    Raises TooMuchWork.
    """
    with transaction.atomic(), scopes_disabled():
        if owner:
            owners.locks().hold()
        else:
            lock_account(account)
            _check_waiting(account)
        if rows is not None:
            check_rows(account, rows)
        return Job.objects.create(
            kind=kind,
            account_id=account,
            parameters=dict(parameters),
            created_by=by,
            total=total,
            state=JobState.RUNNING if owner else JobState.QUEUED,
            owner=owner,
            heartbeat=now() if owner else None,
            is_paced=is_paced,
        )


def lock_account(account: int) -> None:
    """Locks the count of the account's jobs until the transaction ends, so that no other process creates or claims one in between."""
    of_django(connections["default"]).lock(_ACCOUNT_LOCK, account & 0x7FFFFFFF)


def _check_waiting(account: int) -> None:
    """Raises TooMuchWork if the account has the most waiting and running jobs that it may have."""
    most = settings.HELIOGRAPH.jobs_waiting
    if Job.objects.filter(account_id=account, state__in=OPEN).count() >= most:
        raise TooMuchWork(
            ngettext(
                "Not started: %(n)d job of this account waits or runs, which is as many as an account may have. Wait until it has ended, or stop it.",
                "Not started: %(n)d jobs of this account wait or run, which is as many as an account may have. Wait until one "
                "has ended, or stop one of them.",
                most,
            )
            % {"n": most}
        )


def check_rows(account: int, more: int) -> None:
    """Raises TooMuchWork if the account's jobs would have left more rows within a day than they may."""
    most, since = settings.HELIOGRAPH.jobs_rows, now() - ROWS_WITHIN
    with scopes_disabled():
        left = Job.objects.filter(account_id=account, heartbeat__gt=since, rows__gt=0).aggregate(n=Sum("rows"), last=Max("heartbeat"))
    if int(left["n"] or 0) + more <= most and int(left["n"] or 0) < most:
        return
    raise TooMuchWork(
        "Stopped: the dry runs, downloads and exports of this account may create %(most)s rows within 24 hours, and this would be more. Choose fewer records, try again tomorrow, or ask whoever runs Heliograph for more (HELIOGRAPH_JOBS_ROWS).",
        most=most,
    )


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The place of a waiting job in the queue."""

    ahead: int
    """Jobs of the same account that go first."""
    others: bool
    """True if other accounts' jobs take turns with it."""


def place(job: Job) -> QueuePlace:
    """The place of a waiting job in the queue."""
    return places(job.account_id, [job])[job.pk]


def places(account: int, jobs: Iterable[Job]) -> dict[int, QueuePlace]:
    """The places of an account's waiting jobs in the queue, by job. Older jobs of the account go first, and jobs that a runner has.

    Paced jobs run side by side, so fewer than `jobs_running` of them ahead delay no other paced job.
    """
    with scopes_disabled():
        open_jobs = Job.objects.filter(state__in=OPEN)
        own_jobs = list(open_jobs.filter(account_id=account).values_list("pk", "owner", "is_paced"))
        queues_with_others = set(open_jobs.exclude(account_id=account).order_by().values_list("is_paced", flat=True).distinct())
    places: dict[int, QueuePlace] = {}
    for job in jobs:
        ahead = sum(pk != job.pk and is_paced == job.is_paced and (pk < job.pk or bool(owner)) for pk, owner, is_paced in own_jobs)
        if job.is_paced and ahead < settings.HELIOGRAPH.jobs_running:
            ahead = 0
        places[job.pk] = QueuePlace(ahead, job.is_paced in queues_with_others)
    return places


def release(job: int) -> Job:
    """Takes a job from an owner that is known to be gone, without waiting for its lease to expire."""
    with transaction.atomic():
        row = _locked(job, None)
        row.owner = ""
        return _saved(row, JobState.QUEUED if row.state == JobState.RUNNING else JobState(row.state))


def find(job: int, account: int | None = None) -> Job:
    """The job's current row. Raises UnknownJob.

    account: the account that must own the job; None for any
    """
    with scopes_disabled():
        row = Job.objects.filter(pk=job, **({} if account is None else {"account_id": account})).first()
    if row is None:
        raise UnknownJob(f"There is no job {job}.")
    return row


def pause(job: int, account: int | None = None) -> Job:
    """Pauses the job: its runner stops after the current chunk, and nothing is lost."""
    with transaction.atomic():
        row = _locked(job, account)
        if row.state not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED):
            raise NotPossible(
                _("Job %(job)s is %(state)s; only a waiting or running job can be paused.") % {"job": job, "state": _state(row)}
            )
        return _saved(row, JobState.PAUSED)


def resume(job: int, account: int | None = None, *, owner: str = "") -> Job:
    """Continues the job from its cursor. A failed job tries again from where it failed.

    owner: a runner that takes it at once; such a job waits for nobody (see `create`).

    Raises NotPossible, TooMuchWork.
    """
    with transaction.atomic():
        row = _locked(job, account)
        if row.state in (JobState.QUEUED, JobState.RUNNING):
            return row
        if row.state not in (JobState.PAUSED, JobState.FAILED):
            raise NotPossible(
                _("Job %(job)s is %(state)s; only a paused or failed job can be resumed.") % {"job": job, "state": _state(row)}
            )
        if owner:
            owners.locks().hold()
            row.owner = owner
        else:  # the owner stays: it may still be in the chunk in which the job was paused
            lock_account(row.account_id)
            with scopes_disabled():
                _check_waiting(row.account_id)
        row.set_error("")
        row.finished = None
        return _saved(row, JobState.QUEUED)


def cancel(job: int, account: int | None = None) -> Job:
    """Cancels the job after the current chunk. What it has done stays done."""
    with transaction.atomic():
        row = _locked(job, account)
        if row.is_over:
            raise NotPossible(_("Job %(job)s is already %(state)s.") % {"job": job, "state": _state(row)})
        if is_alive(row, now()):
            return _saved(row, JobState.CANCELLING)
        row.finished, row.owner = now(), ""
        return _saved(row, JobState.CANCELLED)


def forget(job: int) -> Job:
    """Cancels a job whose owner is known to be gone, without waiting for its lease to end, or a job that has failed."""
    with transaction.atomic():
        row = _locked(job, None)
        row.finished, row.owner = now(), ""
        return _saved(row, JobState.CANCELLED)


def _state(row: Job) -> str:
    """The state of a job as a sentence about it names it."""
    words = {
        JobState.QUEUED: pgettext("a job is", "queued"),
        JobState.RUNNING: pgettext("a job is", "running"),
        JobState.PAUSED: pgettext("a job is", "paused"),
        JobState.CANCELLING: pgettext("a job is", "cancelling"),
        JobState.CANCELLED: pgettext("a job is", "cancelled"),
        JobState.DONE: pgettext("a job is", "done"),
        JobState.FAILED: pgettext("a job is", "failed"),
    }
    return words[JobState(row.state)]


def _locked(job: int, account: int | None) -> Job:
    with scopes_disabled():
        row = Job.objects.select_for_update().filter(pk=job, **({} if account is None else {"account_id": account})).first()
    if row is None:
        raise UnknownJob(f"There is no job {job}.")
    return row


def _saved(row: Job, state: JobState) -> Job:
    row.state = state
    with scopes_disabled():
        row.save(update_fields=["state", "error", "result", "finished", "owner"])
    return row
