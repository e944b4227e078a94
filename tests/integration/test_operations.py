"""The operations port: health checks of containers and load balancers (O2)."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from typing import Any

import pytest
from tests.databases import DatabaseFacts
from tests.processes import STARTING, Starter, free_port
from tests.waiting import PATIENCE, until

from heliograph.engine.supervisor.installation_status import RUNNING
from heliograph.engine.supervisor.operations_port import operations_port

pytestmark = pytest.mark.once


def ask(port: int, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body and answer.getheader("Content-Type") == "application/json" else None
    finally:
        connection.close()


def ready(port: int) -> bool:
    try:
        return ask(port, "/health/ready")[0] == 200
    except OSError:
        return False


def test_O2_ready_is_what_all_processes_are() -> None:
    states = {"engine": RUNNING, "pages": "starting"}
    with operations_port("127.0.0.1", 0, lambda: states) as port:
        assert ask(port, "/health/live") == (200, {"live": True})
        assert ask(port, "/health/ready") == (
            503,
            {"ready": False, "processes": states, "reason": "Not every process serves: pages (starting)."},
        )
        states["pages"] = RUNNING
        assert ask(port, "/health/ready?x=1") == (200, {"ready": True, "processes": states})
        assert ask(port, "/health/ready", "HEAD") == (200, None)
        assert ask(port, "/admin")[0] == 404
        assert ask(port, "/health/live", "POST") == (501, None)
        silent = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)  # a silent client blocks nobody
        assert ask(port, "/health/live")[0] == 200
        silent.close()
    assert not ready(port)


def test_O2_serve_says_whether_it_serves_and_starts_again_what_dies(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    pages, operations = free_port(), free_port()
    process = heliograph("serve", HELIOGRAPH_BIND=f"127.0.0.1:{pages}", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}")
    process.until_answers(f"http://127.0.0.1:{operations}/health/live")
    until(lambda: ready(operations), STARTING)
    process.until_printed("Heliograph serves")
    engine = int((fresh_database.data / "engine.lock").read_text())
    os.kill(engine, signal.SIGKILL)
    until(lambda: not ready(operations))
    assert ask(operations, "/health/live")[0] == 200
    until(lambda: ready(operations), STARTING)
    assert int((fresh_database.data / "engine.lock").read_text()) != engine
    assert process.terminate() == 0


def test_O2_processes_that_show_no_life_are_not_ready_and_are_started_again(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    operations = free_port()
    process = heliograph("serve", HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}")
    process.until_printed("Heliograph serves")
    until(lambda: ready(operations), STARTING)
    stopped = process.children()
    for pid in stopped.values():
        os.kill(pid, signal.SIGSTOP)
    until(lambda: ask(operations, "/health/ready")[1]["processes"] == dict.fromkeys(stopped, "silent"))
    assert ask(operations, "/health/ready")[0] == 503
    until(lambda: ready(operations), STARTING)
    assert not stopped.items() & process.children().items()
    assert process.output.count("child_killed_because_silent") == len(stopped)
    assert process.terminate() == 0


def test_O2_a_port_that_was_asked_for_and_is_taken_is_an_error_that_says_what_to_do(heliograph: Starter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = heliograph.run("serve", HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=address)
    assert process.returncode == 1
    assert f"{address} cannot be opened for /health" in process.output
    assert "HELIOGRAPH_OPERATIONS_BIND" in process.output


def test_I2_the_fast_door_is_a_process_of_its_own_and_is_opened_again_where_it_was(heliograph: Starter) -> None:
    operations, door = free_port(), free_port()
    process = heliograph(
        "serve",
        HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_INGEST_BIND=f"127.0.0.1:{door}",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}",
    )
    until(lambda: ready(operations), STARTING)
    before = process.children()
    assert set(before) == {"engine", "edge", "pages"}
    os.kill(before["edge"], signal.SIGKILL)
    until(lambda: not ready(operations))
    until(lambda: ready(operations), STARTING)
    assert ask(door, "/ingest/registrations", "POST")[0] == 401
    after = process.children()
    assert after["edge"] != before["edge"]
    assert (after["engine"], after["pages"]) == (before["engine"], before["pages"])
    assert process.terminate() == 0
