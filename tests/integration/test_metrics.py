"""The figures for machines: /metrics, `heliograph status`, and a real Prometheus with our rules and dashboard (O2, O8)."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.processes import PASSWORD, Starter, free_port
from tests.receiver import Answer
from tests.served_site import serving, status_of
from tests.story import Story
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.retry_policy import HOUR
from heliograph.jobs.models import JobState
from heliograph.store.connection_states import failing_for
from heliograph.store.installation_state import read_status

RUNNING = Path(__file__).parents[2] / "docs/running"
type Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
AGE = "heliograph_queue_oldest_seconds"
DISK = "heliograph_disk_free_bytes"
MOVE = {AGE, "heliograph_database_size_bytes", DISK, "heliograph_figures_unfolded", "heliograph_backup_age_seconds"}
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
        assert {state: value(found, "heliograph_queue_items", state=state) for state in ("pending", "held", "queued", "untagged")} == {
            "pending": 0,
            "held": 1,
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
        assert 0 < value(found, DISK, of="data") < value(found, "heliograph_disk_size_bytes", of="data")
        assert abs(time.time() - value(found, "heliograph_last_change_timestamp_seconds")) < 600
        assert 0 <= value(found, "heliograph_backup_age_seconds") < 600
        assert value(found, "heliograph_unreleased_accounts") == 0
        text = fetched(f"http://127.0.0.1:{operations}/metrics")
        assert not NAMED.search(text)
        listed = set(re.findall(r"`(heliograph_\w+)", (RUNNING / "README.md").read_text("utf-8")))
        assert {name.removesuffix("_total") for name in listed} == {family.name for family in text_string_to_metric_families(text)}
        assert {dict(labels)["state"] for name, labels in found if name == "heliograph_jobs"} == set(JobState.values)
        said = status_once(heliograph, operations)
        assert said["queue"] == {**said["queue"], "pending": 0, "held": 1, "waiting": 1, "untagged": 2, "failed": 1}
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
        "heliograph_last_change_timestamp_seconds": said["last_change_at"],
        "heliograph_unreleased_accounts": said["unreleased_accounts"],
        "heliograph_ledger_gaps": said["ledger_gaps"],
        **({} if said["backup_age_s"] is None else {"heliograph_backup_age_seconds": said["backup_age_s"]}),
    }
    failing = said["connections"]["failing_longer_than"]
    by_state: dict[str, dict[str, float]] = {
        "heliograph_queue_items": {
            "pending": queue["pending"],
            "held": queue["held"],
            "queued": queue["waiting"],
            "untagged": queue["untagged"],
        },
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
        **histogram("heliograph_call_batch_size", said["call_batch_sizes"]),
        **{("heliograph_door_connections_ended_total", (("reason", end),)): n for end, n in said["door_connections_ended"].items()},
        **{
            ("heliograph_refused_requests_total", (("entrance", entrance), ("status", status))): n
            for entrance, status, n in said["refused"]
        },
        **{("heliograph_sign_in_failures_total", (("reason", reason),)): n for reason, n in said["failed_sign_ins"].items()},
        **{("heliograph_connections_failing", (("longer_than", longer),)): n for longer, n in failing.items()},
        **{(DISK, (("of", disk),)): room["free_bytes"] for disk, room in said["disks"].items()},
        **{("heliograph_disk_size_bytes", (("of", disk),)): room["size_bytes"] for disk, room in said["disks"].items()},
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
    assert heliograph.run("backup", str(tmp_path / "copy.zip")).returncode == 0
    address = f"127.0.0.1:{free_port()}"
    with serving(heliograph, HELIOGRAPH_BIND=address) as (_process, operations):
        until(lambda: value(samples(operations), "heliograph_attempts_total", outcome="delivered", category="") == 5)
        text = fetched(f"http://127.0.0.1:{operations}/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with prometheus(tmp_path, operations) as url:
            until(lambda: asked(url, 'up{job="heliograph"} == 1'))
            until(lambda: [each["value"][1] for each in asked(url, 'heliograph_attempts_total{outcome="delivered"}')] == ["5"])
            (group,) = json.loads(fetched(f"{url}/api/v1/rules"))["data"]["groups"]
            assert group["rules"]
            until(lambda: all(rule["health"] == "ok" for rule in json.loads(fetched(f"{url}/api/v1/rules"))["data"]["groups"][0]["rules"]))
            assert [alert for alert in json.loads(fetched(f"{url}/api/v1/alerts"))["data"]["alerts"] if alert["state"] == "firing"] == []
            for expression in expressions():

                def shows(expression: str = expression) -> bool:
                    return status_of(f"http://{address}/nowhere") == 404 and bool(asked(url, expression))

                until(shows)


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


def test_O2_what_is_refused_and_who_fails_to_sign_in_is_counted(forgetful_story: Story, heliograph: Starter) -> None:
    """At both doors, at the API and at the pages, by status: also what is refused by its head, before anything reads it."""
    forgetful_story.adds_ada()
    pages, edge = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with serving(heliograph, HELIOGRAPH_BIND=pages, HELIOGRAPH_INGEST_BIND=edge, HELIOGRAPH_BASE_URL=f"http://{pages}") as (_, operations):
        for door in (pages, edge):
            assert status_of(f"http://{door}/ingest/registrations", b"{}") == 401
            assert status_of(f"http://{door}/ingest/nothing", b"{}") == 404
        assert status_of_head(pages, "/ingest/registrations", 2_000_000) == 401
        assert status_of(f"http://{edge}/ingest/registrations", b"{}", Host="elsewhere.example") == 400
        assert status_of(f"http://{pages}/", Host="elsewhere.example") == 400
        assert status_of(f"http://{pages}/api/v1/flows") == 401
        assert status_of(f"http://{pages}/nowhere") == 404
        for password, email in (("wrong", "ada@example.org"), ("wrong", "nobody@example.org"), (PASSWORD, "ada@example.org")):
            sign_in(f"http://{pages}", email, password)
        found = samples(operations)
        refused = {labels: n for (name, labels), n in found.items() if name == "heliograph_refused_requests_total" and n}
        assert {(dict(labels)["entrance"], dict(labels)["status"]): n for labels, n in refused.items()} == {
            ("ingest", "401"): 3,
            ("ingest", "404"): 2,
            ("ingest", "400"): 1,
            ("api", "401"): 1,
            ("pages", "400"): 1,
            ("pages", "404"): 1,
        }
        failed = {labels: n for (name, labels), n in found.items() if name == "heliograph_sign_in_failures_total" and n}
        assert failed == {(("reason", "wrong password"),): 1, (("reason", "unknown user"),): 1}
        shown = heliograph.run("status", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}").output
        assert "3 ingest 401" in shown
        assert "1 wrong password" in shown


def test_O2_a_connection_fails_from_the_first_failure_to_the_next_delivery(story: Story) -> None:
    """Others deliver meanwhile. What nobody waits for any more, and a paused connection, does not count."""
    story.receiver.answer("/dead", Answer(500))
    story.retries(3600, 3600, 3600)
    dead, well = story.connection("Dead", "/dead"), story.connection("Well", "/well")
    story.flow("Dead", [story.to(dead)])
    story.flow("Well", [story.to(well)])

    def failing() -> list[float]:
        return failing_for(story.db, story.db.now())

    with story.worker():
        story.record("R1", status="Attended")
        until(failing)
        (since,) = story.db.all("SELECT failing_since FROM connection_state WHERE failing_since IS NOT NULL")
        story.record("R2", status="Attended")
        story.wait_for(lambda: [len(story.attempts(each)) for each in story.actions("R2")] == [1, 1])
        assert story.db.all("SELECT failing_since FROM connection_state WHERE failing_since IS NOT NULL") == [since]
        counted = read_status(story.db).failing_connections
        assert (counted["0s"], counted["5m"], counted["1d"]) == (1, 0, 0)
        story.db.run(
            "UPDATE connection_state SET failing_since = failing_since - :hour WHERE connection_id = :dead", {"hour": HOUR, "dead": dead}
        )
        assert read_status(story.db).failing_connections == {"0s": 1, "5m": 1, "1h": 1, "1d": 0}
        story.pause(dead)
        assert not failing()
        story.resume(dead)
        assert failing()
        story.receiver.answer("/dead", Answer(200))
        story.submit(*[f"a{each['id']}" for each in story.actions() if each["state"] == "queued"])
        story.wait_for(lambda: not failing())
        assert not story.db.all("SELECT 1 FROM connection_state WHERE failing_since IS NOT NULL")


def status_of_head(door: str, path: str, size: int) -> int:
    """The status of the answer to the head of a POST, none of whose body is sent. size: bytes of the body"""
    with closing(http.client.HTTPConnection(door, timeout=PATIENCE)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        return connection.getresponse().status


def sign_in(site: str, email: str, password: str) -> None:
    """Posts the form of the sign-in page."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"{site}/accounts/sign-in/", timeout=PATIENCE) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    form = urllib.parse.urlencode({"login": email, "password": password, "csrfmiddlewaretoken": token[1]}).encode()
    with opener.open(urllib.request.Request(f"{site}/accounts/sign-in/", form, {"Origin": site}), timeout=PATIENCE) as answer:
        answer.read()


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
