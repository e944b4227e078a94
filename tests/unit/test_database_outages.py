"""What a process says of an outage, and how it knows one (O12)."""

from __future__ import annotations

import errno
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.db import OperationalError
from structlog.testing import capture_logs

from heliograph.engine.counters import SIZE, ProcessCounters, trouble_since
from heliograph.engine.supervisor.database_probe import DatabaseProbe
from heliograph.store.database_outages import QUIET, SAID_EVERY, Outages
from heliograph.store.database_trouble import Trouble, detail_of, trouble_of
from heliograph.store.outage_record import OutageRecord, outage_file
from heliograph.store.sqlite_database import open_sqlite

FULL = OSError(errno.ENOSPC, "No space left on device")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def facts(line: Any) -> dict[str, Any]:
    return {name: line[name] for name in ("event", "reason", "seconds", "errors") if name in line}


def test_O12_an_outage_is_said_once_then_once_a_minute_and_when_it_is_over() -> None:
    clock = Clock()
    outages = Outages(clock=clock)
    with capture_logs() as lines:
        for second in range(150):
            clock.now = 1000.0 + second
            assert outages.note(FULL, "recording_unavailable")
        assert outages.say_end() == QUIET
        clock.now += QUIET
        outages.say_end()
        assert outages.say_end() is None
        clock.now += 1
        outages.note(FULL, "another one")
    assert [facts(line) for line in lines] == [
        {"event": "database_outage", "reason": "The disk is full."},
        {"event": "database_outage_goes_on", "reason": "The disk is full.", "seconds": 60, "errors": 61},
        {"event": "database_outage_goes_on", "reason": "The disk is full.", "seconds": 120, "errors": 121},
        {"event": "database_outage_is_over", "seconds": 149, "errors": 150},
        {"event": "database_outage", "reason": "The disk is full."},
    ]
    assert SAID_EVERY == 60


def test_O12_the_processes_of_a_start_say_an_outage_once() -> None:
    clock = Clock()
    with outage_file() as file, capture_logs() as lines:
        engine, pages = (Outages(OutageRecord(file.fileno()), clock) for _ in range(2))
        for _ in range(3):
            engine.note(FULL, "settle")
            pages.note(FULL, "figures")
        assert engine.is_on
        assert pages.is_on
        clock.now += SAID_EVERY - 30
        engine.note(FULL, "settle")
        clock.now += 30
        pages.note(FULL, "figures")
        clock.now += QUIET
        assert engine.say_end() is None
        assert pages.say_end() is None
    assert [(line["event"], line.get("errors")) for line in lines] == [
        ("database_outage", None),
        ("database_outage_goes_on", 8),
        ("database_outage_is_over", 8),
    ]


def test_O12_an_outage_whose_witness_has_died_is_another_one_later() -> None:
    """The engine ends when it loses PostgreSQL, so it may be the only one that has met an outage, and never say that it is over."""
    clock = Clock()
    with outage_file() as file, capture_logs() as lines:
        Outages(OutageRecord(file.fileno()), clock).note(FULL, "settle")
        clock.now += QUIET + 1
        Outages(OutageRecord(file.fileno()), clock).note(FULL, "settle")
    assert [line["event"] for line in lines] == ["database_outage", "database_outage"]


def test_O12_no_other_line_is_kept_from_the_log() -> None:
    outages = Outages(clock=Clock())
    bug = {"event": "request_build_failed", "exc_info": ValueError("a bug")}
    assert outages.without_errors(None, "error", bug) is bug
    assert outages.without_errors(None, "info", {"event": "child_started"}) == {"event": "child_started"}
    with capture_logs() as lines, pytest.raises(structlog.DropEvent):
        outages.without_errors(None, "error", {"event": "job_poll_failed", "exc_info": FULL})
    assert [(line["event"], line["during"]) for line in lines] == [("database_outage", "job_poll_failed")]


def test_O12_what_an_error_says_about_the_database(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"no database " * 100)
    with pytest.raises(sqlite3.DatabaseError) as damaged:
        open_sqlite(junk)
    with pytest.raises(sqlite3.OperationalError) as missing:
        open_sqlite(tmp_path / "none" / "db")
    with closing(open_sqlite(tmp_path / "db")) as db, pytest.raises(sqlite3.OperationalError) as wrong:
        db.all("SELECT * FROM nothing")
    assert [trouble_of(each.value) for each in (damaged, missing, wrong)] == [Trouble.DAMAGED, Trouble.UNREACHABLE, None]
    assert trouble_of(raised(OperationalError("full"), FULL)) is Trouble.FULL, "Django's error leads to the driver's"
    assert trouble_of(raised(sqlite3.OperationalError("disk I/O error: the log"), FULL)) is Trouble.FULL, "as store.log raises it"
    assert [trouble_of(each) for each in (None, ValueError(), OSError(errno.EADDRINUSE, "in use"))] == [None] * 3
    assert detail_of(OSError(errno.EACCES, "Permission denied", "/var/lib/x")) == "/var/lib/x: Permission denied"


def test_O12_not_ready_is_also_what_a_process_has_met_a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    memory = bytearray(SIZE)
    counters = ProcessCounters(memory)
    probe = DatabaseProbe(lambda: None, lambda: {"edge": counters.values})
    assert probe.problem() == ""
    clock.now += 2
    counters.note_trouble(Trouble.FULL, clock.now)
    assert trouble_since(counters.values, clock.now - 1) is Trouble.FULL
    assert probe.problem() == "The disk is full. The process edge met that within the last 10 seconds."
    clock.now += 11
    assert probe.problem() == ""
    # what the probe would find itself while it lasts
    counters.note_trouble(Trouble.READ_ONLY, clock.now)
    clock.now += 1.5
    assert probe.problem() == "The database can only be read. The process edge met that within the last 2 seconds."
    clock.now += 1
    assert probe.problem() == ""


def test_O12_a_database_that_never_answers_is_not_ready() -> None:
    stop = threading.Event()
    probe = DatabaseProbe(stop.wait, dict, within=0.05)
    assert probe.problem() == "The database does not answer."
    stop.set()
