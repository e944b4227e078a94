"""The thread beside pages that has due sources read: it sets the job of each to wait again (S3)."""

from __future__ import annotations

import threading
from typing import Final

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections, transaction
from django_scopes import scopes_disabled

from heliograph.domain.errors import HeliographError, TooMuchWork
from heliograph.domain.source.platforms import COMMAND
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.sources import command_job
from heliograph.sources.read_job import KIND
from heliograph.store import driver_errors, source_reads
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.source_reads import DueSource

log = structlog.get_logger(__name__)

EVERY: Final = 2.0
"""Seconds between looks for due sources."""


def care(stop: threading.Event) -> None:
    """Looks for due sources until `stop` is set. Any number of processes may do so."""
    try:
        while not stop.is_set():
            try:
                queue_due_sources()
            except driver_errors.operational(DjangoDatabaseError, OSError, HeliographError):
                log.exception("source_schedule_failed")
                connections.close_all()
            stop.wait(EVERY)
    finally:
        connections.close_all()


def queue_due_sources() -> int:
    """Sets the jobs of all due sources to wait. Returns how many it set."""
    close_old_connections()
    db = of_django(connections["default"])
    return sum(_queue(source) for source in source_reads.due_sources(db, db.now()))


def _queue(source: DueSource) -> bool:
    """Whether the source's job waits from now on. One that runs, waits, or was paused by a person stays as it is."""
    with transaction.atomic(), scopes_disabled():
        db = of_django(connections["default"])
        if unreleased_copy(db, source.account) is not None:  # the original reads it
            return False
        if source_reads.read_source_to_read(db, source.id, lock=True) is None:
            return False
        job_id = source_reads.reader_job(db, source.id)  # under the lock: another process may just have created it
        kind = command_job.KIND if source.platform == COMMAND else KIND
        job = Job.objects.select_for_update().filter(pk=job_id or 0, kind=kind).first()
        if job is None:
            try:
                created = control.create(
                    kind, source.account, {"source": source.id, "name": source.name}, by=f"source:{source.id}", is_paced=True
                )
            except TooMuchWork:
                return False  # the account's other jobs go first
            source_reads.set_reader_job(db, source.id, created.pk)
            return True
        if job.state not in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
            return False
        job.state, job.finished = JobState.QUEUED, None
        job.set_error("")
        job.save(update_fields=["state", "finished", "error", "result"])
        return True
