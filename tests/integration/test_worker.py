"""The worker on both databases against a real receiver (D1-D9, C8, F2)."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.databases import DatabaseFacts
from tests.receiver import Answer, Receiver
from tests.waiting import until
from tests.world import World, body

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Mode
from heliograph.engine.worker.connection_limiter import FAILURES_TO_TRIP
from heliograph.store import log


@pytest.fixture
def world(fresh_database: DatabaseFacts) -> Iterator[World]:
    made = World(fresh_database)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def test_D3_a_change_is_delivered(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/crm")))
    with world.worker():
        world.record("R1", first_name="Zoë")
        (request,) = receiver.wait_for(1, path="/crm")
        world.until_states("success")
    assert request.json() == {"code": "R1", "status": "Attended", "first": "Zoë"}
    (action,) = world.actions()
    (attempt,) = world.attempts(action["id"])
    assert (action["queue"], action["tries"], attempt["status"], attempt["kind"], attempt["numbers"]) == ("", 1, 200, 1, "1,1,1,0")
    assert body(attempt["request"])["url"].endswith("/…")
    assert body(attempt["response"])["body"] == "ok"
    world.figures_are_a_recount()


@pytest.mark.once  # what is read from PostgreSQL is on the disk
def test_O7_nothing_leaves_before_the_disk_has_it(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
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
    world.flow(world.connection(receiver.url("/crm")))
    with world.worker():
        world.record("R1", status="Attended")
        receiver.wait_for(1)
        world.settled()
    assert arrived[:3] == [0, 0, 0]
    assert len(receiver.requests) == 1


def test_D2_versions_of_a_record_arrive_in_order(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/crm")))
    with world.worker():
        for n in range(30):
            world.record("R1", first_name=f"v{n}")
            world.record("R2", first_name=f"v{n}")
        world.settled()
    for code in ("R1", "R2"):
        got = [r.json()["first"] for r in receiver.at("/crm") if r.json()["code"] == code]
        assert got == [f"v{n}" for n in range(30)]
    assert set(world.states()) == {"success"}
    world.figures_are_a_recount()


def test_D6_a_failure_is_retried_and_done(world: World, receiver: Receiver) -> None:
    world.retry_seconds(0.2, 0.4, 0.6)
    world.flow(world.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(500), Answer(503), Answer(200))
    with world.worker():
        world.record("R1")
        world.until_states("success")
    (action,) = world.actions()
    assert (action["queue"], action["tries"]) == ("Done", 3)
    assert [a["kind"] for a in world.attempts(action["id"])] == [1, 2, 2]
    ids = {r.header("webhook-id") for r in receiver.at("/crm")}
    assert len(ids) == 1  # D1: the same on every attempt
    world.figures_are_a_recount()


def test_D5_given_up_after_three_retries_and_submitted(world: World, receiver: Receiver) -> None:
    world.retry_seconds(0.1, 0.1, 0.1)
    world.flow(world.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(422))
    with world.worker():
        world.record("R1")
        world.until_states("failed")
        (action,) = world.actions()
        assert (action["queue"], action["tries"], action["category"]) == ("Failed", 4, 4)
        receiver.answer("/crm", Answer(200))
        assert world.submit(action["id"]) == {action["id"]: ""}
        world.until_states("success")
    (action,) = world.actions()
    assert (action["queue"], action["tries"]) == ("Done", 4)
    assert [a["kind"] for a in world.attempts(action["id"])] == [1, 2, 2, 2, 3]
    world.figures_are_a_recount()


def test_D8_two_items_of_one_record_are_submitted_at_once(world: World, receiver: Receiver) -> None:
    """Neither has been sent, so both wait; submitting the older one moves the newer one to the front, which is all that is needed."""
    crm = world.connection("http://127.0.0.1:9/x")
    world.flow(crm)
    with world.worker():
        world.record("R1", first_name="v1")
        world.until_states("queued")
        world.record("R1", first_name="v2")
        world.until_states("queued", "queued")
    world.pause(crm)
    items = [action["id"] for action in world.actions()]
    assert world.submit(*items) == dict.fromkeys(items, "")
    assert {action["rank"] for action in world.actions()} == {0}


def test_M5_a_problem_in_the_data_is_never_sent(world: World, receiver: Receiver) -> None:
    mapping = world.bodies["mapping", 5]
    assert mapping is not None
    world.save({("mapping", 5): {**mapping, "rows": [{"target": "mail", "required": True, "parts": [{"source": "profile.email"}]}]}})
    world.flow(world.connection(receiver.url("/crm")))
    with world.worker():
        world.record("R1")
        world.until_states("validation")
    (action,) = world.actions()
    assert (action["queue"], world.attempts(action["id"])[0]["message"]) == ("", "mail is required and empty")
    assert receiver.requests == []


def test_D7_a_flow_switched_off_waits_and_is_cured(world: World, receiver: Receiver) -> None:
    flow = world.flow(world.connection(receiver.url("/crm")))
    world.record("R1")
    world.change_flow(flow, active=False)
    with world.worker():
        world.until_states("queued")
        (action,) = world.actions()
        assert (action["cause"], action["queue"], action["looks"], action["tries"]) == ("flow_inactive", "Retry", 1, 0)
        world.change_flow(flow, active=True)
        world.until_states("success")
    assert world.actions()[0]["queue"] == "Done"


def test_F3_what_was_made_in_live_is_not_sent_by_a_test_flow(world: World, receiver: Receiver) -> None:
    flow = world.flow(world.connection(receiver.url("/crm")))
    world.record("R1")
    world.change_flow(flow, mode=Mode.TEST)
    with world.worker():
        world.until_states("queued")
    assert world.actions()[0]["cause"] == "flow_mode"
    assert receiver.requests == []


def test_D7_a_mended_connection_sends_what_it_refused(world: World, receiver: Receiver) -> None:
    crm = world.connection(receiver.url("/crm"))
    world.flow(crm)
    receiver.answer("/crm", Answer(401))
    with world.worker():
        world.record("R1")
        world.until_states("queued")
        assert world.actions()[0]["category"] == 5
        world.connection(receiver.url("/crm2"), crm)
        world.until_states("success")
    assert len(receiver.at("/crm2")) == 1


def test_D7_a_connection_whose_port_was_wrong_is_tried_at_once(world: World, receiver: Receiver) -> None:
    with socket.socket() as closed:  # bound and not listening: refused
        closed.bind(("127.0.0.1", 0))
        crm = world.connection(f"http://127.0.0.1:{closed.getsockname()[1]}/crm")
        world.flow(crm)
        with world.worker():
            for n in range(FAILURES_TO_TRIP + 1):
                world.record(f"R{n}")
            until(lambda: sum(action["cause"] == "refused" for action in world.actions()) > FAILURES_TO_TRIP)
            world.connection(receiver.url("/crm"), crm)
            world.until_states(*["success"] * (FAILURES_TO_TRIP + 1))
    assert len(receiver.at("/crm")) == FAILURES_TO_TRIP + 1


def test_D7_a_fix_saved_during_the_attempt_is_not_lost(world: World, receiver: Receiver) -> None:
    crm = world.connection(receiver.url("/crm"))
    world.flow(crm)
    receiver.answer("/crm", Answer(401, delay=0.6))
    with world.worker():
        world.record("R1")
        until(lambda: receiver.at("/crm"))
        world.connection(receiver.url("/crm2"), crm, patient=True)
        world.until_states("success")
    assert len(receiver.at("/crm2")) == 1


def test_C8_retry_after_holds_the_whole_connection(world: World, receiver: Receiver) -> None:
    world.retry_seconds(0.1, 0.1, 0.1)
    world.flow(world.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(429, headers={"Retry-After": "2"}), Answer(200))
    with world.worker():
        world.record("R1")
        world.until_states("queued")
        (first,) = receiver.at("/crm")
        world.record("R2")
        world.until_states("success", "success")
    assert all(r.at - first.at > 1.8 for r in receiver.at("/crm")[1:])


def test_C8_the_rest_that_a_wrong_address_asked_for_ends_with_it(world: World, receiver: Receiver) -> None:
    """Names of one machine: another host to us, and the same receiver."""
    here = receiver.url("/crm")
    crm = world.connection(here.replace("127.0.0.1", "localhost"))
    world.flow(crm)
    receiver.answer("/crm", Answer(429, headers={"Retry-After": "3600"}), Answer(200))
    with world.worker():
        world.record("R1")
        world.until_states("queued")
        world.connection(here, crm)
        world.record("R2")
        world.until_states("queued", "success")
    assert len(receiver.at("/crm")) == 2


def test_C8_410_pauses_the_connection_and_says_so(world: World, receiver: Receiver) -> None:
    crm = world.connection(receiver.url("/crm"))
    world.flow(crm)
    receiver.answer("/crm", Answer(410))
    with world.worker():
        world.record("R1")
        world.until_states("queued")
        ((paused, why),) = world.db.all("SELECT paused, paused_why FROM connection_state WHERE connection_id = :c", {"c": crm})
        assert paused
        assert "410" in why
        until(lambda: all(line.paused for line in world.workers[0].reader.limiters.values()))
        world.record("R2")
        receiver.answer("/crm", Answer(200))
        world.pause(crm, paused=False)
        world.until_states("queued", "success")
    assert [r.json()["code"] for r in receiver.at("/crm")] == ["R1", "R2"]


def test_D9_a_slow_target_slows_only_itself(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/slow"), parallel=2))
    world.flow(world.connection(receiver.url("/fast")))
    receiver.answer("/slow", Answer(200, delay=1.0))
    with world.worker():
        began = time.monotonic()
        world.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(200)])
        receiver.wait_for(200, path="/fast")
        assert time.monotonic() - began < 5
        assert len(receiver.at("/slow")) <= 12


def test_D9_dead_targets_delay_nobody(world: World, receiver: Receiver) -> None:
    for _ in range(3):
        world.flow(world.connection("http://127.0.0.1:9/x"))
    world.flow(world.connection(receiver.url("/fast")))
    with world.worker():
        world.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(100)])
        receiver.wait_for(100, path="/fast")


def test_D2_adding_sends_every_change(world: World, receiver: Receiver) -> None:
    world.retry_seconds(0.3, 0.3, 0.3)
    world.flow(world.connection(receiver.url("/log")), does=Does.ADDS)
    receiver.answer("/log", Answer(500), Answer(200))
    with world.worker():
        for n in range(5):
            world.record("R1", first_name=f"v{n}")
        until(lambda: set(world.states()) == {"success"})
    assert sorted(r.json()["first"] for r in receiver.at("/log")) == ["v0", "v0", "v1", "v2", "v3", "v4"]


def test_D2_a_newer_version_supersedes_a_failed_one(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(500), Answer(200))
    with world.worker():
        world.record("R1", first_name="old")
        world.until_states("queued")
        world.record("R1", first_name="new")
        world.until_states("superseded", "success")
    assert world.actions()[0]["queue"] == "Done"
    world.figures_are_a_recount()


def test_P12_a_deleted_flow_ends_its_actions(world: World, receiver: Receiver) -> None:
    crm = world.connection(receiver.url("/crm"))
    flow = world.flow(crm)
    world.pause(crm)
    with world.worker():
        world.record("R1")
        world.delete_flow(flow)
        world.until_states("failed")
    assert world.actions()[0]["cause"] == "flow_deleted"


def test_P12_the_engine_ends_what_the_saver_left(world: World, receiver: Receiver) -> None:
    flow = world.flow(world.connection(receiver.url("/crm")))
    world.record("R1")
    world.save({("flow", flow.id): None})
    with world.worker():
        world.until_states("failed")
    assert world.actions()[0]["cause"] == "flow_deleted"
    assert receiver.requests == []


def test_F8_a_destination_gets_another_connection(world: World, receiver: Receiver) -> None:
    old, new = world.connection(receiver.url("/old")), world.connection(receiver.url("/new"))
    flow = world.flow(old)
    world.pause(old)
    with world.worker():
        world.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(20)])
        destination = flow.destinations[0]
        world.change_flow(flow, destinations=(type(destination)(destination.id, "D", connection=new, payload_mapping=5),))
        receiver.wait_for(20, path="/new")
        world.settled()
    assert receiver.at("/old") == []


def test_F7_an_untagged_run_is_judged_again_when_its_status_is_tagged(world: World, receiver: Receiver) -> None:
    from heliograph.store.queue import pending_items

    world.flow(world.connection(receiver.url("/crm")), statuses=(1, 2))
    with world.worker():
        world.record("R1", status="Odd")
        assert world.actions() == []
        statuses = dict(world.bodies["statuses", 1] or {})
        rows = statuses["registration"]
        assert isinstance(rows, list)
        statuses["registration"] = [{**row, "tags": [1]} if row["name"] == "Odd" else row for row in rows]
        with world.db.transaction():
            world.save_within({("statuses", 1): statuses})
            pending_items.reschedule_runs(world.db, 1)
        world.until_states("success")
    assert world.db.all("SELECT decision, reason FROM run") == [(2, "")]
    assert world.db.all("SELECT queue FROM judgement") == [(4,)]
    assert world.actions()[0]["origin"] == 1


def test_D1_a_graceful_stop_cuts_and_sends_again(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/crm")))
    receiver.answer("/crm", Answer(then="hang"), Answer(200))
    with world.worker(total_timeout=60.0, lease=__import__("heliograph.engine.worker.slot_ownership", fromlist=["Lease"]).Lease(90.0, 1.0)):
        world.record("R1")
        until(lambda: receiver.at("/crm"))
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert world.states() == ["pending"]
    assert world.actions()[0]["sent"] == 0
    with world.worker():
        world.until_states("success")
    assert len(receiver.at("/crm")) == 2


def test_D4_in_flight_at_three_crashes_is_a_poison(world: World, receiver: Receiver) -> None:
    world.flow(world.connection(receiver.url("/crm")))
    world.record("R1")
    with world.db.transaction():
        world.db.run("UPDATE lane SET marks = 3")
    with world.worker():
        world.until_states("queued")
    (action,) = world.actions()
    assert (action["category"], action["cause"]) == (1, "poison")
    assert world.db.all("SELECT marks FROM lane") == [(0,)]
    assert receiver.requests == []
