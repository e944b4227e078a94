"""Supervisor, engine and edge load only what they need: they use plain SQL. And nothing loads psycopg before a PostgreSQL database is opened."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "modules", "absent"),
    [
        ("serve", "", "django psycopg pygments rich cryptography.x509 heliograph.bench heliograph.commands.import_"),
        (
            "process engine",
            "heliograph.engine.supervisor.processes heliograph.wiring",
            "django psycopg pygments rich cryptography.x509 uvicorn openpyxl allauth heliograph.bench",
        ),
        (
            "process edge",
            "heliograph.engine.supervisor.processes heliograph.wiring heliograph.engine.ingest.fast_door",
            "django psycopg pygments rich cryptography.x509 openpyxl allauth heliograph.bench",
        ),
        ("import", "heliograph.wiring heliograph.recording.batches heliograph.store.health", "psycopg pygments rich cryptography.x509"),
    ],
    ids=["supervisor", "engine", "edge", "command"],
)
def test_O1_a_process_loads_only_what_it_needs(command: str, modules: str, absent: str) -> None:
    script = (
        f"import sys; sys.argv[1:] = {command.split()}; import {', '.join(['heliograph.__main__', *modules.split()])};"
        f" print(*(name for name in {absent.split()} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
