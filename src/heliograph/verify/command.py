"""`heliograph verify`: a mixed load, kills at random instants, a drain, and counts made from outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from heliograph.stage.ground import ground

LEASE: Final = 5.0
SETTINGS: Final = {"lease": f"{LEASE:g}", "lease_renewal": "1", "request_timeout": "2", "log_level": "info"}
PAST_LEASE: Final = LEASE * 1.3

KILLS = typer.Option(help="How many times processes are killed or stopped.", min=0, max=10_000)
DATABASE = typer.Option(
    "--database-url",
    help="postgresql://… of an empty database, for `web` and `worker` processes. Default: `serve` on SQLite in a temporary folder.",
)
SEED = typer.Option(help="The same seed gives the same load and the same order of kills, though not the same instants.")


def verify(
    kills: Annotated[int, KILLS] = 20,
    database_url: Annotated[str, DATABASE] = "",
    webs: Annotated[int, typer.Option(help="Number of `web` processes on PostgreSQL.", min=1, max=8)] = 2,
    workers: Annotated[int, typer.Option(help="Number of `worker` processes on PostgreSQL.", min=1, max=8)] = 2,
    clients: Annotated[int, typer.Option(help="Number of concurrent senders.", min=1, max=100)] = 8,
    slots: Annotated[
        bool, typer.Option(help="On PostgreSQL, first start and stop workers, and check that each soon owns its share of the slots.")
    ] = True,
    seed: Annotated[int, SEED] = 1,
    data: Annotated[Path | None, typer.Option(help="Parent of the trial's data folder. Default: the system's temporary folder.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep folder, logs and database, and print where they are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object, for scripts.")] = False,
) -> None:
    """Run Heliograph under load, kill its processes at random instants, and count from outside what was lost, repeated or out of order.

    Everything happens on this machine, in a temporary folder or an empty database. Exit code 1 if anything was lost or out of order, or if
    more was repeated than was in flight at the kills.
    """
    say = (lambda _: None) if as_json else _progress
    with ground("verify", database_url, under=data, settings=SETTINGS) as made:
        made.keep = keep
        from heliograph.verify.trial import Size, run  # noqa: PLC0415 -- models, after Django's set-up

        report = run(made, Size(kills, webs, workers, clients, slots), seed, PAST_LEASE, say)
        if keep:
            typer.echo(f"Everything is kept in {made.folder}", err=True)
    if not as_json and sys.stderr.isatty():
        typer.echo("\r\033[K", nl=False, err=True)
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())
    if not report.ok:
        raise typer.Exit(1)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r\033[K{text}", nl=False, err=True)
    else:
        typer.echo(text, err=True)


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)
