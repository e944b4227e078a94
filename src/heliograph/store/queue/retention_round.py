"""Removes what is past its retention while the product runs (O4, X6; docs/design/retention.md): in small transactions, with rests between.

First content, then whole records. A round that is killed has removed whole chunks and nothing else; the next one begins at the oldest again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from heliograph.domain.retention import DAY, Cuts, Terms
from heliograph.store import access_refusals, driver_errors, refused_rows, retention_record, sessions
from heliograph.store.database import Database
from heliograph.store.queue import job_removal, removal, replay_removal, source_call_removal
from heliograph.store.queue.removal import START, OldRows
from heliograph.store.registrations import remove_old_keys
from heliograph.store.retention_record import Removed

log = structlog.get_logger(__name__)

FIRST: Final = 60.0
EVERY: Final = 3600.0
"""Seconds until the first round, and between rounds."""
HOLD: Final = {"sqlite": 0.005, "postgresql": 0.02}
"""Seconds that a chunk's transaction should take: on SQLite all other writers wait for it."""
SMALLEST, LARGEST = 10, 500
FILES_KEPT: Final = 7 * DAY
"""The least time, in microseconds, for which a job stays: as long as the file that it wrote."""
VACUUMED: Final = 64
"""Pages of the file that are given back at a time."""
SPARE: Final = 0.1
"""The share of the file that stays free for new rows."""


@dataclass(slots=True)
class ChunkPace:
    """The size of the next chunk, and the pause before it, in which others use the database."""

    hold: float
    size: int = 50

    def after(self, took: float) -> float:
        """Adapts the size to the duration of the last chunk. Returns the seconds to pause: four times that duration."""
        if took > 2 * self.hold:
            self.size = max(SMALLEST, self.size // 2)
        elif took < self.hold:
            self.size = min(LARGEST, self.size * 3 // 2)
        return max(0.01, 4 * took)


@dataclass(slots=True)
class RetentionRound:
    """One round through all accounts."""

    db: Database
    now: int
    """Microseconds."""
    stop: threading.Event
    """Ends the round after the running chunk."""
    pause: Callable[[float], bool] | None = None
    """Waits for some seconds between chunks; if it returns True, the round ends. None: waits for `stop`."""
    _pace: ChunkPace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = ChunkPace(HOLD[self.db.vendor])

    def keys(self, days: int) -> int:
        """Removes idempotency keys of all accounts that are older than `days` (I3). Returns their number. They name nobody, so nothing is
        announced."""
        keys_removed = 0

        def removed(size: int) -> bool:
            nonlocal keys_removed
            keys_removed += (gone := remove_old_keys(self.db, self.now - days * DAY, size))
            return gone < size

        if self._until(removed) and keys_removed:
            log.info("old_keys_removed", keys=keys_removed)
        return keys_removed

    def sign_ins(self) -> int:
        """Removes expired sessions and their lists and forms (P1). Returns the number of sessions. They belong to no record, so nothing is
        announced."""
        expired = 0

        def sessions_gone(size: int) -> bool:
            nonlocal expired
            expired += (gone := sessions.remove_expired(self.db, self.now, size))
            return gone < size

        if (
            self._until(sessions_gone)
            and self._until(lambda size: sessions.remove_lists(self.db, size) < size)
            and self._until(lambda size: sessions.remove_kept_forms(self.db, self.now, size) < size)
            and expired
        ):
            log.info("expired_sessions_removed", sessions=expired)
        return expired

    def refusals(self, account: int) -> int:
        """Removes old entries about refused access from the account's audit. Returns their number. Nothing is announced."""
        removed = 0

        def refusals_gone(size: int) -> bool:
            nonlocal removed
            removed += (gone := access_refusals.remove_old_refusals(self.db, account, self.now, size))
            return gone < size

        if self._until(refusals_gone) and removed:
            log.info("old_refusals_removed", account=account, refusals=removed)
        return removed

    def all_accounts(self, terms: Terms) -> Removed:
        """Every account by the installation's terms, or by its own where they are shorter."""
        removed = Removed()
        for account in retention_record.accounts(self.db):
            if self.stop.is_set():
                break
            with self.db.transaction():
                in_force = terms.shortened(*retention_record.own_terms(self.db, account))
                retention_record.narrow(self.db, account, in_force)
            removed += self.account(account, in_force)
            self.replays(account, in_force)
            self.jobs(account, in_force)
            self.source_calls(account, in_force)
            self.refusals(account)
        if removed:
            self._shrink()
        return removed

    def account(self, account: int, terms: Terms) -> Removed:
        """Removes old content and records of one account, if its Administrators were told. If not, it announces the removal for a later
        round."""
        cuts = terms.cuts(self.now)
        if not removal.has_old(self.db, account, cuts):
            return Removed()
        known = retention_record.announcement(self.db, account)
        if known is None or not known.covers(terms):
            if removal.has_removable(self.db, account, cuts, self.stop.is_set):
                with self.db.transaction():
                    retention_record.announce(self.db, account, terms, self.now)
                log.info("retention_announced", account=account, content_days=terms.content, row_days=terms.rows)
            return Removed()
        if self.now < known.begins:
            return Removed()
        content, rows = Cuts(cuts.content, 0), Cuts(0, cuts.rows)
        removed = self._walk(
            account, terms, content, removal.old_exchanges, lambda ids: removal.blank_exchanges(self.db, ids, cuts.content), cuts.content
        )
        removed += self._walk(account, terms, content, removal.old_contents, lambda ids: removal.blank_changes(self.db, ids), cuts.content)
        removed += self._walk(
            account, terms, rows, removal.old_changes, lambda ids: removal.remove_records(self.db, account, ids, cuts.rows), cuts.rows
        )
        if removed:
            log.info("retention_removed", account=account, **{name: getattr(removed, name) for name in Removed.__slots__})
        return removed

    def replays(self, account: int, terms: Terms) -> int:
        """Removes old replays of one account. Returns their number.

        Dry runs are removed without announcement, sent replays once the account's terms are in force.
        """
        cuts = self._cuts_in_force(account, terms)
        if not self._until(lambda size: replay_removal.blank_problems(self.db, account, cuts.content, size) < size):
            return 0
        removed = 0
        for old in replay_removal.old_replays(self.db, account, self.now, cuts.rows):
            if not self._until(partial(replay_removal.remove_some, self.db, old)):
                break
            removed += 1
        if removed:
            log.info("old_replays_removed", account=account, replays=removed)
        return removed

    def jobs(self, account: int, terms: Terms) -> int:
        """Removes jobs of one account that ended before the cut for content. Returns their number."""
        cuts, jobs_removed = self._cuts_in_force(account, terms), 0

        def removed(size: int) -> bool:
            nonlocal jobs_removed
            jobs_removed += (gone := job_removal.remove_some(self.db, account, min(cuts.content, self.now - FILES_KEPT), size))
            return gone < size

        if cuts.content and self._until(removed) and jobs_removed:
            log.info("old_jobs_removed", account=account, jobs=jobs_removed)
        return jobs_removed

    def source_calls(self, account: int, terms: Terms) -> int:
        """Removes what live sources of one account brought before the cut for content, unless it waits. Returns the number of calls.

        Their counts by hour name nobody: they go unannounced, once no record of their time is kept.
        """
        cuts, removed = self._cuts_in_force(account, terms), 0

        def calls_gone(size: int) -> bool:
            nonlocal removed
            removed += (gone := source_call_removal.remove_calls(self.db, account, cuts.content, size))
            return gone < size

        if cuts.content and self._until(calls_gone) and removed:
            log.info("old_source_calls_removed", account=account, calls=removed)
        if cuts.content:
            self._until(lambda size: refused_rows.remove_before(self.db, account, cuts.content, size) < size)
        before = terms.cuts(self.now).rows
        for table in source_call_removal.COUNTS:

            def counts_gone(size: int, table: str = table) -> bool:
                return source_call_removal.remove_counts(self.db, account, table, before, size) < size

            self._until(counts_gone)
        return removed

    def _cuts_in_force(self, account: int, terms: Terms) -> Cuts:
        return retention_record.cuts_in_force(self.db, account, terms, self.now)

    def _until(self, ends: Callable[[int], bool]) -> bool:
        """Runs chunks of a bounded size, with a pause after each, until `ends` returns True. False if the round was stopped before."""
        while not self.stop.is_set():
            with self.db.transaction():
                began = time.perf_counter()
                ended = ends(self._pace.size)
                took = time.perf_counter() - began
            if self._pause_after(took):
                return False
            if ended:
                return True
        return False

    def _walk(
        self,
        account: int,
        terms: Terms,
        cuts: Cuts,
        old: OldRows,
        remove: Callable[[set[int]], Removed],
        cut: int,
    ) -> Removed:
        """Removes chunk after chunk, from the oldest to the cut.

        Rows are chosen outside the transaction. The transaction checks them again, and the announcement as well, because an Administrator may
        have saved longer terms since.
        """
        total, at = Removed(), START
        while not self.stop.is_set() and (places := old(self.db, account, cut, at, self._pace.size)):
            at = places[-1]
            with self.db.transaction():
                began = time.perf_counter()
                if self._cuts_in_force(account, terms) == Cuts(0, 0):
                    break
                if removed := remove({id for _at, id, _n in places}):
                    retention_record.note_removal(self.db, account, cuts, removed, self.now)
                    total += removed
                took = time.perf_counter() - began  # others wait for this, not for the wait for them
            if self._pause_after(took):
                break
        return total

    def _pause_after(self, took: float) -> bool:
        return (self.pause or self.stop.wait)(self._pace.after(took))

    def _shrink(self) -> None:
        """Gives free pages of SQLite's file back to the disk, except for the share SPARE. PostgreSQL's autovacuum needs no help."""
        while self.db.vendor == "sqlite" and not self.stop.is_set():
            ((free,),) = self.db.all("SELECT freelist_count FROM pragma_freelist_count")
            ((pages,),) = self.db.all("SELECT page_count FROM pragma_page_count")
            if free - VACUUMED <= SPARE * pages:
                return
            with self.db.transaction():
                began = time.perf_counter()
                self.db.all(f"PRAGMA incremental_vacuum({VACUUMED})")
                took = time.perf_counter() - began
            if self._pause_after(took):
                return


def care(connect: Callable[[], Database], stop: threading.Event, terms: Terms, key_days: int) -> None:
    """Makes a round every EVERY seconds until `stop` is set. After a database error the next round uses a new connection.

    key_days: days for which idempotency keys are kept
    """
    wait = FIRST
    while not stop.wait(wait):
        wait = EVERY
        try:
            with contextlib.closing(connect()) as db, _alone(db) as is_alone:
                if is_alone:
                    this = RetentionRound(db, db.now(), stop)
                    this.sign_ins()
                    this.keys(key_days)
                    this.all_accounts(terms)
        except driver_errors.all_errors() as error:
            log.warning("retention_failed", error=type(error).__name__, message=str(error)[:200])


@contextlib.contextmanager
def _alone(db: Database) -> Iterator[bool]:
    """Yields True if no other process makes a round. Several processes with pages may share PostgreSQL; SQLite has one."""
    if db.vendor == "sqlite":
        yield True
        return
    ((is_ours,),) = db.all("SELECT pg_try_advisory_lock(5, 1)")
    try:
        yield bool(is_ours)
    finally:
        if is_ours:
            db.all("SELECT pg_advisory_unlock(5, 1)")
