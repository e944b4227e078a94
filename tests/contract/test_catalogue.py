"""The whole catalogue after `migrate`, compared with one checked-in list per vendor (docs/design/security.md, section 1).

Django recreates a SQLite table on any alteration, and silently drops triggers and other handmade objects: this test notices. Regenerate the
lists after a migration, and review the diff before committing:

    HELIOGRAPH_TEST_WRITE_CATALOGUE=1 pytest tests/contract/test_catalogue.py
    HELIOGRAPH_TEST_DATABASE=postgres HELIOGRAPH_TEST_WRITE_CATALOGUE=1 pytest tests/contract/test_catalogue.py
"""

from __future__ import annotations

import difflib
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.store import schema_fingerprint
from heliograph.store.schema_fingerprint import existing, expected

LISTS = Path(__file__).parent / "catalogue"

POSTGRES = {
    "table": """
        SELECT c.relname, CASE c.relkind WHEN 'p' THEN 'partitioned ' || pg_get_partkeydef(c.oid) ELSE
            coalesce('partition of ' || (SELECT inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) || ' ' || pg_get_expr(c.relpartbound, c.oid), 'table') END,
            coalesce(array_to_string(c.reloptions, ', '), '')
        FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace""",
    "column": """
        SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
            coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity::text, coalesce(l.collname, '')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped""",
    "index": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    # NOT NULL is a separate constraint since PostgreSQL 18; the columns show it on every version.
    "constraint": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0""",
    "trigger": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "sequence": """
        SELECT s.seqrelid::regclass::text, format_type(s.seqtypid, NULL) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        WHERE c.relnamespace = 'public'::regnamespace""",
}


def _postgres(url: str) -> list[str]:
    with psycopg.connect(url) as database:
        return [
            " | ".join((kind, *(re.sub(r"\s+", " ", str(part)) for part in row))).rstrip(" |")
            for kind, query in POSTGRES.items()
            for row in sorted(database.execute(query.encode()).fetchall())
        ]


def _sqlite(file: Path) -> list[str]:
    with sqlite3.connect(file) as database:
        rows = database.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
        ).fetchall()
    database.close()
    return [f"{kind} | {table} | {name} | {_one_line(sql)}" for kind, name, table, sql in rows]


def _one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


@pytest.fixture
def catalogue(fresh_database: DatabaseFacts) -> str:
    found = _postgres(fresh_database.url) if fresh_database.vendor == "postgresql" else _sqlite(fresh_database.data / "heliograph.db")
    return "\n".join(found) + "\n"


def test_O3_the_list_of_the_schemas_fingerprint_is_what_the_migrations_make(fresh_database: DatabaseFacts) -> None:
    """A start, /health/ready and doctor compare the tables with it (store.schema_fingerprint)."""
    with closing(fresh_database.open()) as db:
        found = existing(db)
    file = schema_fingerprint.LISTS / f"{fresh_database.vendor}.txt"
    if os.environ.get("HELIOGRAPH_TEST_WRITE_CATALOGUE"):
        file.write_text("".join(f"{line}\n" for line in sorted(found)), "utf-8")
        expected.cache_clear()
    assert sorted(found ^ expected(fresh_database.vendor)) == [], __doc__


def test_the_catalogue_is_the_checked_in_one(catalogue: str, fresh_database: DatabaseFacts) -> None:
    file = LISTS / f"{fresh_database.vendor}.txt"
    if os.environ.get("HELIOGRAPH_TEST_WRITE_CATALOGUE"):
        file.write_text(catalogue, "utf-8")
    expected = file.read_text("utf-8")
    difference = "\n".join(
        difflib.unified_diff(expected.splitlines(), catalogue.splitlines(), "checked in", "after migrate", lineterm="", n=0)
    )
    assert not difference, f"{difference}\n\n{__doc__}"


def test_every_reference_between_rows_of_an_account_is_guarded(catalogue: str, vendor: str) -> None:
    """A foreign key between two tables with accounts needs its guard: this test tells whoever adds one."""
    missing = []
    for model in apps.get_models():
        names = {field.column for field in model._meta.concrete_fields}
        if not model.__module__.startswith("heliograph.") or "account_id" not in names:
            continue
        for field in model._meta.concrete_fields:
            target = field.related_model
            if isinstance(target, type) and "account_id" in {f.column for f in target._meta.concrete_fields}:
                guard = f"{model._meta.db_table}_{field.column}_same_account"
                wanted = [guard] if vendor == "postgresql" else [f"{guard}_insert", f"{guard}_update", f"{guard}_parent"]
                missing += [name for name in wanted if name not in catalogue]
    assert not missing, f"add store.tenancy.SameAccount to a migration for: {', '.join(missing)}"


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("app", ["store", "flows", "jobs"])
def test_each_app_migrates_from_empty(app: str, empty_database: DatabaseFacts) -> None:
    """Each app alone with its dependencies: no dependency is missing."""
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", app, "--verbosity", "0"],
        env=empty_database.env(DJANGO_SETTINGS_MODULE="heliograph.settings"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_O3_migrate_says_what_it_did_and_does_nothing_twice(empty_database: DatabaseFacts, heliograph: Starter) -> None:
    checked = heliograph.run("migrate", "--check")
    assert checked.returncode == 1
    assert "setup.0001_initial" in checked.output
    first = heliograph.run("migrate")
    assert first.returncode == 0, first.output
    assert "Applying setup.0001_initial" in first.output
    second = heliograph.run("migrate")
    assert (second.returncode, second.output.strip()) == (0, "The schema is up to date.")
    assert heliograph.run("migrate", "--check").returncode == 0


def test_O3_two_that_migrate_at_once_do_it_once(empty_database: DatabaseFacts, heliograph: Starter) -> None:
    both = [heliograph("migrate", "--json") for _ in range(2)]
    assert [process.wait(50) for process in both] == [0, 0], [process.output for process in both]
    assert sum('"applied": []' in process.output for process in both) == 1, [process.output for process in both]


def test_O3_a_command_refuses_a_schema_that_is_too_old(empty_database: DatabaseFacts, heliograph: Starter) -> None:
    refused = heliograph.run("createaccount", "ACME")
    assert refused.returncode == 1
    assert "heliograph migrate" in refused.output


def test_long_texts_are_compressed_quickly_where_the_server_can(store):
    """lz4, if this server has it; PostgreSQL's own compression takes three times as long."""
    if store.vendor == "sqlite":
        return
    (can,) = store.all("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")[0]
    found = store.all(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attcompression = 'l' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    assert found == (
        [
            ("attempt_content_rest", "request"),
            ("attempt_content_rest", "response"),
            ("change_content_rest", "after"),
            ("change_content_rest", "before"),
            ("idempotency", "answer"),
            ("registration", "state"),
        ]
        if can
        else []
    )
