"""SQLite's write lock, across threads and processes (docs/design/sqlite.md, section 2)."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.waiting import PATIENCE, until

from heliograph.store.sqlite_database import SqliteDatabase, open_sqlite
from heliograph.store.write_lock import WriteLock

pytestmark = pytest.mark.once

HOLDS = """
import sys
from heliograph.store.write_lock import WriteLock
write_lock = WriteLock(sys.argv[1])
write_lock.acquire()
print("held", flush=True)
sys.stdin.readline()
write_lock.release()
print("free", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the write lock of tmp_path/db until it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def waiting_for(write_lock: WriteLock) -> tuple[threading.Thread, threading.Event]:
    """A thread that takes and releases the write lock; the event is set once it has had it."""
    had = threading.Event()

    def take() -> None:
        with write_lock:
            had.set()

    thread = threading.Thread(target=take)
    thread.start()
    return thread, had


def test_one_process_at_a_time(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    assert WriteLock.holder(tmp_path / "db") == other.pid
    thread, had = waiting_for(WriteLock(tmp_path / "db"))
    assert not had.wait(0.2)
    other.stdin.write("go on\n")
    assert had.wait(PATIENCE)
    thread.join()
    until(lambda: WriteLock.holder(tmp_path / "db") is None)


def test_the_kernel_frees_what_a_dead_process_held(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    thread, had = waiting_for(WriteLock(tmp_path / "db"))
    assert not had.wait(0.2)
    other.kill()
    assert had.wait(PATIENCE)
    thread.join()


def test_one_thread_at_a_time_and_again_in_the_same(tmp_path: Path) -> None:
    write_lock = WriteLock(tmp_path / "db")
    with write_lock, write_lock:
        assert write_lock.is_held
        assert WriteLock.holder(tmp_path / "db") == os.getpid()
        thread, had = waiting_for(write_lock)
        assert not had.wait(0.2)
    assert had.wait(PATIENCE)
    thread.join()
    assert not write_lock.is_held


def test_gates_and_threads_that_are_gone_leave_no_file_open(tmp_path: Path) -> None:
    write_lock = WriteLock(tmp_path / "db")
    with write_lock:
        pass
    gc.collect()
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with WriteLock(tmp_path / "db"):
            pass
        waiting_for(write_lock)[0].join()
    gc.collect()
    assert len(list(Path("/dev/fd").iterdir())) <= before
    with write_lock:  # its own thread's files still belong to it
        assert WriteLock.holder(tmp_path / "db") == os.getpid()


def test_a_thread_writes_behind_the_gate_that_another_one_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "heliograph.db"
    db, outsider = open_sqlite(path), open_sqlite(path)
    db.run("CREATE TABLE t (n)")

    def write(connection: SqliteDatabase, n: int) -> None:
        with connection.transaction():
            connection.run("INSERT INTO t VALUES (:n)", {"n": n})

    with db.admitted():
        waits = threading.Thread(target=write, args=(outsider, 2))
        waits.start()
        for n in (0, 1):
            does = threading.Thread(target=write, args=(db, n))
            does.start()
            does.join(PATIENCE)
            assert not does.is_alive()
        assert db.all("SELECT n FROM t") == [(0,), (1,)]
        assert waits.is_alive()
    waits.join(PATIENCE)
    write(db, 3)  # and waits for the write lock again
    assert db.all("SELECT n FROM t") == [(0,), (1,), (2,), (3,)]
    db.close()
    outsider.close()
