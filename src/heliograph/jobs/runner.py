"""The runner of jobs: chunk after chunk, each in one transaction with its cursor (ARCHITECTURE.md, rule 6).

A runner owns a job while its heartbeat is fresh. Every chunk renews it and is saved only if the runner still owns the job, so a process
that wakes up after an hour of suspension saves nothing. After a kill, any runner continues from the saved cursor. Pausing and cancelling
are states that the runner notices at the end of a chunk.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import OperationalError, close_old_connections, connections, transaction
from django_scopes import scopes_disabled

from heliograph.domain.errors import HeliographError
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.nice import be_nice
from heliograph.jobs.pace import Pace
from heliograph.jobs.registry import ChunkResult, Handler, JobKinds
from heliograph.store import driver_errors
from heliograph.store.django_database import of_django

log = structlog.get_logger(__name__)

LOOK = 2.0  # seconds between looks for work
REST = 0.25  # in `serve`, the rest after a chunk as a share of its duration: live traffic comes first
PATIENCE = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between retries of a chunk that the database refused
SIDE_BY_SIDE = 30
CHUNK_LASTS = 4.0  # seconds for the chunk of a paced job to end when the process stops
_SMOOTHING = 0.2  # of the rate: the weight of the newest chunk


def _passing(*also: type[Exception]) -> driver_errors.Errors:
    """Errors that pass: a lock timeout, a full disk, a server restart. Plain SQL raises the driver's own. also: others to catch."""
    return driver_errors.operational(OperationalError, *also)


type JobObserver = Callable[[Job], None]


class Taken(HeliographError):
    """Another runner has this job."""


class _Lost(Exception):
    """The job is no longer ours: nothing of this chunk is saved."""


class Runner:
    """Runs jobs of the kinds it knows. me: this runner's name in the job's row."""

    def __init__(self, kinds: JobKinds, *, me: str = "") -> None:
        self.kinds = kinds
        self.me = me or f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def run_one(self, job: int, *, stop: threading.Event | None = None, watch: JobObserver | None = None) -> Job:
        """Runs this job now, until it ends, is paused or cancelled, or `stop` is set (which pauses it).

        watch: called with the job after each chunk. Raises Taken if another runner has it.
        """
        row = self._claim(job)
        if row is None:
            raise Taken(f"Another process is running job {job}.")
        return self._run(row, stop or threading.Event(), watch, rest=0.0, paused_by_stop=True)

    def run_forever(self, stop: threading.Event) -> None:
        """Runs waiting jobs, and those whose runner died, one after another until `stop` is set; the current job is then left for the next
        runner."""
        be_nice()
        try:
            while not stop.is_set():
                try:
                    row = self._next()
                    if row is not None:
                        self._run(row, stop, None, rest=REST)
                        continue
                except _passing(DjangoDatabaseError, HeliographError):
                    log.exception("job_poll_failed")
                    close_old_connections()
                stop.wait(LOOK)
        finally:
            connections.close_all()  # the thread ends, so its connections are no longer used

    def run_side_by_side(self, stop: threading.Event, *, most: int = SIDE_BY_SIDE) -> None:
        """Like `run_forever`, for jobs that mostly wait: each on its own thread, at most `most` at once."""
        running: list[threading.Thread] = []
        try:
            while not stop.is_set():
                running = [thread for thread in running if thread.is_alive()]
                try:
                    row = self._next() if len(running) < most else None
                    if row is not None:
                        thread = threading.Thread(target=self._run_on_thread, args=(row, stop), name=f"job {row.pk}", daemon=True)
                        thread.start()
                        running.append(thread)
                        continue
                except _passing(DjangoDatabaseError, HeliographError):
                    log.exception("job_poll_failed")
                    close_old_connections()
                stop.wait(LOOK)
            for thread in running:
                thread.join(CHUNK_LASTS)
        finally:
            connections.close_all()

    def _run_on_thread(self, row: Job, stop: threading.Event) -> None:
        be_nice()
        try:
            self._run(row, stop, None, rest=None)
        except _passing(DjangoDatabaseError, HeliographError):
            log.exception("job_thread_failed", job=row.pk)  # its heartbeat stops, and another runner takes it
        finally:
            connections.close_all()

    # --- ownership

    def _next(self) -> Job | None:
        """Claims the oldest job that waits or has lost its runner, and that can run here."""
        close_old_connections()
        with scopes_disabled():
            waiting = list(
                Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING), kind__in=list(self.kinds)).order_by(
                    "id"
                )
            )
        at = control.now()
        for row in waiting:
            if not control.is_alive(row, at) and (row.state == JobState.CANCELLING or self.kinds[row.kind].is_here(row)):
                claimed = self._claim(row.pk)
                if claimed is not None:
                    return claimed
        return None

    def _claim(self, job: int) -> Job | None:
        """Claims the job; None if another runner owns it. A failed or paused one must be resumed first."""
        with transaction.atomic(), scopes_disabled():
            row = Job.objects.select_for_update().filter(pk=job).first()
            if row is None:
                raise control.UnknownJob(f"There is no job {job}.")
            at = control.now()
            if row.owner != self.me and control.is_alive(row, at):
                return None
            if row.state not in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING):
                raise control.NotPossible(f"Job {job} is {row.state}.")
            if row.state == JobState.QUEUED:
                row.state = JobState.RUNNING
            row.owner, row.heartbeat, row.started = self.me, at, row.started or at
            row.save(update_fields=["state", "owner", "heartbeat", "started"])
            return row

    # --- running

    def _run(self, row: Job, stop: threading.Event, watch: JobObserver | None, *, rest: float | None, paused_by_stop: bool = False) -> Job:
        """rest: the rest after a chunk as a share of its duration, more beside live traffic; None: the job has its own pace."""
        log.info("job_started", job=row.pk, kind=row.kind, account=row.account_id, done=row.done)
        failures = 0
        handler: Handler[Any] | None = None
        pace = None if rest is None else Pace(rest)
        try:
            while row.state == JobState.RUNNING and not stop.is_set():
                began = time.monotonic()
                try:
                    if failures:
                        row = self._as_saved(row)
                        if row.state != JobState.RUNNING:
                            break
                    handler = handler or self.kinds[row.kind].open(row)
                    row = self._chunk(row, handler, began, pace)
                    failures = 0
                except _passing() as error:  # the chunk is retried from the saved cursor
                    _close(handler)
                    handler = None
                    if failures == len(PATIENCE):
                        return self._put_back(row, error)
                    log.warning("job_chunk_failed", job=row.pk, error=str(error))
                    self._wait(row, stop, PATIENCE[failures])
                    failures += 1
                    continue
                if watch is not None:
                    watch(row)
                if pace is not None:
                    stop.wait(pace.rest(time.monotonic() - began))
        except _Lost:
            log.warning("job_lost", job=row.pk)
            return control.find(row.pk)
        except HeliographError as error:
            return self._fail(row, str(error))
        except Exception:
            log.exception("job_crashed", job=row.pk)
            return self._fail(
                row, "Heliograph failed with an internal error; see the log. Resuming the job tries again from where it stopped."
            )
        finally:
            _close(handler)
        return self._let_go(row, paused=paused_by_stop and stop.is_set())

    def _chunk(self, row: Job, handler: Handler[Any], began: float, pace: Pace | None) -> Job:
        """Runs one chunk: reads it outside the transaction, then does its work and saves its cursor in one transaction."""
        chunk = handler.read()
        if pace is not None:
            pace.began()
        with transaction.atomic():
            step = handler.write(of_django(connections["default"]), chunk)
            return self._save(row, step, time.monotonic() - began)

    def _as_saved(self, row: Job) -> Job:
        """The job with its saved cursor. What failed may be saved all the same: a commit that only the disk did not confirm."""
        with scopes_disabled():
            fresh: Job | None = Job.objects.filter(pk=row.pk, owner=self.me).first()
        if fresh is None:
            raise _Lost
        return fresh

    def _save(self, row: Job, step: ChunkResult, took: float) -> Job:
        """Locks the job's row only at the end of the chunk, so that a page can pause the job meanwhile."""
        with scopes_disabled():
            fresh = Job.objects.select_for_update().filter(pk=row.pk, owner=self.me).first()
            if fresh is None:
                raise _Lost
            at = control.now()
            if step.phase == fresh.phase and step.done > fresh.done and took > 0:
                rate = (step.done - fresh.done) / took
                fresh.rate = rate if fresh.rate is None else fresh.rate + _SMOOTHING * (rate - fresh.rate)
            elif step.phase != fresh.phase:
                fresh.rate = None
            fresh.cursor, fresh.done, fresh.total, fresh.counts, fresh.phase = (
                dict(step.cursor),
                step.done,
                step.total,
                dict(step.counts),
                step.phase,
            )
            if step.result is not None:
                fresh.result = dict(step.result)
            fresh.heartbeat, fresh.error = at, ""
            if step.finished:
                fresh.state, fresh.finished, fresh.owner = JobState.DONE, at, ""
            elif fresh.state == JobState.QUEUED:  # paused and resumed during this chunk
                fresh.state = JobState.RUNNING
            fresh.save()
            return fresh

    def _wait(self, row: Job, stop: threading.Event, seconds: float) -> None:
        close_old_connections()
        stop.wait(seconds)
        with contextlib.suppress(*_passing()), scopes_disabled():
            Job.objects.filter(pk=row.pk, owner=self.me).update(heartbeat=control.now())

    # --- releasing

    def _let_go(self, row: Job, *, paused: bool) -> Job:
        """Releases the job: it finished, was paused or cancelled, or this process stops."""
        with transaction.atomic():
            fresh = self._own(row)
            if fresh is None:
                return control.find(row.pk)
            if fresh.state == JobState.CANCELLING:
                fresh.state, fresh.finished = JobState.CANCELLED, control.now()
            elif fresh.state == JobState.RUNNING:
                fresh.state = JobState.PAUSED if paused else JobState.QUEUED
            return self._released(fresh)

    def _put_back(self, row: Job, error: Exception) -> Job:
        """Returns the job to the queue with its error, because the database has refused for longer than the retries last (O7: it continues
        by itself)."""
        with contextlib.suppress(*_passing()), transaction.atomic():
            fresh = self._own(row)
            if fresh is not None:
                fresh.error = f"The database refused: {error}"[:1000]
                fresh.state = JobState.QUEUED if fresh.state == JobState.RUNNING else fresh.state
                return self._released(fresh)
        return row

    def _fail(self, row: Job, sentence: str) -> Job:
        with transaction.atomic():
            fresh = self._own(row)
            if fresh is None:
                return control.find(row.pk)
            fresh.state, fresh.error, fresh.finished = JobState.FAILED, sentence, control.now()
            return self._released(fresh)

    def _own(self, row: Job) -> Job | None:
        with scopes_disabled():
            found: Job | None = Job.objects.select_for_update().filter(pk=row.pk, owner=self.me).first()
        return found

    def _released(self, fresh: Job) -> Job:
        fresh.owner = ""
        with scopes_disabled():
            fresh.save(update_fields=["state", "error", "finished", "owner"])
        log.info("job_released", job=fresh.pk, state=fresh.state, done=fresh.done, at=_text(fresh.finished))
        return fresh


def _close(handler: Handler[Any] | None) -> None:
    if handler is not None:
        handler.close()


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
