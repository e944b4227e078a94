"""The connections that pages keep between requests (docs/design/sqlite.md, section 1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, close_old_connections, connections
from django.test import Client
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts

from heliograph.store.django_database import read_database

PAGES = (
    "/registrations/",
    "/registrations/SUMMIT-26/S26-2/",
    "/signal/registrations/SUMMIT-26/S26-2/",
    "/signal/overview/",
    "/signal/flows/",
    "/signal/metrics/",
    "/signal/metrics/troubleshooting/",
    "/signal/metrics/records/changes/",
    "/signal/metrics/feed/",
    "/signal/retry/",
    "/signal/replay/",
    "/signal/notifications/",
    "/find/",
)


def test_a_page_keeps_its_connection_but_no_transaction_and_no_snapshot(
    site: SignalAccount, client: Client, database: DatabaseFacts
) -> None:
    site.signs_in(client)
    for path in PAGES:
        assert client.get(path).status_code == 200, path
        kept = _kept()
        assert client.get(path).status_code == 200, path
        assert _kept() == kept, "the connections were opened anew"
        site.record({"code": "S26-1", "status": "Attended"}, quiet=True)
        assert _is_at_rest(database), path


def test_a_snapshot_that_is_held_is_noticed(site: SignalAccount, database: DatabaseFacts) -> None:
    """The counterpart of the test above: what it asserts is false while somebody reads."""
    with read_database() as db:
        db.all("SELECT count(*) FROM registration")
        site.record({"code": "S26-1", "status": "New"}, quiet=True)
        assert not _is_at_rest(database)


def test_sqlite_opens_its_connection_anew_after_an_error(site: SignalAccount, database: DatabaseFacts) -> None:
    connections["read"].ensure_connection()
    before = connections["read"].connection
    with pytest.raises((OperationalError, ProgrammingError)), connections["read"].cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    close_old_connections()
    connections["read"].ensure_connection()
    assert (connections["read"].connection is before) == (database.vendor == "postgresql"), "PostgreSQL's was asked, and works"


def _kept() -> tuple[Any, Any]:
    return connections["default"].connection, connections["read"].connection


def _is_at_rest(database: DatabaseFacts) -> bool:
    """Whether no session is inside a transaction; on SQLite also whether the log can be truncated, which each old snapshot prevents."""
    db = database.open()
    try:
        if database.vendor == "postgresql":
            return db.all(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            ) == [(0,)]
        db.run("PRAGMA busy_timeout = 100")
        ((is_busy, _frames, _done),) = db.all("PRAGMA wal_checkpoint(TRUNCATE)")
        return not is_busy
    finally:
        db.close()
