"""Whether the schema is up to date is told without Django, by the files of migrations (O3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port
from tests.visitor import Visitor
from tests.waiting import until

from heliograph.store import doctor_checks, schema, schema_update
from heliograph.store.database import Database
from heliograph.store.deferred_indexes import defer, restore
from heliograph.store.schema_fingerprint import SchemaDiffers
from heliograph.store.schema_update import migrate, short_lock_waits
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


@pytest.mark.parametrize(
    ("statement", "lacking"),
    [
        ("ALTER TABLE api_token RENAME COLUMN digest TO summary", "the column api_token.digest"),
        ("ALTER TABLE lane RENAME TO queue_lane", "columns of the table lane"),
    ],
)
def test_O3_tables_that_another_build_made_are_refused_by_name(
    heliograph: Starter, fresh_database: DatabaseFacts, statement: str, lacking: str
) -> None:
    """All migrations are there by their names, and the tables are others. A start ends, and does not loop on a missing table."""
    with closing(fresh_database.open()) as db, db.transaction():
        db.run(statement)
    ports = {"HELIOGRAPH_BIND": f"127.0.0.1:{free_port()}", "HELIOGRAPH_OPERATIONS_BIND": f"127.0.0.1:{free_port()}"}
    for arguments in (("serve",), ("status",), ("doctor",), ("jobs", "list")):
        command = heliograph.run(*arguments, **ports)
        assert command.returncode == 1, command.output
        assert "The tables of the database are not those that this release makes: it lacks" in command.output
        assert lacking in command.output
        assert "Traceback" not in command.output
        assert "child_started" not in command.output


def test_O3_a_migration_that_does_not_fit_the_tables_is_said_in_a_sentence(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    with closing(fresh_database.open()) as db, db.transaction():
        ((newest,),) = db.all("SELECT max(name) FROM django_migrations WHERE app = 'sources'")
        db.run("DELETE FROM django_migrations WHERE app = 'sources' AND name = :newest", {"newest": newest})
    for arguments in (("serve",), ("migrate",)):
        command = heliograph.run(
            *arguments, HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}"
        )
        assert command.returncode == 1, command.output
        assert f"The migration sources.{newest} does not fit the tables of this database" in command.output
        assert "Traceback" not in command.output


def test_O3_ready_says_that_the_tables_are_not_those_of_this_release(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    """Somebody restores another database below a running installation."""
    operations = f"127.0.0.1:{free_port()}"
    serve = heliograph("serve", HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=operations)
    serve.until_printed("Heliograph serves")
    visitor = Visitor(f"http://{operations}")
    until(lambda: visitor.get("/health/ready").status == 200)
    with closing(fresh_database.open()) as db, db.transaction():
        db.run("ALTER TABLE api_token RENAME COLUMN digest TO summary")
    until(lambda: b"it lacks the column api_token.digest" in visitor.get("/health/ready").body)
    assert visitor.get("/health/ready").status == 503


@pytest.mark.parametrize(
    ("sqlite", "postgres", "difference"),
    [
        (
            "ALTER TABLE backup_run DROP COLUMN size; ALTER TABLE backup_run ADD COLUMN size integer",
            "ALTER TABLE backup_run ALTER COLUMN size TYPE integer",
            "the column backup_run.size as bigint null",
        ),
        (
            "ALTER TABLE backup_run DROP COLUMN file; ALTER TABLE backup_run ADD COLUMN file varchar(1000)",
            "ALTER TABLE backup_run ALTER COLUMN file DROP NOT NULL",
            "the column backup_run.file as",
        ),
        ("DROP INDEX mapping_name_unique", "DROP INDEX mapping_name_unique", "the unique index mapping.mapping_name_unique"),
    ],
    ids=["type", "null", "unique index"],
)
def test_O3_a_column_of_another_type_and_a_missing_unique_index_are_refused(
    db: Database, sqlite: str, postgres: str, difference: str
) -> None:
    """A statement would fail at some value, or two rows would be stored where only one may be."""
    with db.transaction():
        for statement in (sqlite if db.vendor == "sqlite" else postgres).split(";"):
            db.run(statement)
    with pytest.raises(SchemaDiffers) as refused:
        schema.check_schema(db)
    assert difference in str(refused.value)


def test_O3_a_missing_index_stops_nothing_and_doctor_names_it(db: Database) -> None:
    """`heliograph seed` sets indexes aside while others go on; and an administrator who drops one wants no outage."""
    defer(db, ("action",))
    schema.check_schema(db)
    check = doctor_checks.schema_is_current(db, schema.migrations())
    assert not check.ok
    assert "indexes are missing: " in check.sentence
    assert "heliograph migrate" in check.cure
    restore(db)
    assert doctor_checks.schema_is_current(db, schema.migrations()).ok


def test_O3_tables_with_more_than_this_release_knows_are_fine(db: Database) -> None:
    with db.transaction():
        db.run("ALTER TABLE api_token ADD COLUMN of_the_next_release integer")
    schema.check_schema(db)
    with db.transaction():
        db.run("INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_of_the_next_release', CURRENT_TIMESTAMP)")
    schema.check_schema(db)


def test_O3_a_newer_schema_that_lacks_what_this_release_needs_is_refused(db: Database) -> None:
    """It may let a column be null or be longer. Two releases on, it may have contracted: going back over both is refused by name."""
    nullable = (
        "DROP COLUMN file; ALTER TABLE backup_run ADD COLUMN file varchar(1000)" if db.vendor == "sqlite" else "ALTER file DROP NOT NULL"
    )
    with db.transaction():
        db.run("INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_after_the_next_release', CURRENT_TIMESTAMP)")
        for statement in f"ALTER TABLE backup_run {nullable}".split(";"):
            db.run(statement)
    schema.check_schema(db)
    with db.transaction():
        db.run("ALTER TABLE api_token RENAME COLUMN digest TO summary")
    with pytest.raises(SchemaDiffers, match=r"newer release .*store\.9999_after_the_next_release.* the column api_token\.digest"):
        schema.check_schema(db)
    check = doctor_checks.schema_is_current(db, schema.migrations())
    assert not check.ok
    assert "A newer release has changed the database" in check.sentence


@pytest.mark.django_db(transaction=True)
def test_O3_only_an_index_built_concurrently_waits_for_others_to_end(database: DatabaseFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a table queues up behind a migration that waits for it. A concurrent index keeps nobody waiting; given up, it would stay invalid."""
    if database.vendor == "sqlite":  # a migration holds the write lock, for which all others wait as for any writer
        assert migrate() == []
        return
    monkeypatch.setattr(schema_update, "LOCK_WAIT", 0.1)
    with closing(psycopg.connect(database.url)) as writer, closing(psycopg.connect(database.url, autocommit=True)) as watcher:
        writer.execute("LOCK TABLE backup_run IN ROW EXCLUSIVE MODE")
        with short_lock_waits(), connection.cursor() as cursor:
            with pytest.raises(OperationalError, match="lock timeout"):
                cursor.execute("ALTER TABLE backup_run ADD COLUMN of_the_next_release integer")
            waiting = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock' AND query_start < now() - interval '1 s'"
            release = threading.Thread(target=lambda: (until(lambda: watcher.execute(waiting).fetchone()), writer.rollback()))
            release.start()
            cursor.execute("CREATE INDEX CONCURRENTLY of_the_next_release ON backup_run (file)")
            release.join()
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'of_the_next_release'::regclass")
            assert cursor.fetchone() == (True,)
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("100ms",)
            cursor.execute("DROP INDEX of_the_next_release")
