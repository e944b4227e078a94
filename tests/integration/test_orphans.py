"""What is left when a supervisor is killed: a worker that drains beside its successor, and may die while it does (found by `verify`; D1, D2)."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.receiver import Receiver
from tests.waiting import until
from tests.world import World

from heliograph.engine.process import FolderInUse, folder_lock
from heliograph.engine.slots import Lease


def test_D2_what_an_orphan_left_behind_counts_as_begun_while_its_successor_runs(fresh_database: DatabaseFacts) -> None:
    """Its supervisor's successor looked before it started its worker: then the orphan still lived."""
    world = World(fresh_database)
    with Receiver() as receiver:
        world.flow(world.connection(receiver.url("/crm")))
        with world.worker(lease=Lease(5.0, 0.2)):
            world.record("R1")
            world.until_states("success")
            ((lane,),) = world.db.all("SELECT id FROM lane")
            left = fresh_database.data / "flight" / "flight-orphan"
            left.write_bytes(struct.pack("<qq", lane, 7))
            until(lambda: not left.exists())
            assert world.db.all("SELECT begun_version, marks FROM lane") == [(7, 1)]
    world.close()


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
    successor.join(20)
    assert won == ["the successor"]
