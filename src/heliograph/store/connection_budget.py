"""How many connections to PostgreSQL the processes open at most, and how many the server has for them (O20).

They are opened once and stay open. A process that gets none cannot work, so the server needs room for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.store.database import Database

SUPERVISOR: Final = 2
"""/health/ready and /metrics, for a moment each."""
ENGINE: Final = 3
"""The writing and the reading connection, and LISTEN."""
DOOR: Final = 4
"""The batch writer, tokens, refusals, and NOTIFY; the pages have a door, too."""
PAGE_THREAD: Final = 2
"""Django's aliases `default` and `read`."""
BESIDE_PAGES: Final = 22
"""Folding, retention, backups, the lock of jobs, and threads that use Django, with two aliases each: two runners of jobs, notifications, gaps of the ledger, looks at
pretix, the removal of old files, ends of sessions."""


@dataclass(frozen=True, slots=True)
class ConnectionBudget:
    """The most connections of one start with these settings, while no paced job sends.

    Each replay, release or marking that sends opens two more; up to 30 of them send in a process.
    """

    page_threads: int
    has_fast_door: bool

    @property
    def serve(self) -> int:
        """`heliograph serve`: pages, doors and engine under one supervisor."""
        return self.web + ENGINE

    @property
    def web(self) -> int:
        """`heliograph web`."""
        return SUPERVISOR + (2 if self.has_fast_door else 1) * DOOR + self.page_threads * PAGE_THREAD + BESIDE_PAGES

    @property
    def worker(self) -> int:
        """`heliograph worker`."""
        return SUPERVISOR + ENGINE


def connection_limit(db: Database) -> int:
    """The most connections that this user may have to this database, by the server's settings and the limits of user and database."""
    ((server, user, database),) = db.all(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - coalesce(current_setting('reserved_connections', true), '0')::int,"
        " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),"
        " (SELECT datconnlimit FROM pg_database WHERE datname = current_database())"
    )
    return min(int(limit) for limit in (server, user, database) if limit >= 0)
