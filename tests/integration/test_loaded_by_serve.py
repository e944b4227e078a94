"""What the processes of `heliograph serve` have loaded when they end, and what a start leaves open: each has only what it needs, so it starts quickly and
takes little memory (O1)."""

from __future__ import annotations

from pathlib import Path

from django.db import connection
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.commands import serve
from heliograph.options import Options
from heliograph.store import schema

NOTED_AT_THE_END = """
import atexit, pathlib, sys

def note():
    pathlib.Path({folder!r}, sys.argv[-1]).write_text(" ".join(sys.modules))

atexit.register(note)
"""

NOTED_AS_THREADS_BEGIN = """
import pathlib, sys, threading

def note(*_):
    sys.setprofile(None)
    thread = threading.current_thread().name
    if thread == "notifications":
        pathlib.Path({folder!r}, thread).write_text(" ".join(sys.modules))

threading.setprofile(note)
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
        "serve": {
            "django",
            "oauthlib",
            "pycurl",
            "uvicorn",
            "rich",
            "heliograph.engine.worker.worker",
            "heliograph.store.configuration_versions",
        },
        "engine": {"django", "uvicorn", "rich", "heliograph.engine.supervisor.operations_port"},
    }.items():
        assert not loaded[name] & unneeded, name


def test_O1_pages_are_imported_before_anything_beside_them_could_wait_for_that_with_the_write_lock(
    heliograph: Starter, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOTED_AS_THREADS_BEGIN.format(folder=str(tmp_path)))
    assert heliograph.run("createaccount", "ACME").returncode == 0
    heliograph.adds_ada("administrator")
    heliograph.serves(PYTHONPATH=str(tmp_path))
    assert heliograph.started[-1].terminate() == 0
    loaded = (tmp_path / "notifications").read_text().split()
    assert "heliograph.notifications.views" in loaded
    assert "heliograph.timeline.urls" in loaded


def test_O1_no_module_is_loaded_from_the_folder_of_the_start(database: DatabaseFacts, tmp_path: Path) -> None:
    for name in ("numbers", "django"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__file__} was loaded')")
    starter = Starter(database, tmp_path, ("env", f"--chdir={tmp_path}"))
    try:
        assert starter.run("createaccount", "ACME").returncode == 0
        starter.adds_ada("administrator")
        starter.serves()
        assert starter.started[-1].terminate() == 0
        assert "was loaded" not in starter.started[-1].output
    finally:
        starter.end()


def test_O3_a_start_mends_the_schema_and_keeps_no_connection(database: DatabaseFacts) -> None:
    db = database.open()
    with db.transaction():
        db.run("DROP TRIGGER registration_search_new" + ("" if db.vendor == "sqlite" else " ON registration"))
    assert not schema.is_whole(db)
    serve._migrate(Options.load())
    assert connection.connection is None
    assert schema.is_whole(db)
    db.close()


def test_O3_a_command_makes_no_database_but_says_who_does(empty_database: DatabaseFacts, tmp_path: Path) -> None:
    run = Starter(empty_database, tmp_path).run
    for command in (["status"], ["jobs", "list"], ["createaccount", "ACME"]):
        refused = run(*command)
        assert refused.returncode == 1
        assert "heliograph migrate" in refused.output
        assert "Traceback" not in refused.output
    assert not (empty_database.data / "heliograph.db").exists()
