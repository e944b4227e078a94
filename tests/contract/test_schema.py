"""Whether the schema is up to date is told without Django, by the files of migrations (O3)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db.migrations.loader import MigrationLoader
from tests.databases import DatabaseFacts

from heliograph.store import schema
from heliograph.store.database import Database
from heliograph.store.deferred_indexes import defer, restore
from heliograph.store.schema_update import migrate
from heliograph.store.search_index import ensure


@pytest.fixture
def db(database: DatabaseFacts) -> Iterator[Database]:
    made = database.open()
    yield made
    made.close()


def test_O3_the_files_are_the_migrations_that_django_knows() -> None:
    assert schema.migrations() == set(MigrationLoader(None).disk_migrations)


def test_O3_an_app_that_is_not_installed_is_said() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"heliographs\.nowhere"):
        schema.migrations(["heliographs.nowhere"])


def test_O3_an_older_schema_is_refused_and_a_newer_one_is_not(db: Database) -> None:
    assert schema.lacking(db) == set()
    schema.check_schema(db)
    with db.transaction():
        db.run("INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_of_the_next_release', CURRENT_TIMESTAMP)")
    schema.check_schema(db)
    with db.transaction():
        db.run("DELETE FROM django_migrations WHERE app = 'store' AND name = '0001_initial'")
    assert schema.lacking(db) == {("store", "0001_initial")}
    assert not schema.is_whole(db)
    with pytest.raises(schema.SchemaTooOld, match="heliograph migrate"):
        schema.check_schema(db)


def test_O3_a_new_database_lacks_all(empty_database: DatabaseFacts) -> None:
    made = empty_database.open()
    assert schema.lacking(made) == schema.migrations()
    with pytest.raises(schema.SchemaTooOld):
        schema.check_schema(made)
    made.close()


def test_O3_a_schema_is_whole_when_migrating_finds_nothing_to_do(db: Database) -> None:
    assert migrate() == []
    assert schema.is_whole(db)
    defer(db, ("action",))
    assert not schema.is_whole(db)
    restore(db)
    assert schema.is_whole(db)
    with db.transaction():
        db.run("DROP TRIGGER registration_search_new" + ("" if db.vendor == "sqlite" else " ON registration"))
    assert not schema.is_whole(db)
    assert ensure(db)
    assert schema.is_whole(db)
