"""The runner of jobs: chunk after chunk, each in one transaction with its cursor (ARCHITECTURE.md, rule 6).

A runner owns a job while its heartbeat is fresh and its process lives (`jobs.owners`). Every chunk renews the heartbeat, and is saved only if the
runner still owns the job. So a process that wakes up after an hour of suspension saves nothing. After a kill, any runner continues from the saved
cursor. At the end of a chunk the runner notices that the job was paused or cancelled, or that its turn is over: accounts take turns (`jobs.turns`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError as DjangoDatabaseError
from django.db import OperationalError, close_old_connections, connections, transaction
from django.utils.translation import gettext_noop
from django_scopes import scopes_disabled

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence
from heliograph.jobs import control, owners
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.nice import be_nice
from heliograph.jobs.pace import Pace
from heliograph.jobs.registry import ChunkResult, Handler, JobKinds
from heliograph.jobs.turns import SHARE_OF_OPENING, TURN, OpenJob, must_give_way, next_jobs
from heliograph.store import driver_errors
from heliograph.store.django_database import of_django

log = structlog.get_logger(__name__)

LOOK = 2.0  # seconds between looks for work
PAUSE = 0.25  # in `serve`, the pause after a chunk as a share of its duration: live traffic comes first
PATIENCE = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between retries of a chunk that the database refused
SIDE_BY_SIDE = 30
LONGEST_REFUSAL = 970  # characters that are stored of a database's error
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


@dataclass(slots=True)
class Turn:
    """The turn of a job that shares its runner with those of other accounts."""

    began: float
    """The monotonic clock's seconds."""
    worth_opening: float = 0.0
    """Seconds that the turn lasts at least, in proportion to the time that opening the job took."""

    def note_first_chunk(self, now: float) -> None:
        """Called at the end of the first chunk."""
        self.worth_opening = SHARE_OF_OPENING * (now - self.began)

    def is_over(self, now: float) -> bool:
        """Whether another account may have its turn."""
        return now >= self.began + max(TURN, self.worth_opening)


class Runner:
    """Runs jobs of the kinds it knows.

    me: this runner's name in the job's row
    """

    def __init__(self, kinds: JobKinds, *, me: str = "") -> None:
        self.kinds = kinds
        self.me = me or owners.new_owner()
        self._served: dict[int, int] = {}  # by account: the number of its latest turn here
        self._turns = 0
        self._gave_way_at = 0.0
        self._giving_way = threading.Lock()
        self._all_seats_taken: Callable[[], bool] = lambda: True
        self._threads: dict[int, threading.Thread] = {}  # by job; never changed, only replaced, because other threads read it

    def run_one(self, job: int, *, stop: threading.Event | None = None, watch: JobObserver | None = None) -> Job:
        """Runs this job now, until it ends, is paused or cancelled, or `stop` is set (which pauses it).

        watch: called with the job after each chunk. Raises Taken if another runner has it.
        """
        owners.locks().hold()
        row = self._claim(job)
        if row is None:
            raise Taken(f"Another process is running job {job}.")
        return self._run(row, stop or threading.Event(), watch, pause=0.0, paused_by_stop=True)

    def run_forever(self, stop: threading.Event) -> None:
        """Runs waiting jobs, and jobs whose runner died, turn after turn until `stop` is set. The next runner continues the current job."""
        be_nice()
        try:
            while not stop.is_set():
                try:
                    row = self._next()
                    if row is not None:
                        self._run(row, stop, None, pause=PAUSE, turn=Turn(time.monotonic()))
                        continue
                except _passing(DjangoDatabaseError, OSError, HeliographError):
                    log.exception("job_poll_failed")
                    connections.close_all()  # Django would not notice that plain SQL has lost its session, and would keep it
                stop.wait(LOOK)
        finally:
            connections.close_all()  # the thread ends, so its connections are no longer used

    def run_side_by_side(self, stop: threading.Event, *, most: int = SIDE_BY_SIDE) -> None:
        """Like `run_forever`, for jobs that mostly wait: each on its own thread, at most `most` at once."""
        self._all_seats_taken = lambda: sum(thread.is_alive() for thread in self._threads.values()) >= most
        try:
            while not stop.is_set():
                self._threads = {job: thread for job, thread in self._threads.items() if thread.is_alive()}
                try:
                    row = self._next() if len(self._threads) < most else None
                    if row is not None:
                        thread = threading.Thread(target=self._run_on_thread, args=(row, stop), name=f"job {row.pk}", daemon=True)
                        thread.start()
                        self._threads = {**self._threads, row.pk: thread}
                        continue
                except _passing(DjangoDatabaseError, OSError, HeliographError):
                    log.exception("job_poll_failed")
                    connections.close_all()  # Django would not notice that plain SQL has lost its session, and would keep it
                stop.wait(LOOK)
            for thread in self._threads.values():
                thread.join(CHUNK_LASTS)
        finally:
            connections.close_all()

    def _run_on_thread(self, row: Job, stop: threading.Event) -> None:
        be_nice()
        try:
            self._run(row, stop, None, pause=None, turn=Turn(time.monotonic()))
        except _passing(DjangoDatabaseError, OSError, HeliographError):
            log.exception("job_thread_failed", job=row.pk)  # its heartbeat stops, and another runner takes it
        finally:
            connections.close_all()

    # --- ownership

    def _next(self) -> Job | None:
        """Claims the job whose turn it is, among the jobs that can run here and wait or have lost their runner."""
        close_old_connections()
        owners.locks().hold()
        jobs, stopping = self._open_jobs()
        for job in [*stopping, *next_jobs(jobs, self._served, settings.HELIOGRAPH.jobs_running)]:
            claimed = self._claim(job, settings.HELIOGRAPH.jobs_running)
            if claimed is not None:
                self._turns += 1
                self._served[claimed.account_id] = self._turns
                return claimed
        return None

    def _open_jobs(self) -> tuple[list[OpenJob], list[int]]:
        """Jobs of these kinds that run anywhere, or that wait and can run here; and the ids of those that lost their runner while they stopped."""
        at = control.now()
        jobs: list[OpenJob] = []
        stopping: list[int] = []
        with scopes_disabled():
            for row in Job.objects.filter(state__in=control.OPEN, kind__in=list(self.kinds)).order_by("id"):
                is_running = control.is_alive(row, at) or self._has_thread(row.pk)
                if row.state == JobState.CANCELLING:
                    stopping += [] if is_running else [row.pk]
                elif is_running or self.kinds[row.kind].is_here(row):
                    jobs.append(OpenJob(row.pk, row.account_id, is_running))
        return jobs, stopping

    def _has_thread(self, job: int) -> bool:
        thread = self._threads.get(job)
        return thread is not None and thread.is_alive()

    def _claim(self, job: int, most_running: int | None = None) -> Job | None:
        """Claims the job. A failed or paused one must be resumed first.

        Returns None if another runner owns the job, if a thread of this runner still runs it, or if the bound is reached.

        most_running: the bound of running jobs of these kinds for the account; None for no bound.
        """
        if self._has_thread(job):  # after a suspension its lease is over, but the thread goes on
            return None
        with transaction.atomic(), scopes_disabled():
            row = Job.objects.select_for_update().filter(pk=job).first()
            if row is None:
                raise control.UnknownJob(f"There is no job {job}.")
            at = control.now()
            if row.owner != self.me and control.is_alive(row, at):
                return None
            if row.state not in control.OPEN:
                raise control.NotPossible(f"Job {job} is {row.state}.")
            if most_running is not None and row.state != JobState.CANCELLING:
                control.lock_account(row.account_id)
                others = Job.objects.filter(account_id=row.account_id, state=JobState.RUNNING, kind__in=list(self.kinds)).exclude(pk=job)
                if sum(control.is_alive(other, at) for other in others) >= most_running:
                    return None
            if row.state == JobState.QUEUED:
                row.state = JobState.RUNNING
            if row.heartbeat is not None and row.heartbeat < at - control.ROWS_WITHIN:
                row.rows = 0
            row.owner, row.heartbeat, row.started = self.me, at, row.started or at
            row.save(update_fields=["state", "owner", "heartbeat", "started", "rows"])
            return row

    def _gives_way(self, row: Job, turn: Turn) -> bool:
        """True if the job's turn is over and its account has more running jobs than another that waits. One job at a time gives way, since the one that
        waits needs one place."""
        now = time.monotonic()
        if not turn.is_over(now) or not self._all_seats_taken():
            return False
        with self._giving_way:
            if now < self._gave_way_at + LOOK:
                return False
            if must_give_way(self._open_jobs()[0], row.account_id, settings.HELIOGRAPH.jobs_running):
                self._gave_way_at = now
                return True
        turn.began = now  # nobody waits: another turn
        return False

    # --- running

    def _run(
        self,
        row: Job,
        stop: threading.Event,
        watch: JobObserver | None,
        *,
        pause: float | None,
        turn: Turn | None = None,
        paused_by_stop: bool = False,
    ) -> Job:
        """Runs a claimed job until it ends, or its turn does.

        pause: the pause after a chunk as a share of its duration, more beside live traffic; None: the job has its own pace.
        turn: None for a job that need not take turns, such as a command's.
        """
        log.info("job_started", job=row.pk, kind=row.kind, account=row.account_id, done=row.done)
        failures = 0
        is_first = True
        handler: Handler[Any] | None = None
        pace = None if pause is None else Pace(pause)
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
                if turn is not None and row.state == JobState.RUNNING:
                    if is_first:
                        turn.note_first_chunk(time.monotonic())
                        is_first = False
                    if self._gives_way(row, turn):
                        return self._let_go(row, paused=False, next_turn=True)
                if pace is not None:
                    stop.wait(pace.pause(time.monotonic() - began))
        except _Lost:
            log.warning("job_lost", job=row.pk)
            return control.find(row.pk)
        except HeliographError as error:
            return self._fail(row, error.sentence)
        except Exception:
            log.exception("job_crashed", job=row.pk)
            return self._fail(
                row,
                gettext_noop("Heliograph failed with an internal error; see the log. Resuming the job tries again from where it stopped."),
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
        """The job with its saved cursor. A chunk that failed may be saved nevertheless, if only the disk did not confirm its commit."""
        with scopes_disabled():
            fresh: Job | None = Job.objects.filter(pk=row.pk, owner=self.me).first()
        if fresh is None:
            raise _Lost
        return fresh

    def _save(self, row: Job, step: ChunkResult, took: float) -> Job:
        """Saves a chunk's result. Locks the job's row only now, so that a page could pause the job during the chunk."""
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
            if step.rows:
                control.check_rows(fresh.account_id, step.rows)
                fresh.rows += step.rows
            fresh.heartbeat = at
            fresh.set_error("")
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

    def _let_go(self, row: Job, *, paused: bool, next_turn: bool = False) -> Job:
        """Releases the job: it finished, was paused or cancelled, its turn is over (next_turn), or this process stops."""
        with transaction.atomic():
            fresh = self._own(row)
            if fresh is None:
                return control.find(row.pk)
            if fresh.state == JobState.CANCELLING:
                fresh.state, fresh.finished = JobState.CANCELLED, control.now()
            elif fresh.state == JobState.RUNNING and not next_turn:
                fresh.state = JobState.PAUSED if paused else JobState.QUEUED
            return self._released(fresh)

    def _put_back(self, row: Job, error: Exception) -> Job:
        """Returns the job to the queue with its error, because the database has refused for longer than the retries last (O7: it continues
        by itself)."""
        with contextlib.suppress(*_passing()), transaction.atomic():
            fresh = self._own(row)
            if fresh is not None:
                fresh.set_error(Sentence("The database refused: %(error)s", error=str(error)[:LONGEST_REFUSAL]))
                fresh.state = JobState.QUEUED if fresh.state == JobState.RUNNING else fresh.state
                return self._released(fresh)
        return row

    def _fail(self, row: Job, sentence: str) -> Job:
        with transaction.atomic():
            fresh = self._own(row)
            if fresh is None:
                return control.find(row.pk)
            fresh.state, fresh.finished = JobState.FAILED, control.now()
            fresh.set_error(sentence)
            return self._released(fresh)

    def _own(self, row: Job) -> Job | None:
        with scopes_disabled():
            own_row: Job | None = Job.objects.select_for_update().filter(pk=row.pk, owner=self.me).first()
        return own_row

    def _released(self, fresh: Job) -> Job:
        fresh.owner = ""
        with scopes_disabled():
            fresh.save(update_fields=["state", "error", "result", "finished", "owner"])
        log.info(
            "job_released", job=fresh.pk, state=fresh.state, done=fresh.done, at=fresh.finished.isoformat() if fresh.finished else None
        )
        return fresh


def _close(handler: Handler[Any] | None) -> None:
    if handler is not None:
        handler.close()
