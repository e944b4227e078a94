r"""A small parent that keeps its children running (docs/design/processes.md, section 1).

    start --ready--> running --dies, or is killed since it shows no life--> wait a little, longer each time --> start again
                        \--asked to stop--> drain, at most STOP seconds --> exit

It does no work of its own except to report its children's state, so little can kill it. When it dies, a pipe closes; its children notice
that and exit.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import structlog

from heliograph.engine.counters import COUNTERS, SIGNS_OF_LIFE, SIZE, ProcessCounters
from heliograph.engine.exit_status import FATAL
from heliograph.engine.supervisor.installation_status import RUNNING
from heliograph.engine.supervisor.service_manager import ServiceManager
from heliograph.engine.supervisor.wakeup_pipe import Bell
from heliograph.store import database_outages
from heliograph.store.outage_record import OUTAGE, OutageRecord, outage_file
from heliograph.store.write_lock import Holder

log = structlog.get_logger(__name__)

STOP: Final = 10.0
"""Seconds between the request to stop and killing what is left."""
SHORTEST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
HEALTHY_AFTER: Final = 60.0
LOOK_EVERY: Final = 0.2
SHOW_LIFE_EVERY: Final = 1.0
"""Seconds between two signs of life of a child. A thread of its own shows them, so a child that only waits for the database, or whose threads are all
busy, shows life; one that is stopped, or in which no thread can run, does not."""
SILENT_AFTER: Final = 25
"""Looks in a row without a sign of life after which a child counts as silent: about 5 seconds. Looks are counted and not seconds, because a machine
that stood still has stopped parent and child alike."""
KILLED_AFTER: Final = 150
"""The same, after which it is killed and started again: about 30 seconds, the lease of its slots."""

PARENT: Final = "HELIOGRAPH_PARENT_PIPE"
READY: Final = "HELIOGRAPH_READY_PIPE"


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running. before: run by the parent before every start; if it raises, the start is tried again later. nice: lowers
    its priority."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    nice: int = 0


def _counters_file() -> IO[bytes]:
    """An unnamed file for the counters of one process. All of its starts add to the same counters.

    It is written now: with holes, a process that counts would die (SIGBUS) if the disk is full by then.
    """
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- the supervisor closes it at its end
    file.write(bytes(SIZE))
    return file


@dataclass(slots=True)
class _RunningChild:
    """A child, its process and its history."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    ready_pipe: int = -1
    counters: IO[bytes] = field(default_factory=_counters_file)
    ready: bool = False
    started: float = 0.0
    pause: float = 0.0
    start_at: float = 0.0
    signs_of_life: int = 0
    looks_without_life: int = 0


class Supervisor:
    """Runs children until it is asked to stop.

    holder: returns the process that holds SQLite's write lock, if any; a child that holds it too long is killed
    manager: learns that all children are ready, that this loop still turns, and that it stops
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_ready: Callable[[], None] | None = None,
        holder: Callable[[], Holder | None] | None = None,
        longest_hold: float = 10.0,
        manager: ServiceManager | None = None,
    ) -> None:
        self._manager = manager or ServiceManager({})
        self._children = [_RunningChild(child) for child in children]
        self._on_ready, self._holder, self._longest_hold = on_ready, holder, longest_hold
        self._said_ready = False
        self._wake = threading.Event()
        self._stopping = self._over = False
        self._status = 0
        self._lock_held: tuple[Holder | None, float] = (None, 0.0)
        self._parent_read, self._parent_write = os.pipe()
        self._bell = Bell()
        self._outage = outage_file()
        database_outages.PROCESS.record = OutageRecord(self._outage.fileno())

    def run(self) -> int:
        """Runs until `stop` is called, or until a child exits with FATAL. Returns the exit status."""
        try:
            while not self._stopping:
                for each in self._children:
                    self._look(each)
                if not self._said_ready and all(each.ready for each in self._children):
                    self._said_ready = True
                    if self._on_ready:
                        self._on_ready()
                    self._manager.mark_ready()
                self._watch_write_lock()
                self._manager.mark_alive(self.states())
                database_outages.PROCESS.say_end()  # whoever has met it may have died
                self._wake.wait(LOOK_EVERY)
            self._manager.mark_stopping()
            self._drain()
        finally:
            for each in self._children:
                if each.process is not None and each.process.poll() is None:
                    each.process.kill()
                    each.process.wait()
            os.close(self._parent_read)
            os.close(self._parent_write)
            self._bell.close()
            self._over = True
            database_outages.PROCESS.record = OutageRecord()
            self._outage.close()
            for each in self._children:
                each.counters.close()
        return self._status

    def stop(self) -> None:
        """Asks it to stop; from any thread, but not from a signal handler (heliograph.engine.stop_signals)."""
        self._stopping = True
        self._wake.set()

    def processes(self) -> dict[str, int | None]:
        """Process ids by name, None for processes that are not running."""
        return {k.child.name: k.process.pid if k.process is not None and k.process.poll() is None else None for k in self._children}

    def states(self) -> dict[str, str]:
        """The state of each process: running, silent (it shows no life), starting, resting (it died) or stopping. Callable from any thread."""
        return {each.child.name: self._state(each) for each in self._children}

    def counted(self) -> dict[str, list[int]]:
        """The counters of each process (`heliograph.engine.counters`), by its name. Callable from any thread."""
        if self._over:
            return {}
        return {each.child.name: memoryview(os.pread(each.counters.fileno(), SIZE, 0)).cast("q").tolist() for each in self._children}

    def _state(self, each: _RunningChild) -> str:
        if self._stopping:
            return "stopping"
        process = each.process
        if process is None or process.poll() is not None:
            return "resting" if each.pause else "starting"
        if each.looks_without_life >= SILENT_AFTER:
            return "silent"
        return RUNNING if each.ready else "starting"

    def _look(self, each: _RunningChild) -> None:
        now = time.monotonic()
        if each.process is None:
            if now >= each.start_at:
                self._start(each, now)
            return
        status = each.process.poll()
        if status is None:
            self._read_ready(each)
            if each.pause and now - each.started > HEALTHY_AFTER:
                each.pause = 0.0
            if each.ready:
                self._watch_life(each)
            return
        os.close(each.ready_pipe)
        each.process, each.ready = None, False
        if status == FATAL:
            log.error("child_refused_to_run", child=each.child.name)
            self._status = FATAL
            self.stop()
            return
        self._schedule_restart(each, now)
        log.error("child_died", child=each.child.name, status=status, restart_in=round(each.pause, 1))

    def _start(self, each: _RunningChild, now: float) -> None:
        try:
            if each.child.before:
                each.child.before()
        except Exception as error:
            self._schedule_restart(each, now)
            log.exception("child_start_failed", child=each.child.name, error=type(error).__name__, restart_in=round(each.pause, 1))
            return
        ready_read, ready_write = os.pipe()
        os.set_blocking(ready_read, False)
        environment = {**os.environ, **each.child.env, **self._bell.environment, PARENT: str(self._parent_read), READY: str(ready_write)}
        counters = each.counters.fileno()
        environment |= {COUNTERS: str(counters), OUTAGE: str(self._outage.fileno())}
        try:
            each.process = subprocess.Popen(  # noqa: S603 -- our own command
                each.child.argv,
                env=environment,
                pass_fds=(self._parent_read, ready_write, counters, self._outage.fileno(), *self._bell.descriptors),
                start_new_session=True,  # Ctrl-C reaches only the parent: it drains its children in order
            )
        finally:
            os.close(ready_write)
        each.ready_pipe, each.started, each.looks_without_life = ready_read, now, 0
        if each.child.nice:
            # With autogrouping, Linux shares the CPU between sessions first, and priorities count only within one, so both are lowered
            # A start that is itself nicer stays so: only root may raise a priority.
            nice = max(each.child.nice, os.getpriority(os.PRIO_PROCESS, 0))
            os.setpriority(os.PRIO_PROCESS, each.process.pid, nice)
            with contextlib.suppress(OSError):  # not Linux, no autogrouping, or not permitted
                Path(f"/proc/{each.process.pid}/autogroup").write_text(f"{nice}\n", "ascii")
        log.info("child_started", child=each.child.name, pid=each.process.pid)

    def _schedule_restart(self, each: _RunningChild, now: float) -> None:
        each.pause = min(LONGEST_PAUSE, each.pause * 2 or SHORTEST_PAUSE)
        each.start_at = now + each.pause

    def _read_ready(self, each: _RunningChild) -> None:
        if each.ready:
            return
        try:
            each.ready = bool(os.read(each.ready_pipe, 16))
        except BlockingIOError:
            return

    def _watch_life(self, each: _RunningChild) -> None:
        """Kills a child that has shown no life for KILLED_AFTER looks. What it had in flight is repeated, as after a crash."""
        assert each.process is not None
        (signs,) = memoryview(os.pread(each.counters.fileno(), 8, SIGNS_OF_LIFE * 8)).cast("q")
        if signs != each.signs_of_life:
            each.signs_of_life, each.looks_without_life = signs, 0
            return
        each.looks_without_life += 1
        if each.looks_without_life == SILENT_AFTER:
            log.warning("child_is_silent", child=each.child.name, pid=each.process.pid)
        if each.looks_without_life == KILLED_AFTER:
            log.error("child_killed_because_silent", child=each.child.name, pid=each.process.pid)
            each.process.kill()

    def _watch_write_lock(self) -> None:
        """Kills a process that has stopped inside a transaction, where it blocks all others. The kernel then frees the write lock."""
        holder = self._holder() if self._holder else None
        now = time.monotonic()
        if holder is None or holder != self._lock_held[0]:
            self._lock_held = (holder, now)
            return
        if now - self._lock_held[1] > self._longest_hold and holder.pid in self.processes().values():
            log.error("write_lock_held_too_long", pid=holder.pid, seconds=round(now - self._lock_held[1], 1))
            os.kill(holder.pid, signal.SIGKILL)
            self._lock_held = (None, now)

    def _drain(self) -> None:
        deadline = time.monotonic() + STOP
        running = [each for each in self._children if each.process is not None]
        for each in running:
            assert each.process is not None
            if each.process.poll() is None:
                each.process.terminate()
        for each in running:
            assert each.process is not None
            try:
                each.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child_killed", child=each.child.name, pid=each.process.pid)
                each.process.kill()
                each.process.wait()
            os.close(each.ready_pipe)


# ---- the child's side ------------------------------------------------------------------------------------------------------


def say_ready() -> None:
    """Tells the supervisor that this process is serving. Does nothing without one."""
    pipe = os.environ.pop(READY, "")
    if pipe:
        os.write(int(pipe), b"ready")
        os.close(int(pipe))


def die_with_parent() -> None:
    """Ends this process by SIGTERM when its supervisor dies for any reason, without which it would run on; and shows the supervisor its life until
    then. Call it before the process opens its counters."""
    pipe = os.environ.pop(PARENT, "")
    if pipe:
        threading.Thread(target=_await_end, args=(int(pipe), ProcessCounters.shared()), name="parent", daemon=True).start()


def _await_end(pipe: int, counters: ProcessCounters) -> None:
    end = select.poll()
    end.register(pipe, select.POLLIN)  # nothing is ever written: it is readable once the supervisor's end is closed
    while not end.poll(SHOW_LIFE_EVERY * 1000):
        counters.show_life()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP)
    os._exit(1)
