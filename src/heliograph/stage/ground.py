"""The place where a trial runs: its own data folder and, on PostgreSQL, a database.

The database has to be empty or left by an earlier trial. One in use is refused.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from heliograph.commands import ready
from heliograph.options import PREFIX
from heliograph.stage.ground_error import GroundError
from heliograph.stage.small_disk import SmallDisk

LOOPBACK: Final = "127.0.0.1/32"


@dataclass(slots=True)
class Ground:
    """The folder and database of one trial."""

    folder: Path
    database_url: str
    """postgresql://…; "" for SQLite in the folder."""
    settings: dict[str, str] = field(default_factory=dict)
    keep: bool = False
    """True if folder and database stay after the trial, for inspection."""
    disk: SmallDisk | None = None
    """The disk of the data folder of SQLite, if the trial fills it."""
    variables: Callable[[str], Mapping[str, str]] = lambda _machine: {}
    """More environment variables of a machine's processes."""

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
        """The whole environment of a process, without the operator's settings.

        settings: by lower-case name (`bind`, `log_level`)
        """
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(PREFIX) and name != "DJANGO_SETTINGS_MODULE"
        }
        settings = {**self.settings, "data": str(self.data(machine)), "database_url": self.database_url, **settings}
        named = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
        return environment | named | dict(self.variables(machine))


@contextmanager
def ground(
    purpose: str,
    database_url: str = "",
    *,
    under: Path | None = None,
    settings: Mapping[str, str] | None = None,
    small_disk: bool = False,
) -> Iterator[Ground]:
    """Creates the ground, migrates, and makes this process part of the trial; cleans up at the end.

    A process can have one ground, because Django reads its settings once.

    purpose: a part of the folder's name
    database_url: postgresql://…; "" for SQLite in the folder
    under: the parent folder; None for the system's folder for temporary files. Some systems have that in memory, where a commit costs nothing
    settings: the settings of all processes, by lower-case name
    small_disk: True if SQLite's data folder is a disk that can be filled (`small_disk.enter_namespace` was called)

    Raises GroundError.
    """
    from django.db import connections  # noqa: PLC0415

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
    database = None
    if database_url:
        from heliograph.stage.trial_database import TrialDatabase  # noqa: PLC0415 -- with psycopg

        database = TrialDatabase(database_url)
    try:
        made.disk = SmallDisk(made.data()) if small_disk else None
        _join_trial(made)
        yield made
    finally:
        connections.close_all()
        if made.disk is not None:
            made.disk.close(keep=made.keep)
        if not made.keep:
            if database is not None:
                database.clear()
            shutil.rmtree(folder, ignore_errors=True)
        if database is not None:
            database.close()


def _join_trial(made: Ground) -> None:
    """Makes this process part of the trial: it sees the trial's settings and none of the operator's."""
    from heliograph.store.schema_update import migrate  # noqa: PLC0415 -- Django's settings are read at import

    for name in [n for n in os.environ if n.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in made.environment().items() if name.startswith(PREFIX)})
    ready(first_start=True)
    migrate()
