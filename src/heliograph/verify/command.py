"""`heliograph verify`: a mixed load, kills at random instants and other faults, a drain, and counts made from outside."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Final

import typer

from heliograph.stage.ground import ground
from heliograph.stage.ground_error import GroundError
from heliograph.stage.postgres_server import PostgresServer
from heliograph.stage.small_disk import NoNamespace, enter_namespace
from heliograph.verify.faults import MEANINGS, Fault, impossible
from heliograph.verify.machines import DATABASE, Machines

LEASE: Final = 5.0
SETTINGS: Final = {"lease": f"{LEASE:g}", "lease_renewal": "1", "request_timeout": "2", "log_level": "info"}
PAST_LEASE: Final = LEASE * 1.3
OWN_DATABASE: Final = "heliograph_trial"

KILLS = typer.Option(help="How many times processes are killed.", min=0, max=10_000)
FAULT = typer.Option(
    "--fault",
    help="A fault to provoke beside the kills; repeat it for several. Default: all that can be provoked here. "
    + " ".join(f"{fault}: {meaning}." for fault, meaning in MEANINGS.items() if fault is not Fault.KILL),
)
TIMES = typer.Option(help="How often each fault is provoked, and each failpoint is reached. 0: only kills.", min=0, max=1_000)
DATABASE_URL = typer.Option(
    "--database-url",
    help="postgresql://… of an empty database, for `web` and `worker` processes. Default: `serve` on SQLite in a temporary folder.",
)
OWN_SERVER = typer.Option("--own-server", help="Start a PostgreSQL server for this trial: only so can faults of the server be provoked.")
SEED = typer.Option(help="The same seed gives the same load and the same order of faults, though not the same instants.")


def verify(
    kills: Annotated[int, KILLS] = 20,
    fault: Annotated[list[Fault] | None, FAULT] = None,
    times: Annotated[int, TIMES] = 1,
    database_url: Annotated[str, DATABASE_URL] = "",
    own_server: Annotated[bool, OWN_SERVER] = False,
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
    """Run Heliograph under load, kill its processes at random instants, provoke other faults, and count from outside what was lost, repeated or out of
    order.

    Everything happens on this machine, in a temporary folder, an empty database or a server of its own. Exit code 1 if anything was lost or out of
    order, or if more was repeated than was in flight at the faults.
    """
    say = (lambda _: None) if as_json else _progress
    if own_server and database_url:
        raise typer.BadParameter("--own-server and --database-url exclude each other")
    chosen, not_provoked, small_disk = _choose(fault, times, on_sqlite=not database_url and not own_server, own_server=own_server)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hg-verify-", dir="/tmp")))
        folder.chmod(0o755)  # a server of our own, which is another user's, reads its clock there
        machines = Machines(folder, chosen)
        if own_server:
            machines.server = PostgresServer(small_disk=small_disk, variables=machines.variables(DATABASE))
            stack.callback(machines.server.stop)
            database_url, machines.disk = machines.server.create(OWN_DATABASE), machines.server.disk
        made = stack.enter_context(ground("verify", database_url, under=data, settings=SETTINGS, small_disk=small_disk and not own_server))
        made.keep, made.variables = keep, machines.variables
        machines.disk = machines.disk or made.disk
        from heliograph.verify.trial import Size, run  # noqa: PLC0415 -- models, after Django's set-up

        size = Size(kills, chosen, times, webs, workers, clients, slots)
        report = run(made, machines, size, seed, PAST_LEASE, say)
        report.not_provoked = not_provoked
        if keep:
            typer.echo(f"Everything is kept in {made.folder}", err=True)
        if not as_json and sys.stderr.isatty():
            typer.echo("\r\033[K", nl=False, err=True)
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())
    if not report.ok:
        raise typer.Exit(1)


def _choose(
    wanted_faults: Collection[Fault] | None, times: int, *, on_sqlite: bool, own_server: bool
) -> tuple[frozenset[Fault], dict[str, str], bool]:
    """The faults to provoke, the reason for each that cannot be provoked, and whether the database has a disk that can be filled.

    Raises GroundError if one was asked for that cannot be provoked here.
    """
    faults = frozenset(wanted_faults or Fault) if times else frozenset()
    disk_trouble = ""
    if Fault.FULL_DISK in faults and (on_sqlite or own_server):
        try:
            enter_namespace()
        except NoNamespace as error:
            disk_trouble = str(error)
    reasons = {
        fault: reason
        for fault, reason in impossible(on_sqlite=on_sqlite, own_server=own_server, disk_trouble=disk_trouble).items()
        if fault in faults
    }
    if wanted_faults and reasons:
        raise GroundError(" ".join(f"{fault} cannot be provoked: {reason}." for fault, reason in reasons.items()))
    chosen = faults - reasons.keys()
    return chosen, {fault.value: reason for fault, reason in reasons.items()}, Fault.FULL_DISK in chosen


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r\033[K{text}", nl=False, err=True)
    else:
        typer.echo(text, err=True)


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)
