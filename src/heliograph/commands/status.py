"""`heliograph status`: the queue, the workers and the disk, on a terminal (O2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands import ready

if TYPE_CHECKING:
    from heliograph.store.status import ServerStatus


def status(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False) -> None:
    """Show the queue's length and its oldest items, the workers, and the last error. Exit code 3: no worker is running."""
    ready()
    from django.db import connections  # noqa: PLC0415

    from heliograph.options import Options  # noqa: PLC0415
    from heliograph.store.database import of_django  # noqa: PLC0415
    from heliograph.store.status import read_status  # noqa: PLC0415

    options = Options.load()
    found = read_status(of_django(connections["read"]), options.data, options.sqlite_file if options.on_sqlite else None)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _print(found)
    if not found.is_working:
        raise typer.Exit(3)


def _print(s: ServerStatus) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    more = "" if s.counted else " or more"
    table.add_row("Queue", f"{s.pending:,}{more} to be sent, {s.waiting:,}{more} waiting for a retry, {s.stuck:,} waiting for a tag")
    table.add_row("Oldest", f"first attempt {_ago(s.oldest_pending)}, retry that is due {_ago(s.oldest_due)}")
    table.add_row("Connections", f"{s.paused_connections} paused, {s.held_connections} resting")
    table.add_row("Slots", f"{s.owned_slots} of 64 owned")
    for w in s.workers:
        said = w.said
        text = f"process {said.get('pid', '?')}: {said.get('slots', 0)} slots, {said.get('under_way', 0)} requests in flight"
        table.add_row("Worker", f"{text}, {said.get('delivered', 0):,} delivered, {said.get('failed', 0):,} failed")
        if outcomes := said.get("outcomes"):
            table.add_row("", ", ".join(f"{n:,} {' '.join(filter(None, (outcome, category)))}" for outcome, category, n in outcomes))
        if said.get("mean_seconds") is not None and said.get("mean_batch") is not None:
            table.add_row("", f"an attempt takes {said['mean_seconds'] * 1000:,.0f} ms, a batch holds {said['mean_batch']:.1f} outcomes")
    if not s.workers:
        table.add_row("Worker", "[red]none is running: start `heliograph serve` or `heliograph worker`[/red]")
    table.add_row("Jobs", ", ".join(f"{n:,} {state}" for state, n in s.jobs.items() if n) or "none")
    if s.last_error:
        table.add_row("Last error", s.last_error)
    if s.database_bytes is not None:
        table.add_row("Database", f"{s.database_bytes / 1e6:,.1f} MB")
    if s.disk_free is not None:
        table.add_row("Disk", f"{s.disk_free / 1e9:.1f} GB free")
    Console().print(table)


def _ago(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.0f} s old"


def register(app: typer.Typer) -> None:
    app.command()(status)
