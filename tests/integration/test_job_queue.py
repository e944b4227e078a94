"""Jobs of one account never stop those of another: turns and bounds; a dead owner's jobs go on at once."""

from __future__ import annotations

import fcntl
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django_scopes import scopes_disabled
from tests.databases import DatabaseFacts
from tests.waiting import until

from heliograph.accounts.models import Account
from heliograph.domain.errors import TooMuchWork
from heliograph.jobs import control, owners, runner
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import how_far
from heliograph.jobs.registry import ChunkResult, JobKind, JobKinds
from heliograph.jobs.runner import Runner
from heliograph.store.database import Database

pytestmark = pytest.mark.django_db(transaction=True)
BY = "user:1"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runner, "be_nice", lambda: None)  # the thread belongs to the tests
    monkeypatch.setattr(runner, "LOOK", 0.01)
    monkeypatch.setattr(runner, "TURN", 0.02)
    with scopes_disabled():
        yield


@pytest.fixture
def acme() -> Account:
    return Account.objects.create(code="ACME", name="Acme")


@pytest.fixture
def globex() -> Account:
    return Account.objects.create(code="GLOBEX", name="Globex")


class Steps:
    """Counts up to parameters["chunks"], a row a chunk, and notes each chunk as (job, number)."""

    noted: list[tuple[int, int]]
    free: threading.Event

    def __init__(self, job: Job) -> None:
        self.job, self.at = job, int(job.cursor.get("at", 0))

    def read(self) -> int:
        return self.at + 1

    def write(self, db: Database, chunk: int) -> ChunkResult:
        self.at = chunk
        self.noted.append((self.job.pk, chunk))
        rows = int(self.job.parameters.get("leaves_rows", 0))
        return ChunkResult({"at": chunk}, chunk, finished=chunk == self.job.parameters["chunks"], rows=rows)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def steps() -> type[Steps]:
    class Noted(Steps):
        noted: list[tuple[int, int]] = []
        free = threading.Event()

    return Noted


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()

    def work() -> None:
        try:
            run(stop)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def kinds(handler: Callable[[Job], Any]) -> JobKinds:
    return JobKinds([JobKind("steps", handler)])


def create(account: Account, chunks: int = 3, **more: Any) -> Job:
    return control.create("steps", account.pk, {"chunks": chunks} | more, by=BY, rows=0 if more.get("leaves_rows") else None)


def state(job: Job) -> str:
    return str(Job.objects.get(pk=job.pk).state)


def bounded(settings: Any, **bounds: int) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update=bounds)


# --- turns


def test_O9_an_account_with_endless_jobs_does_not_keep_another_waiting(acme: Account, globex: Account, steps: type[Steps]) -> None:
    endless = [create(acme, 1_000_000) for _ in range(5)]
    with running(Runner(kinds(steps)).run_forever):
        until(lambda: steps.noted)
        small = create(globex, 3)
        until(lambda: state(small) == JobState.DONE)
        seen = len(steps.noted)
        until(lambda: any(job == endless[0].pk for job, _chunk in steps.noted[seen:]))
    assert {state(job) for job in endless} == {JobState.QUEUED}
    for job in {job for job, _chunk in steps.noted}:
        chunks = [chunk for each, chunk in steps.noted if each == job]
        assert chunks == list(range(1, len(chunks) + 1)), "a turn goes on where the last one ended"


def test_O9_a_job_between_two_turns_says_how_far_it_is_and_that_it_waits(acme: Account, globex: Account, steps: type[Steps]) -> None:
    jobs = [create(account, 1_000_000) for account in (acme, globex)]
    with running(Runner(kinds(steps)).run_forever):
        until(lambda: {job for job, _chunk in steps.noted} == {job.pk for job in jobs})
    waiting = [job for job in (control.find(job.pk) for job in jobs) if job.state == JobState.RUNNING]
    assert waiting, "the other one has its turn when the runner stops"
    for job in waiting:
        assert job.is_waiting
        assert how_far(job) == f"{job.done:,}. It is next in this account. Accounts take turns."


def test_O9_a_job_between_two_turns_can_be_stopped_at_once(acme: Account, steps: type[Steps]) -> None:
    job = create(acme)
    claimed = Runner(kinds(steps))._claim(job.pk)
    assert claimed is not None
    Job.objects.filter(pk=job.pk).update(owner="")
    assert control.cancel(job.pk).state == JobState.CANCELLED, "nobody has to let it go"


def test_O9_jobs_that_mostly_wait_leave_a_place_to_other_accounts(acme: Account, globex: Account, steps: type[Steps]) -> None:
    many = [create(acme, 1_000_000) for _ in range(6)]
    with running(lambda stop: Runner(kinds(steps)).run_side_by_side(stop, most=3)):
        until(lambda: Job.objects.filter(pk__in=[job.pk for job in many], state=JobState.RUNNING).exclude(owner="").count() == 3)
        other = create(globex, 5)
        until(lambda: state(other) == JobState.DONE)


def test_O9_a_job_whose_lease_ran_out_in_a_suspension_is_not_run_twice_by_its_runner(acme: Account, steps: type[Steps]) -> None:
    opened: list[int] = []
    others_ended = threading.Event()

    class Waiting(Steps):
        noted = steps.noted

        def __init__(self, job: Job) -> None:
            super().__init__(job)
            opened.append(job.pk)

        def read(self) -> int:
            if self.job.pk == slow.pk and self.at == 1:
                others_ended.wait(60)
            return super().read()

    slow = create(acme)
    with running(Runner(kinds(Waiting)).run_side_by_side):
        try:
            until(lambda: steps.noted)
            Job.objects.filter(pk=slow.pk).update(heartbeat=control.now() - control.LEASE * 2)
            later = [create(acme), create(acme)]
            until(lambda: all(state(job) == JobState.DONE for job in later))
        finally:
            others_ended.set()
        until(lambda: state(slow) == JobState.DONE)
    assert opened == [job.pk for job in (slow, *later)]
    assert [chunk for job, chunk in steps.noted if job == slow.pk] == [1, 2, 3]


# --- bounds


def test_O9_no_more_jobs_of_an_account_run_at_once_than_may(acme: Account, globex: Account, steps: type[Steps], settings: Any) -> None:
    bounded(settings, jobs_running=2)
    many = [create(acme, 1_000_000) for _ in range(4)]
    with (
        running(lambda stop: Runner(kinds(steps)).run_side_by_side(stop)),
        running(lambda stop: Runner(kinds(steps)).run_side_by_side(stop)),
    ):
        other = create(globex)
        until(lambda: state(other) == JobState.DONE)
        assert {job for job, _chunk in steps.noted} - {other.pk} <= {job.pk for job in many[:2]}


def test_O9_an_account_has_a_bounded_number_of_open_jobs_and_is_told_what_to_do(acme: Account, globex: Account, settings: Any) -> None:
    bounded(settings, jobs_waiting=3)
    first, *_others = [create(acme) for _ in range(3)]
    with pytest.raises(TooMuchWork, match=r"3 jobs of this account wait or run.* Wait until one has ended, or stop one"):
        create(acme)
    create(globex)
    control.pause(first.pk)
    create(acme)
    with pytest.raises(TooMuchWork):
        control.resume(first.pk)
    assert state(first) == JobState.PAUSED
    control.create("steps", acme.pk, {"chunks": 1}, by="command", owner="a command runs it at once")


def test_O9_a_command_goes_on_with_its_job_in_an_account_that_has_as_many_as_it_may(
    acme: Account, steps: type[Steps], settings: Any
) -> None:
    bounded(settings, jobs_waiting=1)
    paused = create(acme)
    control.pause(paused.pk)
    create(acme)
    command = Runner(kinds(steps))
    control.resume(paused.pk, owner=command.me)
    assert command.run_one(paused.pk).state == JobState.DONE


def test_O9_the_rows_that_jobs_of_an_account_leave_are_bounded(acme: Account, globex: Account, steps: type[Steps], settings: Any) -> None:
    bounded(settings, jobs_rows=10)
    ended = Runner(kinds(steps)).run_one(create(acme, 100, leaves_rows=1).pk)
    assert (ended.state, ended.rows, ended.cursor) == (JobState.FAILED, 10, {"at": 10})
    assert "may create 10 rows within 24 hours" in ended.error
    with pytest.raises(TooMuchWork):
        create(acme, 1, leaves_rows=1)
    assert Runner(kinds(steps)).run_one(create(acme, 30).pk).state == JobState.DONE, "other kinds leave nothing"
    assert Runner(kinds(steps)).run_one(create(globex, 10, leaves_rows=1).pk).state == JobState.DONE
    Job.objects.filter(account=acme).update(heartbeat=control.now() - control.ROWS_WITHIN - timedelta(seconds=1))
    control.resume(ended.pk)
    assert Runner(kinds(steps)).run_one(ended.pk).cursor == {"at": 20}, "a day later it goes on"


def test_O9_a_waiting_job_says_where_in_the_queue_it_is(acme: Account, globex: Account) -> None:
    first, second, third = [create(acme) for _ in range(3)]
    assert [control.place(job) for job in (first, third)] == [control.QueuePlace(0, others=False), control.QueuePlace(2, others=False)]
    create(globex)
    assert control.place(second) == control.QueuePlace(1, others=True)
    control.cancel(first.pk)
    assert control.place(second).ahead == 0
    control.create("slow", acme.pk, {}, by=BY, is_paced=True)
    assert control.place(third).ahead == 1, "what mostly waits has a queue of its own"


# --- dead owners

RUNS_UNTIL_KILLED = """
import sys
import django
django.setup()
from heliograph.jobs.registry import ChunkResult, JobKind, JobKinds
from heliograph.jobs.runner import Runner

class Steps:
    def __init__(self, job): self.at = job.cursor.get("at", 0)
    def read(self): return self.at + 1
    def write(self, db, chunk):
        if chunk == 3:
            print("third chunk", flush=True)
            sys.stdin.read()
        self.at = chunk
        return ChunkResult({"at": chunk}, chunk)
    def close(self): pass

Runner(JobKinds([JobKind("steps", Steps)])).run_one(int(sys.argv[1]))
"""


@contextmanager
def in_another_process(job: Job, database: DatabaseFacts) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs the job and stays in its third chunk."""
    env = database.env(DJANGO_SETTINGS_MODULE="heliograph.settings")
    with subprocess.Popen(
        [sys.executable, "-c", RUNS_UNTIL_KILLED, str(job.pk)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert any(line == b"third chunk\n" for line in process.stdout)
            yield process
        finally:
            process.kill()


def test_O9_a_job_of_a_process_that_was_killed_goes_on_at_once(
    acme: Account, steps: type[Steps], database: DatabaseFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LEASE", timedelta(days=1))  # so that only the owner's death lets anybody else have the job
    job = create(acme, 5)
    with in_another_process(job, database) as process:
        owner = Job.objects.get(pk=job.pk).owner
        assert not owners.is_dead(owner)
        assert control.is_alive(control.find(job.pk), control.now())
        process.send_signal(signal.SIGSTOP)  # a process that only hangs still owns its job
        assert not owners.is_dead(owner)
        process.kill()
        process.wait()
    with running(Runner(kinds(steps)).run_forever):
        until(lambda: state(job) == JobState.DONE)
    assert steps.noted == [(job.pk, 3), (job.pk, 4), (job.pk, 5)]


def test_O9_a_stop_is_not_kept_waiting_by_a_dead_owner(acme: Account, database: DatabaseFacts) -> None:
    job = create(acme, 5)
    with in_another_process(job, database) as process:
        process.kill()
        process.wait()
        until(lambda: owners.is_dead(Job.objects.get(pk=job.pk).owner))
        assert control.cancel(job.pk).state == JobState.CANCELLED


def test_O9_owners_that_hold_no_lock_are_known_by_their_lease_alone() -> None:
    assert not owners.is_dead("old-machine:7:1f2e3d4c")
    assert not owners.is_dead("")
    owners.locks().hold()
    assert not owners.is_dead(owners.new_owner())
    assert owners.is_dead("machine:7:lock-00000001:1")


def test_O9_a_machine_may_be_called_like_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "lock-smith")
    owners.locks().hold()
    assert not owners.is_dead(owners.new_owner())
    assert owners.is_dead("lock-smith:7:lock-00000001:1")
    assert not owners.is_dead("lock-smith:7:1f2e3d4c")


# --- locks that cannot be taken


class CountedLocks(owners.FileLocks):
    """Counts how often somebody wanted the lock."""

    calls = 0

    def hold(self) -> None:
        self.calls += 1
        super().hold()


@pytest.mark.parametrize("run", [Runner.run_forever, Runner.run_side_by_side])
def test_O7_a_lock_that_cannot_be_taken_stops_no_runner_for_good(
    acme: Account,
    steps: type[Steps],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[Runner, threading.Event], None],
) -> None:
    obstacle = tmp_path / "owners"
    obstacle.write_text("a file where the folder belongs")
    locks = CountedLocks(obstacle, owners._key())
    job = create(acme)
    monkeypatch.setattr(owners, "locks", lambda: locks)
    with running(lambda stop: run(Runner(kinds(steps)), stop)):
        until(lambda: locks.calls > 2)
        assert state(job) == JobState.QUEUED
        obstacle.unlink()
        until(lambda: state(job) == JobState.DONE)


def test_O9_an_owner_whose_lock_failed_once_is_alive_after_the_next_try(tmp_path: Path) -> None:
    locks, others = owners.FileLocks(tmp_path, "0000000a"), owners.FileLocks(tmp_path, "0000000b")
    obstacle = tmp_path / "0000000a" / "folder"
    obstacle.mkdir(parents=True)
    with pytest.raises(OSError, match="0000000a"):
        locks.hold()
    with (tmp_path / "new-0000000a").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it: the failure left nothing open
    obstacle.rmdir()
    obstacle.parent.rmdir()
    locks.hold()
    assert not others.is_free("0000000a")


def test_O9_an_owner_of_whom_nothing_can_be_known_is_not_dead(tmp_path: Path) -> None:
    (tmp_path / "0000000a").mkdir()
    assert not owners.FileLocks(tmp_path, "0000000b").is_free("0000000a")
    assert owners.FileLocks(tmp_path, "0000000b").is_free("0000000c")


def test_O9_the_files_of_dead_owners_do_not_pile_up(tmp_path: Path) -> None:
    alive = owners.FileLocks(tmp_path, "0000000a")
    alive.hold()
    for name in ("0000000b", "0000000c", "new-0000000d"):
        (tmp_path / name).touch()
    owners.FileLocks(tmp_path, "0000000e").hold()
    assert {path.name for path in tmp_path.iterdir()} == {"0000000a", "0000000e", "new-0000000d"}
    assert not owners.FileLocks(tmp_path, "0000000f").is_free("0000000a")
