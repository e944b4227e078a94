"""`heliograph openapi`: the OpenAPI file of the REST API, for programs that read it without a running Heliograph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from heliograph.commands import ready_without_data
from heliograph.commands.setup_commands import CommandError


def openapi(
    output: Annotated[Path | None, typer.Option("--output", help="File to write. Default: standard output.")] = None,
) -> None:
    """Write the OpenAPI file of this version's REST API (OpenAPI 3.1, JSON): the same bytes that `/api/v1/openapi.json` serves.

    Needs no data folder, no database and no key.
    """
    ready_without_data()
    from heliograph.api.openapi import encoded  # noqa: PLC0415
    from heliograph.api.urls import ROUTER  # noqa: PLC0415

    content = encoded(ROUTER)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    typer.echo(f"Wrote {output} ({len(content):,} bytes).")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(openapi)
