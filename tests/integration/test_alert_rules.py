"""Every alert rule of docs/running fires when it should, and only that one, by `promtool test rules` (O8, O13). The trial in
tests/chaos/test_alerts.py has them fire in a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

RUNNING = Path(__file__).parents[2] / "docs/running"
RULES = RUNNING / "heliograph-alerts.yml"
HOURS = 26
"""Of the series below; samples are a minute apart."""
SOME_HOURS = f"x{HOURS * 60}"


def of(name: str, **labels: str) -> str:
    """A series of the one target."""
    pairs = {**labels, "job": "heliograph", "instance": "a:8701"}
    return f"{name}{{{', '.join(f'{key}="{value}"' for key, value in pairs.items())}}}"


def always(value: float) -> str:
    return f"{value:g}+0{SOME_HOURS}"


FREE, SIZE, REFUSED = "heliograph_disk_free_bytes", "heliograph_disk_size_bytes", "heliograph_refused_requests_total"
WELL: Mapping[str, str] = {
    of("up"): always(1),
    **{of("heliograph_process_up", process=process): always(1) for process in ("engine", "edge", "pages")},
    of("heliograph_database_up"): always(1),
    of("heliograph_workers"): always(2),
    of("heliograph_slots"): always(64),
    of("heliograph_slots_owned"): always(64),
    of("heliograph_last_change_timestamp_seconds"): f"0+60{SOME_HOURS}",
    # once an hour a document, a token and a sign-in are refused
    of(REFUSED, entrance="ingest", status="400"): f"0+0.016{SOME_HOURS}",
    of(REFUSED, entrance="ingest", status="401"): f"0+0.016{SOME_HOURS}",
    of(REFUSED, entrance="ingest", status="429"): f"0+1{SOME_HOURS}",
    of(REFUSED, entrance="ingest", status="503"): always(0),
    of(REFUSED, entrance="pages", status="404"): f"0+9{SOME_HOURS}",
    of("heliograph_sign_in_failures_total", reason="wrong password"): f"0+0.016{SOME_HOURS}",
    of("heliograph_queue_oldest_seconds", state="pending"): always(2),
    of("heliograph_queue_oldest_seconds", state="due"): always(3),
    of("heliograph_connections_failing", longer_than="0s"): always(2),
    of("heliograph_connections_failing", longer_than="5m"): always(1),
    of("heliograph_connections_failing", longer_than="1h"): always(0),
    of("heliograph_connections_held", state="resting"): always(0),
    of("heliograph_connections_held", state="paused"): always(0),
    of("heliograph_attempts_total", outcome="delivered", category=""): f"0+60{SOME_HOURS}",
    of("heliograph_attempts_total", outcome="failed", category="Connection"): f"0+6{SOME_HOURS}",
    of("heliograph_attempts_total", outcome="failed", category="System"): always(7),
    of("heliograph_failed_items"): always(4),
    of("heliograph_queue_items", state="untagged"): always(0),
    of("heliograph_jobs", state="failed"): always(1),
    of(FREE, of="data"): always(40e9),
    of(SIZE, of="data"): always(100e9),
    of(FREE, of="temporary"): always(0.5e9),
    of(SIZE, of="temporary"): always(1e9),
    of("heliograph_backup_age_seconds"): always(80_000),
    of("heliograph_unreleased_accounts"): always(0),
    of("heliograph_ledger_gaps"): always(0),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule is for: series instead of those of WELL, None for one that is missing. Times in minutes, as promtool has them ("90m")."""

    series: Mapping[str, str | None]
    fires: str
    """When it fires."""
    waits: str = "0m"
    """When it does not yet: it is pending, or the fault has not begun."""


def growing(name: str, **labels: str) -> dict[str, str | None]:
    """A counter that grows by a hundred a minute from the second hour on."""
    return {of(name, **labels): f"0+0x60 100+100{SOME_HOURS}"}


FAULTS: Mapping[str, Fault] = {
    "HeliographDown": Fault({**dict.fromkeys(WELL), of("up"): always(0)}, "3m", "1m"),
    "HeliographAbsent": Fault(dict.fromkeys(WELL), "6m", "4m"),
    "HeliographProcessDown": Fault({of("heliograph_process_up", process="edge"): always(0)}, "3m", "1m"),
    "HeliographDatabaseDown": Fault({of("heliograph_database_up"): always(0)}, "3m", "1m"),
    "HeliographNoWorker": Fault({of("heliograph_workers"): always(0), of("heliograph_slots_owned"): always(0)}, "10m", "1m"),
    "HeliographSlotsWithoutOwner": Fault({of("heliograph_slots_owned"): always(63)}, "6m", "4m"),
    "HeliographNoChanges": Fault({of("heliograph_last_change_timestamp_seconds"): always(0)}, "1459m", "1450m"),
    "HeliographDocumentsRefused": Fault(growing(REFUSED, entrance="ingest", status="422"), "65m", "59m"),
    "HeliographTokensRefused": Fault(growing(REFUSED, entrance="api", status="403"), "65m", "59m"),
    "HeliographOverloaded": Fault(growing(REFUSED, entrance="api", status="429"), "75m", "63m"),
    "HeliographServerErrors": Fault(growing(REFUSED, entrance="pages", status="500"), "65m", "61m"),
    "HeliographSignInsFail": Fault(growing("heliograph_sign_in_failures_total", reason="unknown user"), "65m", "59m"),
    "HeliographLedgerGaps": Fault({of("heliograph_ledger_gaps"): always(3)}, "61m", "58m"),
    "HeliographDeliveriesLate": Fault({of("heliograph_queue_oldest_seconds", state="pending"): f"0+60{SOME_HOURS}"}, "19m", "15m"),
    "HeliographRetriesLate": Fault({of("heliograph_queue_oldest_seconds", state="due"): f"0+60{SOME_HOURS}"}, "19m", "15m"),
    "HeliographConnectionDead": Fault({of("heliograph_connections_failing", longer_than="1h"): f"0+0x60 1+0{SOME_HOURS}"}, "69m", "62m"),
    "HeliographConnectionsRest": Fault({of("heliograph_connections_held", state="resting"): always(1)}, "61m", "58m"),
    "HeliographConnectionsPaused": Fault({of("heliograph_connections_held", state="paused"): always(1)}, "1441m", "1438m"),
    "HeliographDeliveriesFail": Fault(
        {of("heliograph_attempts_total", outcome="failed", category="Connection"): f"0+20{SOME_HOURS}"}, "15m", "8m"
    ),
    "HeliographItemsFailed": Fault({of("heliograph_failed_items"): f"4+0x90 6+0{SOME_HOURS}"}, "95m", "85m"),
    "HeliographItemsWaitForTag": Fault({of("heliograph_queue_items", state="untagged"): always(5)}, "241m", "238m"),
    "HeliographOwnFaults": Fault(
        {of("heliograph_attempts_total", outcome="failed", category="System"): f"7+0x60 8+0{SOME_HOURS}"}, "65m", "59m"
    ),
    "HeliographJobFailed": Fault({of("heliograph_jobs", state="failed"): f"1+0x90 2+0{SOME_HOURS}"}, "95m", "85m"),
    "HeliographDiskNearlyFull": Fault({of(FREE, of="data"): always(1.9e9)}, "6m", "4m"),
    "HeliographDiskFills": Fault({of(FREE, of="data"): f"40e9-2e7{SOME_HOURS}"}, "65m", "58m"),
    "HeliographBackupOld": Fault({of("heliograph_backup_age_seconds"): always(180_000)}, "16m", "14m"),
    "HeliographNoBackup": Fault({of("heliograph_backup_age_seconds"): None}, "2881m", "2878m"),
    "HeliographCopyNotReleased": Fault({of("heliograph_unreleased_accounts"): always(2)}, "61m", "58m"),
}
"""By rule."""
OTHER_FAULTS: Mapping[str, tuple[str, Fault]] = {
    "a small disk for temporary files": ("HeliographDiskNearlyFull", Fault({of(FREE, of="temporary"): always(0.09e9)}, "6m", "4m")),
    "the disk of the backups": ("HeliographDiskNearlyFull", Fault({of(FREE, of="backups"): always(1e9)}, "6m", "4m")),
    "another target's disk": (
        "HeliographDiskNearlyFull",
        Fault({of(FREE, of="data").replace("a:8701", "b:8701"): always(1e9)}, "6m", "4m"),
    ),
}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def firing(at: str, *alerts: str) -> dict[str, Any]:
    """That exactly these rules fire at an instant."""
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts]
    return {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": at, "exp_samples": samples}


def case(alert: str, fault: Fault) -> dict[str, Any]:
    needed = f"x{int(fault.fires.removesuffix('m')) + 1}"
    series = {name: values.replace(SOME_HOURS, needed) for name, values in {**WELL, **fault.series}.items() if values is not None}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [firing(fault.waits), firing(fault.fires, alert)],
    }


@pytest.mark.once
@pytest.mark.needs("prometheus")
def test_O8_O13_each_rule_fires_for_its_fault_alone_and_none_while_all_is_well(tmp_path: Path) -> None:
    well = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in WELL.items()],
        "promql_expr_test": [firing(at) for at in ("6m", "1h", "5h", f"{HOURS - 1}h")],
    }
    cases = [well, *(case(alert, fault) for alert, fault in [*FAULTS.items(), *OTHER_FAULTS.values()])]
    assert set(FAULTS) == {rule["alert"] for rule in rules()}
    shutil.copy(RULES, tmp_path)
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": [RULES.name], "evaluation_interval": "2m", "tests": cases}), "utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_O8_each_rule_says_what_to_do_and_where_that_is_written() -> None:
    text = (RUNNING / "alerts.md").read_text("utf-8")
    sections = {f"docs/running/alerts.md#{title.lower()}" for title in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert sections == {rule["annotations"]["runbook_url"] for rule in rules()}
    for rule in rules():
        waits = f", after {in_words(rule['for'])}" if "for" in rule else ""
        assert f"### {rule['alert']}\n\n*{rule['labels']['severity']}{waits}.*" in text


def in_words(duration: str) -> str:
    """A `for` as the documentation says it: "5 minutes", "an hour"."""
    number, unit = duration[:-1], {"m": "minute", "h": "hour", "d": "day"}[duration[-1]]
    if number == "1":
        return f"an {unit}" if unit == "hour" else f"a {unit}"
    return f"{number} {unit}s"
