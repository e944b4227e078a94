"""SQLite's write gate, across threads and processes (docs/design/sqlite.md, section 2)."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.waiting import PATIENCE, until

from heliograph.store.gate import WriteGate
from heliograph.store.sqlite_database import SqliteDatabase, open_sqlite

pytestmark = pytest.mark.once

HOLDS = """
import sys
from heliograph.store.gate import WriteGate
gate = WriteGate(sys.argv[1])
gate.acquire()
print("held", flush=True)
sys.stdin.readline()
gate.release()
print("free", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the gate of tmp_path/db until it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def waiting_for(gate: WriteGate) -> tuple[threading.Thread, threading.Event]:
    """A thread that takes and releases the gate; the event is set once it has had it."""
    had = threading.Event()

    def take() -> None:
        with gate:
            had.set()

    thread = threading.Thread(target=take)
    thread.start()
    return thread, had


def test_one_process_at_a_time(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    assert WriteGate.holder(tmp_path / "db") == other.pid
    thread, had = waiting_for(WriteGate(tmp_path / "db"))
    assert not had.wait(0.2)
    other.stdin.write("go on\n")
    assert had.wait(PATIENCE)
    thread.join()
    until(lambda: WriteGate.holder(tmp_path / "db") is None)


def test_the_kernel_frees_what_a_dead_process_held(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    thread, had = waiting_for(WriteGate(tmp_path / "db"))
    assert not had.wait(0.2)
    other.kill()
    assert had.wait(PATIENCE)
    thread.join()


def test_one_thread_at_a_time_and_again_in_the_same(tmp_path: Path) -> None:
    gate = WriteGate(tmp_path / "db")
    with gate, gate:
        assert gate.is_held
        assert WriteGate.holder(tmp_path / "db") == os.getpid()
        thread, had = waiting_for(gate)
        assert not had.wait(0.2)
    assert had.wait(PATIENCE)
    thread.join()
    assert not gate.is_held


def test_gates_and_threads_that_are_gone_leave_no_file_open(tmp_path: Path) -> None:
    gate = WriteGate(tmp_path / "db")
    with gate:
        pass
    gc.collect()
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with WriteGate(tmp_path / "db"):
            pass
        waiting_for(gate)[0].join()
    gc.collect()
    assert len(list(Path("/dev/fd").iterdir())) <= before
    with gate:  # its own thread's files still belong to it
        assert WriteGate.holder(tmp_path / "db") == os.getpid()


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
    write(db, 3)  # and waits for the gate again
    assert db.all("SELECT n FROM t") == [(0,), (1,), (2,), (3,)]
    db.close()
    outsider.close()
