"""Processes that watch a folder are killed at the worst instants: each file is imported, and ends in done with its report (S7)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_scopes import scope
from tests.builders.folder_source import folder_source, look_twice
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.dying_processes import DyingProcesses
from tests.waiting import until

from heliograph.domain.source.watched_folder import Subfolder
from heliograph.sources.folder_watch import FolderWatch
from heliograph.sources.source_ledger import ledger_of

ROWS, REFUSED, KILLS = 500, 50, 6


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def watchers(database: DatabaseFacts, incoming: Path) -> Iterator[DyingProcesses]:
    with DyingProcesses("tests.folder_process", database.env(HELIOGRAPH_FOLDERS=str(incoming))) as watchers:
        yield watchers


def test_S7_each_file_is_imported_whatever_dies(site: PlatformAccount, incoming: Path, watchers: DyingProcesses) -> None:
    source = folder_source(site.store, site.pk, incoming)
    choice = random.Random(7)
    for number in range(KILLS):
        watchers.keep_running()
        rows = [f"P-{row},Firm {number}-{row},p{row}@example.org," for row in range(ROWS)]
        source.drop(f"{number}.part", *rows, *(f"X-{row},Refused,nobody," for row in range(REFUSED)))
        (source.folder / f"{number}.part").rename(source.folder / f"{number}.csv")
        if number % 2:
            until(lambda: source.progress.file is not None)
            watchers.kill(choice.randrange(2))
        else:  # amid an import, whichever of them runs it
            until(lambda: site.store.all("SELECT 1 FROM jobs_job WHERE state = 'running' AND done > 0 AND phase = 'importing'"))
            for process in range(2):
                watchers.kill(process)

    watchers.until(lambda: not source.names() and source.progress.file is None)
    assert watchers.deaths >= KILLS
    ends = ("", ".refused.csv", ".report.txt")
    assert sorted(source.names("done")) == sorted(f"{number}.csv{end}" for number in range(KILLS) for end in ends)
    assert source.calls() == [("", ROWS + REFUSED, ROWS, REFUSED)] * KILLS
    assert source.firms() == {f"P-{row}": f"Firm {KILLS - 1}-{row}" for row in range(ROWS)}
    versions = site.store.all("SELECT DISTINCT version FROM registration WHERE account_id = :a AND code LIKE 'P-%'", {"a": site.pk})
    assert versions == [(KILLS,)]  # each file changed each registration once
    with scope(account=site.pk):
        ledger = ledger_of(site.store, site.pk)
        (row,) = ledger.rows
        assert (row.balance.recorded, row.balance.missing, row.balance.older) == (ROWS, REFUSED, 0)
        assert {gap.code for gap in ledger.gaps} == {f"X-{number}" for number in range(REFUSED)}
        assert {gap.place_in_file and gap.place_in_file.file for gap in ledger.gaps} == {f"{KILLS - 1}.csv"}  # the newest row stands for it


def test_S7_a_move_that_was_not_saved_is_repeated_and_imports_nothing(site: PlatformAccount, incoming: Path) -> None:
    source, watch = folder_source(site.store, site.pk, incoming), FolderWatch(incoming)
    source.drop("guests.csv", "A-1,North,a@example.org,", ",No code,,")
    look_twice(watch)
    site.run_jobs()
    file = source.progress.file
    assert file is not None
    ended = source.progress.ended(Subfolder.DONE).to_body()
    watch.look()
    kept = source.names("done")
    for lost in ([], ["guests.csv.report.txt"]):  # killed after the move; or after the report, before the move
        with site.store.transaction():
            site.store.run("UPDATE source SET cursor = :cursor WHERE id = :id", {"cursor": json.dumps(ended), "id": source.id})
        if lost:
            (moved,) = [path for path in (source.folder / "done").iterdir() if path.name.endswith("_guests.csv")]
            moved.rename(source.folder / "guests.csv")
        look_twice(watch)
        assert (source.names(), source.names("done"), source.progress.file) == ([], kept, None)
    assert not site.run_jobs()
    assert source.calls() == [("", 2, 1, 1)]
