"""Flow control on the real engine: limits as counted by the receiver, the breaker, pausing and releasing (C7, C8)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django_scopes import scopes_disabled
from tests.processes import free_port
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import PATIENCE

from heliograph.connections import release_job
from heliograph.connections.services import pause
from heliograph.connections.services.pause import NotPaused
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.engine.worker.connection_limiter import CATCH_UP
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.setup.setup_errors import Invalid


def attend(story: Story, count: int, first: int = 0) -> list[str]:
    """Registrations that each trigger a delivery; their names are their order."""
    codes = [f"R{n:03}" for n in range(first, first + count)]
    story.record_many([{"code": code, "status": "Attended", "profile": {"first_name": code}} for code in codes])
    return codes


def names(story: Story) -> list[str]:
    return [body["first"] for body in story.bodies("/crm")]


@contextmanager
def runner() -> Iterator[None]:
    """Runs jobs of this kind as `heliograph serve` does."""
    stop = threading.Event()
    thread = threading.Thread(target=Runner(JobKinds([release_job.kind()])).run_side_by_side, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def release(story: Story, connection: int, rate: int) -> int:
    with story.saving() as transaction:
        return int(pause.release(transaction, connection, rate).pk)


def job(id: int) -> Job:
    connections["default"].close_if_unusable_or_obsolete()
    return control.find(id)


def test_C7_a_rate_limit_is_kept_by_the_receivers_count(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm", rate=600))])
    with story.worker():
        attend(story, 30)
        got = story.arrived("/crm", 30)
    for i, request in enumerate(got):
        for j in range(i + 1, len(got)):
            assert j - i <= (got[j].at - request.at + CATCH_UP + 0.75) * 10  # ten a second, in any interval


def test_C7_a_concurrency_limit_is_kept_by_the_receivers_count(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm", parallel=3))])
    story.receiver.answer("/crm", Answer(delay=0.2))
    with story.worker():
        attend(story, 15)
        got = story.arrived("/crm", 15)
    assert all(later.at - earlier.at > 0.19 for earlier, later in zip(got, got[3:], strict=False))


def test_C8_a_dead_target_is_not_hammered_and_what_waits_uses_up_no_try(story: Story) -> None:
    port = free_port()
    crm = story.connection("CRM", url=f"http://127.0.0.1:{port}/crm", parallel=5)
    story.flow("All", [story.to(crm)])
    with story.worker() as worker:
        codes = attend(story, 100)
        story.wait_for(lambda: story.db.all("SELECT failures FROM connection_state WHERE failures > :n", {"n": FAILURES_TO_TRIP}))
        line = worker.reader.limiters[crm]
        assert line.is_tripped
        assert len(story.db.all("SELECT 1 FROM attempt")) < FAILURES_TO_TRIP + 10
        with Receiver(port=port) as back:
            # Wait until all is settled: later requests would find the target dead again.
            story.wait_for(lambda: not [action for action in story.actions() if action["state"] == "pending"])
            story.wait_for(lambda: story.db.all("SELECT failures FROM connection_state") == [(0,)])
            assert len(back.requests) >= 70
        assert not line.is_tripped
    tries = {action["tries"] for action in story.actions() if action["state"] == "success"}
    assert tries == {1}
    assert len(codes) == 100


def test_C8_a_new_owner_knows_that_a_target_is_down(story: Story) -> None:
    crm = story.connection("CRM", url=f"http://127.0.0.1:{free_port()}/crm", parallel=5)
    story.flow("All", [story.to(crm)])
    with story.worker():
        attend(story, 60)
        story.wait_for(lambda: story.db.all("SELECT failures FROM connection_state WHERE failures > :n", {"n": FAILURES_TO_TRIP}))
    before = len(story.db.all("SELECT 1 FROM attempt"))
    with story.worker() as worker:
        story.wait_for(lambda: len(story.db.all("SELECT 1 FROM attempt")) > before)
        assert worker.reader.limiters[crm].is_tripped
        assert len(story.db.all("SELECT 1 FROM attempt")) - before <= 3


@pytest.mark.parametrize("how", ["by hand", "by 410"])
def test_C8_what_was_held_is_released_in_order_at_the_chosen_rate(story: Story, how: str) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    with story.worker(), runner():
        if how == "by 410":
            story.receiver.answer("/crm", Answer(410), Answer(200))
            story.record("R900", status="Attended", first="R900")
            story.wait_for(lambda: story.paused(crm)[0])
        else:
            with pytest.raises(NotPaused):
                release(story, crm, 600)
            story.pause(crm)
        codes = attend(story, 25)
        with pytest.raises(Invalid):
            release(story, crm, 0)
        number = release(story, crm, 600)
        assert release(story, crm, 600) == number  # one at a time
        story.wait_for(lambda: job(number).state == JobState.DONE)
        for code in codes:
            story.until(code, "success")
    got = [request for request in story.receiver.at("/crm") if request.json()["first"] in codes]
    begun = story.db.all(
        "SELECT r.code FROM attempt t JOIN action a ON a.id = t.action_id JOIN registration r ON r.id = a.registration_id"
        " WHERE r.code <> 'R900' ORDER BY t.at, t.action_id"
    )
    assert [code for (code,) in begun] == codes  # two that begin at the same instant may arrive in any order
    assert all(j - i <= (got[j].at - got[i].at + CATCH_UP + 0.75) * 10 for i in range(len(got)) for j in range(i + 1, len(got)))
    ended = job(number)
    assert (ended.done, ended.total, ended.result["paused"]) == ((25, 25, False) if how == "by hand" else (26, 26, False))
    assert story.paused(crm) == (False, "")
    assert {story.action(code)["tries"] for code in codes} == {1}


def test_C8_a_release_that_is_paused_or_whose_runner_is_gone_holds_again_and_goes_on(story: Story) -> None:
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("All", [story.to(crm)])
    with story.worker() as worker:
        story.record("R900", status="Attended", first="R900")
        story.until("R900", "success")
        story.pause(crm)
        story.wait_for(lambda: story.holds(crm))
        codes = attend(story, 60)
        number = release(story, crm, 300)
        with runner():
            story.receiver.wait_for(8, path="/crm")
            control.pause(number)
        story.wait_for(lambda: worker.reader.limiters[crm].paused)  # its permission has expired
        stopped = len(story.receiver.at("/crm"))
        assert stopped < 60
        attend(story, 1, first=60)  # queued behind the held ones
        assert story.paused(crm)[0]
        with scopes_disabled():
            assert release(story, crm, 6_000) == number  # resumed, and faster
        assert len(story.receiver.at("/crm")) == stopped
        with runner():
            story.wait_for(lambda: job(number).state == JobState.DONE)
            story.until("R060", "success")
    assert names(story) == ["R900", *codes, "R060"]
    assert job(number).done == 61


def test_C8_a_release_ends_where_somebody_pauses_or_the_target_says_410(story: Story) -> None:
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", Answer(200), Answer(410), Answer(200))
    story.pause(crm)
    with story.worker(), runner():
        attend(story, 10)
        number = release(story, crm, 600)
        story.wait_for(lambda: job(number).state == JobState.DONE)
        assert story.paused(crm) == (True, "The target answered 410: it is gone for good.")
        assert job(number).result == {"paused": True, "why": "The target answered 410: it is gone for good."}
        assert len(story.receiver.at("/crm")) == 2
        number = release(story, crm, 120)
        story.receiver.wait_for(4, path="/crm")
        story.pause(crm, "Enough for today")
        story.wait_for(lambda: job(number).state == JobState.DONE)
        assert story.paused(crm) == (True, "Enough for today")
        number = release(story, crm, 120)
        story.resume(crm)
        story.wait_for(lambda: job(number).state == JobState.DONE)
        for n in range(10):
            story.until(f"R{n:03}", "success")
    assert story.paused(crm) == (False, "")
