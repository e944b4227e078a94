"""Runs one scenario in its own process, because Django reads its settings once per process and each scenario has its own ground.

Reads a job (JSON) from stdin and prints lines (JSON): {"said": …} for progress, at the end {"figures": …, "machine": …} or {"error": …}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from heliograph.bench import machine
from heliograph.bench.scenario import Scenario
from heliograph.domain.errors import HeliographError
from heliograph.stage.ground import ground


def report(**what: Any) -> None:
    """Prints a line for the parent."""
    print(json.dumps(what), flush=True)  # noqa: T201


def run(job: dict[str, Any]) -> None:
    """Creates the ground, starts the product, runs the scenario."""
    under = Path(job["under"]) if job["under"] else None
    report(said="making a database")
    with ground("bench", job["database_url"], under=under, settings={"log_level": "error"}) as stands:
        from heliograph.bench.bench_scenarios import Bench  # noqa: PLC0415 -- models, which need the ground's settings
        from heliograph.bench.site import BenchReceiver, Site, alone, running  # noqa: PLC0415

        with BenchReceiver() as receiver, running(Site(stands, job["workers"])) as site:
            report(said="asking the receiver what it takes alone")
            takes = alone(receiver)
            bench = Bench(stands, site, receiver, lambda message: report(said=message), job["registrations"], job["pairs"], job["queued"])
            figures = bench.run(Scenario(job["scenario"])).as_json()
            database = "sqlite" if stands.on_sqlite else "postgresql"
            report(
                figures=figures,
                machine=machine.described(database) | {"workers": 0 if stands.on_sqlite else job["workers"], "receiver_per_s": takes},
            )


def main() -> None:
    """Handles one job."""
    try:
        run(json.loads(sys.stdin.readline()))
    except HeliographError as error:
        report(error=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
