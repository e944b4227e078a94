"""What Django's schema does not say: sequences, collation, storage, content tables (partitioned on PostgreSQL), slots, tenancy."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation

from heliograph.store.database import SEQUENCES
from heliograph.store.tenancy import SameAccount

CONTENT = {
    "change_content": "change_id bigint NOT NULL, account_id bigint NOT NULL, at bigint NOT NULL, after text NOT NULL, before text NOT NULL",
    "attempt_content": "action_id bigint NOT NULL, n integer NOT NULL, account_id bigint NOT NULL, at bigint NOT NULL, request text NOT NULL, response text NOT NULL",
}
KEYS = {"change_content": "change_id", "attempt_content": "action_id, n"}
# Retention finds what is old by it, without reading the contents (O4).
BY_AGE = [f"CREATE INDEX {table}_at ON {table} (account_id, at, {KEYS[table]})" for table in CONTENT]

POSTGRES = [
    *(f"CREATE SEQUENCE {name}_seq AS bigint" for name in SEQUENCES),
    # One order everywhere: locks are taken by code, and Python sorts by code points.
    'ALTER TABLE event ALTER COLUMN code TYPE varchar(25) COLLATE "C"',
    'ALTER TABLE registration ALTER COLUMN code TYPE varchar(100) COLLATE "C"',
    'ALTER TABLE idempotency ALTER COLUMN endpoint TYPE varchar(40) COLLATE "C", ALTER COLUMN key TYPE varchar(300) COLLATE "C"',
    "ALTER TABLE lane SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)",
    "ALTER TABLE action SET (fillfactor = 85)",
    "ALTER TABLE registration SET (fillfactor = 85)",
    *(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({KEYS[table]}, at)) PARTITION BY RANGE (at)" for table, columns in CONTENT.items()),
    # For all that no other partition takes; so far there is none.
    *(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT" for table in CONTENT),
    *BY_AGE,
]
SQLITE = [
    "CREATE TABLE sequence (name text PRIMARY KEY, last integer NOT NULL) WITHOUT ROWID",
    *(f"INSERT INTO sequence (name, last) VALUES ('{name}', 0)" for name in SEQUENCES),
    *(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({KEYS[table]}))" for table, columns in CONTENT.items()),
    *BY_AGE,
]
# Documents and requests are 1 to 3 KB each: lz4 takes a third of the time of PostgreSQL's own compression, which was a fifth of what a change cost the
# server. Not every server is built with it.
POSTGRES_LZ4 = [
    "ALTER TABLE registration ALTER COLUMN state SET COMPRESSION lz4",
    "ALTER TABLE idempotency ALTER COLUMN answer SET COMPRESSION lz4",
    *(f"ALTER TABLE change_content{of} ALTER COLUMN {column} SET COMPRESSION lz4" for of in ("", "_rest") for column in ("after", "before")),
    *(f"ALTER TABLE attempt_content{of} ALTER COLUMN {column} SET COMPRESSION lz4" for of in ("", "_rest") for column in ("request", "response")),
]
HAS_LZ4 = "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
BACK_POSTGRES = [*(f"DROP TABLE {t}" for t in CONTENT), *(f"DROP SEQUENCE {name}_seq" for name in SEQUENCES)]
BACK_SQLITE = [*(f"DROP TABLE {t}" for t in CONTENT), "DROP TABLE sequence"]


class PlainSql(Operation):
    """Statements by vendor."""

    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        is_postgres = schema_editor.connection.vendor == "postgresql"
        for sql in POSTGRES if is_postgres else SQLITE:
            schema_editor.execute(sql, params=None)
        if is_postgres and _has_lz4(schema_editor.connection):
            for sql in POSTGRES_LZ4:
                schema_editor.execute(sql, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for sql in BACK_POSTGRES if schema_editor.connection.vendor == "postgresql" else BACK_SQLITE:
            schema_editor.execute(sql, params=None)


def _has_lz4(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(HAS_LZ4)
        row = cursor.fetchone()
    return bool(row and row[0])


def make_slots(apps: Any, schema_editor: Any) -> None:
    """The 64 slots stand from the start."""
    Slot = apps.get_model("store", "Slot")
    Slot.objects.using(schema_editor.connection.alias).bulk_create(Slot(id=n) for n in range(64))


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0001_initial")]
    operations: ClassVar = [
        PlainSql(),
        migrations.RunPython(make_slots, migrations.RunPython.noop),
        SameAccount("registration", "event_id", "event"),
        SameAccount("session_registration", "registration_id", "registration"),
    ]
