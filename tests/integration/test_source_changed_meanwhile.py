"""What a person or a doorbell says while a source is being read is not overwritten by what the reading saves (S1, S3, S4, S6).

The platform makes its answer, then something happens here, on another connection, then the answer is sent.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from tests.builders.command_source import Commands, command_source
from tests.builders.list_source import ListSource, list_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.pretix_source import prepare, pretix_source, settings_for
from tests.databases import DatabaseFacts
from tests.pretix_platform import PretixPlatform
from tests.pretix_stub import PretixStub
from tests.rest_platform import Answer
from tests.rest_stub import RestStub

from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import command_runs, list_readings, sources

BY = "user:1"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount, stub: RestStub) -> ListSource:
    source = list_source(site.store, site.pk, stub.platform, stub.origin)
    for number in range(25):
        stub.write(f"k{number:02}", {"state": "new", "number": number})
    source.read()
    return source


def before_sending(stub: RestStub, request: int, happens: Callable[[], object]) -> None:
    """Has something happen once, before the answer to the n-th request from now on is sent."""
    at = len(stub.urls) + request

    def hook(_url: str) -> None:
        if len(stub.urls) == at:
            stub.before_sending = None
            try:
                happens()
            finally:
                connections.close_all()

    stub.before_sending = hook


def read_now(source: ListSource) -> None:
    list_readings.read_now(source.account, source.id, by=BY)


def is_under_way(source: ListSource) -> bool:
    """Whether a reading has begun and is not over."""
    return source.progress.reading is not None


@pytest.mark.parametrize("is_last", [False, True], ids=["first request", "last request"])
def test_S1_read_now_during_a_reading_has_the_source_read_once_more(source: ListSource, stub: RestStub, is_last: bool) -> None:
    requests = len(stub.urls)
    source.read()
    requests = len(stub.urls) - requests
    assert requests > 2

    def change_and_press() -> None:
        stub.write("k00", {"state": "attended", "number": 0})
        stub.write("k99", {"state": "late", "number": 99})
        read_now(source)

    before_sending(stub, requests if is_last else 1, change_and_press)
    source.read()
    assert stub.before_sending is None
    assert source.state() == source.expected()
    assert source.row.due_at > source.row.last_read_at  # then it goes on as it did
    assert queue_due_sources() == 0


def test_S1_read_now_between_two_pages_of_a_slow_list_is_kept(site: PlatformAccount, stub: RestStub) -> None:
    """The rate of the list has the job end between two requests, which sets the time of the next one."""
    source = list_source(site.store, site.pk, stub.platform, stub.origin, rate=1, every=3_600)
    for number in range(5):
        stub.write(f"k{number:02}", {"state": "new", "number": number})
    source.read()
    while is_under_way(source):
        source.read()
    stub.write("k00", {"state": "paid", "number": 0})
    source.read()
    assert is_under_way(source)
    assert source.row.due_at > source.row.last_read_at
    read_now(source)
    while is_under_way(source):
        source.read()
    assert (source.row.due_at - source.row.last_read_at).total_seconds() < 600  # as soon as its rate allows it


def test_S1_read_now_during_a_request_that_fails_is_tried_at_once(source: ListSource, stub: RestStub) -> None:
    stub.answers = [Answer(503, [])]
    before_sending(stub, 1, lambda: read_now(source))
    source.read()
    row = source.row
    assert row.failures == 1
    assert row.due_at <= row.failing_since
    stub.answers = [Answer(429, [("retry-after", "900")])]
    before_sending(stub, 1, lambda: read_now(source))
    source.read()
    assert (source.row.due_at - row.due_at).total_seconds() > 890  # what the platform asks for counts


def test_S6_run_now_during_a_run_has_the_program_run_once_more(site: PlatformAccount, tmp_path: Path, settings: Any) -> None:
    commands = Commands(tmp_path)
    commands.print_rows({"P-1": "North"})
    began, go = tmp_path / "began", tmp_path / "go"
    program = Path(__file__).parent.parent / "singer_program.py"
    waits = (
        f"import os, pathlib, sys, time\npathlib.Path({str(began)!r}).touch()\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
    )
    commands.offer(sys.executable, "-c", f"{waits}os.execv(sys.executable, [sys.executable, {str(program)!r}, *sys.argv[1:]])")
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"commands": commands.file, "data": tmp_path / "data"})
    source = command_source(site.store, site.pk)

    def press() -> None:
        pause = threading.Event()
        while not began.exists():
            pause.wait(0.02)
        try:
            command_runs.run_now(source.account, source.id, by=BY)
        finally:
            connections.close_all()
            go.touch()

    presser = threading.Thread(target=press)
    presser.start()
    source.run()
    presser.join()
    assert source.firms() == {"P-1": "North"}
    assert source.row.due_at <= source.row.last_read_at
    source.run()
    assert source.row.due_at > source.row.last_read_at


def test_S1_what_was_asked_for_before_a_pause_is_not_stored(source: ListSource, stub: RestStub) -> None:
    def pause() -> None:
        with saving(source.account, by=BY) as transaction:
            sources.pause(transaction, source.id)

    stub.write("k00", {"state": "paid", "number": 0})
    calls, row = source.db.all("SELECT max(id) FROM source_call"), source.row
    before_sending(stub, 1, pause)
    source.read()
    assert source.row.state == SourceState.PAUSED
    assert (source.db.all("SELECT max(id) FROM source_call"), source.row.cursor) == (calls, row.cursor)
    with saving(source.account, by=BY) as transaction:
        sources.resume(transaction, source.id)
    source.read()
    assert source.state() == source.expected()


def test_S1_a_pause_that_ends_before_the_answer_comes_loses_nothing(source: ListSource, stub: RestStub) -> None:
    def pause_and_resume() -> None:
        for operation in (sources.pause, sources.resume):
            with saving(source.account, by=BY) as transaction:
                operation(transaction, source.id)

    stub.write("k00", {"state": "paid", "number": 0})
    before_sending(stub, 1, pause_and_resume)
    source.read()
    assert source.row.state == SourceState.ON
    assert source.state() == source.expected()


def test_S1_a_source_that_is_removed_while_it_is_read_stays_removed(source: ListSource, stub: RestStub) -> None:
    def remove() -> None:
        with saving(source.account, by=BY) as transaction:
            sources.remove(transaction, source.id)

    stub.write("k00", {"state": "paid", "number": 0})
    calls = source.db.all("SELECT max(id) FROM source_call")
    before_sending(stub, 1, remove)
    source.read()
    row = source.row
    assert row.deleted_at is not None
    assert row.due_at is None
    assert source.db.all("SELECT max(id) FROM source_call") == calls


def test_S3_a_list_that_is_saved_while_it_is_read_is_read_as_saved(source: ListSource, stub: RestStub) -> None:
    def save() -> None:
        with saving(source.account, by=BY) as transaction:
            description = json.loads(source.row.settings)["list"] | {"size": 7}
            list_readings.save_list(transaction, source.id, RestList.from_body(description))

    stub.write("k00", {"state": "paid", "number": 0})
    before_sending(stub, 1, save)
    source.read()
    assert "size=7" in stub.urls[-1]
    assert source.state() == source.expected()


@pytest.mark.parametrize("is_list", [False, True], ids=["its order is asked for", "the list is read"])
def test_S4_a_doorbell_during_the_request_for_its_order_stays(site: PlatformAccount, is_list: bool) -> None:
    with PretixStub(PretixPlatform(random.Random(5))) as stub:
        prepare(site)
        source = pretix_source(site, stub.platform, settings_for(stub.origin))
        code = stub.do(lambda pretix: pretix.add(pretix.person(1), status="n"))
        source.read()
        source.ring(code, 1)
        source.record()

        def pay_and_ring() -> None:
            stub.do(lambda pretix: pretix.change(code, lambda order: order.update(status="p")))
            source.ring(code, 2)
            source.record()

        before_sending(stub, 1, pay_and_ring)
        if is_list:
            source.read()
        else:
            source.make_rings_old()
            with source.db.transaction():
                source.db.run("UPDATE source SET due_at = due_at + 600000000")
            queue_due_sources()
            source.run_job()
            source.record()
        assert source.db.all("SELECT key FROM source_ring") == [(code,)]
        source.make_rings_old()
        queue_due_sources()
        source.run_job()
        source.record()
        assert [registration[1] for registration in source.registrations().values()] == ["New"]
        assert source.db.all("SELECT key FROM source_ring") == []
