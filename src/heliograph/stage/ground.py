"""The place where a trial runs: its own data folder and, on PostgreSQL, a database that is empty or left by an earlier trial (never one in
use)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from heliograph.commands import ready
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX

MARK: Final = "heliograph_trial"
"""A table that marks everything in this database as made by a trial, so it may be deleted."""
LOCK: Final = (4, 2)
"""The advisory lock of the running trial; (4, 1) is that of migrations."""
LOOPBACK: Final = "127.0.0.1/32"


class GroundError(HeliographError):
    """A trial cannot run here."""


@dataclass(slots=True)
class Ground:
    """The folder and database of one trial. keep: both stay afterwards, for inspection."""

    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)
    keep: bool = False

    @property
    def on_sqlite(self) -> bool:
        """True on the embedded database."""
        return not self.database_url

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.folder / "logs"

    def data(self, machine: str = "") -> Path:
        """The data folder of a machine. On PostgreSQL each command can have its own, as on separate machines."""
        return self.folder / (machine or "data")

    def environment(self, machine: str = "", **settings: str) -> dict[str, str]:
        """The whole environment of a process. Keywords are settings by lower-case name (`bind`, `log_level`); the operator's settings are
        ignored."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) and name != "DJANGO_SETTINGS_MODULE"}
        return kept | {f"{PREFIX}{name.upper()}": value for name, value in (self._own(machine) | settings).items()}

    def _own(self, machine: str) -> dict[str, str]:
        return self.settings | {"data": str(self.data(machine)), "database_url": self.database_url}


@contextmanager
def ground(
    purpose: str, database_url: str = "", *, under: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Ground]:
    """Creates the ground, migrates, and makes this process part of the trial; cleans up at the end. Once per process, because Django reads
    its settings once.

    purpose: names the folder. database_url: postgresql://…, or "" for SQLite in the folder. under: the parent folder; default: the system's
    folder for temporary files, which is in memory on some systems, where a commit costs nothing. settings: of all processes, by lower-case
    name. Raises GroundError.
    """
    if database_url and urlsplit(database_url).scheme not in {"postgresql", "postgres"}:
        raise GroundError("--database-url must begin with postgresql://; without it, the trial uses SQLite in a temporary folder.")
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"heliograph-{purpose}-", dir=under))
    except OSError as error:
        raise GroundError(f"No folder can be created in {under}: {error.strerror}.") from None
    made = Ground(
        folder,
        database_url,
        {"key": Fernet.generate_key().decode("ascii"), "allowed_networks": LOOPBACK, "log_format": "json"} | dict(settings or {}),
    )
    made.logs.mkdir()
    claim = _claim(database_url) if database_url else None
    try:
        _join_trial(made)
        yield made
    finally:
        _leave()
        if not made.keep:
            if claim is not None:
                _empty(claim)
            shutil.rmtree(folder, ignore_errors=True)
        if claim is not None:
            claim.close()


def _join_trial(made: Ground) -> None:
    """Makes this process part of the trial: it sees the trial's settings and none of the operator's."""
    from heliograph.store import schema  # noqa: PLC0415 -- Django's settings are read at import

    for name in [n for n in os.environ if n.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in made.environment().items() if name.startswith(PREFIX)})
    ready(first_start=True)
    schema.migrate()


def _leave() -> None:
    from django.db import connections  # noqa: PLC0415

    connections.close_all()


# ---- a database on PostgreSQL ----------------------------------------------------------------------------------------------


def _claim(url: str) -> psycopg.Connection[Any]:
    """A session that reserves the database for this trial, emptied if an earlier one left something. Raises GroundError."""
    try:
        session = psycopg.connect(url, autocommit=True, application_name="heliograph trial")
    except psycopg.OperationalError as error:
        raise GroundError(f"The database cannot be reached: {str(error).strip()}") from None
    try:
        ((free,),) = session.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchall()
        if not free:
            raise GroundError("Another trial is running on this database. Wait for it to end, or use another database.")
        _check_is_ours(session)
        _empty(session)
        session.execute(sql.SQL("CREATE TABLE {} (made timestamptz NOT NULL DEFAULT now())").format(sql.Identifier(MARK)))
    except BaseException:
        session.close()
        raise
    return session


def _check_is_ours(session: psycopg.Connection[Any]) -> None:
    found = _relations(session, "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'")
    if found and MARK not in {name for name, _ in found}:
        ((name,),) = session.execute("SELECT current_database()").fetchall()
        raise GroundError(
            f"The database {name} is in use: it has {len(found)} tables that no trial made. A trial deletes what it finds; give it an empty"
            f" database: CREATE DATABASE heliograph_trial."
        )


_KINDS: Final = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


def _empty(session: psycopg.Connection[Any]) -> None:
    """Drops everything in the current schema: it was empty before the first trial, so all of it is a trial's."""
    found = _relations(session, "n.nspname = current_schema()")
    if not found:
        return
    session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    )
    session.execute("SET lock_timeout = '20s'")
    # sequences after the tables that own them, the mark last
    for name, kind in sorted(found, key=lambda each: (each[0] == MARK, each[1] == "S")):
        session.execute(sql.SQL("DROP {} IF EXISTS {} CASCADE").format(sql.SQL(_KINDS[kind]), sql.Identifier(name)))
    for (signature,) in session.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = current_schema()"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ).fetchall():
        session.execute(f"DROP ROUTINE IF EXISTS {signature} CASCADE".encode())


def _relations(session: psycopg.Connection[Any], where: LiteralString) -> list[tuple[str, str]]:
    """(name, kind) of tables, views and sequences, without those of extensions."""
    rows = session.execute(
        "SELECT c.relname, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608 -- `where` is a literal
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') AND " + where
    )
    return [(name, kind) for name, kind in rows]
