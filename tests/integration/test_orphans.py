"""A supervisor is killed: its worker drains beside its successor, and may die meanwhile (found by `verify`; D1, D2)."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from pathlib import Path

import pytest
from tests.builders.running_account import RunningAccount
from tests.databases import DatabaseFacts
from tests.receiver import Receiver
from tests.waiting import PATIENCE, until

from heliograph.engine.supervisor.processes import FolderInUse, folder_lock
from heliograph.engine.worker import inflight_journal
from heliograph.engine.worker.slot_ownership import Lease


def test_D2_what_an_orphan_left_behind_counts_as_begun_while_its_successor_runs(fresh_database: DatabaseFacts) -> None:
    """The new supervisor checked before it started its worker, when the orphan was still alive."""
    acme = RunningAccount(fresh_database)
    with Receiver() as receiver:
        acme.flow(acme.connection(receiver.url("/crm")))
        with acme.worker(lease=Lease(5.0, 0.2)):
            acme.record("R1")
            acme.until_states("success")
            ((lane,),) = acme.db.all("SELECT id FROM lane")
            left = fresh_database.data / "flight" / "flight-orphan"
            left.write_bytes(struct.pack("<qq", lane, 7))
            until(lambda: not left.exists())
            assert acme.db.all("SELECT begun_version, marks FROM lane") == [(7, 1)]
    acme.close()


def test_O1_a_second_engine_waits_for_the_first_to_drain(tmp_path: Path) -> None:
    won: list[str] = []

    def succeed() -> None:
        with folder_lock(tmp_path, "engine", patience=20.0):
            won.append("the successor")

    with folder_lock(tmp_path, "engine"):
        with pytest.raises(FolderInUse), folder_lock(tmp_path, "engine", patience=0.1):
            pass
        successor = threading.Thread(target=succeed)
        successor.start()
        assert not won
    successor.join(PATIENCE)
    assert won == ["the successor"]


def test_D1_a_file_of_lanes_in_flight_is_never_there_without_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draining worker looks for left-behind files while its successor starts: it must not take the successor's file away."""
    seen: list[dict[Path, list[tuple[int, int]]]] = []
    lock = fcntl.flock

    def looked_at_just_before(file: int, operation: int) -> None:
        if not seen:
            seen.append({})
            seen.append(dict(inflight_journal.left_behind(tmp_path)))
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", looked_at_just_before)
    mine = inflight_journal.InflightJournal(tmp_path, "successor")
    monkeypatch.undo()
    assert seen == [{}, {}]
    mine.note(3, 4)
    assert (sum(inflight_journal.noted(tmp_path).values()), dict(inflight_journal.left_behind(tmp_path))) == (1, {})
    mine.close()
    assert not list(tmp_path.iterdir())


def test_D1_one_crash_is_told_once_by_two_that_look_at_the_same_time(tmp_path: Path) -> None:
    mine = inflight_journal.InflightJournal(tmp_path, "dead")
    mine.note(3, 4)
    mine._map.close()  # like the end of its process
    os.close(mine._file)
    first = inflight_journal.left_behind(tmp_path)
    path, lanes = next(first)
    assert lanes == [(3, 4)]
    assert list(inflight_journal.left_behind(tmp_path)) == []
    second = inflight_journal.left_behind(tmp_path)
    path.unlink()
    assert list(first) == []
    assert list(second) == []
