"""Processes that run a source's program are killed at any time: no record is lost, the state never passes one, and no program stays behind (S6)."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.builders.command_source import PROGRAM, Commands, command_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.waiting import until

from heliograph.failpoints import VARIABLE, Instant

ROWS = {f"P-{number}": f"Firm {number}" for number in range(240)}
PROCESSES, KILLS = 2, 5


class Readers:
    """Processes that run and record sources, started again whenever one dies."""

    def __init__(self, facts: DatabaseFacts, commands: Commands, folder: Path) -> None:
        self._env = facts.env(HELIOGRAPH_COMMANDS=str(commands.file), **{VARIABLE: str(folder)})
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.deaths = 0

    def keep_running(self) -> None:
        dead = [process for process in self._processes if process.poll() is not None]
        self.deaths += len(dead)
        self._processes = [process for process in self._processes if process not in dead]
        while len(self._processes) < PROCESSES:
            command = [sys.executable, "-m", "tests.source_reader_process"]
            self._processes.append(subprocess.Popen(command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def arm(self, instant: Instant) -> None:
        """The next of them that reaches the instant dies there."""
        (self._folder / instant).touch()

    def kill(self, number: int) -> None:
        self._processes[number].kill()
        self._processes[number].wait()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


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
def readers(database: DatabaseFacts, commands: Commands, tmp_path: Path) -> Iterator[Readers]:
    folder = tmp_path / "armed"
    folder.mkdir()
    readers = Readers(database, commands, folder)
    yield readers
    readers.end()


def programs() -> list[Path]:
    """The programs of this test that run now."""

    def is_program(path: Path) -> bool:
        try:
            return str(PROGRAM).encode() in path.read_bytes().split(b"\0")
        except OSError:
            return False

    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if is_program(path)]


def test_S6_no_record_is_lost_whatever_dies(site: PlatformAccount, commands: Commands, readers: Readers) -> None:
    source = command_source(site.store, site.pk)
    choice, stored = random.Random(6), -1
    for number in range(KILLS):
        deaths = readers.deaths
        state = (source.progress.state or {"upto": 0})["upto"]
        assert state >= stored  # the state goes forward alone
        stored = state
        readers.keep_running()
        if number % 2:
            readers.arm(Instant.CHANGES_WRITTEN)
        else:
            until(programs)
            readers.kill(choice.randrange(PROCESSES))

        def one_died(deaths: int = deaths) -> bool:
            readers.keep_running()
            return readers.deaths > deaths

        until(one_died)

    def is_filled() -> bool:
        readers.keep_running()
        return source.progress.is_filled and source.firms() == ROWS

    until(is_filled, timeout=120)
    assert source.progress.state == {"upto": 238}
    assert readers.deaths >= KILLS
    readers.end()
    until(lambda: not programs())
    versions = site.store.all("SELECT DISTINCT version FROM registration WHERE account_id = :a AND code LIKE 'P-%'", {"a": site.pk})
    assert versions == [(1,)]  # no record changed its registration twice
