"""A small dose of `heliograph bench`: that it delivers everything and reports what it promises; never how fast."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.databases import DatabaseFacts
from typer.testing import CliRunner

from heliograph.__main__ import app

FIELDS = {"deliveries_per_s", "floor_per_s", "ratio", "latency_ms", "cpu_us_per_delivery", "rss_mb", "lost", "duplicated"}
FIELDS |= {"thread_us_per_delivery", "batches"}


ONE_EACH = {"sqlite": ["single"], "postgresql": ["bulk"]}
"""Scenarios of the normal run; the trials measure both on each database."""


def bench(heliograph: Any, database: DatabaseFacts, *arguments: str) -> dict[str, Any]:
    on = () if database.vendor == "sqlite" else ("--database-url", database.url)
    done = heliograph.run("bench", "--json", "--registrations", "256", "--pairs", "1", *on, *arguments, timeout=280)
    assert done.returncode == 0, done.output
    said: dict[str, Any] = json.loads(done.output[done.output.index('{"') :])
    return said


@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.trial)])
def test_B6_bench_says_what_it_reached_and_that_nothing_was_lost(heliograph: Any, empty_database: DatabaseFacts, thorough: bool) -> None:
    scenarios = ["single", "bulk"] if thorough else ONE_EACH[empty_database.vendor]
    said = bench(heliograph, empty_database, *(word for name in scenarios for word in ("--scenario", name)))
    assert set(said) == {*scenarios, "machine"}
    assert said["machine"]["receiver_per_s"] > 0
    assert {"cpu", "cores", "python", "database"} <= set(said["machine"])
    for figures in (said[name] for name in scenarios):
        assert set(figures) == FIELDS
        assert (figures["lost"], figures["duplicated"]) == (0, 0)
        assert math.isclose(figures["ratio"], figures["deliveries_per_s"] / figures["floor_per_s"], rel_tol=0.01)
        assert {share: set(values) for share, values in figures["latency_ms"].items()} == {"30": {"p50", "p99"}, "80": {"p50", "p99"}}
        workers = {"engine"} if empty_database.vendor == "sqlite" else {"worker-1", "worker-2", "edge"}
        assert workers | {"pages"} <= set(figures["rss_mb"])
        assert workers | {"pages", "load", "receiver"} <= set(figures["cpu_us_per_delivery"])
        assert set(figures["batches"]) == {"recorded", "settled"}
        assert all(each["per_s"] > 0 and each["mean"] >= 1 for each in figures["batches"].values())


def test_B6_bench_delivers_from_a_backlog_and_counts_what_is_left(heliograph: Any, empty_database: DatabaseFacts) -> None:
    figures = bench(heliograph, empty_database, "--scenario", "backlog", "--queued", "1000")["backlog"]
    assert set(figures) == (FIELDS | {"beside"}) - {"thread_us_per_delivery", "batches"}  # no process of the edge runs
    assert (figures["lost"], figures["duplicated"]) == (0, 0)
    assert figures["cpu_us_per_delivery"].keys() == figures["beside"]["cpu_us_per_delivery"].keys()


def written(folder: Path, name: str, *, machine: dict[str, Any] | None = None, **figures: Any) -> str:
    """A report of one scenario, single; figures replace its own."""
    single = {"deliveries_per_s": 2_000, "floor_per_s": 40_000, "ratio": 0.05, "latency_ms": {}, "lost": 0, "duplicated": 0}
    single["cpu_us_per_delivery"] = {"engine": 200, "edge": 200, "load": 100, "receiver": 50}
    on = {"system": "Linux 6.1", "cpu": "x", "cores": 2, "python": "3.13.1", "database": "sqlite", "load": 0.1, "receiver_per_s": 90_000}
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"single": single | figures, "machine": on | (machine or {})}))
    return str(file)


@pytest.mark.once
@pytest.mark.parametrize(
    ("now", "code", "said"),
    [
        ({}, 0, "Not slower"),
        ({"deliveries_per_s": 500, "latency_ms": {"30": {"p50": 900, "p99": 999}}}, 0, "Not slower"),
        ({"cpu_us_per_delivery": {"engine": 240, "edge": 199, "load": 900}}, 0, "Not slower"),
        ({"cpu_us_per_delivery": {"engine": 241, "edge": 200}}, 1, "441 µs of CPU"),
        ({"ratio": 0.0449}, 1, "ratio to the floor"),
        ({"lost": 1}, 1, "1 accepted"),
        ({"machine": {"cpu": "y"}}, 2, "cpu is y, and was x"),
        ({"machine": {"database": "postgresql"}}, 2, "database is postgresql"),
        ({"machine": {"python": "3.13.9", "system": "Linux 7.0", "load": 9.0}}, 0, "Not slower"),
        ({"cpu_us_per_delivery": {}}, 2, "CPU was not measured"),
    ],
)
def test_B6_bench_tells_scripts_whether_it_is_slower_than_before(tmp_path: Path, now: dict[str, Any], code: int, said: str) -> None:
    before = written(tmp_path, "before")
    done = CliRunner().invoke(app, ["bench", "--report", written(tmp_path, "now", **now), "--compare", before])
    assert done.exit_code == code, done.output
    assert said in done.output


@pytest.mark.once
def test_B6_bench_takes_a_tolerance_for_its_comparison(heliograph: Any, empty_database: DatabaseFacts) -> None:
    before, now = written(empty_database.data, "before"), written(empty_database.data, "now", ratio=0.04)
    codes = [
        heliograph.run("bench", "--report", now, "--compare", before, "--tolerance", percent, "--json").returncode
        for percent in ("19", "21")
    ]
    assert codes == [1, 0]


@pytest.mark.once
def test_bench_compares_only_with_a_report_of_its_own(heliograph: Any, empty_database: DatabaseFacts) -> None:
    file = empty_database.data / "other.json"
    file.write_text('{"something": 1}')
    done = heliograph.run("bench", "--compare", str(file))
    assert done.returncode == 2
    assert "not a report of `heliograph bench --json`" in done.output
