"""The runner of jobs: each chunk and its cursor are saved together or not at all, whoever runs the job and however that ends."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django_scopes import scopes_disabled
from tests.waiting import until

from heliograph.accounts.models import Account
from heliograph.jobs import control, runner
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import ChunkResult, JobError, JobKind, JobKinds, UnknownKind
from heliograph.jobs.runner import Runner, Taken

pytestmark = pytest.mark.django_db(transaction=True)
CHUNKS = 6


@pytest.fixture(autouse=True)
def no_scope(monkeypatch):
    monkeypatch.setattr(runner, "be_nice", lambda: None)  # the thread belongs to the tests
    with scopes_disabled():
        yield


@pytest.fixture
def account():
    return Account.objects.create(code="ACME", name="Acme")


class Counting:
    """Writes one line per chunk into a table (accounts' names serve) and counts; `trouble` says when to raise."""

    def __init__(self, job, trouble=None):
        self.at = job.cursor.get("at", 0)
        self.job = job
        self.trouble = trouble or (lambda at: None)
        self.closed = False

    def read(self):
        return self.at + 1

    def write(self, db, chunk):
        db.run("UPDATE accounts_account SET name = name || :mark WHERE id = :id", {"mark": f" {chunk}", "id": self.job.account_id})
        self.trouble(chunk)
        self.at = chunk
        return ChunkResult(
            {"at": chunk}, done=chunk * 500, total=CHUNKS * 500, counts={"rows": chunk * 500}, phase="counting", finished=chunk == CHUNKS
        )

    def close(self):
        self.closed = True


def counting(trouble=None, **more):
    return JobKinds([JobKind("count", lambda job: Counting(job, trouble), **more)])


def marks(account):
    account.refresh_from_db()
    return account.name.split()[1:]


EVERY = [str(n) for n in range(1, CHUNKS + 1)]


def test_a_job_runs_to_its_end_and_says_how_far_it_is(account):
    job = control.create("count", account.pk, {}, by="user:1")
    seen = []
    ended = Runner(counting()).run_one(job.pk, watch=lambda row: seen.append((row.done, row.total, row.state)))
    assert ended.state == JobState.DONE
    assert ended.counts == {"rows": 3000}
    assert ended.finished is not None
    assert ended.owner == ""
    assert seen == [(n * 500, 3000, JobState.DONE if n == CHUNKS else JobState.RUNNING) for n in range(1, CHUNKS + 1)]
    assert marks(account) == EVERY


def test_time_left_follows_from_the_rate():
    job = Job(state=JobState.RUNNING, owner="a runner", done=1000, total=3000, rate=100.0)
    assert job.time_left == timedelta(seconds=20)
    assert Job(state=JobState.RUNNING, owner="a runner", done=1000, total=None, rate=100.0).time_left is None
    assert Job(state=JobState.RUNNING, done=1000, total=3000, rate=100.0).time_left is None, "it waits for its next turn"
    assert Job(state=JobState.PAUSED, done=1000, total=3000, rate=100.0).time_left is None


def test_a_chunk_and_its_cursor_are_one_transaction(account):
    """A chunk that raises leaves neither its work nor its cursor; resuming runs it once."""
    broken = {3}

    def trouble(chunk):
        if chunk in broken:
            raise JobError("The file is gone.")

    job = control.create("count", account.pk, {}, by="cli")
    ended = Runner(counting(trouble)).run_one(job.pk)
    assert (ended.state, ended.error, ended.cursor) == (JobState.FAILED, "The file is gone.", {"at": 2})
    assert marks(account) == ["1", "2"]
    broken.clear()
    control.resume(job.pk)
    assert Runner(counting(trouble)).run_one(job.pk).state == JobState.DONE
    assert marks(account) == EVERY


def test_what_is_no_error_of_ours_is_not_shown_to_people(account):
    def trouble(chunk):
        raise ZeroDivisionError("secret detail")

    job = control.create("count", account.pk, {}, by="cli")
    ended = Runner(counting(trouble)).run_one(job.pk)
    assert ended.state == JobState.FAILED
    assert "secret" not in ended.error
    assert "internal error" in ended.error


def test_a_refusing_database_is_asked_again(account, monkeypatch):
    monkeypatch.setattr(runner, "PATIENCE", (0.0, 0.0))
    left = [sqlite3.OperationalError("database is locked"), sqlite3.OperationalError("database is locked")]

    def trouble(chunk):
        if chunk == 2 and left:
            raise left.pop()

    job = control.create("count", account.pk, {}, by="cli")
    assert Runner(counting(trouble)).run_one(job.pk).state == JobState.DONE
    assert marks(account) == EVERY


def test_O7_a_database_that_keeps_refusing_leaves_the_job_waiting(account, monkeypatch):
    monkeypatch.setattr(runner, "PATIENCE", (0.0, 0.0))

    def trouble(chunk):
        if chunk == 2:
            raise sqlite3.OperationalError("database or disk is full")

    job = control.create("count", account.pk, {}, by="cli")
    ended = Runner(counting(trouble)).run_one(job.pk)
    assert (ended.state, ended.owner) == (JobState.QUEUED, "")
    assert "disk is full" in ended.error
    assert Runner(counting()).run_one(job.pk).state == JobState.DONE
    assert marks(account) == EVERY


def test_pause_ends_after_the_chunk_in_hand_and_resume_goes_on(account):
    job = control.create("count", account.pk, {}, by="cli")
    ended = Runner(counting()).run_one(job.pk, watch=lambda row: row.done == 1000 and control.pause(row.pk))
    # the pause came between chunks: the third one still saves, and notices it
    assert ended.state == JobState.PAUSED
    assert ended.owner == ""
    assert marks(account) == ["1", "2", "3"]
    with pytest.raises(control.NotPossible, match="paused"):
        Runner(counting()).run_one(job.pk)
    control.resume(job.pk)
    assert Runner(counting()).run_one(job.pk).state == JobState.DONE
    assert marks(account) == EVERY


def test_paused_and_resumed_within_one_chunk_simply_goes_on(account):
    job = control.create("count", account.pk, {}, by="cli")

    def there_and_back(row):
        if row.done == 1000:
            control.pause(row.pk)
            control.resume(row.pk)

    assert Runner(counting()).run_one(job.pk, watch=there_and_back).state == JobState.DONE
    assert marks(account) == EVERY


def test_cancel_keeps_what_is_done(account):
    job = control.create("count", account.pk, {}, by="cli")
    ended = Runner(counting()).run_one(job.pk, watch=lambda row: row.done == 1000 and control.cancel(row.pk))
    assert ended.state == JobState.CANCELLED
    assert ended.finished is not None
    assert marks(account) == ["1", "2", "3"]
    with pytest.raises(control.NotPossible):
        control.resume(job.pk)


def test_cancelling_a_job_that_nobody_runs_ends_it_at_once(account):
    job = control.create("count", account.pk, {}, by="cli")
    assert control.cancel(job.pk).state == JobState.CANCELLED
    assert Job.objects.get(pk=job.pk).finished is not None


def test_stop_pauses_a_command_s_job(account):
    job = control.create("count", account.pk, {}, by="cli")
    stop = threading.Event()
    ended = Runner(counting()).run_one(job.pk, stop=stop, watch=lambda row: row.done == 1000 and stop.set())
    assert (ended.state, ended.cursor) == (JobState.PAUSED, {"at": 2})


def test_only_one_runner_has_a_job(account):
    job = control.create("count", account.pk, {}, by="cli", owner="somebody else")
    with pytest.raises(Taken):
        Runner(counting()).run_one(job.pk)


def test_the_job_of_a_dead_runner_is_taken_over(account):
    job = control.create("count", account.pk, {}, by="cli", owner="dead")
    Job.objects.filter(pk=job.pk).update(heartbeat=control.now() - control.LEASE * 2, cursor={"at": 2}, done=1000)
    assert Runner(counting()).run_one(job.pk).state == JobState.DONE
    assert marks(account) == EVERY[2:]


def test_a_runner_that_slept_through_its_lease_saves_nothing(account):
    job = control.create("count", account.pk, {}, by="cli")

    def taken_over(chunk):
        if chunk == 3:
            Job.objects.filter(pk=job.pk).update(owner="another", heartbeat=control.now())

    ended = Runner(counting(taken_over)).run_one(job.pk)
    # the take-over is part of the rolled back transaction in this test; what counts is that chunk 3 left nothing
    assert ended.cursor == {"at": 2}
    assert marks(account) == ["1", "2"]


def test_run_forever_takes_waiting_and_orphaned_jobs_and_passes_over_those_of_other_machines(account, monkeypatch):
    monkeypatch.setattr(runner, "LOOK", 0.01)
    waiting = control.create("count", account.pk, {}, by="user:1")
    orphan = control.create("count", account.pk, {}, by="cli", owner="dead")
    Job.objects.filter(pk=orphan.pk).update(heartbeat=control.now() - control.LEASE * 2)
    elsewhere = control.create("count", account.pk, {"machine": "other"}, by="cli")
    unknown = control.create("from a newer release", account.pk, {}, by="cli")
    stop = threading.Event()

    def work():
        try:
            Runner(counting(is_here=lambda job: job.parameters.get("machine") != "other")).run_forever(stop)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        until(lambda: Job.objects.filter(pk__in=(waiting.pk, orphan.pk), state=JobState.DONE).count() == 2)
    finally:
        stop.set()
        thread.join()
    assert set(Job.objects.filter(pk__in=(elsewhere.pk, unknown.pk)).values_list("state", flat=True)) == {JobState.QUEUED}


def test_a_stopping_service_leaves_its_job_waiting_for_the_next(account):
    job = control.create("count", account.pk, {}, by="user:1")
    stop = threading.Event()

    def trouble(chunk):
        if chunk == 2:
            stop.set()

    Runner(counting(trouble)).run_forever(stop)
    row = Job.objects.get(pk=job.pk)
    assert (row.state, row.owner, row.cursor) == (JobState.QUEUED, "", {"at": 2})


def test_jobs_of_another_account_do_not_exist(account):
    other = Account.objects.create(code="OTHER", name="Other")
    job = control.create("count", account.pk, {}, by="cli")
    for act in (control.pause, control.resume, control.cancel, control.find):
        with pytest.raises(control.UnknownJob):
            act(job.pk, other.pk)


def test_an_unknown_kind_says_so(account):
    job = control.create("newer", account.pk, {}, by="cli")
    ended = Runner(counting()).run_one(job.pk)
    assert ended.state == JobState.FAILED
    assert "newer release" in ended.error
    with pytest.raises(UnknownKind):
        counting()["newer"]
