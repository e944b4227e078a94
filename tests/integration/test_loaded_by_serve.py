"""What the processes of `heliograph serve` have loaded when they end: each has only what it needs, and so little memory and a quick start (O1)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import DatabaseFacts
from tests.processes import Starter

NOTED_AT_THE_END = """
import atexit, pathlib, sys

def note():
    pathlib.Path({folder!r}, sys.argv[-1]).write_text(" ".join(sys.modules))

atexit.register(note)
"""


def test_O1_what_serves_again_loads_only_what_it_needs(heliograph: Starter, database: DatabaseFacts, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOTED_AT_THE_END.format(folder=str(tmp_path)))
    assert heliograph.run("createaccount", "ACME").returncode == 0
    heliograph.adds_ada("administrator")
    heliograph.serves(HELIOGRAPH_INGEST_BIND="", PYTHONPATH=str(tmp_path))
    assert heliograph.started[-1].terminate() == 0
    loaded = {name: set((tmp_path / name).read_text().split()) for name in ("serve", "engine", "pages")}
    assert "django" in loaded["pages"]
    for name, unneeded in {
        "serve": {"django", "oauthlib", "pycurl", "uvicorn", "rich", "heliograph.engine.worker.worker", "heliograph.store.configuration"},
        "engine": {"django", "uvicorn", "rich", "heliograph.engine.supervisor.operations_port"},
    }.items():
        assert not loaded[name] & unneeded, name
