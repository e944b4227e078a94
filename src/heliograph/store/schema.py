"""Whether the schema is up to date (O3), by the files of this release's migrations: to ask this, no process has to load Django. `schema_update` brings
it up to date."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from heliograph.domain.errors import HeliographError
from heliograph.installed_apps import INSTALLED_APPS
from heliograph.store import deferred_indexes, search_index
from heliograph.store.database import Database
from heliograph.store.schema_fingerprint import check_tables, newest_unknown

_TABLE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :table",
    "postgresql": "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = :table",
}


class SchemaTooOld(HeliographError):
    """The database's schema is older than this release. Run `heliograph migrate` first."""


class MovedAway(HeliographError):
    """This installation was moved to another database, and the original is no longer used. Start with the settings of the new one."""


class EmptyDatabase(SchemaTooOld):
    """The database is empty: it has no tables yet. Run `heliograph migrate` first, or start `heliograph serve`, which does it."""


def migrations(apps: Iterable[str] = INSTALLED_APPS) -> set[tuple[str, str]]:
    """App label and name of each migration of this release, e.g. ("store", "0002_plain_sql")."""
    return {(app.rpartition(".")[2], file.stem) for app in apps for file in _folder(app).glob("[!_]*.py")}


def lacking(db: Database) -> set[tuple[str, str]]:
    """The migrations that the database lacks. It may have more: a newer release migrates so that this one still works (expand, then
    contract)."""
    if not db.all(_TABLE[db.vendor], {"table": "django_migrations"}):
        return migrations()
    return migrations() - {(app, name) for app, name in db.all("SELECT app, name FROM django_migrations")}


def is_whole(db: Database) -> bool:
    """Whether `schema_update.migrate` would find nothing to do, neither migrations nor indexes."""
    return not lacking(db) and not deferred_indexes.are_deferred(db) and search_index.exists(db)


def check_schema(db: Database) -> None:
    """Raises SchemaTooOld, or EmptyDatabase, if `migrate` must run first; SchemaDiffers if the tables lack something that this release needs."""
    if not db.all(_TABLE[db.vendor], {"table": "django_migrations"}):
        raise EmptyDatabase
    check_not_moved(db)
    if lacking(db):
        raise SchemaTooOld
    check_tables(db, newest_unknown(db, migrations()))


def check_not_moved(db: Database) -> None:
    """Raises MovedAway if `heliograph move` has moved what this database had (O15). A file of SQLite has another name then
    (`moving.original`), and whoever gives it its name back means to use it."""
    if db.vendor == "postgresql" and db.all(_TABLE[db.vendor], {"table": "moved_away"}):
        raise MovedAway


def _folder(app: str) -> Path:
    """The folder of an app's migrations, which may not exist. Only the top package is looked up, because looking up a package within it
    imports it."""
    top, *within = app.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"The app {app} is not installed.", name=app)
    return Path(spec.submodule_search_locations[0], *within, "migrations")
