"""`heliograph verify`: a small dose of kills and of other faults, and as a trial 200 kills among all of them; nothing is lost (B6, D1, D2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.failpoints import Instant
from heliograph.verify.faults import Fault

OF_SERVER = {Fault.DATABASE_RESTART, Fault.DATABASE_STALL}


def verify(heliograph: Starter, *arguments: str, timeout: float) -> dict[str, Any]:
    """Runs a trial, checks what every trial must show, and returns its report."""
    process = heliograph.run("verify", "--json", *arguments, timeout=timeout)
    report: dict[str, Any] = json.loads(process.output.splitlines()[-1])
    assert process.returncode == 0, process.output
    assert (report["lost"], report["reordered"], report["renamed"], report["problems"]) == (0, 0, 0, [])
    assert report["owed"] == report["delivered"] + report["superseded"]
    assert report["duplicated"] <= report["in_flight"]
    assert report["accepted"] > 20
    return report


def test_B6_verify_loses_nothing_through_kills_and_other_faults(heliograph: Starter, empty_database: DatabaseFacts) -> None:
    """A full disk and two signals on SQLite, whose server is this process; half answers on PostgreSQL."""
    on_sqlite = empty_database.vendor == "sqlite"
    faults = {Fault.FULL_DISK, Fault.TWO_SIGNALS} if on_sqlite else {Fault.HALF_ANSWERS}
    more = () if on_sqlite else ("--no-slots", "--database-url", empty_database.url)
    chosen = [part for fault in sorted(faults) for part in ("--fault", fault.value)]
    report = verify(heliograph, "--kills", "2", "--clients", "4", *chosen, *more, timeout=470)
    assert {name: fault["times"] for name, fault in report["faults"].items()} == dict.fromkeys(faults, 1) | {Fault.KILL: 2}
    assert report["not_provoked"] == {}


def test_B6_a_fault_that_cannot_be_provoked_is_refused_with_the_reason(heliograph: Starter, empty_database: DatabaseFacts) -> None:
    server = () if empty_database.vendor == "sqlite" else ("--database-url", empty_database.url)
    process = heliograph.run("verify", "--fault", "database-restart", *server)
    assert process.returncode == 1
    reason = (
        "SQLite has no server" if empty_database.vendor == "sqlite" else "the PostgreSQL server is not this trial's own: use --own-server"
    )
    assert f"database-restart cannot be provoked: {reason}." in process.output


@pytest.mark.trial
@pytest.mark.needs("libfaketime")
@pytest.mark.timeout(10_800)
def test_B6_verify_loses_nothing_through_200_kills_and_every_fault(heliograph: Starter, empty_database: DatabaseFacts) -> None:
    on_sqlite = empty_database.vendor == "sqlite"
    report = verify(heliograph, "--kills", "200", "--times", "3", *(() if on_sqlite else ("--own-server",)), timeout=10_700)
    times = {Fault.KILL: 200, Fault.FAILPOINTS: 3 * len(Instant)}
    faults = set(Fault) - (OF_SERVER if on_sqlite else set())
    assert {name: fault["times"] for name, fault in report["faults"].items()} == {fault: times.get(fault, 3) for fault in faults}
    assert report["not_provoked"].keys() == (OF_SERVER if on_sqlite else set())
    assert report["faults"]["full-disk"]["log"]["database_outage"]
    if not on_sqlite:
        assert report["faults"]["database-stall"]["refused"]
        assert report["faults"]["database-restart"]["log"]["database_outage"]
