"""The worker on both databases against a real receiver (D1-D9, C8, F2)."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tests.builders import bodies
from tests.builders.running_account import UNTAGGED, RunningAccount, body
from tests.databases import DatabaseFacts
from tests.receiver import Answer, Received, Receiver
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.domain.delivery.slots import SLOTS
from heliograph.domain.flow.flow import Mode
from heliograph.engine.worker.slot_ownership import Lease
from heliograph.store import log


@pytest.fixture
def acme(fresh_database: DatabaseFacts) -> Iterator[RunningAccount]:
    made = RunningAccount(fresh_database)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def test_D3_a_change_is_delivered(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/crm")))
    with acme.worker():
        acme.record("R1", first_name="Zoë")
        (request,) = receiver.wait_for(1, path="/crm")
        acme.until_states("success")
    assert request.json() == {"code": "R1", "status": "Attended", "first": "Zoë"}
    (action,) = acme.actions()
    (attempt,) = acme.attempts(action["id"])
    assert (action["queue"], action["tries"], attempt["status"], attempt["kind"], attempt["versions"]) == ("", 1, 200, "first", "1,1,1,0")
    assert body(attempt["request"])["url"].endswith("/…")
    assert body(attempt["response"])["body"] == "ok"
    acme.figures_are_a_recount()


@pytest.mark.once  # what is read from PostgreSQL is on the disk
def test_O7_nothing_leaves_before_the_disk_has_it(acme: RunningAccount, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails twice while the reading thread waits for it: no request is sent, and none is forgotten."""
    arrived: list[int] = []
    really = log.to_disk

    def to_disk(file: int) -> None:
        if threading.current_thread().name == "reading":
            arrived.append(len(receiver.requests))
            if len(arrived) <= 2:
                raise OSError(errno.EIO, "Input/output error")
        really(file)

    monkeypatch.setattr(log, "to_disk", to_disk)
    acme.flow(acme.connection(receiver.url("/crm")))
    with acme.worker():
        acme.record("R1", status="Attended")
        receiver.wait_for(1)
        acme.settled()
    assert arrived[:3] == [0, 0, 0]
    assert len(receiver.requests) == 1


def test_D2_versions_of_a_record_arrive_in_order(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/crm")))
    with acme.worker():
        for n in range(30):
            acme.record("R1", first_name=f"v{n}")
            acme.record("R2", first_name=f"v{n}")
        acme.settled()
    for code in ("R1", "R2"):
        got = [r.json()["first"] for r in receiver.at("/crm") if r.json()["code"] == code]
        assert got == [f"v{n}" for n in range(30)]
    assert set(acme.states()) == {"success"}
    acme.figures_are_a_recount()


def test_D1_slots_that_another_worker_frees_have_an_owner_at_once(acme: RunningAccount, receiver: Receiver) -> None:
    """The second worker renews once an hour: it gets its share, and then all, only because it looks for what is free."""
    acme.flow(acme.connection(receiver.url("/crm")))
    with acme.worker() as first:
        until(lambda: len(first.ownership.owned) == SLOTS)
        if acme.db.vendor == "sqlite":  # one worker has them for good
            assert not first.ownership.expects_more
            return
        with ExitStack() as stack:
            with acme.worker() as leaving:
                second = stack.enter_context(acme.worker(lease=Lease(7_200.0, 3_600.0)))
                until(lambda: len(second.ownership.owned) >= SLOTS // 3 - 1)  # shares are rounded up
                acme.record("R1")
                acme.settled()
                first.stop()
                until(lambda: not first.ownership.owned)
                until(lambda: [len(worker.ownership.owned) for worker in (leaving, second)] == [SLOTS // 2] * 2)
            until(lambda: len(second.ownership.owned) == SLOTS)
            acme.record("R2")
            acme.settled()
    assert [request.json()["code"] for request in receiver.at("/crm")] == ["R1", "R2"]


def test_D6_a_failure_is_retried_and_done(acme: RunningAccount, receiver: Receiver) -> None:
    acme.retry_seconds(0.2, 0.4, 0.6)
    acme.flow(acme.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(500), Answer(503), Answer(200))
    with acme.worker():
        acme.record("R1")
        acme.until_states("success")
    (action,) = acme.actions()
    assert (action["queue"], action["tries"]) == ("Done", 3)
    assert [a["kind"] for a in acme.attempts(action["id"])] == ["first", "auto", "auto"]
    ids = {r.header("webhook-id") for r in receiver.at("/crm")}
    assert len(ids) == 1  # D1: the same on every attempt
    acme.figures_are_a_recount()


def test_D5_given_up_after_three_retries_and_submitted(acme: RunningAccount, receiver: Receiver) -> None:
    acme.retry_seconds(0.1, 0.1, 0.1)
    acme.flow(acme.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(422))
    with acme.worker():
        acme.record("R1")
        acme.until_states("failed")
        (action,) = acme.actions()
        assert (action["queue"], action["tries"], action["category"]) == ("Failed", 4, "General")
        receiver.answer("/crm", Answer(200))
        assert acme.submit(action["id"]) == {action["id"]: ""}
        acme.until_states("success")
    (action,) = acme.actions()
    assert (action["queue"], action["tries"]) == ("Done", 4)
    assert [a["kind"] for a in acme.attempts(action["id"])] == ["first", "auto", "auto", "auto", "manual"]
    acme.figures_are_a_recount()


def test_D8_two_items_of_one_record_are_submitted_at_once(acme: RunningAccount, receiver: Receiver) -> None:
    """Neither has been sent, so both wait; submitting the older one moves the newer one to the front, which is all that is needed."""
    crm = acme.connection("http://127.0.0.1:9/x")
    acme.flow(crm)
    with acme.worker():
        acme.record("R1", first_name="v1")
        acme.until_states("queued")
        acme.record("R1", first_name="v2")
        acme.until_states("queued", "queued")
    acme.pause(crm)
    items = [action["id"] for action in acme.actions()]
    assert acme.submit(*items) == dict.fromkeys(items, "")
    assert {action["rank"] for action in acme.actions()} == {0}


def test_M5_a_problem_in_the_data_is_never_sent(acme: RunningAccount, receiver: Receiver) -> None:
    acme.save({("mapping", acme.mapping): bodies.mapping("m", {"mail": "profile.email"}, required=True)})
    acme.flow(acme.connection(receiver.url("/crm")))
    with acme.worker():
        acme.record("R1")
        acme.until_states("validation")
    (action,) = acme.actions()
    assert (action["queue"], acme.attempts(action["id"])[0]["message"]) == ("", "mail is required and empty")
    assert receiver.requests == []


def test_D7_a_flow_switched_off_waits_and_is_cured(acme: RunningAccount, receiver: Receiver) -> None:
    flow = acme.flow(acme.connection(receiver.url("/crm")))
    acme.record("R1")
    acme.change_flow(flow, active=False)
    with acme.worker():
        acme.until_states("queued")
        (action,) = acme.actions()
        assert (action["cause"], action["queue"], action["looks"], action["tries"]) == ("flow_inactive", "Retry", 1, 0)
        acme.change_flow(flow, active=True)
        acme.until_states("success")
    assert acme.actions()[0]["queue"] == "Done"


def test_F3_what_was_made_in_live_is_not_sent_by_a_test_flow(acme: RunningAccount, receiver: Receiver) -> None:
    flow = acme.flow(acme.connection(receiver.url("/crm")))
    acme.record("R1")
    acme.change_flow(flow, mode=Mode.TEST)
    with acme.worker():
        acme.until_states("queued")
    assert acme.actions()[0]["cause"] == "flow_mode"
    assert receiver.requests == []


def test_D7_a_mended_connection_sends_what_it_refused(acme: RunningAccount, receiver: Receiver) -> None:
    crm = acme.connection(receiver.url("/crm"))
    acme.flow(crm)
    receiver.answer("/crm", Answer(401))
    with acme.worker():
        acme.record("R1")
        acme.until_states("queued")
        assert acme.actions()[0]["category"] == "Config"
        acme.connection(receiver.url("/crm2"), crm)
        acme.until_states("success")
    assert len(receiver.at("/crm2")) == 1


def test_D7_a_connection_whose_port_was_wrong_is_tried_at_once(acme: RunningAccount, receiver: Receiver) -> None:
    with socket.socket() as closed:  # bound and not listening: refused
        closed.bind(("127.0.0.1", 0))
        crm = acme.connection(f"http://127.0.0.1:{closed.getsockname()[1]}/crm")
        acme.flow(crm)
        with acme.worker():
            for n in range(FAILURES_TO_TRIP + 1):
                acme.record(f"R{n}")
            until(lambda: sum(action["cause"] == "refused" for action in acme.actions()) > FAILURES_TO_TRIP)
            acme.connection(receiver.url("/crm"), crm)
            acme.until_states(*["success"] * (FAILURES_TO_TRIP + 1))
    assert len(receiver.at("/crm")) == FAILURES_TO_TRIP + 1


def test_D7_a_fix_saved_during_the_attempt_is_not_lost(acme: RunningAccount, receiver: Receiver) -> None:
    crm = acme.connection(receiver.url("/crm"))
    acme.flow(crm)
    receiver.answer("/crm", Answer(401, delay=0.6))
    with acme.worker():
        acme.record("R1")
        until(lambda: receiver.at("/crm"))
        acme.connection(receiver.url("/crm2"), crm, patient=True)
        acme.until_states("success")
    assert len(receiver.at("/crm2")) == 1


def test_C8_retry_after_holds_the_whole_connection(acme: RunningAccount, receiver: Receiver) -> None:
    acme.retry_seconds(0.1, 0.1, 0.1)
    acme.flow(acme.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(429, headers={"Retry-After": "2"}), Answer(200))
    with acme.worker():
        acme.record("R1")
        acme.until_states("queued")
        acme.record("R2")
        acme.until_states("success", "success")
    first, *others = receiver.at("/crm")
    assert all(request.at - first.at > 1.8 for request in others)


def test_C8_the_rest_that_a_wrong_address_asked_for_ends_with_it(acme: RunningAccount, receiver: Receiver) -> None:
    """Names of one machine: another host to us, and the same receiver."""
    here = receiver.url("/crm")
    crm = acme.connection(here.replace("127.0.0.1", "localhost"))
    acme.flow(crm)
    receiver.answer("/crm", Answer(429, headers={"Retry-After": "3600"}), Answer(200))
    with acme.worker():
        acme.record("R1")
        acme.until_states("queued")
        acme.connection(here, crm)
        acme.record("R2")
        acme.until_states("queued", "success")
    assert len(receiver.at("/crm")) == 2


def test_C8_410_pauses_the_connection_and_says_so(acme: RunningAccount, receiver: Receiver) -> None:
    crm = acme.connection(receiver.url("/crm"))
    acme.flow(crm)
    receiver.answer("/crm", Answer(410))
    with acme.worker():
        acme.record("R1")
        acme.until_states("queued")
        ((paused, why),) = acme.db.all("SELECT paused, paused_why FROM connection_state WHERE connection_id = :c", {"c": crm})
        assert paused
        assert "410" in why
        until(lambda: all(line.paused for line in acme.workers[0].reader.limiters.values()))
        acme.record("R2")
        receiver.answer("/crm", Answer(200))
        acme.pause(crm, paused=False)
        acme.until_states("queued", "success")
    assert [r.json()["code"] for r in receiver.at("/crm")] == ["R1", "R2"]


def test_D9_a_slow_target_slows_only_itself(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/slow"), parallel=2))
    acme.flow(acme.connection(receiver.url("/fast")))
    receiver.answer("/slow", Answer(then="hang"))
    with acme.worker(total_timeout=2 * PATIENCE, lease=Lease(4 * PATIENCE, 1.0)):
        acme.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(200)])
        receiver.wait_for(200, path="/fast")
        assert len(receiver.at("/slow")) <= 2


def test_D9_dead_targets_delay_nobody(acme: RunningAccount, receiver: Receiver) -> None:
    for _ in range(3):
        acme.flow(acme.connection("http://127.0.0.1:9/x"))
    acme.flow(acme.connection(receiver.url("/fast")))
    with acme.worker():
        acme.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(100)])
        receiver.wait_for(100, path="/fast")


def test_D2_adding_sends_every_change(acme: RunningAccount, receiver: Receiver) -> None:
    acme.retry_seconds(0.3, 0.3, 0.3)
    acme.flow(acme.connection(receiver.url("/log")), does=Does.ADDS)
    receiver.answer("/log", Answer(500), Answer(200))
    with acme.worker():
        for n in range(5):
            acme.record("R1", first_name=f"v{n}")
        until(lambda: set(acme.states()) == {"success"})
    assert sorted(r.json()["first"] for r in receiver.at("/log")) == ["v0", "v0", "v1", "v2", "v3", "v4"]


def test_D2_a_newer_version_supersedes_a_failed_one(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(500), Answer(200))
    with acme.worker():
        acme.record("R1", first_name="old")
        acme.until_states("queued")
        acme.record("R1", first_name="new")
        acme.until_states("superseded", "success")
    assert acme.actions()[0]["queue"] == "Done"
    acme.figures_are_a_recount()


def test_P12_a_deleted_flow_ends_its_actions(acme: RunningAccount, receiver: Receiver) -> None:
    crm = acme.connection(receiver.url("/crm"))
    flow = acme.flow(crm)
    acme.pause(crm)
    with acme.worker():
        acme.record("R1")
        acme.delete_flow(flow)
        acme.until_states("failed")
    assert acme.actions()[0]["cause"] == "flow_deleted"


def test_P12_the_engine_ends_what_the_saver_left(acme: RunningAccount, receiver: Receiver) -> None:
    flow = acme.flow(acme.connection(receiver.url("/crm")))
    acme.record("R1")
    acme.save({("flow", flow.id): None})
    with acme.worker():
        acme.until_states("failed")
    assert acme.actions()[0]["cause"] == "flow_deleted"
    assert receiver.requests == []


def test_F8_a_destination_gets_another_connection(acme: RunningAccount, receiver: Receiver) -> None:
    old, new = acme.connection(receiver.url("/old")), acme.connection(receiver.url("/new"))
    flow = acme.flow(old)
    acme.pause(old)
    with acme.worker():
        acme.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(20)])
        destination = flow.destinations[0]
        acme.change_flow(flow, destinations=(replace(destination, connection=new),))
        receiver.wait_for(20, path="/new")
        acme.settled()
    assert receiver.at("/old") == []


def test_F7_an_untagged_run_is_judged_again_when_its_status_is_tagged(acme: RunningAccount, receiver: Receiver) -> None:
    from heliograph.store.queue import stuck_runs

    acme.flow(acme.connection(receiver.url("/crm")), statuses=(acme.stored.tags[UNTAGGED],))
    with acme.worker():
        acme.record("R1", status=UNTAGGED)
        assert acme.actions() == []
        with acme.db.transaction():
            acme.stored.save_within({("statuses", 1): acme.stored.statuses_body()})
            stuck_runs.note_flow_saved(acme.db, 1, None)
        acme.until_states("success")
    assert acme.db.all("SELECT decision, reason FROM run") == [(2, "")]
    assert acme.db.all("SELECT queue FROM stuck_run") == [(4,)]
    assert acme.actions()[0]["origin"] == 1


def test_D1_a_graceful_stop_cuts_and_sends_again(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(then="hang"), Answer(200))
    with acme.worker(total_timeout=2 * PATIENCE, lease=Lease(4 * PATIENCE, 1.0)):
        acme.record("R1")
        until(lambda: receiver.at("/crm"))
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE
    assert acme.states() == ["pending"]
    assert acme.actions()[0]["sent"] == 0
    with acme.worker():
        acme.until_states("success")
    assert len(receiver.at("/crm")) == 2


def test_D4_in_flight_at_three_crashes_is_a_poison(acme: RunningAccount, receiver: Receiver) -> None:
    acme.flow(acme.connection(receiver.url("/crm")))
    acme.record("R1")
    with acme.db.transaction():
        acme.db.run("UPDATE lane SET marks = 3")
    with acme.worker():
        acme.until_states("queued")
    (action,) = acme.actions()
    assert (action["category"], action["cause"]) == ("System", "poison")
    assert acme.db.all("SELECT marks FROM lane") == [(0,)]
    assert receiver.requests == []


def test_C8_D4_retry_after_holds_a_lane_that_goes_alone(acme: RunningAccount, receiver: Receiver) -> None:
    """Two lanes of one connection were read to go alone, and the first is answered with Retry-After. R3 starts once none waits to go alone."""
    receiver.answer("/crm", Answer(429, headers={"Retry-After": "3600"}), Answer(200))
    acme.flow(acme.connection(receiver.url("/crm")))
    acme.flow(acme.connection(receiver.url("/erp")))
    acme.record("R1")
    acme.record("R2")
    with acme.db.transaction():
        acme.db.run("UPDATE lane SET marks = 2")
    with acme.worker():
        receiver.wait_for(2, path="/erp")
        acme.record("R3")
        receiver.wait_for(3, path="/erp")
        assert len(receiver.at("/crm")) == 1


def test_D4_while_a_lane_goes_alone_nothing_else_starts(acme: RunningAccount, receiver: Receiver) -> None:
    """Else a crash by another lane would count for this one too."""
    may_answer = threading.Event()

    def answer(_: Received) -> Answer:
        assert may_answer.wait(PATIENCE)
        return Answer(200)

    with Receiver(default=answer) as slow:
        acme.flow(acme.connection(slow.url("/crm")))
        acme.record("R1")
        with acme.db.transaction():
            acme.db.run("UPDATE lane SET marks = 2")
        acme.flow(acme.connection(receiver.url("/erp")))
        with acme.worker() as worker:
            slow.wait_for(1)
            acme.record("R2")
            until(lambda: worker.memory.size >= 3)
            acme.record("R3")
            until(lambda: worker.memory.size >= 5)  # turns have passed since R2 was read
            assert receiver.requests == []
            may_answer.set()
            receiver.wait_for(2)
            slow.wait_for(3)


def test_C8_D4_a_lane_that_goes_alone_waits_for_its_rate_limit_without_holding_up_others(acme: RunningAccount, receiver: Receiver) -> None:
    """A new worker waits for one spacing first: here for more than a minute."""
    acme.flow(acme.connection(receiver.url("/crm"), rate=1))
    acme.record("R1")
    with acme.db.transaction():
        acme.db.run("UPDATE lane SET marks = 2")
    acme.flow(acme.connection(receiver.url("/erp")))
    with acme.worker() as worker:
        acme.record("R2")
        receiver.wait_for(1, path="/erp")
        until(lambda: worker.memory.size == 2)  # the lanes of /crm stay in memory, and are not read again and again
        left_at = dict(worker.memory.left)
        acme.record("R3")
        receiver.wait_for(2, path="/erp")
        assert receiver.at("/crm") == []
        assert not {lane for lane in worker.memory.lanes if lane in left_at}


def test_D5_an_attempt_is_never_dated_ahead_of_the_databases_clock(acme: RunningAccount) -> None:
    """Reading a configuration takes time, and what is confirmed last is the database's clock."""
    with acme.worker() as worker:
        until(lambda: worker.memory.clock_offset)
        coarse = 1_000 if acme.db.vendor == "sqlite" else 0  # its clock counts milliseconds
        for number in range(20):
            acme.flow(acme.connection(f"https://example.org/{number}"))
            known = worker.memory.db_time(time.monotonic())
            assert known <= acme.db.now() + coarse


def test_O19_a_worker_outlives_its_sessions_with_postgresql(acme: RunningAccount) -> None:
    """Both are ended while a request is under way: its outcome is settled in another session, and nothing is sent twice."""
    if acme.db.vendor == "sqlite":
        return  # it has no sessions
    may_answer = threading.Event()

    def answer(_: Received) -> Answer:
        assert may_answer.wait(PATIENCE)
        return Answer(200)

    with Receiver(default=answer) as slow:
        acme.flow(acme.connection(slow.url("/crm")))
        with acme.worker() as worker:
            acme.record("R1")
            slow.wait_for(1)
            ours = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            acme.db.all(f"SELECT pg_terminate_backend(pid) {ours}")
            may_answer.set()
            acme.until_states("success")
            assert not worker.completer.db.is_lost
            acme.record("R2")
            slow.wait_for(2)
            assert acme.settled() == ["success", "success"]
    assert [request.json()["code"] for request in slow.requests] == ["R1", "R2"]
    acme.figures_are_a_recount()
