"""The figures for machines: /metrics, `heliograph status`, and a real Prometheus with our rules and dashboard (O2, O8)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.processes import Process, Starter, free_port
from tests.receiver import Answer
from tests.story import Story
from tests.waiting import until

from heliograph.jobs.models import JobState

RUNNING = Path(__file__).parents[2] / "docs/running"
type Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
AGE = "heliograph_queue_oldest_seconds"
MOVE = {AGE, "heliograph_database_size_bytes", "heliograph_disk_free_bytes", "heliograph_figures_unfolded", "heliograph_backup_age_seconds"}
"""What is another number a moment later."""
NAMED = re.compile("ACME|SUMMIT|CRM|Eva|R1|/crm")
"""What a label may never say."""


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def samples(port: int) -> Samples:
    families = text_string_to_metric_families(fetched(f"http://127.0.0.1:{port}/metrics"))
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples}


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@contextmanager
def serving(heliograph: Starter) -> Iterator[tuple[Process, int]]:
    """`heliograph serve`, which may send to this machine, and its operations port."""
    operations = free_port()
    process = heliograph(
        "serve",
        HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}",
        HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8",
    )
    process.until_printed("Heliograph serves")
    yield process, operations
    assert process.terminate() == 0


def history(story: Story) -> None:
    """Three changes that are delivered, one that is refused, one that waits for a pause, two whose flow is deleted, one that waits for a tag."""
    story.receiver.answer("/bad", Answer(404))
    held = story.connection("Held", "/held")
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.flow("Bad", [story.to(story.connection("Bad", "/bad"))], statuses=["Cancelled"])
    story.flow("Held", [story.to(held)], statuses=["Registered"])
    gone = story.flow("Gone", [story.to(held)], statuses=["Registered"])
    story.pause(held)
    story.record("R1", status="Attended", first="Eva")
    story.record("R1", first="Ewa")
    story.record("R2", status="Cancelled")
    story.record("R3", status="Pre-Registered")
    story.record("R4", status="New")
    story.delete_flow(gone)


def test_O2_metrics_are_what_was_delivered_and_what_waits(forgetful_story: Story, heliograph: Starter, tmp_path: Path) -> None:
    story = forgetful_story
    history(story)
    assert heliograph.run("backup", str(tmp_path / "copy.zip")).returncode == 0
    with serving(heliograph) as (process, operations):
        story.wait_for(lambda: sum(state == "success" for state in story.states()) == 5 and story.attempts(story.actions("R2")[-1]), 90)
        until(lambda: value(samples(operations), "heliograph_attempts_total", outcome="failed", category="Config") == 1)
        found = samples(operations)
        assert value(found, "heliograph_attempts_total", outcome="delivered", category="") == 5
        assert value(found, "heliograph_attempts_total", outcome="validation", category="Validation") == 0
        assert value(found, "heliograph_attempt_duration_seconds_count") == 6
        assert 0 < value(found, "heliograph_attempt_duration_seconds_sum") < 60
        assert value(found, "heliograph_attempt_duration_seconds_bucket", le="+Inf") == 6
        assert value(found, "heliograph_settle_batch_size_sum") >= 6
        until(lambda: value(samples(operations), "heliograph_queue_items", state="queued") == 1)
        found = samples(operations)
        assert {state: value(found, "heliograph_queue_items", state=state) for state in ("pending", "queued", "untagged")} == {
            "pending": 1,
            "queued": 1,
            "untagged": 2,
        }
        assert value(found, "heliograph_queue_oldest_seconds", state="pending") > 0
        assert value(found, "heliograph_queue_oldest_seconds", state="due") == 0
        assert value(found, "heliograph_connections_held", state="paused") == 1
        assert {process: value(found, "heliograph_process_up", process=process) for process in ("engine", "pages")} == {
            "engine": 1,
            "pages": 1,
        }
        assert (value(found, "heliograph_slots"), value(found, "heliograph_slots_owned"), value(found, "heliograph_workers")) == (64, 64, 1)
        assert value(found, "heliograph_database_up") == 1
        assert value(found, "heliograph_database_size_bytes") > 100_000
        assert value(found, "heliograph_disk_free_bytes") > 0
        assert 0 <= value(found, "heliograph_backup_age_seconds") < 600
        assert value(found, "heliograph_unreleased_accounts") == 0
        text = fetched(f"http://127.0.0.1:{operations}/metrics")
        assert not NAMED.search(text)
        listed = set(re.findall(r"`(heliograph_\w+)", (RUNNING / "README.md").read_text("utf-8")))
        assert {name.removesuffix("_total") for name in listed} == {family.name for family in text_string_to_metric_families(text)}
        assert {dict(labels)["state"] for name, labels in found if name == "heliograph_jobs"} == set(JobState.values)
        said = status_once(heliograph, operations)
        assert said["queue"] == {**said["queue"], "pending": 1, "waiting": 1, "untagged": 2, "failed": 1}
        assert said["workers"][0]["outcomes"] == [["delivered", "", 5], ["failed", "Config", 1]]
        of_status = in_status(said)
        differ = {key: (number, of_status.get(key)) for key, number in samples(operations).items() if of_status.get(key) != number}
        assert {name for name, _labels in differ} <= MOVE
        assert set(of_status) == set(samples(operations))
        shown = heliograph.run("status", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}").output
        assert "engine running, pages running" in shown
        assert "5 delivered, 1 failed Config since this start" in shown
        assert "1 item of the Retry Queue" in shown
        # another start is asked by nobody
        assert "none of this data folder answers" in heliograph.run("status", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}").output
        # what a process counted stays when it dies and is started again
        engine = process.children()["engine"]
        subprocess.run(["kill", "-9", str(engine)], check=True)
        until(lambda: process.children().get("engine") not in (None, engine))
        until(lambda: value(samples(operations), "heliograph_process_up", process="engine") == 1)
        assert value(samples(operations), "heliograph_attempts_total", outcome="delivered", category="") == 5


def in_status(said: dict[str, Any]) -> Samples:
    """What /metrics would say, from what `heliograph status --json` says."""

    def histogram(name: str, sizes: dict[str, Any]) -> Samples:
        buckets = {"+Inf": sizes["count"], **{str(float(bound)): n for bound, n in sizes["up_to"].items()}}
        found: Samples = {(f"{name}_bucket", (("le", bound),)): n for bound, n in buckets.items()}
        return {**found, (f"{name}_sum", ()): sizes["sum"], (f"{name}_count", ()): sizes["count"]}

    queue = said["queue"]
    one: dict[str, float] = {
        "heliograph_failed_items": queue["failed"],
        "heliograph_slots": said["slots"]["of"],
        "heliograph_slots_owned": said["slots"]["owned"],
        "heliograph_workers": len(said["workers"]),
        "heliograph_figures_unfolded": said["unfolded_figures"],
        "heliograph_database_up": said["database_up"],
        "heliograph_database_size_bytes": said["database_bytes"],
        "heliograph_disk_free_bytes": said["disk_free_bytes"],
        "heliograph_unreleased_accounts": said["unreleased_accounts"],
        **({} if said["backup_age_s"] is None else {"heliograph_backup_age_seconds": said["backup_age_s"]}),
    }
    by_state: dict[str, dict[str, float]] = {
        "heliograph_queue_items": {"pending": queue["pending"], "queued": queue["waiting"], "untagged": queue["untagged"]},
        AGE: {"pending": queue["oldest_pending_s"] or 0, "due": queue["oldest_due_s"] or 0},
        "heliograph_connections_held": {"paused": said["connections"]["paused"], "resting": said["connections"]["held"]},
        "heliograph_jobs": said["jobs"],
    }
    return {
        ("heliograph_build_info", (("version", said["version"]),)): 1,
        **{("heliograph_process_up", (("process", name),)): state == "running" for name, state in said["processes"].items()},
        **{("heliograph_attempts_total", (("category", category), ("outcome", outcome))): n for outcome, category, n in said["attempts"]},
        **histogram("heliograph_attempt_duration_seconds", said["attempt_seconds"]),
        **histogram("heliograph_settle_batch_size", said["settle_batch_sizes"]),
        **histogram("heliograph_record_batch_size", said["record_batch_sizes"]),
        **{("heliograph_door_connections_ended_total", (("reason", end),)): n for end, n in said["door_connections_ended"].items()},
        **{(name, ()): number for name, number in one.items()},
        **{(name, (("state", state),)): number for name, states in by_state.items() for state, number in states.items()},
    }


def status_once(heliograph: Starter, operations: int) -> dict[str, Any]:
    """The status, once the worker has reported its outcomes."""
    found: dict[str, Any] = {}

    def reported() -> bool:
        found.clear()
        found.update(
            json.loads(heliograph.run("status", "--json", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}").output.splitlines()[-1])
        )
        return bool(found["workers"]) and sum(n for _outcome, _category, n in found["workers"][0].get("outcomes", [])) == 6

    until(reported)
    return found


@pytest.mark.needs("prometheus")
def test_O8_our_rules_and_dashboard_work_in_a_real_prometheus(forgetful_story: Story, heliograph: Starter, tmp_path: Path) -> None:
    story = forgetful_story
    history(story)
    with serving(heliograph) as (_process, operations):
        until(lambda: value(samples(operations), "heliograph_attempts_total", outcome="delivered", category="") == 5)
        text = fetched(f"http://127.0.0.1:{operations}/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with prometheus(tmp_path, operations) as url:
            until(lambda: asked(url, 'up{job="heliograph"} == 1'))
            until(lambda: [each["value"][1] for each in asked(url, 'heliograph_attempts_total{outcome="delivered"}')] == ["5"])
            (group,) = json.loads(fetched(f"{url}/api/v1/rules"))["data"]["groups"]
            assert len(group["rules"]) == 15
            until(lambda: all(rule["health"] == "ok" for rule in json.loads(fetched(f"{url}/api/v1/rules"))["data"]["groups"][0]["rules"]))
            assert [alert for alert in json.loads(fetched(f"{url}/api/v1/alerts"))["data"]["alerts"] if alert["state"] == "firing"] == []
            known = set(json.loads(fetched(f"{url}/api/v1/label/__name__/values"))["data"])
            for expression in expressions():
                assert set(re.findall(r"heliograph_\w+", expression)) <= known, expression
                asked(url, expression)


@pytest.mark.once
@pytest.mark.needs("prometheus")
def test_O13_alerts_of_backups_fire(tmp_path: Path) -> None:
    """An old backup, none at all, a restored copy that nobody has released; and none of them while all is well."""
    series = {
        "HeliographBackupOld": ("heliograph_backup_age_seconds", "180000+0x400", "60+0x4000"),
        "HeliographNoBackup": ("heliograph_database_up", "1+0x4000", None),
        "HeliographCopyNotReleased": ("heliograph_unreleased_accounts", "2+0x400", "0+0x400"),
    }
    labels = '{job="heliograph", instance="a:8701"}'
    well = [{"series": f"{name}{labels}", "values": values} for name, _bad, values in series.values() if values]
    well.append({"series": f"heliograph_database_up{labels}", "values": "1+0x4000"})
    tests = [
        {
            "interval": "1m",
            "input_series": well,
            "alert_rule_test": [{"eval_time": "50h", "alertname": name, "exp_alerts": []} for name in series],
        }
    ]
    for alert, (name, bad, _well) in series.items():
        test = {"eval_time": "50h" if alert == "HeliographNoBackup" else "2h", "alertname": alert}
        fires = f'ALERTS{{alertname="{alert}", alertstate="firing", job="heliograph", severity="warning"}}'
        shown = {
            "expr": f'ALERTS{{alertname="{alert}", alertstate="firing"}}',
            "eval_time": test["eval_time"],
            "exp_samples": [{"labels": fires, "value": 1}],
        }
        tests.append({"interval": "1m", "input_series": [{"series": f"{name}{labels}", "values": bad}], "promql_expr_test": [shown]})
    shutil.copy(RUNNING / "heliograph-alerts.yml", tmp_path)
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": ["heliograph-alerts.yml"], "tests": tests}), "utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def prometheus(folder: Path, operations: int) -> Iterator[str]:
    """Prometheus with the configuration of docs/running, only sooner and at our port."""
    shutil.copy(RUNNING / "heliograph-alerts.yml", folder)
    config = (RUNNING / "prometheus.yml").read_text("utf-8").replace("127.0.0.1:8701", f"127.0.0.1:{operations}")
    (folder / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{config}", "utf-8")
    checked = subprocess.run(["promtool", "check", "config", str(folder / "prometheus.yml")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    port = free_port()
    with subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: is_up(url))
            yield url
        finally:
            process.terminate()


def is_up(url: str) -> bool:
    try:
        return "Ready" in fetched(f"{url}/-/ready")
    except OSError:
        return False


def asked(url: str, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query. Raises HTTPError for an expression that is none."""
    answer = json.loads(fetched(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
    assert answer["status"] == "success"
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def expressions() -> list[str]:
    """Those of the dashboard, as Grafana would send them."""
    board = json.loads((RUNNING / "grafana-dashboard.json").read_text("utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(found) > 12
    return [each.replace("$job", "heliograph").replace("$__rate_interval", "1m") for each in found]
