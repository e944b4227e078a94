"""Real third-party targets: ntfy, and adnanh's webhook, whose 200 can mean "rules were not satisfied" (B3, C7)."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import free_port
from tests.story import Story
from tests.waiting import PATIENCE, until

from heliograph.connections import answers
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection, save_rule
from heliograph.domain.connection.response_rule import Then
from heliograph.domain.connection.secret import Secret
from heliograph.presets import services

type Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that listen on a port, and ends them after the test."""
    running: list[subprocess.Popen[bytes]] = []

    def started(port: int, *command: str) -> int:
        with (tmp_path / "log").open("ab") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        until(lambda: answers_at(port))
        return port

    yield started
    for process in running:
        process.terminate()
        process.wait(PATIENCE)


def answers_at(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def flow_of(story: Story, made: services.MadeFromPreset) -> int:
    story.flow(made.preset.name, [story.to(made.connection.pk, mapping=made.mappings[0].pk, does=made.preset.does)])
    return int(made.connection.pk)


@pytest.mark.needs("ntfy")
def test_B3_ntfy_delivers_and_says_when_its_limit_is_used_up(story: Story, start: Start, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "server.yml").write_text(
        f'listen-http: "127.0.0.1:{port}"\nbase-url: "http://127.0.0.1:{port}"\ncache-file: "{tmp_path}/cache.db"\n'
        'visitor-request-limit-burst: 4\nvisitor-request-limit-replenish: "1h"\n'
    )
    start(port, "ntfy", "serve", "--config", str(tmp_path / "server.yml"))
    with story.saving() as transaction:
        made = services.make(transaction, "ntfy", {"server": f"http://127.0.0.1:{port}", "topic": "summit-door"}, http=True)
    crm = flow_of(story, made)
    with story.worker():
        story.record("R1", status="Attended", profile={"first_name": "Zoë", "last_name": "Lindqvist"})
        story.until("R1", "success")
        for n in range(2, 8):
            story.record(f"R{n}", status="Attended", first=f"Guest {n}")
        story.wait_for(lambda: story.db.all("SELECT 1 FROM connection_state WHERE held_until IS NOT NULL"))
        story.wait_for(lambda: story.db.all("SELECT 1 FROM attempt WHERE status = 429"))
    ((said,),) = story.db.all("SELECT DISTINCT message FROM attempt WHERE status = 429")
    assert said.startswith("The server's limit is used up: limit reached")
    ((request, response),) = story.db.all(
        "SELECT c.request, c.response FROM attempt_content c JOIN attempt t ON t.action_id = c.action_id AND t.n = c.n WHERE c.action_id = :a",
        {"a": story.action("R1")["id"]},
    )
    sent, got = json.loads(json.loads(request)["body"]), json.loads(json.loads(response)["body"])
    assert (got["event"], got["topic"], got["title"], got["message"]) == (
        "message",
        "summit-door",
        sent["title"],
        "Zoë Lindqvist: Attended",
    )
    assert story.connection_of("R1") == crm


@pytest.mark.needs("ntfy")
def test_B3_ntfy_refuses_a_protected_topic(story: Story, start: Start, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "server.yml").write_text(
        f'listen-http: "127.0.0.1:{port}"\nbase-url: "http://127.0.0.1:{port}"\ncache-file: "{tmp_path}/cache.db"\n'
        f'auth-file: "{tmp_path}/users.db"\nauth-default-access: "deny-all"\n'
    )
    start(port, "ntfy", "serve", "--config", str(tmp_path / "server.yml"))
    with story.saving() as transaction:
        made = services.make(
            transaction, "ntfy", {"server": f"http://127.0.0.1:{port}", "topic": "summit-door", "token": "tk_nonsense"}, http=True
        )
    flow_of(story, made)
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "queued")
    ((category, message),) = story.db.all("SELECT category, message FROM attempt")
    assert category == 5
    assert message.startswith("The topic is protected")


@pytest.mark.needs("webhook")
def test_C7_webhooks_200_that_means_no_is_made_a_failure_from_its_logged_answer(story: Story, start: Start, tmp_path: Path) -> None:
    hooks = [
        {
            "id": "lead",
            "execute-command": "/bin/true",
            "response-message": "taken",
            "trigger-rule": {
                "match": {"type": "value", "value": "Bearer g00d-token", "parameter": {"source": "header", "name": "Authorization"}}
            },
        }
    ]
    (tmp_path / "hooks.json").write_text(json.dumps(hooks))
    port = free_port()
    start(port, "webhook", "-hooks", str(tmp_path / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port), "-verbose")
    with story.saving() as transaction:
        made = services.make(transaction, "generic_json", {"url": f"http://127.0.0.1:{port}/hooks/lead", "token": "b4d-token"}, http=True)
    crm = flow_of(story, made)
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "success")  # according to the status
        connection, rule = answers.propose_rule(story.db, story.account, story.action("R1")["id"], 1, Then.FAILED)
        assert connection == crm
        assert not answers.try_rule(story.db, story.account, story.action("R1")["id"], 1, rule).delivered
        with story.saving() as transaction:
            save_rule(transaction, crm, rule)
        story.record("R2", status="Attended", first="Ada")
        story.until("R2", "queued")
        assert (story.action("R2")["category"], story.action("R2")["cause"]) == ("General", "rule")
        with story.saving() as transaction:
            save_connection(transaction, ConnectionFacts(connection_row(crm).body, secrets={Secret.KEY: "g00d-token"}), crm)
        story.submit(story.action("R2")["key"])
        story.until("R2", "success")
    ((said,),) = story.db.all("SELECT message FROM attempt WHERE status = 200 AND category IS NOT NULL")
    assert said.endswith("Hook rules were not satisfied.")
