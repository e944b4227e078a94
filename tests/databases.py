"""Databases for processes of ours: empty ones, and migrated ones copied from a template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from tests import postgres

Vendor = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database and the data folder and key that go with it. `env` is the whole environment of a process that uses it."""

    vendor: Vendor
    url: str
    data: Path
    key: str

    def env(self, **more: str) -> dict[str, str]:
        """Environment for a process of ours; keywords are further variables, such as HELIOGRAPH_BIND."""
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
    """Makes databases of one vendor under one folder; a migrated one is a copy of a template that is migrated once."""

    def __init__(self, vendor: Vendor, folder: Path, key: str, server: Path | None) -> None:
        self.vendor = vendor
        self._folder = folder
        self._key = key
        self._server = server
        self._count = 0
        self._template: DatabaseFacts | None = None

    @contextmanager
    def empty(self) -> Iterator[DatabaseFacts]:
        """A database without a table. On SQLite the file does not exist yet."""
        facts = self._named()
        if self.vendor == "postgresql":
            self._on_server(f'CREATE DATABASE "{facts.data.name}" TEMPLATE template0')
        try:
            yield facts
        finally:
            self._drop(facts)

    @contextmanager
    def migrated(self) -> Iterator[DatabaseFacts]:
        """A database with every migration applied and no rows but those of the migrations."""
        template = self._migrated_template()
        facts = self._named()
        if self.vendor == "postgresql":
            self._on_server(f'CREATE DATABASE "{facts.data.name}" TEMPLATE "{template.data.name}"')
        else:
            shutil.copy(template.data / "heliograph.db", facts.data / "heliograph.db")
        try:
            yield facts
        finally:
            self._drop(facts)

    def _named(self) -> DatabaseFacts:
        self._count += 1
        data = self._folder / f"hg{os.getpid()}_{self._count}"
        data.mkdir(parents=True)
        if self.vendor == "sqlite":
            return DatabaseFacts(self.vendor, f"sqlite:///{data / 'heliograph.db'}", data, self._key)
        assert self._server is not None
        return DatabaseFacts(self.vendor, postgres.url(self._server, data.name), data, self._key)

    def _migrated_template(self) -> DatabaseFacts:
        if self._template is None:
            facts = self._named()
            if self.vendor == "postgresql":
                self._on_server(f'CREATE DATABASE "{facts.data.name}" TEMPLATE template0')
            done = subprocess.run(
                [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
                env=facts.env(DJANGO_SETTINGS_MODULE="heliograph.settings"),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            self._template = facts
        return self._template

    def _drop(self, facts: DatabaseFacts) -> None:
        if self.vendor == "postgresql":
            self._on_server(f'DROP DATABASE IF EXISTS "{facts.data.name}" WITH (FORCE)')
        shutil.rmtree(facts.data, ignore_errors=True)

    def _on_server(self, statement: str) -> None:
        assert self._server is not None
        with psycopg.connect(postgres.url(self._server, "postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())
