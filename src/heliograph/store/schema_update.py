"""Brings the schema up to date (O3: expand, then contract), with Django.

Only one process migrates at a time: PostgreSQL uses a session's advisory lock, SQLite a locked file beside the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

import structlog
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor

from heliograph.domain.errors import HeliographError
from heliograph.store import driver_errors, search_index
from heliograph.store.database_trouble import detail_of
from heliograph.store.deferred_indexes import restore
from heliograph.store.django_database import of_django
from heliograph.store.sqlite_database import open_sqlite
from heliograph.store.write_lock import expecting_long_holds

log = structlog.get_logger(__name__)

LOCK = (4, 1)
"""The advisory lock of migrations; 1 and 2 are used by configuration, 3 by folding."""
LOCK_WAIT: Final = 1.0
"""Seconds that a migration waits for a table, and so the longest that senders and deliveries wait for it."""
LOCK_PAUSE: Final = 2.0
"""Seconds for which others go first."""
PATIENCE: Final = 600.0
"""Seconds after which a migration that gets no table is given up."""

_OTHER_TABLES: Final = ("no such table", "no such column", "already exists", "duplicate column")
"""What SQLite says, without a code of its own, of a statement that does not fit the tables."""


class TableIsBusy(HeliographError):
    """A migration did not get a table that others use all the time."""


class MigrationDoesNotFit(HeliographError):
    """The tables are not those that the migrations before this one make: no release has made them."""


def unapplied() -> list[str]:
    """Migrations of this release that the database lacks, in order, e.g. store.0002_plain_sql."""
    executor = MigrationExecutor(connection)
    return [f"{m.app_label}.{m.name}" for m, backwards in executor.migration_plan(executor.loader.graph.leaf_nodes()) if not backwards]


def migrate(say: Callable[[list[str]], None] = lambda _: None) -> list[str]:
    """Applies the missing migrations under the lock, and returns them. Also makes the index of search, and the indexes that a killed seed has
    set aside.

    say: called with the missing migrations before they are applied
    """
    with _alone(), expecting_long_holds():
        missing = unapplied()
        if missing:
            say(missing)
            _apply()
        with (
            contextlib.closing(open_sqlite(connection.settings_dict["NAME"]))
            if connection.vendor == "sqlite"
            else contextlib.nullcontext(of_django(connection)) as db
        ):
            restore(db)
            search_index.ensure(db)
        return missing


def _apply() -> None:
    """Applies the missing migrations. Raises TableIsBusy, or MigrationDoesNotFit. A migration that was applied stays applied."""
    began = time.monotonic()
    with short_lock_waits():
        for attempt in itertools.count(1):
            try:
                call_command("migrate", interactive=False, verbosity=0)
            except (ProgrammingError, InconsistentMigrationHistory) as error:
                raise _does_not_fit(error) from error
            except OperationalError as error:
                if connection.vendor == "sqlite" and any(words in str(error) for words in _OTHER_TABLES):
                    raise _does_not_fit(error) from error
                if not isinstance(error.__cause__, (*driver_errors.lock_timeouts(), *driver_errors.lost_races())):
                    raise
                if time.monotonic() - began > PATIENCE:
                    raise TableIsBusy(
                        f"Other sessions have used a table all the time for {PATIENCE / 60:.0f} minutes, such as a dump or a long query"
                        " (pg_stat_activity shows them). Run `heliograph migrate` again when they have ended. Everything goes on meanwhile."
                    ) from error
                if attempt == 1:
                    log.warning("migration_waits_for_a_table", reason=str(error).strip())
            else:
                return
            time.sleep(LOCK_PAUSE)


def _does_not_fit(error: Exception) -> MigrationDoesNotFit:
    log.debug("migration_does_not_fit", exc_info=error)
    return MigrationDoesNotFit(
        f"The migration {unapplied()[0]} does not fit the tables of this database ({detail_of(error)}): a build that was never released has made them."
        " Use the build that made it, restore a backup of a release, or begin with an empty database. Nothing of this migration was changed."
    )


@contextlib.contextmanager
def short_lock_waits() -> Iterator[None]:
    """On PostgreSQL, Django's statements wait no longer than LOCK_WAIT for a table, except those that build an index concurrently.

    Whoever wants a table queues up behind a statement that waits to alter it, and that waits for every reader, such as a dump that takes an hour. An
    index that is built concurrently keeps nobody waiting, and would be left invalid.
    """
    if connection.vendor == "sqlite":
        yield
        return

    def set_longest_wait(seconds: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(seconds * 1000)}")

    def execute_patiently(execute: Callable[..., object], sql: str, params: object, many: bool, context: dict[str, object]) -> object:
        if "CONCURRENTLY" not in str(sql).upper():
            return execute(sql, params, many, context)
        set_longest_wait(0)
        try:
            return execute(sql, params, many, context)
        finally:
            set_longest_wait(LOCK_WAIT)

    set_longest_wait(LOCK_WAIT)
    try:
        with connection.execute_wrapper(execute_patiently):
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)
            # A migration computes between its statements: on a slow host for longer than any other transaction may be idle.
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET idle_in_transaction_session_timeout")
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)
        return
    file = os.open(f"{connection.settings_dict['NAME']}.migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
