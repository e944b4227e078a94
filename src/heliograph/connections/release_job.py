"""The job that releases what a paused connection held, at a chosen rate (C8; ARCHITECTURE.md, rule 6).

The worker keeps the rate, like every limit. Each second the job renews a permission to send that lasts LEAVE, and counts the requests. Once
nothing is held any more, it opens the connection. If the job is killed, paused or cancelled, the permission runs out and the connection pauses
again. A resumed job continues counting where it was.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.db import connections
from django_scopes import scopes_disabled

from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.store import connection_states
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

KIND = "release"
EVERY = 1.0
"""Seconds between two chunks of the job."""
LEAVE = 5_000_000
"""Microseconds for which the worker may send without a renewal by the job."""
SETTLED = 30_000_000
"""Microseconds after which every attempt that began has its row."""
COUNTING = 0.02
"""The share of the job's time that counting due actions may take."""


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, Releasing)


def waiting_jobs(account: int) -> dict[int, Job]:
    """The releases of an account that wait in the queue of jobs, by connection."""
    with scopes_disabled():
        jobs = Job.objects.filter(account_id=account, kind=KIND, state__in=(JobState.QUEUED, JobState.RUNNING))
        return {int(job.parameters["connection"]): job for job in jobs if job.is_waiting}


class Releasing:
    """One run of a release. The job's cursor holds:

    since         when the release began, in microseconds
    counted       the attempts since then, up to counted_to
    counted_to    the instant up to which attempts are counted, in microseconds
    left          the actions that were due when they were last counted
    """

    def __init__(self, job: Job) -> None:
        self._account, self._connection = job.account_id, int(job.parameters["connection"])
        self._cursor: dict[str, Any] = dict(job.cursor)
        self._waited = threading.Event()  # never set: used only to wait
        self._first = True
        self._count_again = 0.0

    def read(self) -> tuple[int, int]:
        """The requests since the release began, and the actions that are still due.

        The job calls it outside of the writing transaction, because it may read many rows.
        """
        if not self._first:
            self._waited.wait(EVERY)
        self._first = False
        db = of_django(connections["default"])
        now = db.now()
        cursor = self._cursor = {"since": now, "counted": 0, "counted_to": now, "left": None} | self._cursor
        until = now - SETTLED
        if until > cursor["counted_to"]:
            cursor["counted"] += connection_states.attempts_between(db, self._connection, cursor["counted_to"], until)
            cursor["counted_to"] = until
        done = self._sent(db, now)
        began = time.monotonic()
        if cursor["left"] is None or began >= self._count_again:
            cursor["left"] = connection_states.due_actions(db, self._connection, now)
            self._count_again = time.monotonic() + (time.monotonic() - began) / COUNTING
        return done, cursor["left"]

    def write(self, db: Database, chunk: tuple[int, int]) -> ChunkResult:
        """Renews the permission to send, or ends the release if nothing is due or somebody else changed the connection's state."""
        done, left = chunk
        state, why = connection_states.state_of(db, self._account, self._connection)
        if not state.paused or state.release_rate is None:  # resumed, paused anew, or stopped by a 410
            return ChunkResult(self._cursor, done, done + left, result={"paused": state.paused, "why": why}, finished=True)
        if not connection_states.is_anything_due(db, self._connection, db.now()):
            connection_states.resume(db, self._account, self._connection)
            done = self._sent(db, db.now())  # the last ones may have been settled since they were counted
            return ChunkResult(self._cursor, done, done, result={"paused": False, "why": ""}, finished=True)
        connection_states.renew(db, self._account, self._connection, db.now() + LEAVE)
        return ChunkResult(self._cursor, done, done + left)

    def _sent(self, db: Database, now: int) -> int:
        """Requests since the release began."""
        ahead = now + LEAVE  # a worker's clock may be ahead of the database's
        uncounted = connection_states.attempts_between(db, self._connection, self._cursor["counted_to"], ahead)
        return int(self._cursor["counted"]) + uncounted

    def close(self) -> None:
        """Does nothing: nothing is open."""
