"""Processes that run a source's program are killed at any time: no record is lost, the state never passes one, and no program stays behind (S6)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.builders.command_source import PROGRAM, Commands, command_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.dying_processes import DyingProcesses
from tests.waiting import until

from heliograph.failpoints import Instant

ROWS = {f"P-{number}": f"Firm {number}" for number in range(240)}
KILLS = 5


@pytest.fixture
def commands(tmp_path: Path, settings: Any) -> Commands:
    commands = Commands(tmp_path)
    commands.print_rows(ROWS, wrong="slow", every=7)
    commands.offer()
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"commands": commands.file})
    return commands


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def readers(database: DatabaseFacts, commands: Commands, tmp_path: Path) -> Iterator[DyingProcesses]:
    armed = tmp_path / "armed"
    armed.mkdir()
    env = database.env(HELIOGRAPH_COMMANDS=str(commands.file))
    with DyingProcesses("tests.source_reader_process", env, armed=armed) as readers:
        yield readers


def programs() -> list[Path]:
    """The programs of this test that run now."""

    def is_program(path: Path) -> bool:
        try:
            return str(PROGRAM).encode() in path.read_bytes().split(b"\0")
        except OSError:
            return False

    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if is_program(path)]


def test_S6_no_record_is_lost_whatever_dies(site: PlatformAccount, commands: Commands, readers: DyingProcesses) -> None:
    source = command_source(site.store, site.pk)
    choice, stored = random.Random(6), -1
    for number in range(KILLS):
        state = (source.progress.state or {"upto": 0})["upto"]
        assert state >= stored  # the state goes forward alone
        stored = state
        readers.keep_running()
        if number % 2:
            readers.arm(Instant.CHANGES_WRITTEN)
        else:
            until(programs)
            readers.kill(choice.randrange(2))
        readers.until_one_died()
    readers.until(lambda: source.progress.is_filled and source.firms() == ROWS, timeout=120)
    assert source.progress.state == {"upto": 238}
    assert readers.deaths >= KILLS
    for number in range(2):
        readers.kill(number)
    until(lambda: not programs())
    versions = site.store.all("SELECT DISTINCT version FROM registration WHERE account_id = :a AND code LIKE 'P-%'", {"a": site.pk})
    assert versions == [(1,)]  # no record changed its registration twice
