"""Supervisor, engine and edge load only what they need: they use plain SQL. And nothing loads psycopg before a PostgreSQL database is opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
            "django psycopg pygments rich cryptography.x509 openpyxl allauth heliograph.bench oauthlib pycurl heliograph.engine.worker.worker",
        ),
        (
            "import",
            "heliograph.wiring heliograph.recording.batches heliograph.store.doctor_checks",
            "psycopg pygments rich cryptography.x509",
        ),
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


def test_O1_the_garbage_collector_leaves_alone_what_is_imported(tmp_path: Path) -> None:
    """Neither meanwhile nor at the end, when the interpreter collects once more: together they were a quarter of what a short command takes."""
    script = (
        "import atexit, gc, sys; sys.argv[1:] = ['--version'];"
        "atexit.register(lambda: print(gc.get_stats()[0]['collections'], gc.get_freeze_count(), len(gc.get_objects())));"
        "from heliograph.__main__ import main; from heliograph.commands import ready;"
        "before = gc.get_stats()[0]['collections']; ready(first_start=True); print(gc.get_stats()[0]['collections'] - before, gc.isenabled()); main()"
    )
    environment = {**os.environ, "HELIOGRAPH_DATA": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    (meanwhile, on), (collections, spared, left) = (line.split() for line in (done.stdout.splitlines()[0], done.stdout.splitlines()[-1]))
    assert int(meanwhile) < 5  # some 50 otherwise
    assert on == "True"
    assert int(collections) < 30
    assert int(spared) > 1_000 * int(left)
