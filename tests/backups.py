"""Backups in tests: made of a database and restored into another, by the parts that the commands use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heliograph.store import schema
from heliograph.store.backup import restoration
from heliograph.store.backup.archive import BackupArchive
from heliograph.store.backup.backup_file import BackupSource, MadeBackup, make_backup
from heliograph.store.backup.restoration import RestoreTarget
from heliograph.store.backup.snapshot_facts import table_counts
from heliograph.store.database import Database
from tests.databases import DatabaseFacts, Databases

OWN_TABLES = {"backup_run", "restored_copy"}
"""What a backup and a restoration write themselves."""


def source_of(facts: DatabaseFacts) -> BackupSource:
    """The database as the source of a backup."""
    on_sqlite = facts.vendor == "sqlite"
    return BackupSource("0.1.0", (facts.key,), facts.data / "heliograph.db" if on_sqlite else None, "" if on_sqlite else facts.url)


def backed_up(facts: DatabaseFacts, file: Path, **more: Any) -> MadeBackup:
    """Makes a backup as this file."""
    return make_backup(source_of(facts), file, **more)


def target_of(facts: DatabaseFacts, **more: Any) -> RestoreTarget:
    """An empty database as the target of a restoration. Keywords replace its fields."""
    on_sqlite = facts.vendor == "sqlite"
    fields: dict[str, Any] = {
        "data": facts.data,
        "key_place": facts.data / "key",
        "keys": (facts.key,),
        "sqlite_file": facts.data / "heliograph.db" if on_sqlite else None,
        "database_url": "" if on_sqlite else facts.url,
        "known_migrations": schema.migrations(),
    }
    return RestoreTarget(**(fields | more))


def restore_into(target: RestoreTarget, file: Path) -> None:
    """Checks and restores."""
    with BackupArchive(file) as archive:
        restoration.restore(target, archive, restoration.check_target(target, archive))


@contextlib.contextmanager
def restored(databases: Databases, file: Path) -> Iterator[DatabaseFacts]:
    """Another database, restored from the file."""
    with databases.empty() as facts:
        restore_into(target_of(facts), file)
        yield facts


def all_rows(db: Database) -> dict[str, list[str]]:
    """Every row of every table but OWN_TABLES, in one order."""
    tables = [table for table in table_counts(db) if table.rpartition(".")[2] not in OWN_TABLES]
    quoted = (lambda name: f'"{name}"') if db.vendor == "sqlite" else str
    return {table: sorted(map(repr, db.all(f"SELECT * FROM {quoted(table)}"))) for table in tables}
