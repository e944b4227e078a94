"""`heliograph status`: the figures of /metrics, on a terminal (O2)."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands import ready_for_data

if TYPE_CHECKING:
    from heliograph.engine.supervisor.installation_status import InstallationStatus, ObservedSizes, ProcessFigures
    from heliograph.options import Options
    from heliograph.store.installation_state import ServerStatus


_PATIENCE: Final = 5.0  # seconds


def status(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False) -> None:
    """Show the processes, the queue's length and its oldest items, what failed, the workers, and the last error. Exit code 3: no worker is running."""
    options = ready_for_data(django=False)
    from heliograph.engine.supervisor.installation_status import InstallationStatus  # noqa: PLC0415
    from heliograph.options import host_and_port  # noqa: PLC0415
    from heliograph.wiring import read_status_once  # noqa: PLC0415

    database = read_status_once(options)
    installation_status = InstallationStatus(ask_processes(*host_and_port(options.operations_bind), options.installation), database)
    if as_json:
        typer.echo(json.dumps(installation_status.as_json()))
    else:
        _print(installation_status, database, options)
    if not database.is_working:
        raise typer.Exit(3)


def ask_processes(host: str, port: int, installation: str) -> ProcessFigures | None:
    """The figures of the processes behind an operations port; None if nothing answers there, or another installation does."""
    from heliograph.engine.supervisor.installation_status import STATUS, ProcessFigures  # noqa: PLC0415

    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- it is bound to all, and asked at one
    connection = http.client.HTTPConnection(address, port, timeout=_PATIENCE)
    try:
        connection.request("GET", STATUS)
        answer = connection.getresponse()
        figures = ProcessFigures.from_port(json.loads(answer.read())) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return figures if figures and figures.installation == installation else None


def _print(installation_status: InstallationStatus, database: ServerStatus, options: Options) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Version", installation_status.version)

    # this installation's processes
    processes = installation_status.processes
    if processes is None:
        table.add_row("Processes", f"none of this data folder answers at {options.operations_bind}")
    else:
        table.add_row("Processes", ", ".join(f"{name} {state}" for name, state in processes.states.items()))
        attempts = (f"{n:,} {' '.join(filter(None, key))}" for key, n in processes.attempts.items() if n)
        table.add_row("Attempts", f"{', '.join(attempts) or 'none'} since this start")
        if processes.attempt_seconds.mean is not None:
            table.add_row("", f"one takes {processes.attempt_seconds.mean * 1000:,.0f} ms")
        batches = (_of_batches(processes.settled_sizes, "outcomes"), _of_batches(processes.recorded_sizes, "documents"))
        table.add_row("Batches", ", ".join(filter(None, batches)) or "none")
        refused = (f"{n:,} {entrance} {status}" for (entrance, status), n in processes.refusals.items() if n)
        table.add_row("Refused", f"{', '.join(refused) or 'nothing'} since this start")
        sign_ins = (f"{n:,} {reason}" for reason, n in processes.failed_sign_ins.items() if n)
        table.add_row("Sign-ins", f"failed: {', '.join(sign_ins) or 'none'} since this start")

    # what came in, and the queue
    last = None if database.last_change is None else time.time() - database.last_change
    table.add_row("Last change", "none yet" if last is None else f"accepted {last:,.0f} s ago")
    more = "" if database.counted else " or more"
    pending, waiting = f"{database.pending:,}{more} to be sent", f"{database.waiting:,}{more} waiting for a retry"
    table.add_row("Queue", f"{pending}, {database.held_count:,}{more} held, {waiting}, {database.untagged:,}{more} waiting for a tag")
    table.add_row("Oldest", f"first attempt {_ago(database.oldest_pending)}, retry that is due {_ago(database.oldest_due)}")
    table.add_row("Failed", f"{database.failed:,}{more} {'item' if database.failed == 1 else 'items'} of the Retry Queue")
    failing = ", ".join(f"{n} for longer than {longer}" for longer, n in database.failing_connections.items() if n and longer != "0s")
    failing = f"{database.failing_connections['0s']} failing{f' ({failing})' if failing else ''}"
    table.add_row("Connections", f"{database.paused_connections} paused, {database.held_connections} resting, {failing}")
    table.add_row("Slots", f"{database.owned_slots} of 64 owned")

    # the workers, on whichever machine each runs
    for worker in database.workers:
        report = worker.report
        text = f"process {report.get('pid', '?')}: {report.get('slots', 0)} slots, {report.get('under_way', 0)} requests in flight"
        table.add_row("Worker", f"{text}, {report.get('delivered', 0):,} delivered, {report.get('failed', 0):,} failed")
    if not database.workers:
        table.add_row("Worker", "[red]none is running: start `heliograph serve` or `heliograph worker`[/red]")

    # the jobs, the database and its disk
    table.add_row("Jobs", ", ".join(f"{n:,} {state}" for state, n in database.jobs.items() if n) or "none")
    table.add_row("Figures", f"{database.unfolded_figures:,} rows to be added up")
    table.add_row(
        "Backup", "none was made" if database.backup_age is None else f"the newest is {database.backup_age / 3600:,.1f} hours old"
    )
    if database.unreleased_accounts:
        table.add_row("Restored", f"[red]{database.unreleased_accounts} accounts of a restored copy send nothing: heliograph release[/red]")
    if database.ledger_gaps:
        table.add_row(
            "Ledger", f"{database.ledger_gaps:,} {'gap' if database.ledger_gaps == 1 else 'gaps'} between sources and what is here"
        )
    if database.last_error:
        table.add_row("Last error", database.last_error)
    for label, text in _of_disks(database):
        table.add_row(label, text)
    Console().print(table)


def _of_disks(database: ServerStatus) -> Iterator[tuple[str, str]]:
    from heliograph.store.disk_room import size_text  # noqa: PLC0415

    if database.database_bytes is not None:
        yield "Database", size_text(database.database_bytes)
    for name, disk in database.disks.items():
        yield "Disk", f"{size_text(disk.free)} of {size_text(disk.size)} free ({name})"


def _of_batches(sizes: ObservedSizes, things: str) -> str:
    return f"{sizes.count:,} with {sizes.mean:.1f} {things} each" if sizes.mean is not None else ""


def _ago(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.0f} s old"


def register(app: typer.Typer) -> None:
    app.command()(status)
