"""A worker: owns connections, reads their lanes ahead, sends, and settles the outcomes (docs/design/processes.md, section 2;
docs/design/queue.md).

    reading thread    configuration, read-ahead, requests, libcurl    its own connection, read only
    settling thread   slots, outcomes, moves, stuck runs, tokens      its own connection; the caller's thread of `run()`

Reading and libcurl share a thread, because Python runs one thread at a time: apart, they waited for each other several times per request.

The same code runs in `serve` on SQLite, where it owns all slots, and as one of several workers on PostgreSQL. If a thread dies, the process
ends: a worker is never half alive. Its in-flight journal tells the supervisor what it was sending. It outlives its sessions with PostgreSQL
(`worker_sessions`).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from heliograph import failpoints
from heliograph.domain.delivery.slots import slot_of
from heliograph.domain.snapshot import ConfigProvider
from heliograph.engine.counters import DURATION, SETTLED, ProcessCounters
from heliograph.engine.exit_status import UNCLEAN
from heliograph.engine.thread_name import show_thread_name
from heliograph.engine.tracer import Tracer
from heliograph.engine.worker import reconsideration
from heliograph.engine.worker.completer import Completer
from heliograph.engine.worker.config_view import ConfigView
from heliograph.engine.worker.handover import Handover
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.lane_mover import LaneMover
from heliograph.engine.worker.lane_reader import LaneReader
from heliograph.engine.worker.oauth_tokens import OAuthTokens
from heliograph.engine.worker.recovery import recover
from heliograph.engine.worker.request_builder import RequestBuilder
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes
from heliograph.engine.worker.slot_ownership import AllSlots, Lease, Ownership, SharedSlots
from heliograph.engine.worker.worker_sessions import WorkerSessions, check_passes
from heliograph.outbound.guard import Policy
from heliograph.outbound.proxy import Proxy
from heliograph.outbound.routes import Limits
from heliograph.outbound.sender import Sender
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.database_trouble import is_of_closed_session
from heliograph.store.secrets import Vault
from heliograph.store.sqlite_database import SqliteDatabase

log = structlog.get_logger(__name__)

LONGEST_SHARE: Final = 2 / 3
"""The longest total timeout of a connection, as a share of a lease (20 of 30 seconds). A request with a longer timeout would never start."""
RECONSIDER_EVERY = 0.5
"""Seconds between two looks for stuck runs that are due or that a save may have cured."""
MOVE_EVERY = 0.25
"""Seconds between two looks for lanes that move to another connection."""
FREE_SLOTS_EVERY = 1.0
"""Seconds between two looks for slots that nobody owns, after a worker stopped or died."""
FREE_SLOTS_SOON = 0.05
"""Like FREE_SLOTS_EVERY, while slots are about to change their owner: a slot without an owner sends nothing."""
IDLE = 0.5
"""Seconds between two looks at what is due now and then, with nothing to settle or to move."""
PACE = 0.015
"""Seconds from the start of one batch to the start of the next. Only two things wait for a batch: a later version of the same record, and a
connection without space in memory."""
PACE_OF_FEW = 0.045
"""Like PACE, while no more than FEW outcomes have arrived and no connection waits for space. A longer pace costs less CPU for each delivery,
but after a crash more is sent twice."""
FEW = 16
"""A batch of more outcomes than this begins after PACE."""
LONGEST_PAUSE = 0.01
"""Seconds: the longest pause after a batch. The pause lasts as long as the batch took, or until PACE has passed if that is later. Outcomes
that arrive in it share a batch, because half of a batch's cost does not depend on its size."""
LONGEST_WAIT = 1.0
"""Seconds: the longest wait before the database is tried again."""
READER_LOST = 0.5
"""Seconds between two looks of the reading thread whether it has another session. It is woken when it has."""
STILL = 1.5
"""Seconds after a stop was requested in which a server that answers lets the worker go. Then one with nothing to record goes all the same."""
LOOKS = 15
"""How often the worker looks in STILL seconds whether it has something to record."""
DRAIN = 8.0
"""Seconds that running requests get after a stop was requested; the whole stop takes at most 10."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """The parts of a worker; `wiring` passes in those that other packages own.

    open_writer, open_reader: open connections of its own. provider: configuration, read on the given connection. policy: the networks an
    account may reach. folder: where the in-flight journal is.
    """

    open_writer: Callable[[], Database]
    open_reader: Callable[[], Database]
    provider: Callable[[Database], ConfigProvider]
    vault: Vault
    policy: Callable[[int], Policy]
    folder: Path
    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    lease: Lease = field(default_factory=Lease)
    total_timeout: float = 10.0
    ca_file: str | None = None
    proxy: Proxy | None = None
    user_agent: str = "Heliograph"
    tracer: Tracer | None = None


class Worker:
    """One worker of a process. `run` works until `stop`."""

    def __init__(
        self, parts: WorkerParts, *, on_ready: Callable[[], None] | None = None, on_death: Callable[[int], object] = os._exit
    ) -> None:
        self._parts = parts
        self._on_ready, self._on_death = on_ready, on_death
        self._closing = threading.Event()
        self._has_ended = threading.Event()
        self._started_at = time.time()
        self.memory = SharedLanes()
        self.journal = InflightJournal(parts.folder, parts.name)
        self.sender = Sender(ca_file=parts.ca_file, proxy=parts.proxy, user_agent=parts.user_agent, driven=True)
        self.memory.wake_reader = self.sender.wake
        writer, reader = parts.open_writer(), parts.open_reader()
        self.ownership: Ownership = SharedSlots(parts.name, parts.lease) if writer.is_shared else AllSlots(parts.name, parts.lease)
        view = ConfigView(parts.provider(writer))
        self.completer = Completer(writer, view, self.ownership, self.memory, self.journal, counters=ProcessCounters.inherited())
        self.mover = LaneMover(writer, view, self.ownership, self.memory)
        self._reconsider_provider = parts.provider(writer)
        self._reading = threading.Thread(target=self._read, name="reading", daemon=True)
        self._handover = Handover(self.sender.wake, self._reading.is_alive)
        limits = Limits(total_timeout=parts.total_timeout, longest=parts.lease.length * LONGEST_SHARE)
        self.tokens = OAuthTokens(parts.vault, self.sender, self.memory, parts.name)
        builder = RequestBuilder(parts.provider(reader), parts.vault, parts.policy, self.tokens, limits)
        self.reader = LaneReader(
            reader, builder, self.ownership, self.memory, self.journal, self.sender, parts.tracer, between=self._handover.turn
        )
        self._sessions = WorkerSessions(writer, reader)
        self._renewed = self._reconsidered = self._moved = self._paused_until = self._batch_began = float("-inf")
        self._looked_for_slots = float("-inf")
        self._slots_are_free = False
        self._all_reconsidered = True

    def wake(self) -> None:
        """Something was recorded: look at once instead of within milliseconds. From any thread."""
        self.reader.announce_news()
        self.memory.wake_reader()

    def stop(self) -> None:
        """Requests a graceful end; from any thread, but not from a signal handler (heliograph.engine.stop_signals)."""
        if self.completer.db.is_shared and not self._closing.is_set():
            threading.Thread(target=self._end_without_database, name="stuck", daemon=True).start()
        self.reader.closing = True
        self._closing.set()
        self.memory.wake_completer.set()
        self.memory.wake_reader()

    def run(self) -> None:
        """Works until `stop`, then drains: starts nothing, gives running requests DRAIN seconds, settles their outcomes and frees the slots."""
        self._recover()
        self._own()
        self._reading.start()
        if self._on_ready:
            self._on_ready()
        try:
            self._work()
        except BaseException as error:
            self._die("settling", error)
            raise
        self._reading.join(2.0)
        with self._tolerating_errors("leave"):
            self.ownership.leave(self.completer.db)
        self._has_ended.set()
        self.journal.close()
        self.completer.db.close()
        self.reader.db.close()
        if self._parts.tracer is not None:
            self._parts.tracer.close()
        log.info("worker_stopped", delivered=self.completer.counts.delivered, failed=self.completer.counts.failed)

    def _work(self) -> None:
        while not self._closing.is_set():
            self._turn()
        self.reader.closing = True
        with self._tolerating_errors("give up"):
            self.ownership.give_up(self.completer.db)
        failpoints.reach(failpoints.Instant.SLOTS_GIVEN_UP)
        self.memory.wake_reader()
        stopping = threading.Thread(target=self.sender.stop, args=(DRAIN,), name="stopping", daemon=True)
        stopping.start()
        while stopping.is_alive() or self.memory.size or self.memory.landed or self.tokens.came:
            self._turn()

    def _end_without_database(self) -> None:
        """Ends the process if a thread of it waits for a server that answers nothing, while no outcome has to be recorded. Nothing is lost: the lease
        of its slots ends by itself, as after a crash.

        It counts its looks, not the clock: while the machine stood still, no server could answer.
        """
        idle_looks = 0
        while not self._has_ended.wait(STILL / LOOKS):
            if not self.journal.is_empty or self.memory.landed or self.tokens.came:
                idle_looks = 0
                continue
            idle_looks += 1
            if idle_looks == LOOKS:
                log.warning("worker_left", reason="The database does not answer, and there is nothing to record.")
                self._on_death(0)
                return

    @property
    def report(self) -> dict[str, object]:
        """Its own report, for `heliograph status`."""
        counts, counters = self.completer.counts, self.completer.counters
        return {
            "pid": os.getpid(),
            "since": round(self._started_at),
            "slots": len(self.ownership.owned),
            "in_memory": self.memory.size,
            "under_way": self.sender.under_way,
            "delivered": counts.delivered,
            "failed": counts.failed,
            "outcomes": [[outcome, category, n] for (outcome, category), n in counters.outcomes.items() if n],
            "mean_seconds": counters.mean(DURATION),
            "mean_batch": counters.mean(SETTLED),
            "discarded": counts.discarded,
            "last_error": counts.last_error,
        }

    # The settling thread.

    def _turn(self) -> None:
        self.memory.wake_completer.clear()
        if not self._has_sessions():
            self.memory.wake_completer.wait(self._sessions.pause)
            return
        now = time.monotonic()
        if now - self._looked_for_slots >= (FREE_SLOTS_SOON if self.ownership.expects_more else FREE_SLOTS_EVERY):
            self._looked_for_slots = now
            with self._tolerating_errors("own"):
                self._slots_are_free = self.ownership.sees_free(self.completer.db)
        if now - self._renewed >= self._parts.lease.renewal or self._slots_are_free:
            self._slots_are_free = False
            self._recover()
            self._own()
        batch = self.completer.take() if now >= self._next_batch_at() or self._closing.is_set() else []
        if batch:
            self._batch_began = time.monotonic()
            self._settle(batch)
            ended = time.monotonic()
            if not self.completer.has_a_batch:  # the outcomes that arrived during this one are not worth a transaction yet
                self._paused_until = max(self._batch_began + PACE, ended + min(LONGEST_PAUSE, ended - self._batch_began))
        with self._tolerating_errors("access"):
            self.tokens.turn(self.completer.db)
        if not self._closing.is_set():
            self._move_and_reconsider(now)
        if self.ownership.is_freeing:
            with self._tolerating_errors("free"):
                self.ownership.free_idle(self.completer.db, self.reader.busy_slots())
        # Waits for the next outcome, or for the start of the next batch
        if self.memory.landed:
            if (pause := self._next_batch_at() - time.monotonic()) > 0:
                self._closing.wait(min(pause, PACE))
        elif self.ownership.is_freeing or self.ownership.expects_more:
            self.memory.wake_completer.wait(FREE_SLOTS_SOON)
        else:
            until_renewal = self._renewed + self._parts.lease.renewal - time.monotonic()
            self.memory.wake_completer.wait(max(0.0, min(MOVE_EVERY if self.memory.to_move else IDLE, until_renewal)))

    def _next_batch_at(self) -> float:
        """When the next batch starts, given the outcomes that have arrived so far. Seconds of the monotonic clock."""
        has_time = len(self.memory.landed) <= FEW and not self.reader.waits_for_space
        return max(self._paused_until, self._batch_began + PACE_OF_FEW) if has_time else self._paused_until

    def _recover(self) -> None:
        """Counts the attempts that a dead worker of this machine had begun, before its slots get an owner.

        The supervisor does the same before it starts a worker. But a worker outlives its supervisor for a while if that is killed, and may
        have died after this one was started.
        """
        with self._tolerating_errors("recover"):
            recover(self.completer.db, self._parts.folder)

    def _own(self) -> None:
        self._renewed = time.monotonic()
        with self._tolerating_errors("own"):
            if self.ownership.own(self.completer.db, self.report):
                self.completer.forget()
                self.reader.announce_slots_changed()
                self.wake()
        self.memory.forget_left(time.monotonic() - 10.0)

    def _settle(self, batch: list[FinishedLane]) -> None:
        """Retries until the batch is committed. If the database accepts nothing (full disk), everything waits; if it refuses this batch,
        the batch is halved."""
        wait = 0.05
        while True:
            try:
                self._commit(batch)
            except driver_errors.refusals() as error:
                if len(batch) == 1:
                    raise
                log.warning("settle_batch_halved", items=len(batch), error=type(error).__name__)
                middle = len(batch) // 2
                self._settle(batch[:middle])
                self._settle(batch[middle:])
                return
            except driver_errors.all_errors() as error:
                self._note_error("settle", error, self.completer.db)
            else:
                return
            time.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 2)
            self._has_sessions()

    def _has_sessions(self) -> bool:
        """Begins sessions in place of lost ones. False while the writing one is missing.

        Meanwhile the slots may have passed to other workers, and anything may have changed: so slots are renewed and everything is confirmed first.
        """
        if not self._sessions.are_lost:
            return True
        if self._sessions.reopen():
            self._renewed = float("-inf")
            self.completer.forget()
            self.reader.announce_slots_changed()
            self.wake()
        return not self.completer.db.is_lost

    def _commit(self, batch: list[FinishedLane]) -> None:
        """Stores a batch of outcomes.

        On SQLite this thread only waits for the write lock and the disk. The reading thread runs the statements, so that one thread alone runs
        Python. The rows are prepared before the lock is taken, so that a long response holds up neither other writers nor other requests.
        """
        db = self.completer.db
        if isinstance(db, SqliteDatabase):
            self.completer.prepare(batch)
            with db.admitted():
                ready = self._handover.do(lambda: self.completer.commit(batch))
            self.completer.free(batch)
        else:
            ready = self.completer.settle(batch)
        # The reader left out lanes that were still in memory, or had no room for the next ones.
        if ready or self.reader.waits_for_space:
            self.wake()

    def _move_and_reconsider(self, now: float) -> None:
        if now - self._moved >= MOVE_EVERY:
            self._moved = now
            with self._tolerating_errors("move"):
                self.mover.turn()
        if now - self._reconsidered >= RECONSIDER_EVERY or not self._all_reconsidered:
            self._reconsidered = now
            with self._tolerating_errors("reconsider"):
                self._reconsider()

    def _reconsider(self) -> None:
        self._all_reconsidered = True
        for account in reconsideration.accounts_to_reconsider(self.completer.db, self.ownership.owned):
            epoch = self.ownership.settling_epoch(slot_of(account))
            if epoch is None:
                continue
            more = reconsideration.reconsider_account(self.completer.db, self._reconsider_provider, account, epoch)
            self._all_reconsidered = self._all_reconsidered and not more
            self.reader.announce_news()
            self.memory.wake_reader()

    @contextlib.contextmanager
    def _tolerating_errors(self, what: str) -> Iterator[None]:
        """Continues after the database was busy, full or gone."""
        try:
            yield
        except driver_errors.all_errors() as error:
            self._note_error(what, error, self.completer.db)

    def _note_error(self, what: str, error: Exception, db: Database) -> None:
        """Notes an error that passes. Raises any other."""
        check_passes(error, db)
        if is_of_closed_session(error):
            return
        self.completer.counts.last_error = f"{what}: {type(error).__name__}: {error}"[:300]
        log.warning("database_error", during=what, error=type(error).__name__, message=str(error)[:200])

    # The reading thread.

    def _read(self) -> None:
        show_thread_name()
        wait, again_at = 0.05, 0.0
        try:
            while True:
                is_lost = self._sessions.reader_is_lost and not self.reader.closing  # to close, it needs no session
                pause = READER_LOST if is_lost else again_at - time.monotonic()
                if pause <= 0.0:
                    try:
                        pause = self.reader.cycle()
                        wait = 0.05
                    except driver_errors.all_errors() as error:
                        self._note_error("read", error, self.reader.db)
                        pause, wait = wait, min(LONGEST_WAIT, wait * 2)
                        again_at = time.monotonic() + pause
                        if self.reader.db.is_lost:
                            self._sessions.reader_is_lost = True
                            self.memory.wake_completer.set()
                going_on = self.sender.turn(pause)
                self._handover.turn()
                if going_on:
                    continue
                if not self.memory.size:
                    return
                time.sleep(0.005)  # ended requests are being settled
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the process must not go on half alive
            self._die("reading", error)

    def _die(self, what: str, error: BaseException) -> None:
        log.critical("worker_died", thread=what, error=type(error).__name__, message=str(error)[:300], exc_info=error)
        self._on_death(UNCLEAN)
