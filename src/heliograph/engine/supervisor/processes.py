"""The processes "engine" (a worker, and the care of SQLite's write-ahead log) and "edge" (the fast door) (docs/design/processes.md)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from heliograph.collector import spare_imported
from heliograph.domain.errors import HeliographError
from heliograph.engine.stop_signals import stop_signals
from heliograph.engine.supervisor.supervisor import STOP, die_with_parent, say_ready
from heliograph.engine.supervisor.wakeup_pipe import hear
from heliograph.store import database_outages

if TYPE_CHECKING:
    from heliograph.engine.worker.worker import WorkerParts


class FolderInUse(HeliographError):
    """Another Heliograph is using this data folder. Stop it first, or set HELIOGRAPH_DATA to another folder for this one."""


@contextlib.contextmanager
def folder_lock(folder: Path, name: str, *, patience: float = 0.0) -> Iterator[None]:
    """Locks the folder while this process lives: a second process that serves the same SQLite folder is refused. Raises FolderInUse.

    patience: seconds to wait for the first process to end
    """
    file = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise FolderInUse from None
            time.sleep(0.05)
        os.pwrite(file, f"{os.getpid():<20}".encode(), 0)
        yield
    finally:
        os.close(file)


SWITCH_EVERY = 0.0002
"""Seconds after which a running thread lets another one run Python. With the default of 5 ms, libcurl's thread sends 1,600 requests a second
beside a busy thread; with this, 7,400."""
FILES = 65_536


class DoorControl(Protocol):
    """The fast door."""

    def open(self) -> None: ...
    def ask_to_close(self) -> None: ...
    def close(self) -> None: ...


def run_engine(setup: WorkerParts, listen: Callable[[Callable[[], object]], object], *, sqlite_file: Path | None = None) -> None:
    """Runs until a signal asks it to stop; for the main thread of a process that ends then. listen: subscribes a function to be called when other processes have recorded
    something. sqlite_file: the embedded database, which only this process may serve."""
    from heliograph.engine.worker.worker import Worker  # noqa: PLC0415 -- supervisor and edge do without, and without the memory of it
    from heliograph.store import wal  # noqa: PLC0415

    tune()
    die_with_parent()
    with contextlib.ExitStack() as stack:
        if sqlite_file is not None:
            # if the supervisor was killed, its engine drains for up to STOP seconds; this process may belong to the next supervisor
            stack.enter_context(folder_lock(sqlite_file.parent, "engine", patience=STOP + 2.0))
            stop = threading.Event()
            care = threading.Thread(target=wal.care, args=(sqlite_file, stop), name="wal", daemon=True)
            care.start()
            stack.callback(care.join, 5.0)
            stack.callback(stop.set)
        worker = Worker(setup, on_ready=say_ready)
        database_outages.PROCESS.report = worker.completer.counters.note_trouble
        stack.enter_context(stop_signals(worker.stop, process_ends=True))
        hear(worker.wake)
        listen(worker.wake)
        worker.run()


def run_door(make: Callable[[], DoorControl]) -> None:
    """Runs a process that only opens the door, until a signal asks it to stop; for the main thread of a process that ends then."""
    tune()
    die_with_parent()
    stop = threading.Event()
    with stop_signals(stop.set, process_ends=True):
        door = make()
        door.open()
        say_ready()
        stop.wait()
        door.ask_to_close()
        door.close()


def tune() -> None:
    """Prepares the process for many connections, and for threads that do not block each other."""
    sys.setswitchinterval(SWITCH_EVERY)
    spare_imported()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
