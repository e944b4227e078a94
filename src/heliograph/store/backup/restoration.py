"""Makes a database of a backup (O14): in an empty data folder, or in an empty database of PostgreSQL.

Whatever speaks against it is found before anything is written. On SQLite the checked copy gets its name last; on PostgreSQL the rows without
which no process of ours uses a database are restored last. Before that, every account is marked: nothing of a restored copy is sent until somebody
releases it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import driver_errors
from heliograph.store.backup.archive import BackupArchive
from heliograph.store.backup.manifest import Manifest, fingerprints, major_of
from heliograph.store.backup.snapshot_facts import applied_migrations, table_counts
from heliograph.store.backup.sqlite_copy import DamagedDatabase, check_counts, check_database
from heliograph.store.database import Database
from heliograph.store.disk_room import size_text
from heliograph.store.instants import to_micros
from heliograph.store.restored_copy import mark_restored
from heliograph.store.secrets import Vault, knows_key
from heliograph.store.sqlite_database import open_sqlite

_MAY_BE_THERE: Final = frozenset({"key", "lost+found"})
"""What an empty data folder may hold: a key that was put back, and what a file system puts at its root."""


class NotRestored(HeliographError):
    """The backup was not restored."""


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """Where a backup is restored."""

    data: Path
    """The data folder. It may not exist yet."""
    key_place: Path
    """The key file, which may not exist yet."""
    keys: tuple[str, ...]
    """Newest first; empty if there is no key yet."""
    sqlite_file: Path | None
    """None on PostgreSQL."""
    database_url: str
    """Of PostgreSQL."""
    known_migrations: Collection[tuple[str, str]]
    """The schema of this release."""


def check_target(target: RestoreTarget, archive: BackupArchive) -> tuple[str, ...]:
    """Checks that this backup can be restored there, without changing anything. Returns the keys that the copy will have.

    Raises NotRestored.
    """
    manifest = archive.manifest
    vendor = "sqlite" if target.sqlite_file is not None else "postgresql"
    if manifest.database != vendor:
        names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
        cure = "Unset HELIOGRAPH_DATABASE_URL" if vendor == "postgresql" else "Set HELIOGRAPH_DATABASE_URL to an empty PostgreSQL database"
        raise NotRestored(f"This is a backup of {names[manifest.database]}, and the settings name {names[vendor]}. {cure}.")
    _check_schema(manifest.facts.migrations, target.known_migrations, manifest.version)
    keys = _keys(target, archive)
    _check_folder(target)
    if target.sqlite_file is not None:
        _check_room(_existing(target.data), 2 * manifest.size)
    else:
        _check_database(target, manifest)
        _check_room(Path(tempfile.gettempdir()), manifest.size)
    return keys


def restore(target: RestoreTarget, archive: BackupArchive, keys: tuple[str, ...]) -> None:
    """Restores the backup, after `check_target` has returned the keys. Raises NotRestored, DamagedBackup, DamagedDatabase, ProgramFailed."""
    try:
        target.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.keys:
            _write_keys(target.key_place, keys)  # first: a database without its key starts nowhere
        if target.sqlite_file is not None:
            _restore_sqlite(target.sqlite_file, archive, keys, target.known_migrations)
        else:
            _restore_postgres(target, archive, keys)
    except OSError as error:
        advice = " There is no room for it." if error.errno == errno.ENOSPC else ""
        raise NotRestored(f"The backup cannot be restored into {target.data}: {error.strerror}.{advice}") from None
    except driver_errors.all_errors() as error:
        lines = str(error).strip().splitlines()
        raise NotRestored(f"The backup cannot be restored: {lines[0] if lines else type(error).__name__}.") from None


# --- what speaks against it


def _check_schema(migrations: Iterable[tuple[str, str]], known: Collection[tuple[str, str]], version: str) -> None:
    apps = {app for app, _ in known}
    newer = sorted((app, name) for app, name in migrations if app in apps and (app, name) not in known)
    if newer:
        raise NotRestored(
            f"This backup was made by Heliograph {version}, whose schema is newer than this release's ({'.'.join(newer[-1])}). Update Heliograph,"
            " and restore it then."
        )


def _keys(target: RestoreTarget, archive: BackupArchive) -> tuple[str, ...]:
    """The keys of the copy: those of the settings, or else those in the backup. Raises NotRestored if they do not fit."""
    needed = archive.manifest.keys
    keys = target.keys or archive.keys()
    if not keys:
        raise NotRestored(
            f"The key that encrypted the secrets of this backup (fingerprint {', '.join(needed)}) is missing. Put it into {target.key_place} (mode 600)"
            " or into HELIOGRAPH_KEY."
        )
    lacking = [each for each in needed if each not in fingerprints(keys)]
    if lacking:
        raise NotRestored(
            f"This is not the key that encrypted the secrets of this backup: it has the fingerprint {', '.join(fingerprints(keys))}, and the backup"
            f" needs {', '.join(lacking)}. Put the right key into {target.key_place} or into HELIOGRAPH_KEY."
        )
    return keys


def _check_folder(target: RestoreTarget) -> None:
    """Raises NotRestored unless the data folder is missing or empty but for a key."""
    try:
        present = sorted(each.name for each in target.data.iterdir()) if target.data.exists() else []
    except OSError as error:
        raise NotRestored(f"The data folder {target.data} cannot be read: {error.strerror}.") from None
    others = [name for name in present if name not in _MAY_BE_THERE and target.data / name != target.key_place]
    if others:
        raise NotRestored(
            f"The data folder {target.data} is not empty: it holds {', '.join(others[:3])}{' …' if len(others) > 3 else ''}. A backup is restored only"
            " into an empty folder, which may hold the key. Set HELIOGRAPH_DATA to another one; nothing was changed."
        )
    if target.sqlite_file is not None and target.sqlite_file.exists():
        raise NotRestored(f"There is a database {target.sqlite_file} already. A backup never replaces one; nothing was changed.")


def _check_database(target: RestoreTarget, manifest: Manifest) -> None:
    from heliograph.store.backup.postgres_dump import check_is_empty, server_major  # noqa: PLC0415 -- with psycopg
    from heliograph.store.backup.postgres_programs import find_program  # noqa: PLC0415
    from heliograph.store.postgres_database import open_postgres  # noqa: PLC0415

    try:
        with contextlib.closing(open_postgres(target.database_url, read_only=True)) as db:
            check_is_empty(db)
            major, version = server_major(db)
    except driver_errors.all_errors() as error:
        lines = str(error).strip().splitlines()
        raise NotRestored(f"The database does not answer: {lines[0] if lines else type(error).__name__}.") from None
    if major < major_of(manifest.server):
        raise NotRestored(
            f"This backup is of PostgreSQL {manifest.server}, and the server is {version}. Restore it on a server of that version or a later one."
        )
    find_program("pg_restore", max(major, major_of(manifest.program)))


def _check_room(folder: Path, need: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < need:
        raise NotRestored(f"{folder} has {size_text(free)} of free space, and this backup needs {size_text(need)}.")


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


# --- the restoration


def _restore_sqlite(file: Path, archive: BackupArchive, keys: tuple[str, ...], known: Collection[tuple[str, str]]) -> None:
    beside = file.with_name(f"{file.name}.restoring")
    try:
        archive.extract_database(beside)
        check_database(beside, archive.manifest.facts)
        with contextlib.closing(open_sqlite(beside)) as db:
            _check_copy(db, archive.manifest, keys, known)
            with db.transaction():
                _mark(db, archive.manifest)
            db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        with beside.open("rb") as synced:
            os.fsync(synced.fileno())
        os.link(beside, file)  # never over a database that came there meanwhile
    finally:
        for part in ("", "-wal", "-shm", ".turn", ".main"):
            Path(f"{beside}{part}").unlink(missing_ok=True)
    _sync_folder(file.parent)


def _restore_postgres(target: RestoreTarget, archive: BackupArchive, keys: tuple[str, ...]) -> None:
    from heliograph.store.backup import postgres_dump  # noqa: PLC0415 -- with psycopg
    from heliograph.store.backup.postgres_programs import find_program  # noqa: PLC0415
    from heliograph.store.postgres_database import open_postgres  # noqa: PLC0415

    url, manifest = target.database_url, archive.manifest
    with tempfile.TemporaryDirectory(prefix="heliograph-restore-") as folder:
        dump = Path(folder) / manifest.member
        archive.extract_database(dump)
        with contextlib.closing(open_postgres(url, idle_timeout_ms=0)) as db:
            major, _version = postgres_dump.server_major(db)
            program = find_program("pg_restore", max(major, major_of(manifest.program)))
            postgres_dump.restore_tables(url, dump, program)
            db.run("SET enable_seqscan = on")
            counts = postgres_dump.without_migrations(table_counts(db))
            check_counts(counts, postgres_dump.without_migrations(manifest.facts.counts))
            _check_key(db, keys)
            with db.transaction():
                _mark(db, manifest)
            postgres_dump.restore_last_table(url, dump, program)
            _check_migrations(db, manifest, target.known_migrations)
            postgres_dump.analyze(db)


def _check_copy(db: Database, manifest: Manifest, keys: tuple[str, ...], known: Collection[tuple[str, str]]) -> None:
    """Checks what the database itself says, whatever the manifest does. Raises NotRestored, DamagedDatabase."""
    _check_migrations(db, manifest, known)
    _check_key(db, keys)


def _check_migrations(db: Database, manifest: Manifest, known: Collection[tuple[str, str]]) -> None:
    migrations = applied_migrations(db)
    if migrations != sorted(tuple(each) for each in manifest.facts.migrations):
        raise DamagedDatabase("The database in this backup has another schema than its manifest says.")
    _check_schema(migrations, known, manifest.version)


def _check_key(db: Database, keys: tuple[str, ...]) -> None:
    if knows_key(db, Vault(keys)) is False:
        raise NotRestored("This is not the key that encrypted the secrets of this backup, though its manifest says so. It is not restored.")


def _mark(db: Database, manifest: Manifest) -> None:
    facts = manifest.facts
    mark_restored(db, to_micros(facts.instant), to_micros(facts.last_change) if facts.last_change else None)


def _write_keys(place: Path, keys: tuple[str, ...]) -> None:
    """Writes the keys of the backup as the key file, which does not exist."""
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(place.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
