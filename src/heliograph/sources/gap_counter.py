"""The thread beside pages that counts the gaps of the ledger, for the metric, its alert and the tab of the page, and ends what waits although newer
data has replaced it (S9).

Counting walks the items of a source, which is too much for a scrape. So an account's gaps are counted every COUNTED_EVERY seconds, by one process.
"""

from __future__ import annotations

import threading
from typing import Final

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections
from django_scopes import scope

from heliograph.domain.errors import HeliographError
from heliograph.domain.source.source_times import SECOND
from heliograph.sources.source_ledger import ledger_of
from heliograph.store import driver_errors, ledger_reads
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database

log = structlog.get_logger(__name__)

EVERY: Final = 10.0
"""Seconds between looks for accounts whose gaps are to be counted."""
COUNTED_EVERY: Final = 300 * SECOND
"""Microseconds between two counts of an account."""


def care(stop: threading.Event) -> None:
    """Counts until `stop` is set. Any number of processes may do so."""
    try:
        while not stop.wait(EVERY):
            try:
                count_gaps()
            except driver_errors.operational(DjangoDatabaseError, OSError, HeliographError):
                log.exception("gaps_not_counted")
                connections.close_all()
    finally:
        connections.close_all()


def count_gaps() -> int:
    """Counts the gaps of the accounts whose turn it is. Returns the number of accounts."""
    close_old_connections()
    db = of_django(connections["default"])
    before = db.now() - COUNTED_EVERY
    accounts = [account for account in ledger_reads.accounts_to_count(db, before) if _take(db, account, before)]
    for account in accounts:
        with scope(account=account), read_database() as reader:
            ledger = ledger_of(reader, account)
            gaps, overtaken = ledger.gap_counts, ledger.overtaken_pages()
        with db.transaction():
            ledger_reads.save_gaps(db, gaps)
            ended = ledger_reads.end_overtaken(db, overtaken, db.now()) if overtaken else 0
        if ended:
            log.info("overtaken_pages_ended", account=account, pages=ended)
    return len(accounts)


def _take(db: Database, account: int, before: int) -> bool:
    """Whether this process counts the account's gaps: no other one has taken it."""
    with db.transaction():
        return ledger_reads.take_to_count(db, account, before, db.now())
