"""A small dose of `heliograph bench`: that it delivers everything and reports what it promises; never how fast."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tests.databases import DatabaseFacts

FIELDS = {"deliveries_per_s", "floor_per_s", "ratio", "latency_ms", "cpu_us_per_delivery", "rss_mb", "lost", "duplicated"}


def bench(heliograph: Any, database: DatabaseFacts, *arguments: str) -> dict[str, Any]:
    on = () if database.vendor == "sqlite" else ("--database-url", database.url)
    done = heliograph.run("bench", "--json", "--registrations", "256", "--pairs", "1", *on, *arguments, timeout=280)
    assert done.returncode == 0, done.output
    said: dict[str, Any] = json.loads(done.output[done.output.index('{"') :])
    return said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", ["single", "bulk"])
def test_B6_bench_says_what_it_reached_and_that_nothing_was_lost(heliograph: Any, empty_database: DatabaseFacts, scenario: str) -> None:
    said = bench(heliograph, empty_database, "--scenario", scenario)
    assert set(said) == {scenario, "machine"}
    figures = said[scenario]
    assert set(figures) == FIELDS
    assert (figures["lost"], figures["duplicated"]) == (0, 0)
    assert math.isclose(figures["ratio"], figures["deliveries_per_s"] / figures["floor_per_s"], rel_tol=0.01)
    assert {share: set(values) for share, values in figures["latency_ms"].items()} == {"30": {"p50", "p99"}, "80": {"p50", "p99"}}
    workers = {"engine"} if empty_database.vendor == "sqlite" else {"worker-1", "worker-2", "edge"}
    assert workers | {"pages"} <= set(figures["rss_mb"])
    assert workers | {"pages", "load", "receiver"} <= set(figures["cpu_us_per_delivery"])
    assert said["machine"]["receiver_per_s"] > 0
    assert {"cpu", "cores", "python", "database"} <= set(said["machine"])


@pytest.mark.timeout(300)
def test_B6_bench_delivers_from_a_backlog_and_counts_what_is_left(heliograph: Any, empty_database: DatabaseFacts) -> None:
    figures = bench(heliograph, empty_database, "--scenario", "backlog", "--queued", "1000")["backlog"]
    assert set(figures) == FIELDS | {"beside"}
    assert (figures["lost"], figures["duplicated"]) == (0, 0)
    assert figures["cpu_us_per_delivery"].keys() == figures["beside"]["cpu_us_per_delivery"].keys()


@pytest.mark.once
def test_bench_compares_only_with_a_report_of_its_own(heliograph: Any, empty_database: DatabaseFacts) -> None:
    file = empty_database.data / "other.json"
    file.write_text('{"something": 1}')
    done = heliograph.run("bench", "--compare", str(file))
    assert done.returncode == 1
    assert "not a report of `heliograph bench --json`" in done.output
