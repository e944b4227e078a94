"""Brings the schema up to date (O3: expand, then contract), with Django.

Only one process migrates at a time: PostgreSQL uses a session's advisory lock, SQLite a locked file beside the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from heliograph.store import search_index
from heliograph.store.deferred_indexes import restore
from heliograph.store.django_database import of_django
from heliograph.store.sqlite_database import open_sqlite

LOCK = (4, 1)
"""The advisory lock of migrations; 1 and 2 are used by configuration, 3 by folding."""


def unapplied() -> list[str]:
    """Migrations of this release that the database lacks, in order, e.g. store.0002_plain_sql."""
    executor = MigrationExecutor(connection)
    return [f"{m.app_label}.{m.name}" for m, backwards in executor.migration_plan(executor.loader.graph.leaf_nodes()) if not backwards]


def migrate(say: Callable[[list[str]], None] = lambda _: None) -> list[str]:
    """Applies the missing migrations under the lock, and returns them. Also makes the index of search, and the indexes that a killed seed has
    set aside.

    say: called with the missing migrations before they are applied
    """
    with _alone():
        missing = unapplied()
        if missing:
            say(missing)
            call_command("migrate", interactive=False, verbosity=0)
        with (
            contextlib.closing(open_sqlite(connection.settings_dict["NAME"]))
            if connection.vendor == "sqlite"
            else contextlib.nullcontext(of_django(connection)) as db
        ):
            restore(db)
            search_index.ensure(db)
        return missing


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)
        return
    file = os.open(f"{connection.settings_dict['NAME']}.migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
