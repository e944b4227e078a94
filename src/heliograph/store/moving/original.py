"""The original of an installation that `heliograph move` has moved to another database (O15).

A database of PostgreSQL is marked, and refuses every start. A file of SQLite gets another name, .moved behind it: without it a start finds no
database, and would begin a new installation while the data is elsewhere. So a start looks for that file, too. Both know the place of the new database.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from heliograph.domain.errors import HeliographError
from heliograph.store.database import Database


class FileMovedAway(HeliographError):
    """The data of this folder is in another database, and the settings do not name it."""


def mark_moved(source: Database, place: str) -> None:
    """Stores in the original where its data went.

    place: a URL of PostgreSQL, whose password is left out, or the folder of a file of SQLite
    """
    with source.transaction():
        source.run("CREATE TABLE IF NOT EXISTS moved_away (place text NOT NULL)")
        source.run("DELETE FROM moved_away")
        source.run("INSERT INTO moved_away (place) VALUES (:place)", {"place": _without_password(place)})


def set_aside(file: Path) -> Path:
    """Gives an original of SQLite its other name, and returns it."""
    aside = _aside(file)
    wal = file.with_name(f"{file.name}-wal")
    if wal.exists():  # another program has the database open: its newest rows are still in this file
        wal.rename(wal.with_name(f"{aside.name}-wal"))
    file.rename(aside)
    file.with_name(f"{file.name}-shm").unlink(missing_ok=True)
    return aside


def check_not_set_aside(file: Path) -> None:
    """Raises FileMovedAway if there is no database of this name, but one that was set aside."""
    aside = _aside(file)
    if file.exists() or not aside.exists():
        return
    place = _place(aside)
    raise FileMovedAway(
        f"This installation was moved{f' to {place}' if place else ''}: {aside} is what is left of it here, and a start would begin a new one."
        f" Set HELIOGRAPH_DATABASE_URL to the new database. To use the original again, rename it to {file.name}; to begin anew, move it out of"
        " this folder."
    )


def _aside(file: Path) -> Path:
    return file.with_name(f"{file.name}.moved")


def _place(aside: Path) -> str:
    """Where the data went; "" if the file does not say it, as one that an earlier release set aside, or cannot be read."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)) as database,
    ):
        for (place,) in database.execute("SELECT place FROM moved_away"):
            return str(place)
    return ""


def _without_password(place: str) -> str:
    """A URL without its password, and without its query, which may hold one; a folder as it is."""
    url = urlsplit(place)
    user, separator, host = url.netloc.rpartition("@")
    return urlunsplit(url._replace(netloc=f"{user.partition(':')[0]}{separator}{host}", query="")) if url.scheme else place
