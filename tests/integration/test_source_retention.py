"""What sources brought, and the files of watched folders, go with the content of their time, and with a person whom they name (S7, O4, X6, B7)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.builders import planted_sources
from tests.builders.account import BY
from tests.builders.folder_source import FolderSource, folder_source, look_twice
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.domain.retention import DAY, Terms
from heliograph.domain.source.source_states import CallState
from heliograph.jobs.models import JobState
from heliograph.registrations.erasures.person import people
from heliograph.registrations.erasures.person_erasure import start_erasure
from heliograph.setup.services.setup_save import saving
from heliograph.sources.folder_files import remove_old_files
from heliograph.sources.folder_watch import FolderWatch
from heliograph.sources.services.sources import remove
from heliograph.store import refused_rows, retention_record
from heliograph.store.queue.retention_round import RetentionRound

TERMS = Terms(180, 400)


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@dataclass(frozen=True)
class Later:
    """A time after everything that was planted."""

    site: PlatformAccount
    days: int

    @property
    def now(self) -> int:
        return self.site.store.now() + self.days * DAY

    def round(self) -> None:
        RetentionRound(self.site.store, self.now, threading.Event(), pause=lambda seconds: False).all_accounts(TERMS)

    def calls(self) -> list[tuple[int, int]]:
        """State and number of the calls that are kept."""
        return self.site.store.all("SELECT state, count(*) FROM source_call GROUP BY state ORDER BY state")

    def counts(self) -> tuple[int, int]:
        """Rows of both counts by hour."""
        ((refusals,),) = self.site.store.all("SELECT count(*) FROM source_refusal")
        ((changes,),) = self.site.store.all("SELECT count(*) FROM source_changes")
        return int(refusals), int(changes)


def agree(site: PlatformAccount) -> None:
    """An Administrator has seen what the terms remove."""
    with site.store.transaction():
        retention_record.agree(site.store, site.pk, TERMS, site.store.now() - 1, BY)


def test_X6_calls_go_with_the_content_of_their_time_and_what_waits_stays(site: PlatformAccount) -> None:
    planted_sources.plant(site.store, site.pk)
    store, before = site.store, Later(site, 0).calls()
    with store.transaction():
        sources = store.all("SELECT min(id), max(id) FROM source")
        store.run(
            "INSERT INTO source_changes (account_id, source_id, hour, announced, unannounced) VALUES (:account, :source, :hour, 1, 0)",
            {"account": site.pk, "source": sources[0][0], "hour": store.now()},
        )
    counts = Later(site, 0).counts()
    assert counts[0] >= 2
    Later(site, 181).round()
    assert Later(site, 0).calls() == before  # nobody was told of a removal yet
    agree(site)
    Later(site, 179).round()
    assert Later(site, 0).calls() == before
    Later(site, 181).round()
    waiting = [(state, count) for state, count in before if state in (CallState.STORED, CallState.WAITING)]
    assert Later(site, 0).calls() == waiting
    assert len(waiting) == 2
    assert Later(site, 0).counts() == counts
    Later(site, 401).round()
    assert Later(site, 0).counts() == (0, 0)
    assert Later(site, 0).calls() == waiting


def put(source: FolderSource, subfolder: str, name: str, text: str = "A-1,North") -> Path:
    path = source.folder / subfolder / name
    path.write_text(text)
    return path


def test_X6_files_of_folders_go_by_their_age(site: PlatformAccount, incoming: Path, tmp_path: Path) -> None:
    sources = [folder_source(site.store, site.pk, incoming, name) for name in ("Drop box", "Removed")]
    for source in sources:
        source.drop("guests.csv")
    look_twice(FolderWatch(incoming))
    with saving(site.pk, by=BY) as transaction:
        remove(transaction, sources[1].id)
    old = [put(source, "done", f"20200101-120000-001_guests.csv{end}") for source in sources for end in ("", ".report.txt")]
    old.append(put(sources[0], "failed", "20200101-120000-001_guests.csv"))
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("mine")
    (sources[0].folder / "done" / "20200101-120000-002_link.csv").symlink_to(elsewhere)
    os.link(elsewhere, sources[0].folder / "done" / "20200101-120000-003_second_name.csv")
    kept = [put(sources[0], "done", "29990101-120000-001_guests.csv"), put(sources[0], "done", "notes.txt"), elsewhere]
    assert remove_old_files(site.store, incoming, TERMS) == 0  # nobody was told of a removal yet
    agree(site)
    assert remove_old_files(site.store, incoming, TERMS) == len(old)
    assert not [path for path in old if path.exists()]
    assert all(path.exists() for path in kept)
    assert os.path.lexists(sources[0].folder / "done" / "20200101-120000-002_link.csv")
    incoming.rename(incoming.with_name("unmounted"))
    assert remove_old_files(site.store, incoming, TERMS) == 0


def test_B7_files_of_folders_that_name_the_person_are_deleted(site: PlatformAccount, incoming: Path) -> None:
    source, watch = folder_source(site.store, site.pk, incoming), FolderWatch(incoming)
    source.drop("zilpha.csv", "Z-1,North,zilpha@example.org,")
    source.drop("others.csv", "A-1,South,a@example.org,")
    look_twice(watch)
    for _file in range(2):
        site.run_jobs()
        watch.look()
        watch.look()
    of_both = ["others.csv", "others.csv.report.txt", "zilpha.csv", "zilpha.csv.report.txt"]
    assert sorted(source.names("done")) == of_both
    refused = put(source, "failed", "20261129-221003-417_x.csv.refused.csv", "line,reason,Mail\n3,no status,ZILPHA@example.org\n")
    more = [put(source, "done", f"20261129-2210{number:02}-417_more.csv") for number in range(12)]
    waiting = source.drop("next.part", "Z-1,West,zilpha@example.org,")
    with account_reader(site.pk) as reader:
        (person,) = people(reader, "zilpha@example.org")
    erasure = start_erasure(site.pk, person, why=ErasureReason.ASKED, reference="", confirmation=person.confirmation, by=BY)
    moved = incoming.rename(incoming.with_name("unmounted"))
    (failed,) = [job for job in site.run_jobs() if job.pk == erasure.job]
    assert failed.state == JobState.FAILED
    assert "HELIOGRAPH_FOLDERS" in failed.error
    moved.rename(incoming)
    with site.store.transaction():
        site.store.run("UPDATE jobs_job SET state = 'queued' WHERE id = :job", {"job": erasure.job})
    (job,) = [job for job in site.run_jobs() if job.pk == erasure.job]
    assert (job.state, job.error) == (JobState.DONE, "")
    assert not refused.exists()
    assert sorted(source.names("done")) == sorted(
        [*["more.csv"] * len(more), *of_both[:2], of_both[3]]
    )  # no report quotes a row that was recorded
    assert waiting.exists()  # it is the platform's; imported, its row is refused as erased
    waiting.rename(source.folder / "next.csv")
    look_twice(watch)
    site.run_jobs()
    watch.look()
    assert [name for subfolder in ("done", "failed") for name in source.names(subfolder) if name == "next.csv"] == ["next.csv"]
    assert not source.firms().get("Z-1")


def test_X6_refused_rows_go_with_the_files_that_hold_them(site: PlatformAccount, incoming: Path) -> None:
    source, watch = folder_source(site.store, site.pk, incoming), FolderWatch(incoming)
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,")
    look_twice(watch)
    site.run_jobs()
    watch.look()
    agree(site)
    for days, kept in ((179, 1), (181, 0)):
        Later(site, days).round()
        assert len(refused_rows.waiting_rows(site.store, source.id, 10)) == kept
