"""The checks of `heliograph doctor`, one function each (O1, O2, O7). Each says what it found and, if necessary, what to do.

Problems are returned, never raised. Nothing is changed, apart from a probe file that is removed again.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import driver_errors, search_index
from heliograph.store.backup.backup_runs import last_backup, last_failure
from heliograph.store.connection_budget import ConnectionBudget, connection_limit
from heliograph.store.database import Database
from heliograph.store.database_trouble import CURES, Trouble, cure_of, detail_of, trouble_of
from heliograph.store.disk_room import size_text
from heliograph.store.restored_copy import unreleased_accounts
from heliograph.store.schema_fingerprint import SchemaDiffers, check_tables, lacking_indexes, newest_unknown
from heliograph.store.secrets import Vault, knows_key

LEAST_SPACE: Final = 10**9
LEAST_DESCRIPTORS: Final = 4096
MOST_SKEW: Final = 2_000_000
OLDEST_BACKUP: Final = 48
"""Hours after which a backup that nobody has scheduled is called old."""
MOUNT_TABLE: Final = Path("/proc/self/mountinfo")
WIDEST_NETWORK: Final = {4: 8, 6: 16}

# File systems that are shared between machines or have unreliable locks. SQLite's documentation warns about them.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p",
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
    }
)
NETWORK_FUSE: Final = ("ceph", "cifs", "davfs", "gcsfuse", "glusterfs", "goofys", "mergerfs", "rclone", "s3fs", "sshfs")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, in sentences for the operator. If it is `ok` and has a `cure`, it works but should be improved."""

    name: str
    ok: bool
    sentence: str
    cure: str = ""


# --- the folder


def folder_is_writable(folder: Path) -> Check:
    """Checks that files can be created, synced, locked and removed."""
    name = "data folder"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as first:
            first.write(b"probe")
            first.flush()
            os.fsync(first.fileno())
            if not _excludes(first.name):
                return Check(
                    name,
                    False,
                    f"File locks do not work in {folder}: two processes can hold the same lock.",
                    "Put the data folder on a local disk.",
                )
    except OSError as error:
        trouble = trouble_of(error)
        cure = CURES[trouble] if trouble else f"Give the folder to the user that runs Heliograph: chown -R USER {folder}"
        return Check(name, False, f"{folder} is not writable: {error.strerror}.", cure)
    return Check(name, True, f"{folder} is writable, and file locks work there.")


def _excludes(path: str) -> bool:
    with Path(path).open("rb") as one, Path(path).open("rb") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def folder_is_local(folder: Path, mounts: Iterable[tuple[str, str]] | None = None) -> Check:
    """Checks that the folder is on a local disk: on a network file system SQLite loses data. mounts: (mount point, type); None: read from
    the system."""
    name = "file system"
    place, kind = _mount_of(folder, list_mounts() if mounts is None else mounts)
    if kind in NETWORK_FILE_SYSTEMS or (kind.startswith("fuse.") and kind.removeprefix("fuse.").startswith(NETWORK_FUSE)):
        return Check(
            name,
            False,
            f"{folder} is on {place}, a network file system ({kind}), where SQLite loses data.",
            "Set HELIOGRAPH_DATA to a folder on a local disk, or use PostgreSQL.",
        )
    return Check(name, True, f"{folder} is on a local file system ({kind or 'unknown'}).")


def list_mounts() -> list[tuple[str, str]]:
    """Mount points with their types, from /proc on Linux and `mount` elsewhere; empty if neither works."""
    try:
        if MOUNT_TABLE.is_file():
            return _read_mountinfo(MOUNT_TABLE.read_text("utf-8", "surrogateescape"))
        output = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [(match[1], match[2]) for line in output.splitlines() if (match := re.search(r" on (.+) \(([^,)]+)", line))]


def _read_mountinfo(text: str) -> list[tuple[str, str]]:
    mounts = []
    for line in text.splitlines():
        left, separator, right = line.partition(" - ")
        if separator:
            point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split(" ")[4])
            mounts.append((point, right.split(" ", 1)[0]))
    return mounts


def _mount_of(folder: Path, mounts: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """The mount that contains the folder: the one with the longest path, and of equal ones the last, which hides the others."""
    best, kind = "", ""
    resolved = folder.resolve()
    for point, mount_kind in mounts:
        if (resolved == Path(point) or Path(point) in resolved.parents) and len(point) >= len(best):
            best, kind = point, mount_kind
    return best or "/", kind


def disk_has_room(folder: Path, least: int = LEAST_SPACE) -> Check:
    """Checks that at least `least` bytes are free."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return Check(
            "disk",
            False,
            f"The free space of {folder} cannot be read: {error.strerror}.",
            "Create the folder, or set HELIOGRAPH_DATA to another one.",
        )
    free = f"{size_text(usage.free)} of {size_text(usage.total)} are free"
    if usage.free < least:
        return Check("disk", False, f"Only {free}.", f"Free at least {size_text(least)}. While the disk is full, nothing is accepted.")
    return Check("disk", True, f"{free}.")


# --- the database


def database_answers(connect: Callable[[], Database]) -> tuple[Check, Database | None]:
    """Connects; the caller closes the database."""
    try:
        database = connect()
        database.all("SELECT 1")
    except driver_errors.all_errors(OSError, HeliographError) as error:
        trouble = trouble_of(error) or Trouble.UNREACHABLE
        return Check("database", False, f"{trouble.value.rstrip('.')}: {detail_of(error).rstrip('.')}.", cure_of(trouble, error)), None
    if database.vendor == "sqlite":
        server, sql = "SQLite", "SELECT sqlite_version()"
    else:
        server, sql = "PostgreSQL", "SELECT split_part(current_setting('server_version'), ' ', 1)"
    ((version,),) = database.all(sql)
    return Check("database", True, f"{server} {version} answers."), database


def schema_is_current(database: Database, expected: Collection[tuple[str, str]]) -> Check:
    """Checks that every migration (application, name) of this version is applied. A newer schema is fine if it has all that this
    version needs."""
    try:
        applied = {(app, migration) for app, migration in database.all("SELECT app, name FROM django_migrations")}
    except driver_errors.all_errors():
        return Check("schema", False, "The database is empty.", "Run heliograph migrate, or start heliograph serve, which does it.")
    missing = sorted(set(expected) - applied)
    if missing:
        return Check(
            "schema",
            False,
            f"The database is older than this version: {len(missing)} migrations are missing, first {'.'.join(missing[0])}.",
            "Run heliograph migrate.",
        )
    newer = newest_unknown(database, expected)
    try:
        tables = check_tables(database, newer)
    except SchemaDiffers as error:
        return Check("schema", False, str(error), "Do not start it: its processes would fail at some statement, again and again.")
    if newer:
        return Check(
            "schema",
            True,
            f"The database is newer than this version ({newer}), and has all that this version needs.",
            "Update this machine's Heliograph soon.",
        )
    if indexes := lacking_indexes(database):
        return Check(
            "schema",
            False,
            f"The tables are those of this version, but indexes are missing: {', '.join(indexes[:3])}"
            f"{f' and {len(indexes) - 3} more' if len(indexes) > 3 else ''}.",
            "Run heliograph migrate, which makes those that heliograph seed has set aside. If they are still missing, somebody has dropped them: make"
            " them as they are in a new database. Until then pages and deliveries are slow.",
        )
    return Check("schema", True, f"The schema is up to date (fingerprint {tables}).")


def key_fits(database: Database, vault: Vault) -> Check:
    """Checks that the key opens the secrets of this database."""
    try:
        known = knows_key(database, vault)
    except driver_errors.all_errors():
        return Check("key", False, "The key cannot be checked: the database has no table for secrets.", "Run heliograph migrate.")
    if known is None:
        return Check("key", True, "The database has no secrets yet. The first start binds it to this key.")
    if not known:
        return Check(
            "key",
            False,
            "This is not the key that encrypted this database's secrets.",
            "Put the right key into the key file or HELIOGRAPH_KEY. If you have added a new key, keep the old one after it.",
        )
    return Check("key", True, "The key decrypts this database's secrets.")


def search_has_its_index(database: Database) -> Check:
    """Whether rare words are found by an index. On PostgreSQL it needs the extension pg_trgm."""
    if search_index.exists(database):
        return Check("search", True, "Search has its index.")
    return Check(
        "search",
        True,
        "Search has no index: it finds the same, but looks through all registrations for a rare word.",
        "Let this database have the extension pg_trgm (CREATE EXTENSION pg_trgm, as its owner), then run `heliograph migrate`.",
    )


def clocks_agree(database: Database, clock: Callable[[], int] = lambda: time.time_ns() // 1000, most: int = MOST_SKEW) -> Check:
    """Compares this machine's clock with the database's, in microseconds. Leases use the database's clock; times on pages and answers with
    a date use this machine's."""
    before = clock()
    theirs = database.now()
    after = clock()
    skew = 0 if before <= theirs <= after else min(theirs - before, theirs - after, key=abs)
    if abs(skew) > most:
        return Check(
            "clock",
            False,
            f"This machine's clock is {abs(skew) / 1e6:,.1f} s {'behind' if skew > 0 else 'ahead of'} the database's.",
            "Let both follow a time server (systemctl status systemd-timesyncd, chronyd).",
        )
    return Check("clock", True, "This machine's clock and the database's agree.")


# --- PostgreSQL


def server_has_room(database: Database) -> Check:
    """Whether the server's disk takes another megabyte."""
    try:
        database.check_room()
    except driver_errors.all_errors() as error:
        trouble = trouble_of(error) or Trouble.FAILING
        return Check("database disk", False, f"{trouble.value.rstrip('.')}: {detail_of(error).rstrip('.')}.", cure_of(trouble, error))
    return Check("database disk", True, "The disk of PostgreSQL takes data.")


def sessions_are_kept(keeps_sessions: Callable[[], bool]) -> Check:
    """Whether a pooler leaves each client its session. keeps_sessions: of `pooler`; it may raise SessionsAreShared."""
    try:
        is_pooled = keeps_sessions()
    except HeliographError as error:
        sentence, _, cure = str(error).partition(". ")
        return Check("pooler", False, f"{sentence}.", cure)
    return Check(
        "pooler",
        True,
        "A pooler stands before PostgreSQL and leaves each client its session." if is_pooled else "PostgreSQL is reached directly.",
    )


def connections_suffice(database: Database, budget: ConnectionBudget) -> Check:
    """Whether the server has room for a `serve`, or for a `web` with the workers that are alive; whether further `web` run elsewhere is not known here."""
    ((workers,),) = database.all("SELECT count(*) FROM worker WHERE until > :now", {"now": database.now()})
    needed = budget.web + budget.worker * max(1, int(workers))
    limit = connection_limit(database)
    sentence = (
        f"PostgreSQL takes {limit} connections of this user. A `heliograph serve` opens up to {budget.serve}, a `web` up to {budget.web} and a `worker` up"
        f" to {budget.worker}."
    )
    if limit < needed:
        return Check(
            "connections",
            True,
            sentence,
            f"One `web` with {max(1, workers)} workers needs {needed}: raise max_connections of the server, or lower HELIOGRAPH_PAGE_THREADS.",
        )
    return Check("connections", True, sentence)


# --- backups


def backups_are_made(database: Database, every: int | None) -> Check:
    """Checks the age of the newest backup.

    every: microseconds between two scheduled backups; None if none are scheduled
    """
    last = last_backup(database)
    failure = last_failure(database)
    reason = f" The last try failed: {failure}" if failure else ""
    have_them_made = "Set HELIOGRAPH_BACKUP_FOLDER, or run `heliograph backup FILE` daily."
    if last is None:
        cure = have_them_made if every is None else "Start Heliograph: it makes the first one within a minute, or logs why not."
        return Check("backup", not failure, f"No backup was made yet.{reason}", cure)
    hours = (database.now() - last) / 3_600_000_000
    sentence = f"The newest backup is {hours:,.1f} hours old.{reason}"
    if every is not None and database.now() - last > 2 * every:
        return Check("backup", False, sentence, "`heliograph backup FILE` says what keeps it from being made; the log does, too.")
    if hours > OLDEST_BACKUP:
        return Check("backup", True, sentence, have_them_made)
    return Check("backup", True, sentence, "Look why, before the next one fails." if failure else "")


def copy_is_released(database: Database) -> Check:
    """Reports the accounts of a restored copy that send nothing (O14)."""
    unreleased = len(unreleased_accounts(database))
    if not unreleased:
        return Check("restored copy", True, "Every account sends.")
    return Check(
        "restored copy",
        True,
        f"This is a restored copy, and {unreleased} of its accounts send nothing yet.",
        "Stop the original for good, then run `heliograph release`, or let an Administrator of each account do it on the page Restored copy.",
    )


# --- the network and the process


def proxies_are_ignored(environ: Mapping[str, str]) -> Check:
    """Warns about proxies in the environment. Deliveries never use them, though an operator who set one expects it."""
    named = sorted(name for name, value in environ.items() if value and name.lower() in {"http_proxy", "https_proxy", "all_proxy"})
    if not named:
        return Check("proxy", True, "No proxy is set in the environment.")
    return Check(
        "proxy",
        True,
        f"{', '.join(named)} is set but not used: requests go out directly, so that their addresses can be checked.",
        "Make sure that this machine reaches the targets directly, or set HELIOGRAPH_PROXY.",
    )


def networks_are_narrow(networks: Iterable[IPv4Network | IPv6Network]) -> Check:
    """Reports which private networks outgoing requests may reach, and warns about a range so wide that it must be a mistake."""
    allowed = list(networks)
    if not allowed:
        return Check("network rules", True, "Outgoing requests reach public addresses only.")
    wide = [str(network) for network in allowed if network.prefixlen < WIDEST_NETWORK[network.version] or network.is_loopback]
    sentence = f"Outgoing requests of every account also reach {', '.join(map(str, allowed))}."
    if wide:
        return Check(
            "network rules",
            True,
            sentence,
            f"{', '.join(wide)} is wider than a network of targets needs to be; list only the machines that you mean.",
        )
    return Check("network rules", True, sentence)


def own_descriptors() -> int:
    """The most files that a process of this one's may open; engine and edge raise their limit as far as they may. 0: any number."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if hard == resource.RLIM_INFINITY else hard


def descriptors_suffice(most: int, *, owner: str, least: int = LEAST_DESCRIPTORS) -> Check:
    """Each open request takes a descriptor, and so does each browser connection.

    most: the limit; 0: there is none
    owner: whose limit it is, as the beginning of a sentence
    """
    if most and most < least:
        return Check(
            "open files",
            True,
            f"{owner} may open only {most:,} files.",
            f"Raise the limit to at least {least:,} (LimitNOFILE= in systemd, ulimit -n), and start it again.",
        )
    return Check("open files", True, f"{owner} may open {f'{most:,}' if most else 'any number of'} files.")
