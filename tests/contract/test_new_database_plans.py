"""The plans of the hot statements in a new database, which has no statistics yet (D9; docs/design/indexes.md).

PostgreSQL first analyses a table within a minute, and until then a prepared statement keeps the plan that it was first given, whatever the
tables have grown to. So at no size may a plan read an index from one end to the other, or all rows of an event. SQLite never has statistics.
"""

from __future__ import annotations

import re
from itertools import pairwise

import psycopg
from tests.builders.filled_tables import FILLING, fill, ready_lanes, settlements
from tests.builders.stored_account import StoredAccount, stored_account
from tests.databases import Databases
from tests.plans import Explaining, kept_plans

from heliograph.domain.delivery.outcomes import Delivered
from heliograph.recording.record import record
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.postgres_database import PostgresDatabase
from heliograph.store.queue import lane_reads, outcome_store, slot_leases
from heliograph.store.queue.lane_reads import LaneWant

SIZES = (0, 0, 60, 150, 250, 350, 600, 1_500)
"""Rows of each table; nothing first. An index grows by a level at some hundred rows, a short one's at some hundred more."""
SHARED = frozenset(["account_id", "event_id"])
"""What very many rows have in common."""
COMPARED = re.compile(r"(\w+)\)?(?:::\w+)? [=<>]")
"""A column in a condition, which PostgreSQL writes as (event_id = t.e) or ((code)::text = t.c)."""


def test_D9_no_plan_in_a_new_database_reads_a_whole_index_or_event(databases: Databases) -> None:
    with databases.migrated() as facts:
        db = facts.open()
        if isinstance(db, PostgresDatabase):
            _forget_statistics(db.connection)
        made = stored_account(db)
        faults = []
        for before, rows in pairwise(SIZES):
            with db.transaction():
                fill(db, made.account, made.event, rows, before + 1)
            faults += [f"{rows} rows, {fault}" for fault in _faults(facts.open(), made)]
        db.close()
    assert not faults, "\n".join(faults)


def _faults(db: Database, made: StoredAccount) -> list[str]:
    """What reads too much among the statements of recording and delivery, at the tables' present size."""
    explaining = Explaining(db)
    if isinstance(db, PostgresDatabase):
        db.connection.prepare_threshold = 0
    db.run("BEGIN")
    try:
        _work(explaining, made)
        if isinstance(db, PostgresDatabase):
            first, plans = _first_columns(db), list(kept_plans(db))
            assert {"lane_pkey", "config_version_pkey"} <= {index for _statement, index, _condition in plans}
            return [
                f"{index} {condition}: {statement}"
                for statement, index, condition in plans
                if index in first and (first[index] not in condition or SHARED.issuperset(COMPARED.findall(condition)))
            ]
        assert explaining.statements
        return [f"{table}: {how}: {sql}" for table, how, sql in explaining.scans]
    finally:
        db.run("ROLLBACK")
        db.close()


def _work(db: Explaining, made: StoredAccount) -> None:
    """Records registrations, known and new ones, reads lanes ahead and settles them."""
    of = StoredAccount(db, Committed(db, ConfigCache()), made.account, made.event, tags=made.tags, statuses=made.statuses)
    for status in ("New", "Attended"):
        items = [of.item(f"N{n}", status=status, key=f"{status} {n}") for n in range(50)]
        assert all(answer.is_recorded for answer in record(db, items, of.provider, endpoint="rest"))
    found = lane_reads.connections_with_work(db, db.now())
    lane_reads.read_lanes(db, [LaneWant(connection, None, 50) for connection in found], db.now())
    assert slot_leases.fence(db, [1, 2])
    held = lane_reads.lock_lanes(db, ready_lanes())
    about = lane_reads.open_actions(db, held or [1], also=ready_lanes())  # in an empty database too: no lane is held there
    settled = settlements(held, about, db.now(), lambda _n: Delivered(200))
    outcome_store.store(db, settled, db.now())


def _first_columns(db: PostgresDatabase) -> dict[str, str]:
    """The first column of each index of a table that grows with traffic and that is not partial."""
    return dict(
        db.all(
            "SELECT i.relname, a.attname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0] WHERE x.indpred IS NULL AND t.relname = ANY(:tables)",
            {"tables": list(FILLING)},
        )
    )


def _forget_statistics(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """A database that other tests have used before has some."""
    connection.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")
    connection.execute("UPDATE pg_class SET reltuples = -1, relpages = 0, relallvisible = 0 WHERE oid >= 16384 AND relkind IN ('r', 'i')")
