"""`heliograph move`: moves an installation from SQLite to PostgreSQL, or back (O15)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands import ready_for_data
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX, Options

if TYPE_CHECKING:
    from heliograph.store.database import Database

_SERVERS: Final = ("postgresql://", "postgres://")
_SAY_EVERY: Final = 50_000
"""Rows of a table between two lines of progress."""


class MoveRefused(HeliographError):
    """The command cannot be carried out as it was given."""


def register(app: typer.Typer) -> None:
    app.command()(move)


def move(
    to: Annotated[
        str, typer.Option("--to", help="postgresql://… of an empty database; on the way back, a folder for heliograph.db, empty or new.")
    ],
) -> None:
    """Move this installation to the other kind of database. All ids, all history and all that waits come along.

    Stop every process first. Every table of the new database is read again and compared with the original, which stays, but so that nothing starts
    on it by mistake. A move that was interrupted goes on if it is run again.
    """
    options = ready_for_data(django=False)
    from heliograph.store.moving.database_move import DatabaseMove  # noqa: PLC0415
    from heliograph.store.moving.original import mark_moved, set_aside  # noqa: PLC0415
    from heliograph.wiring import flight_folder, open_database  # noqa: PLC0415

    if to.startswith(_SERVERS) is not options.on_sqlite:
        raise MoveRefused(
            "This installation uses SQLite: it moves to PostgreSQL, --to postgresql://…"
            if options.on_sqlite
            else "This installation uses PostgreSQL: it moves to SQLite, --to a folder. To another server of PostgreSQL, pg_dump moves it."
        )
    with contextlib.ExitStack() as stack:
        if options.on_sqlite:
            from heliograph.engine.supervisor.processes import folder_lock  # noqa: PLC0415

            stack.enter_context(folder_lock(options.data, "serve"))
        if any(flight_folder(options).glob("*")):
            raise MoveRefused("Heliograph was not stopped in order: requests were in flight. Start it, and stop it in order, first.")
        source = stack.enter_context(contextlib.closing(open_database(options)))
        target = stack.enter_context(contextlib.closing(_new_database(options, to)))
        moved = DatabaseMove(source, target, options.installation, _say_piece).run()
        mark_moved(source, to)
    typer.echo(f"Moved {sum(table.rows for table in moved):,} rows of {len(moved)} tables. Each was read again, and has the same rows.")
    if options.on_sqlite:
        typer.echo(f"The original is now {set_aside(options.sqlite_file)}. Delete it once you trust the new database.")
        typer.echo(f"Next: set {PREFIX}DATABASE_URL to the new database, leave the data folder and its key where they are, and start.")
        typer.echo("A start without it is refused as long as that file is there.")
    else:
        typer.echo("The original stays, and refuses every start.")
        typer.echo(f"Next: unset {PREFIX}DATABASE_URL, set {PREFIX}DATA to {to}, and start.")


def _new_database(options: Options, to: str) -> Database:
    """The new database, with the schema of this release and the key of the original. Raises MoveRefused."""
    if options.on_sqlite:
        _migrate({f"{PREFIX}DATABASE_URL": to}, options)
        from heliograph.store.postgres_database import open_postgres  # noqa: PLC0415 -- with psycopg

        return open_postgres(to, idle_timeout_ms=0)
    folder = Path(to).absolute()
    key = folder / "key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not options.key.get_secret_value() and not key.exists():
            with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write("".join(f"{each}\n" for each in options.keys))
    except OSError as error:
        raise MoveRefused(f"{folder}: {error.strerror}.") from None
    _migrate({f"{PREFIX}DATABASE_URL": "", f"{PREFIX}DATA": str(folder)}, options)
    from heliograph.store.sqlite_database import open_sqlite  # noqa: PLC0415

    return open_sqlite(folder / "heliograph.db")


def _migrate(settings: dict[str, str], options: Options) -> None:
    """Makes the schema of the new database, by a process of its own: this one has the settings of the original. Raises MoveRefused."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "heliograph", "migrate"],
        env={**os.environ, f"{PREFIX}KEY": ",".join(options.keys), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise MoveRefused(f"The schema of the new database cannot be made: {lines[-1] if lines else 'heliograph migrate failed.'}")


def _say_piece(table: str, rows: int) -> None:
    if rows % _SAY_EVERY == 0:
        typer.echo(f"{table}: {rows:,} rows", err=True)
