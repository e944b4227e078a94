"""`heliograph verify`: a mixed load, kills at random instants, a drain, and counts that nothing of ours has made."""

from __future__ import annotations

import json
import os
import platform
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heliograph.commands.stage.ground import Ground, ground
from heliograph.commands.stage.processes import Part
from heliograph.commands.verify.ledger import Counts, Ledger, Version
from heliograph.commands.verify.load import Load
from heliograph.commands.verify.receiver import Receiver, Targets
from heliograph.commands.verify.strikes import STANDSTILL, Manager, Standstill, Striker

LEASE: Final = 5.0
SETTINGS: Final = {"lease": f"{LEASE:g}", "lease_renewal": "1", "request_timeout": "2", "log_level": "info"}
PAST_LEASE: Final = LEASE * 1.3
TARGETS: Final = {"steady record": True, "failing record": True, "steady message": False, "failing message": False}
"""Name, and whether a request updates a record there (D2)."""
APART: Final = 16
"""Unused connections between two targets: of the 64 slots each worker's share has some of the targets."""

KILLS = typer.Option(help="How many times a process is killed or stopped.", min=0, max=10_000)
DATABASE = typer.Option(
    "--database-url",
    help="postgresql://… of an empty database, which `web` and `worker` processes share then. Default: `serve` on SQLite in a folder of its own.",
)
SEED = typer.Option(help="The same seed gives the same load and the same order of strikes; not the same instants.")


@dataclass(slots=True)
class Report:
    """What `verify` says. in_flight_at_kills: lanes in the dead or stopped workers' files, all kills together."""

    counts: Counts = field(default_factory=Counts)
    kills: int = 0
    in_flight_at_kills: int = 0
    seconds: float = 0.0
    database: str = "sqlite"
    strikes: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What went wrong besides the counts, a sentence each."""

    @property
    def ok(self) -> bool:
        """D1, D2: nothing lost, nothing out of order, and only what was in flight at a kill came again."""
        counts = self.counts
        return not (counts.lost or counts.reordered or counts.renamed or self.faults or counts.duplicated > self.in_flight_at_kills)

    def to_json(self) -> dict[str, Any]:
        """The one object of `--json`."""
        counts = self.counts
        return {
            "ok": self.ok,
            "accepted": counts.accepted,
            "owed": counts.owed,
            "delivered": counts.delivered,
            "superseded": counts.superseded,
            "lost": counts.lost,
            "duplicated": counts.duplicated,
            "in_flight_at_kills": self.in_flight_at_kills,
            "reordered": counts.reordered,
            "renamed": counts.renamed,
            "seconds": round(self.seconds, 1),
            "kills": self.kills,
            "strikes": self.strikes,
            "answers": self.answers,
            "faults": self.faults,
            "examples": counts.examples,
            "database": self.database,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        }

    def verdict(self) -> str:
        """The same in words."""
        c = self.counts
        lines = [
            f"{self.kills} kills in {self.seconds:.0f} s on {self.database}",
            *(f"    {count:>4}  {what}" for what, count in sorted(self.strikes.items())),
            f"accepted            {c.accepted:>8,}  versions of registrations, each owed to {len(TARGETS)} targets",
            f"owed                {c.owed:>8,}",
            f"delivered           {c.delivered:>8,}",
            f"superseded          {c.superseded:>8,}  a newer version went first, where that is right",
            f"lost                {c.lost:>8,}",
            f"duplicated          {c.duplicated:>8,}  of {self.in_flight_at_kills:,} that were in flight at the kills",
            f"reordered           {c.reordered:>8,}",
        ]
        for what, examples in c.examples.items():
            if what != "duplicated" or c.duplicated > self.in_flight_at_kills:
                lines += [f"  {what}: {example}" for example in examples]
        lines += self.faults
        lines.append(
            "Nothing was lost, nothing came out of order, and only what was in flight came again." if self.ok else "This must not be."
        )
        return "\n".join(lines)


def verify(
    kills: Annotated[int, KILLS] = 20,
    database_url: Annotated[str, DATABASE] = "",
    webs: Annotated[int, typer.Option(help="`web` processes on PostgreSQL.", min=1, max=8)] = 2,
    workers: Annotated[int, typer.Option(help="`worker` processes on PostgreSQL.", min=1, max=8)] = 2,
    clients: Annotated[int, typer.Option(help="Senders at a time.", min=1, max=100)] = 8,
    seed: Annotated[int, SEED] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Folder in which the trial makes its own. Default: the system's for temporary files.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave folder, logs and database as they are in the end, and say where.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object, for scripts.")] = False,
) -> None:
    """Kill and count: run Heliograph under load, kill its processes at random instants, and count from outside what was lost, repeated or out of order.

    Everything happens on this machine, in a folder or an empty database of its own. Exit code 1 if anything was lost or came out of
    order, or if more came again than was in flight at the kills.
    """
    say = (lambda _: None) if as_json else _progress
    with ground("verify", database_url, under=data, settings=SETTINGS) as made:
        made.keep = keep
        report = _try(made, kills, (webs, workers, clients), seed, say)
        if keep:
            typer.echo(f"Everything is left in {made.folder}", err=True)
    if not as_json and sys.stderr.isatty():
        typer.echo("\r\033[K", nl=False, err=True)
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.verdict())
    if not report.ok:
        raise typer.Exit(1)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r\033[K{text}", nl=False, err=True)
    else:
        typer.echo(text, err=True)


def _try(made: Ground, kills: int, sizes: tuple[int, int, int], seed: int, say: Any) -> Report:
    from heliograph.commands.stage import content  # noqa: PLC0415 -- models, after Django's set-up
    from heliograph.domain.flows import Does  # noqa: PLC0415

    webs, workers, clients = sizes
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 -- a trial, not a secret
    paths = {name: name.replace(" ", "-") for name in TARGETS}
    ledger = Ledger({paths[name]: updates for name, updates in TARGETS.items()})
    targets = Targets(ledger, frozenset(path for path in ledger.targets if path.startswith("failing")), random.Random(seed + 1))  # noqa: S311
    report = Report(kills=kills, database="sqlite" if made.on_sqlite else "postgresql")
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(targets))
        say("setting up …")
        of_flow = [
            content.Target(name, receiver.url(paths[name]), Does.UPDATES if updates else Does.ADDS) for name, updates in TARGETS.items()
        ]
        staged = content.make_account(content.Plan((tuple(of_flow),), filtered=2, unselected=1, apart=0 if made.on_sqlite else APART))

        def document(version: Version) -> dict[str, Any]:
            return content.document(staged.events[0], version.code, version.number, profile={"first_name": version.code})

        parts = _parts(made, webs, workers)
        for part in parts:
            stack.callback(part.end)
        manager = Manager(parts, random.Random(seed + 2))  # noqa: S311
        stack.callback(manager.stop)
        manager.start()
        for part in parts:
            part.until_ready()
        doors = [door for part in parts if part.command != "worker" for door in (part.door, part.pages)]
        load = Load(ledger, doors, staged.token, document, clients=clients, seed=seed)
        striker = Striker(
            manager,
            ledger,
            chance,
            PAST_LEASE,
            say=lambda what: say(f"{sum(striker.strikes.values())} of {kills} kills · {_so_far(ledger, striker)} · {what}"),
        )
        load.start()
        try:
            striker.strike(kills)
        except Standstill as error:
            report.faults.append(str(error))
        say(f"draining · {_so_far(ledger, striker)}")
        if not load.stop(STANDSTILL):
            report.faults.append(f"Senders were not answered within {STANDSTILL:.0f} s after the last kill.")
        _drain(ledger, report)
    report.counts = ledger.count()
    report.in_flight_at_kills, report.strikes = striker.in_flight, dict(striker.strikes)
    report.answers = dict(load.answers)
    report.faults += load.unexpected[:10]
    report.seconds = time.monotonic() - began
    return report


def _so_far(ledger: Ledger, striker: Striker) -> str:
    owed = ledger.accepted * len(ledger.targets)
    return f"accepted {ledger.accepted:,} · delivered {ledger.delivered:,} of {owed:,} · in flight at kills {striker.in_flight:,}"


def _parts(made: Ground, webs: int, workers: int) -> list[Part]:
    if made.on_sqlite:
        return [Part(made, "serve")]
    return [*(Part(made, "web", f"web-{n + 1}") for n in range(webs)), *(Part(made, "worker", f"worker-{n + 1}") for n in range(workers))]


def _drain(ledger: Ledger, report: Report) -> None:
    """Until nothing is left to send: every lane idle. That ends the waiting, and counts for nothing."""
    from heliograph.options import Options  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    db = open_database(Options.load(), read_only=True)
    try:
        seen, since = -1, time.monotonic()
        while True:
            ((busy,),) = db.all("SELECT count(*) FROM lane WHERE state <> 0")
            if not busy:
                return
            if ledger.arrivals != seen:
                seen, since = ledger.arrivals, time.monotonic()
            if time.monotonic() - since > STANDSTILL:
                report.faults.append(f"{busy} lanes still waited {STANDSTILL:.0f} s after the last request had arrived.")
                return
            time.sleep(0.2)
    finally:
        db.close()


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("verify")(verify)
