"""Two workers that look into one watched folder at the same instant: each step is taken once (S7).

Both read where the folder stands, and both have done their part of a step, before either of them saves.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from django.db import connections
from tests.builders.folder_source import FolderSource, folder_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE, until

from heliograph.domain.source.watched_folder import FileFacts, Subfolder
from heliograph.sources.folder_import import FolderImport
from heliograph.sources.folder_place import FolderPlace
from heliograph.store import source_reads
from heliograph.store.django_database import of_django


@pytest.fixture
def source(database: DatabaseFacts, incoming: Path) -> Iterator[tuple[PlatformAccount, FolderSource]]:
    with planned(database) as site:
        yield site, folder_source(site.store, site.pk, incoming)


class MeetingPlace(FolderPlace):
    """A folder whose workers wait for each other once a file was copied, and once it was moved."""

    meeting: threading.Barrier

    @contextlib.contextmanager
    def opened(self, name: str, facts: FileFacts) -> Iterator[BinaryIO]:
        with super().opened(name, facts) as file:
            yield file
        self.meeting.wait(PATIENCE)

    def move(self, name: str, facts: FileFacts, subfolder: Subfolder, target: str) -> bool:
        self.meeting.wait(PATIENCE)
        return super().move(name, facts, subfolder, target)


def take_step(source: FolderSource) -> list[bool]:
    """Has two workers take the next step at the same time. Returns, for each, whether its step counted."""
    meeting, results, failures = threading.Barrier(2), list[bool](), list[BaseException]()
    have_read = threading.Barrier(2)

    def work(begins: Callable[[], bool]) -> None:
        try:
            row = source_reads.read_source_to_read(of_django(connections["default"]), source.id)
            assert row is not None
            have_read.wait(PATIENCE)
            until(begins)
            with contextlib.closing(MeetingPlace.open(source.base, source.id)) as place:
                place.meeting = meeting
                results.append(FolderImport(row, place).advance(list(place.files().items())))
        except BaseException as error:  # noqa: BLE001 -- the test fails with it
            failures.append(error)
            meeting.abort()
        finally:
            connections.close_all()

    def is_first_there() -> bool:
        """An account's files are read one at a time, so the second worker begins when the first one has its copy."""
        return meeting.n_waiting == 1 or not first.is_alive() or source.progress.file is not None

    first = threading.Thread(target=work, args=(lambda: True,))
    second = threading.Thread(target=work, args=(is_first_there,))
    for worker in (first, second):
        worker.start()
    for worker in (first, second):
        worker.join()
    assert not failures, failures
    return sorted(results)


def test_S7_a_file_that_two_workers_take_at_once_is_imported_once(source: tuple[PlatformAccount, FolderSource], tmp_path: Path) -> None:
    site, folder = source
    folder.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,b@example.org,")
    assert take_step(folder) == [False, True]
    taken = folder.progress.file
    assert taken is not None
    kept = list((tmp_path / "data").rglob("upload.json"))
    assert len(kept) == 1  # the copy of the worker that came second is gone
    assert len(site.run_jobs()) == 1
    assert folder.firms() == {"A-1": "North", "A-2": "South"}


def test_S7_an_import_that_two_workers_settle_and_move_at_once_is_noted_once(source: tuple[PlatformAccount, FolderSource]) -> None:
    site, folder = source
    folder.drop("guests.csv", "A-1,North,a@example.org,", ",No code,,")
    assert take_step(folder) == [False, True]
    site.run_jobs()
    assert take_step(folder) == [False, True]  # settle
    assert folder.calls() == [("", 2, 1, 1)]
    assert take_step(folder) == [False, True]  # move
    assert (folder.names(), folder.progress.file) == ([], None)
    assert folder.names("done") == ["guests.csv", "guests.csv.refused.csv", "guests.csv.report.txt"]
    assert folder.calls() == [("", 2, 1, 1)]
