"""Processes that read an event of Certain, by both of its lists, are killed amid edits: the end is what Certain has (S5)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders.certain_source import certain_source, people_here, people_there, sessions_here, sessions_there, settle
from tests.builders.list_source import ListSource
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.pretix_source import prepare
from tests.certain_stub import CertainPlatform, CertainStub
from tests.databases import DatabaseFacts
from tests.dying_processes import DyingProcesses
from tests.rest_platform import Manners
from tests.waiting import PATIENCE

from heliograph.domain.source.certain_registrations import CertainPart
from heliograph.failpoints import Instant

KILLS = 4
WITHIN = 4 * PATIENCE


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        prepare(site)
        yield site


@pytest.fixture
def readers(database: DatabaseFacts, tmp_path: Path) -> DyingProcesses:
    armed = tmp_path / "armed"
    armed.mkdir()
    return DyingProcesses("tests.source_reader_process", database.env(), armed=armed)


def test_S5_nothing_is_lost_whatever_dies(site: PlatformAccount, readers: DyingProcesses) -> None:
    platform = CertainPlatform(Manners(largest_page=10, edits_between_pages=1, errors=0.05, most_edits=400), random.Random(9))
    choice = random.Random(9)
    with CertainStub(platform) as stub:
        stub.edit(60)
        people, sessions = certain_source(site, stub), certain_source(site, stub, part=CertainPart.SESSIONS)
        with readers:

            def is_filled() -> bool:
                ask(people)
                return people.progress.is_filled

            readers.until(is_filled, WITHIN)
            for number in range(KILLS):
                stub.edit(15)
                requests = len(stub.urls)

                def is_read(requests: int = requests) -> bool:
                    """A reading is under way; one that is over or has failed is asked for again."""
                    ask(people)
                    ask(sessions)
                    return len(stub.urls) > requests + 2

                deaths = readers.deaths

                def one_died(deaths: int = deaths) -> bool:
                    ask(people)
                    return readers.deaths > deaths

                if number % 2:
                    readers.arm(Instant.CHANGES_WRITTEN)
                else:
                    readers.until(is_read, WITHIN)
                    readers.kill(choice.randrange(2))
                readers.until(one_died, WITHIN)
        with stub.lock:
            platform.fall_quiet()
        settle(people)
        settle(sessions)
        assert readers.deaths >= KILLS
        assert people_here(people) == people_there(people)
        assert sessions_here(sessions) == sessions_there(sessions)
        assert len(sessions_there(sessions)) > 5
        assert not site.store.all("SELECT problem FROM source_call WHERE problem <> ''")


def ask(source: ListSource) -> None:
    """Has the source read, unless a reading is under way."""
    if source.row.failures or source.progress.reading is None:
        source.due_now()
