"""The command line: thin commands over the same services that pages use.

Each module has `register(app)`. Modules import Django's models only inside their functions, after `ready()`, so that `--help` is quick
and a wrong setting is a sentence.
"""

from __future__ import annotations

import os
from importlib import import_module

import typer

from heliograph import collector

MODULES = ("serve", "set_up", "addresses", "connections", "keys", "import_", "jobs", "status", "doctor")


def register(app: typer.Typer) -> None:
    """Adds every command to the application."""
    for name in MODULES:
        import_module(f"heliograph.commands.{name}").register(app)


def ready(*, first_start: bool = False, django: bool = True) -> None:
    """Sets up logging and Django from the options. first_start: creates the data folder and the key if missing. Raises OptionsError.

    django: False for processes that do not need it (engine, edge): they then use 30 MB less.
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


def ready_for_data() -> None:
    """`ready`, for a command that reads or changes data. Raises SchemaTooOld."""
    ready()
    from django.db import connection  # noqa: PLC0415

    from heliograph.store.django_database import of_django  # noqa: PLC0415
    from heliograph.store.schema import check_schema  # noqa: PLC0415

    check_schema(of_django(connection))
