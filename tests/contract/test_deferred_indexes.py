"""Indexes that a large seed sets aside: the database is whole again afterwards, also if the seed was killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import DatabaseFacts

from heliograph.seed.history_rows import TABLES
from heliograph.store.database import Database
from heliograph.store.deferred_indexes import defer, restore
from heliograph.store.schema_update import migrate

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname",
}


@pytest.fixture
def db(database: DatabaseFacts) -> Iterator[Database]:
    made = database.open()
    yield made
    made.close()


def test_O1_what_was_set_aside_is_made_again(db: Database) -> None:
    before = db.all(INDEXES[db.vendor])
    assert defer(db, TABLES) > 30
    assert len(db.all(INDEXES[db.vendor])) < len(before) - 30
    said: list[tuple[int, int]] = []
    restore(db, lambda done, of: said.append((done, of)))
    assert db.all(INDEXES[db.vendor]) == before
    assert said[0][0] == 0
    assert said[-1][0] == said[-1][1] - 1
    restore(db)


def test_O3_migrating_makes_what_a_killed_seed_left(db: Database) -> None:
    assert migrate() == []  # makes the index of search
    before = db.all(INDEXES[db.vendor])
    defer(db, ("action", "attempt_content"))
    defer(db, ("action", "run"))
    assert migrate() == []
    assert db.all(INDEXES[db.vendor]) == before
