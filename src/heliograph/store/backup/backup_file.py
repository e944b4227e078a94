"""Makes a backup (O13): one instant of the database, checked, compressed, read back, and then moved to its name.

    copy or dump → check, counts compared → archive → read the archive back, size and digest compared → the final name

Everything before the last step happens in a folder of its own beside the target. What a killed backup leaves there, the next one removes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import driver_errors
from heliograph.store.backup import sqlite_copy
from heliograph.store.backup.archive import MEMBERS, BackupArchive, digest_of, write_archive
from heliograph.store.backup.manifest import Manifest, fingerprints, major_of
from heliograph.store.disk_room import size_text

_PREFIX: Final = ".heliograph-backup-"
_LOCK: Final = "lock"
NICE: Final = 10
"""The priority of everything after the copy, which takes ten times as long: a tenth of a busy processor's time. The copy itself keeps SQLite's
write-ahead log from being reused, so it has the usual priority and is soon over. With 19, a backup took minutes on a machine that was busy with other things."""


class NoBackup(HeliographError):
    """The backup was not made."""


class FileThere(NoBackup):
    """There is a file of this name already."""


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What is backed up."""

    version: str
    """This release."""
    keys: tuple[str, ...]
    """Newest first."""
    sqlite_file: Path | None
    """None on PostgreSQL."""
    database_url: str
    """Of PostgreSQL."""


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup that is in its place, and checked."""

    path: Path
    size: int
    """Bytes of the file."""
    manifest: Manifest
    copy_seconds: float
    """How long the database was copied or dumped: so long an instant of it was kept."""


def check_free(target: Path, *, overwrite: bool) -> None:
    """Raises FileThere if a backup of this name would replace something, and may not."""
    if target.is_dir() or (target.exists() and not overwrite):
        raise FileThere(f"{target} exists already. Give another name, or --overwrite.")


def make_backup(source: BackupSource, target: Path, *, with_key: bool = False, overwrite: bool = False) -> MadeBackup:
    """Makes a backup as this file, which only its owner can read. Raises NoBackup, FileThere, DamagedDatabase, DamagedBackup.

    with_key: True to include the keys; whoever has such a file can read every stored secret
    overwrite: True to replace a file of this name, once the new one is complete
    """
    target = target.absolute()
    check_free(target, overwrite=overwrite)
    try:
        with _work_folder(target.parent) as folder:
            manifest, copy_seconds = _make(source, folder, with_key=with_key)
            archive = folder / "backup"
            _put_in_place(archive, target, overwrite=overwrite)
    except OSError as error:
        raise NoBackup(f"The backup {target} cannot be written: {error.strerror}.{_advice(error)} Nothing was changed.") from None
    except driver_errors.all_errors() as error:
        lines = str(error).strip().splitlines()
        raise NoBackup(f"The database could not be copied: {lines[0] if lines else type(error).__name__}.") from None
    return MadeBackup(target, target.stat().st_size, manifest, copy_seconds)


def _make(source: BackupSource, folder: Path, *, with_key: bool) -> tuple[Manifest, float]:
    """Makes the file `backup` in the folder. Returns its manifest, and the seconds that the copy or dump took."""
    began = time.monotonic()
    vendor = "sqlite" if source.sqlite_file is not None else "postgresql"
    database = folder / MEMBERS[vendor]
    if source.sqlite_file is not None:
        _check_room(source.sqlite_file, folder)
        facts = sqlite_copy.copy_database(source.sqlite_file, database)
        server, program = sqlite3.sqlite_version, ""
        copy_seconds = time.monotonic() - began
        _give_way()
        sqlite_copy.check_database(database, facts)
    else:
        from heliograph.store.backup import postgres_dump  # noqa: PLC0415 -- with psycopg

        _give_way()  # the server's part of the work is not ours to slow down, but it waits for pg_dump to compress
        facts, server, program = postgres_dump.dump_database(source.database_url, database)
        copy_seconds = time.monotonic() - began
        sqlite_copy.check_counts(postgres_dump.count_dumped_rows(database, major_of(program)), facts.counts)
    size, digest = digest_of(database)
    manifest = Manifest(
        version=source.version,
        database="sqlite" if source.sqlite_file is not None else "postgresql",
        server=server,
        program=program,
        keys=fingerprints(source.keys),
        with_key=with_key,
        member=MEMBERS[vendor],
        size=size,
        sha256=digest,
        facts=facts,
    )
    write_archive(folder / "backup", manifest, database, source.keys if with_key else ())
    with BackupArchive(folder / "backup") as archive:
        archive.extract_database()
    return manifest, copy_seconds


@contextlib.contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """A folder of our own in `parent`, removed at the end. First it removes those that killed backups have left."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in parent.glob(f"{_PREFIX}*"):
        _remove_if_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _put_in_place(archive: Path, target: Path, *, overwrite: bool) -> None:
    """Gives the finished file its name. Without `overwrite`, a file that came there meanwhile stays. Raises FileThere, OSError."""
    if overwrite:
        archive.replace(target)
    else:
        try:
            os.link(archive, target)
        except FileExistsError:
            raise FileThere(f"{target} exists already. Give another name, or --overwrite.") from None
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
                raise
            archive.rename(target)  # a file system without hard links
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_room(database: Path, folder: Path) -> None:
    """Raises NoBackup if the copy and its archive cannot fit."""
    need, free = 2 * database.stat().st_size, shutil.disk_usage(folder).free
    if free < need:
        raise NoBackup(
            f"{folder.parent} has {size_text(free)} of free space; a backup may need {size_text(need)} while it is made. Give it room, or name"
            " another folder."
        )


def _advice(error: OSError) -> str:
    return " Give it room, or name another folder." if error.errno == errno.ENOSPC else ""


def _give_way() -> None:
    """Lowers the priority of this process, so that deliveries go first. On Linux the processors are shared between sessions first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{NICE}\n", "ascii")
