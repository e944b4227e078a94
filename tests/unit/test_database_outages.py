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
    outages = Outages(clock)
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


def test_O12_no_other_line_is_kept_from_the_log() -> None:
    outages = Outages(Clock())
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


def test_O12_a_database_that_never_answers_is_not_ready() -> None:
    stop = threading.Event()
    probe = DatabaseProbe(stop.wait, dict, within=0.05)
    assert probe.problem() == "The database does not answer."
    stop.set()
