"""A source reads a REST list over HTTP: what is new becomes registrations, a kill repeats and skips nothing, and failures say so (S3, D4)."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client
from django_scopes import scopes_disabled
from tests.builders.list_source import ListSource, list_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.rest_platform import SECOND, Answer, Manners, Platform
from tests.rest_stub import RestStub

from heliograph.jobs.models import Job, JobState
from heliograph.setup.services.setup_save import saving
from heliograph.sources.read_job import KIND, SourceReader
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import list_readings
from heliograph.sources.services.source_mappings import run_again
from heliograph.store.stored_calls import newest_calls

BY = "user:1"
RETRY = "/signal/retry/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount, stub: RestStub) -> ListSource:
    return list_source(site.store, site.pk, stub.platform, stub.origin, overlap=60)


def test_a_list_becomes_registrations_and_changes_follow(source: ListSource, stub: RestStub) -> None:
    stub.edit(40)
    job = source.read()
    assert job.state == JobState.DONE
    assert source.state() == source.expected()
    row, progress = source.row, source.progress
    assert progress.is_filled and progress.passed == 0  # noqa: PT018
    assert row.last_read_at is not None and row.failures == 0 and row.due_at > row.last_read_at  # noqa: PT018
    calls = source.db.all("SELECT max(id) FROM source_call")
    assert row.quiet_until == calls[0][0]  # the backfill
    source.read()
    assert source.db.all("SELECT max(id) FROM source_call") == calls  # nothing new is not stored
    stub.edit(10)
    again = source.read()
    assert again.pk == job.pk  # one row for all readings
    deleted = set(source.state()) - set(source.expected())
    assert {key: text for key, text in source.state().items() if key not in deleted} == source.expected()
    assert source.progress.passed > 0 and source.row.quiet_until == calls[0][0]  # noqa: PT018


def test_what_is_deleted_becomes_inactive_after_two_sweeps_and_a_request(source: ListSource, stub: RestStub) -> None:
    for number in range(30):
        stub.write(f"k{number}", {"state": "new", "number": number})
    source.read()
    stub.write("k7", None)
    stub.write("k8", None)
    source.sweep()
    assert "k7" in source.state()  # missing once
    source.sweep()
    assert source.state() == source.expected()
    assert [url for url in stub.urls if url.endswith("/items/k7")]
    stub.write("k7", {"state": "paid", "number": 70})
    source.read()
    assert source.state() == source.expected()  # it came back


def test_I2_what_was_deleted_comes_back_with_the_change_that_it_had(source: ListSource, stub: RestStub) -> None:
    """It was only hidden, or the platform's clock is behind ours: its change is older than our last document of it."""
    for number in range(30):
        stub.write(f"k{number}", {"state": "new", "number": number})
    source.read()
    with stub.lock:
        hidden = stub.platform.rows.pop("k7")
    source.sweep()
    source.sweep()
    assert "k7" not in source.state()
    with stub.lock:
        stub.platform.rows["k7"] = hidden
    source.sweep()
    assert source.state() == source.expected()


def test_calls_that_run_again_bring_nothing_back_that_was_deleted(source: ListSource, stub: RestStub) -> None:
    for number in range(30):
        stub.write(f"k{number}", {"state": "new", "number": number})
    source.read()
    pages = [call.id for call in newest_calls(source.db, source.id, 20)]
    stub.write("k7", None)
    source.sweep()
    source.sweep()
    with saving(source.account, by=BY) as transaction:
        assert run_again(transaction, source.id, pages) == len(pages)
    source.record()
    source.read()
    assert source.state() == source.expected()


def test_no_mapping_reads_what_was_noticed_as_deleted(site: PlatformAccount, source: ListSource, stub: RestStub, client: Client) -> None:
    """It runs never again, is no sample for a mapping, and its page says what it is."""
    for number in range(30):
        stub.write(f"k{number}", {"state": "new", "number": number})
    source.read()
    stub.write("k7", None)
    source.sweep()
    source.sweep()
    ((noted,),) = source.db.all("SELECT id FROM source_call WHERE kind = 4")
    assert noted not in [call.id for call in newest_calls(source.db, source.id, 20)]
    with saving(source.account, by=BY) as transaction:
        assert run_again(transaction, source.id, [noted]) == 0
    site.signs_in(client)
    page = text_of(client.get(f"/settings/sources/{source.id}/calls/{noted}/").content)
    assert "Deleted at the source" in page
    assert "Run again" not in page


def test_a_sweep_that_misses_more_than_a_tenth_asks(source: ListSource, stub: RestStub) -> None:
    for number in range(30):
        stub.write(f"k{number}", {"state": "new", "number": number})
    source.read()
    for number in range(10):
        stub.write(f"k{number}", None)
    source.sweep()
    source.sweep()
    assert (source.progress.missing, source.progress.known) == (10, 30)
    assert len(source.state()) == 30
    with saving(source.account, by=BY) as transaction:
        list_readings.answer_missing(transaction, source.id, set_inactive=False)
    source.sweep()
    assert len(source.state()) == 30
    source.sweep()
    assert source.progress.missing == 10
    with saving(source.account, by=BY) as transaction:
        list_readings.answer_missing(transaction, source.id, set_inactive=True)
    source.read()
    assert source.state() == source.expected()


def test_an_item_that_the_list_calls_deleted_becomes_inactive_at_once(site: PlatformAccount, stub: RestStub) -> None:
    source = list_source(site.store, site.pk, stub.platform, stub.origin, active="on")
    for number in range(5):
        stub.write(f"k{number}", {"state": "new", "number": number, "on": True})
    source.read()
    stub.write("k3", {"state": "new", "number": 3, "on": False})
    source.read()
    assert sorted(source.state()) == ["k0", "k1", "k2", "k4"]


def test_D4_a_failure_is_seen_from_the_third_on_and_ends_by_itself(
    site: PlatformAccount, source: ListSource, stub: RestStub, client: Client
) -> None:
    site.signs_in(client)
    page = f"/settings/sources/{source.id}/"
    stub.edit(5)
    source.read()
    for number in range(1, 4):
        stub.answers = [Answer(503, [])]
        assert source.read().state == JobState.DONE
        row = source.row
        assert row.failures == number
        assert "503" in row.failure
        assert "Last try failed The server failed (503)." in text_of(client.get(page).content)
    assert row.failing_since < row.due_at
    item = "can’t be read since"
    assert item in text_of(client.get(RETRY).content)
    assert item in text_of(client.get(f"{RETRY}?category=Source+API").content)
    assert item not in text_of(client.get(f"{RETRY}?category=System").content)
    stub.edit(5)
    source.read()
    assert item not in text_of(client.get(RETRY).content)
    assert source.row.failures == 0 and source.row.failing_since is None and source.row.failure == ""  # noqa: PT018
    assert "Last try failed" not in text_of(client.get(page).content)


def test_retry_after_is_kept(source: ListSource, stub: RestStub) -> None:
    stub.edit(5)
    stub.answers = [Answer(429, [("retry-after", "900")])]
    source.read()
    row = source.row
    assert row.failures == 1
    assert 890 < (row.due_at - row.failing_since).total_seconds() < 910


def test_a_platform_that_is_gone_loses_nothing(source: ListSource, stub: RestStub) -> None:
    stub.edit(40)
    source.read()
    stub.kill()
    source.read()
    assert source.row.failures == 1
    stub.edit(10)
    stub.start()
    source.read()
    assert source.expected().items() <= source.state().items()


def test_an_answer_that_is_no_list_is_a_failure_in_words(source: ListSource, stub: RestStub) -> None:
    for body, words in (({"items": 5}, "no list at"), ({"items": [{"no": 1}]}, "its key"), ([], "no list at")):
        stub.answers = [Answer(200, [], body)]
        source.read()
        assert words in source.row.failure


def test_a_chunk_that_is_rolled_back_is_read_again(source: ListSource, stub: RestStub) -> None:
    """The process dies after the request and before its transaction: nothing moved."""
    stub.edit(20)
    source.due_now()
    with scopes_disabled():
        job = Job.objects.create(kind=KIND, account_id=source.account, parameters={"source": source.id}, created_by=BY)
    reader = SourceReader(job)
    chunk = reader.read()
    assert chunk.page is not None
    assert source.progress.reading is None
    with source.db.transaction():
        reader.write(source.db, chunk)
    moved = source.row.cursor
    with source.db.transaction():
        reader.write(source.db, chunk)  # another process that had asked for the same page
    assert source.row.cursor == moved
    source.read()
    assert source.state() == source.expected()


def test_two_schedules_at_one_moment_make_one_job(source: ListSource) -> None:
    together = threading.Barrier(2)

    def queue() -> None:
        together.wait()
        try:
            queue_due_sources()
        finally:
            connections.close_all()

    source.due_now()
    threads = [threading.Thread(target=queue) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.db.all("SELECT count(*) FROM jobs_job WHERE kind = 'read source'") == [(1,)]


def test_a_paused_source_is_not_read(source: ListSource, stub: RestStub) -> None:
    stub.edit(5)
    source.read()
    with source.db.transaction():
        source.db.run("UPDATE source SET state = 2 WHERE id = :source", {"source": source.id})
    source.due_now()
    assert queue_due_sources() == 0
    with scopes_disabled():
        job = Job.objects.get(pk=source.row.reader_job)
    assert SourceReader(job).read().source is None


@pytest.mark.parametrize(
    "manners",
    [
        Manners(most_late=2 * SECOND, repeats=0.3, edits_between_pages=2, errors=0.1, clock_lies=5 * SECOND, most_edits=120),
        Manners(ordered=False, paging="link", largest_page=7, repeats=0.3, edits_between_pages=1, errors=0.1, most_edits=120),
        Manners(paging="cursor", largest_page=3, edits_between_pages=1, most_edits=120),
    ],
    ids=["ordered", "unordered", "cursor"],
)
def test_the_end_is_the_platforms_state(site: PlatformAccount, manners: Manners) -> None:
    with RestStub(Platform(manners, random.Random(11))) as stub:
        source = list_source(site.store, site.pk, stub.platform, stub.origin, overlap=60)
        stub.edit(60)
        for _ in range(4):
            source.read()
            stub.edit(15)
        with stub.lock:
            stub.platform.commit(everything=True)
            stub.platform.quiet = True
        source.read()  # ends a reading that an error had broken off
        source.read()
        assert source.expected().items() <= source.state().items()
        for _ in range(2):
            source.sweep()
        if source.progress.missing:
            with saving(source.account, by=BY) as transaction:
                list_readings.answer_missing(transaction, source.id, set_inactive=True)
            source.read()
        assert source.state() == source.expected()
