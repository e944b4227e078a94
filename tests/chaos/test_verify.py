"""A small dose of `heliograph verify`: kills at random instants, and nothing lost (B6, D1, D2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter


@pytest.mark.timeout(240)
def test_B6_verify_loses_nothing_through_kills(heliograph: Starter, empty_database: DatabaseFacts) -> None:
    shared = () if empty_database.vendor == "sqlite" else ("--no-slots", "--database-url", empty_database.url)
    process = heliograph.run("verify", "--kills", "3", "--clients", "4", "--json", *shared, timeout=230)
    said: dict[str, Any] = json.loads(process.output.splitlines()[-1])
    assert process.returncode == 0, process.output
    assert (said["lost"], said["reordered"], said["renamed"], said["faults"]) == (0, 0, 0, [])
    assert said["owed"] == said["delivered"] + said["superseded"]
    assert said["duplicated"] <= said["in_flight_at_kills"]
    assert sum(said["strikes"].values()) == said["kills"] == 3
    assert said["accepted"] > 20
