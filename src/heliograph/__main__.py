"""The command `heliograph`, also `python -m heliograph`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from heliograph import __version__, collector
from heliograph.domain.errors import HeliographError

PARTS = ("commands", "demo", "bench", "verify", "seed")
SERVICES = ("serve", "web", "worker", "process")
"""Commands that run until they are stopped. Their processes, supervisor and children, start and restart without importing the others."""


app = typer.Typer(
    name="heliograph",
    help="Event registrations change; the right webhook goes out.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _say_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"heliograph {__version__}")
        raise typer.Exit


@app.callback()
def heliograph(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and stop.")] = False,
) -> None:
    """Event registrations change; the right webhook goes out."""


with collector.importing():
    # If rich is installed, structlog imports it and pygments for tracebacks. Our logs use neither, and they would take a seventh of the time that
    # a process needs to start, and memory in each.
    if "structlog" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        import_module("structlog")
        del sys.modules["rich"]
    for part in ("commands.serve",) if sys.argv[1:] and sys.argv[1] in SERVICES else PARTS:
        import_module(f"heliograph.{part}").register(app)


def main() -> None:
    """Runs the command line. An error that the operator can cure is a sentence on stderr and exit code 1, never a traceback.

    Files are created for its own user only, whatever the folder's permissions: the database and uploads contain personal data.
    """
    os.umask(0o077)
    collector.spare_the_end()
    try:
        app(prog_name=app.info.name)  # also for `python -m heliograph`: usage and completion name the command
    except HeliographError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except Exception as error:
        from heliograph.commands.failure_sentence import failure_sentence  # noqa: PLC0415 -- only a failure needs it

        sentence = failure_sentence(error)
        if sentence is None:
            raise
        typer.echo(sentence, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
