"""`heliograph bench`: how fast this machine delivers end to end, compared with a bare libcurl loop (B6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heliograph.bench.scenario import Scenario
from heliograph.domain.errors import HeliographError


class BenchFailed(HeliographError):
    """The bench could not run."""


SCENARIO: Final = typer.Option("--scenario", help="Scenario to run; may be repeated. Default: single and bulk.")
REGISTRATIONS: Final = typer.Option(
    help="Registrations per run, half of them new. With fewer than the default, figures are rough.", min=128
)
DATABASE: Final = typer.Option("--database-url", help="An empty PostgreSQL database, for one web and --workers workers. Default: SQLite.")
WORKERS: Final = typer.Option(
    "--workers", help="On PostgreSQL: how many workers run beside one web. 0: all in one serve, as on SQLite.", min=0, max=16
)
UNDER: Final = typer.Option("--data", help="Parent of the bench's data folder. Default: the system's temporary folder.")
COMPARE: Final = typer.Option(
    "--compare",
    help="File with an earlier report (--json), to show beside this one. Exit code 0: not slower; 1: slower by more than --tolerance;"
    " 2: not comparable.",
    exists=True,
    dir_okay=False,
)
TOLERANCE: Final = typer.Option(
    help="Percent by which CPU per delivery may be higher, and the ratio lower, than in the earlier report.", min=0
)
REPORT: Final = typer.Option(
    "--report", help="File with a report (--json), to show or compare instead of measuring.", exists=True, dir_okay=False
)


def bench(
    scenario: Annotated[list[Scenario] | None, SCENARIO] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object, for scripts.")] = False,
    compare: Annotated[Path | None, COMPARE] = None,
    tolerance: Annotated[float, TOLERANCE] = 10.0,
    report: Annotated[Path | None, REPORT] = None,
    database_url: Annotated[str, DATABASE] = "",
    workers: Annotated[int, WORKERS] = 2,
    registrations: Annotated[int, REGISTRATIONS] = 10_000,
    pairs: Annotated[
        int, typer.Option(help="How often each run and its comparison are repeated in turn; medians are reported.", min=1)
    ] = 5,
    queued: Annotated[int, typer.Option(help="Queued deliveries in the scenario backlog.", min=1_000)] = 1_000_000,
    under: Annotated[Path | None, UNDER] = None,
) -> None:
    """Measure deliveries on this machine, with a load generator, Heliograph and a receiver in a temporary data folder.

    The work is always the same: 64 clients post registrations of 40 fields and 2 KB, half of them new, each with an Idempotency-Key; one of
    10 flows triggers. The floor is a bare libcurl loop that posts the same bodies to the same receiver, in turn with Heliograph. Between
    machines, compare ratios rather than rates.

    Scenarios. single: one registration per request. bulk: 100 per request. many-flows: 500 flows of which 5 trigger, compared with 5.
    backlog: 1,000,000 queued, compared with 1,000. slow-targets: 999 dead, hanging and resetting targets beside a healthy one. bad-targets:
    a dead, a hanging, a resetting, a busy, a slow and an unknown target, which all get every change, beside a healthy one. pages: people, a
    full read and an import at the same time. insights: four people who read Metrics. overview: four people who read the Overview,
    Notifications and the page of a connection. api: a program that reads all registrations by REST. calls: 100 signed calls of a live source
    a second. backup: backups, one after another. light: 300 single posts a second, compared with 50, each at its moment, then nothing.

    With --compare, the exit code is 0 if no scenario is slower than in the earlier report, 1 if one takes more CPU per delivery, has a lower
    ratio or loses more, and 2 if the reports cannot be compared: from another machine, database or version of Python, or of other
    scenarios. Rates and latencies decide nothing.
    """
    from rich.console import Console  # noqa: PLC0415

    from heliograph.bench.bench_report import NotComparable, read_report, show  # noqa: PLC0415

    try:
        earlier = read_report(compare) if compare is not None else None
        report_before = read_report(report) if report is not None else None
    except NotComparable as error:
        Console(stderr=True).print(str(error), style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if report_before is None:
        scenarios = list(dict.fromkeys(scenario or [Scenario.SINGLE, Scenario.BULK]))
        report_before = _run(
            scenarios, database_url, under, {"workers": workers, "registrations": registrations, "pairs": pairs, "queued": queued}
        )
    if as_json:
        typer.echo(json.dumps(report_before))
    else:
        show(report_before, earlier, Console())
    if earlier is not None:
        _conclude(report_before, earlier, tolerance)


def _conclude(now: Mapping[str, Any], before: Mapping[str, Any], tolerance: float) -> None:
    """Says how the reports compare, and ends with the exit code that says so."""
    from rich.console import Console  # noqa: PLC0415

    from heliograph.bench.report_comparison import compared  # noqa: PLC0415

    slower = compared(now, before, tolerance)
    stderr = Console(stderr=True, highlight=False)
    stderr.print({0: "Not slower.", 1: "Slower:", 2: "Not comparable:"}[slower.verdict])
    for reason in slower.reasons:
        stderr.print(f"  {reason}", soft_wrap=True)
    raise typer.Exit(int(slower.verdict))


def _run(scenarios: list[Scenario], database_url: str, under: Path | None, size: dict[str, int]) -> dict[str, Any]:
    """Runs the scenarios one after another, each in its own data folder."""
    from rich.console import Console  # noqa: PLC0415

    load = round(os.getloadavg()[0], 2)
    report: dict[str, Any] = {}
    machine: dict[str, Any] = {}
    with Console(stderr=True).status("") as status:
        for each in scenarios:
            job = {"scenario": each.value, "database_url": database_url, "under": str(under) if under else "", **size}
            for line in _process_lines(job):
                if "said" in line:
                    status.update(f"{each.value}: {line['said']}")
                else:
                    report[each.value], machine = line["figures"], line["machine"]
    return {**report, "machine": {**machine, "load": load}}


def _process_lines(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines printed by a scenario's process. Raises BenchFailed."""
    argv = [sys.executable, "-m", f"{__package__}.scenario_process"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own module
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.close()
        last: dict[str, Any] = {}
        for text in process.stdout:
            last = json.loads(text)
            if "error" in last:
                raise BenchFailed(last["error"])
            yield last
    if "figures" not in last:
        raise BenchFailed(f"The scenario {job['scenario']} ended with exit code {process.returncode}.")


def register(app: typer.Typer) -> None:
    app.command()(bench)
