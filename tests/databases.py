"""Databases for tests: empty ones, and migrated ones copied from a template that is migrated once per run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from heliograph.store.database import Database
from heliograph.store.postgres_database import open_postgres
from heliograph.store.sqlite_database import open_sqlite
from tests import postgres
from tests.pristine import Pristine, let_go

Vendor = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database with its data folder and key. `env` is the whole environment of a process that uses it."""

    vendor: Vendor
    url: str
    data: Path
    key: str

    def open(self, *, read_only: bool = False) -> Database:
        """A separate connection, as the engine's, but one that a machine that stands still does not cost its transaction."""
        if self.vendor == "sqlite":
            return open_sqlite(self.data / "heliograph.db", read_only=read_only)
        return open_postgres(self.url, read_only=read_only, idle_timeout_ms=0)

    def env(self, **more: str) -> dict[str, str]:
        """The environment for one of our processes; keywords are further variables, such as HELIOGRAPH_BIND."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("HELIOGRAPH_") and name != "DJANGO_SETTINGS_MODULE"
        }
        return {
            **kept,
            "HELIOGRAPH_DATABASE_URL": self.url,
            "HELIOGRAPH_DATA": str(self.data),
            "HELIOGRAPH_KEY": self.key,
            "HELIOGRAPH_LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
            **more,
        }


class Databases:
    """Creates databases of one vendor. A migrated one is a copy of the template, made in a fraction of a second.

    Copies contain the rows inserted by migrations (slots, sequences, statuses), which truncating tables would delete. On PostgreSQL, where
    copies are expensive, a used database is reset and used again (tests/pristine.py).
    """

    def __init__(self, vendor: Vendor, folder: Path, key: str, server: Path | None) -> None:
        self.vendor = vendor
        self._folder = folder
        self._key = key
        self._server = server
        self._count = 0
        self._template = f"hg{os.getpid()}_template"
        self._pristine: Pristine | None = None
        self._used: list[str] = []

    def facts(self, name: str, data: Path | None = None) -> DatabaseFacts:
        """A database by its name. On SQLite it is the file heliograph.db in its data folder."""
        data = data or self._folder / name
        data.mkdir(parents=True, exist_ok=True)
        if self.vendor == "sqlite":
            return DatabaseFacts(self.vendor, f"sqlite:///{data / 'heliograph.db'}", data, self._key)
        assert self._server is not None
        return DatabaseFacts(self.vendor, postgres.url(self._server, name), data, self._key)

    def create(self, name: str) -> None:
        """Creates an empty database; on SQLite there is nothing to do."""
        if self.vendor == "postgresql":
            self._on_server(f'CREATE DATABASE "{name}" TEMPLATE template0')

    def drop(self, name: str) -> None:
        """Drops the database, even if there are connections to it."""
        if self.vendor == "postgresql":
            self._on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def keep_as_template(self, name: str, file: Path) -> None:
        """Uses this database, in its current state, as the template of others. There must be no connections to it."""
        if self.vendor == "postgresql":
            self._on_server(f'CREATE DATABASE "{self._template}" TEMPLATE "{name}" STRATEGY FILE_COPY')
            self._pristine = Pristine(postgres.url(self._server, self._template))
        else:
            shutil.copyfile(file, self._folder / self._template)

    def restore(self, name: str, file: Path, spared: Sequence[int] = ()) -> bool:
        """Replaces this database by a fresh copy of the template. spared: processes of the server whose connections may stay open. Returns whether they are."""
        if self.vendor == "postgresql":
            assert self._server is not None
            assert self._pristine is not None
            if not self._pristine.restore(postgres.url(self._server, name), spared):
                self.drop(name)
                self._on_server(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY FILE_COPY')
                return False
            return True
        # A new file replaces the old one, so a process that still has the old one open cannot damage it.
        fresh = file.with_suffix(".fresh")
        shutil.copyfile(self._folder / self._template, fresh)
        for leftover in ("-wal", "-shm"):
            file.with_name(file.name + leftover).unlink(missing_ok=True)
        fresh.replace(file)
        return False

    def drop_template(self) -> None:
        """Drops the template, and the databases kept for reuse."""
        let_go()
        for name in (*self._used, self._template):
            self.drop(name)

    @contextmanager
    def empty(self) -> Iterator[DatabaseFacts]:
        """A database without tables. On SQLite the file does not exist yet."""
        facts = self._next()
        self.create(facts.data.name)
        try:
            yield facts
        finally:
            self.drop(facts.data.name)
            shutil.rmtree(facts.data, ignore_errors=True)

    @contextmanager
    def migrated(self) -> Iterator[DatabaseFacts]:
        """A database with every migration applied, and only the rows of the migrations."""
        facts = self.facts(self._used.pop()) if self._used else self._next()
        self.restore(facts.data.name, facts.data / "heliograph.db")
        try:
            yield facts
        finally:
            if self.vendor == "postgresql":
                self._used.append(facts.data.name)
            shutil.rmtree(facts.data, ignore_errors=True)

    def _next(self) -> DatabaseFacts:
        self._count += 1
        return self.facts(f"hg{os.getpid()}_{self._count}")

    def _on_server(self, statement: str) -> None:
        assert self._server is not None
        with psycopg.connect(postgres.url(self._server, "postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())
