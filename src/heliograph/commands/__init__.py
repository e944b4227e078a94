"""The command line: thin commands over the same services that pages use.

Each module has `register(app)`. Modules import Django's models only inside their functions, after `ready()`, so that `--help` is quick
and a wrong setting is a sentence.
"""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from heliograph import collector
from heliograph.domain.errors import HeliographError

if TYPE_CHECKING:
    from heliograph.options import Options

MODULES = (
    "serve",
    "setup_commands",
    "addresses",
    "connection_commands",
    "keys",
    "import_",
    "jobs",
    "status",
    "doctor",
    "configuration_commands",
    "backup",
    "move",
    "flow_commands",
    "registration_commands",
    "replay_commands",
    "retry_commands",
    "openapi_file",
)


class NoDatabase(HeliographError):
    """Nothing has made this installation's database yet."""


def register(app: typer.Typer) -> None:
    """Adds every command to the application."""
    for name in MODULES:
        import_module(f"heliograph.commands.{name}").register(app)


def ready(*, first_start: bool = False, django: bool = True) -> None:
    """Sets up logging and Django from the options. Raises OptionsError.

    first_start: True to create the data folder and the key if they are missing
    django: False for processes that do not need Django (engine, edge), which then use 30 MB less
    """
    from heliograph.commands import logs  # noqa: PLC0415
    from heliograph.options import Options  # noqa: PLC0415

    options = Options.load()
    if first_start:
        options.prepare()
    logs.configure(options)
    if django:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heliograph.settings")
        with collector.importing():
            from django import setup  # noqa: PLC0415 -- settings are read at import, so the data folder has to be there

            setup()


def check_not_moved(options: Options) -> None:
    """Raises FileMovedAway if `heliograph move` has set the database of this folder aside (O15)."""
    if options.on_sqlite:
        from heliograph.store.moving.original import check_not_set_aside  # noqa: PLC0415

        check_not_set_aside(options.sqlite_file)


def ready_without_data() -> None:
    """Like `ready`, for a command that reads no data and no secret: it needs neither a data folder nor the key. Raises OptionsError."""
    from cryptography.fernet import Fernet  # noqa: PLC0415

    from heliograph.options import PREFIX  # noqa: PLC0415

    os.environ[f"{PREFIX}KEY"] = Fernet.generate_key().decode("ascii")  # Django's settings want one
    ready()


def ready_for_data(*, django: bool = True) -> Options:
    """Like `ready`, for a command that reads or changes data. Returns the options. Raises NoDatabase, SchemaTooOld."""
    from heliograph.options import Options  # noqa: PLC0415

    options = Options.load()
    check_not_moved(options)
    if options.on_sqlite and not options.sqlite_file.exists():  # opening it would make one, and leave it empty
        raise NoDatabase(
            f"There is no database {options.sqlite_file} yet. The first `heliograph serve` or `heliograph migrate` creates it."
        )
    ready(django=django)
    from heliograph.store.schema import check_schema  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options, read_only=True)) as db:
        check_schema(db)
    return options
