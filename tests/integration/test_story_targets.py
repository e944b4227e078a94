"""The scripted story, second part: targets that are down, slow, gone, or ask for a rest (D2-D6, D8, D9, C8).

Retry intervals are fractions of a second where retries happen by themselves, and the usual minutes where something else must make them due.
"""

from __future__ import annotations

import pytest
from tests.processes import free_port
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.domain.delivery.action import Does

HELD = 1.0
"""Seconds that a Retry-After requests."""


def test_D4_a_target_that_is_down_is_tried_again_and_done(story: Story) -> None:
    port = free_port()
    story.retries(0.6, 0.6, 0.6)
    story.flow("All", [story.to(story.connection("CRM", url=f"http://127.0.0.1:{port}/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "queued")
        (action,) = story.actions("R1")
        assert (action["queue"], action["category"], action["cause"]) == ("Retry", "Connection", "refused")
        with Receiver(port=port) as back:
            story.until("R1", "success")
            (request,) = back.at("/crm")
    assert request.json()["first"] == "Zoë"
    (action,) = story.actions("R1")
    kinds = story.attempts(action)
    assert (action["queue"], kinds[0], kinds[-1]) == ("Done", ("first", "Connection", None), ("auto", "", 200))
    figures = story.figures()
    assert (figures.changes, figures.triggered, figures.success, figures.retried, figures.abandoned) == (1, 1, 1, len(kinds) - 1, 0)


@pytest.mark.parametrize(
    ("answer", "category", "cause"),
    [
        (Answer(then="hang"), "Connection", "timeout"),
        (Answer(then="reset"), "Connection", "reset"),
        (Answer(then="close"), "Connection", "reset"),
        (Answer(raw=b"no HTTP at all\r\n\r\n"), "Connection", "garbled"),
        (Answer(503), "Connection", "answer"),
        (Answer(500), "General", "answer"),
        (Answer(422), "General", "answer"),
        (Answer(302, headers={"Location": "/elsewhere"}), "Config", "answer"),
        (Answer(401), "Config", "answer"),
        (Answer(404), "Config", "answer"),
    ],
    ids=["hang", "reset", "close", "garbled", "503", "500", "422", "302", "401", "404"],
)
def test_D4_every_kind_of_failure_has_its_category(story: Story, answer: Answer, category: str, cause: str) -> None:
    story.retries(0.1, 0.1, 0.1)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", answer, Answer(200))
    with story.worker(**({"total_timeout": 3.0} if cause == "timeout" else {})):
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "success")
    first, second = story.arrived("/crm", 2)  # redirects are not followed, and nothing comes a third time
    assert first.body == second.body
    assert first.header("webhook-id") == second.header("webhook-id")
    (action,) = story.actions("R1")
    assert story.attempts(action) == [("first", category, answer.status if cause == "answer" else None), ("auto", "", 200)]
    assert (action["queue"], action["category"], action["cause"]) == ("Done", category, cause)


def test_D5_D8_three_retries_then_failed_then_submitted(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(500), Answer(503), Answer(400), Answer(500), Answer(500), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "failed")
        (action,) = story.actions("R1")
        assert (action["queue"], action["category"]) == ("Failed", "General")
        assert story.attempts(action) == [
            ("first", "General", 500),
            ("auto", "Connection", 503),
            ("auto", "General", 400),
            ("auto", "General", 500),
        ]
        figures = story.figures()
        assert (figures.failed, figures.abandoned, figures.retried, figures.in_retry_queue) == (1, 1, 3, 0)
        assert story.submit(action["key"]).done == (action["key"],)  # by hand: fails once more, and stays Failed
        story.wait_for(lambda: (story.action("R1")["sent"], story.action("R1")["queue"]) == (5, "Failed"))
        story.submit(action["key"])
        story.until("R1", "success")
    (action,) = story.actions("R1")
    assert (action["queue"], action["tries"]) == ("Done", 4)
    assert story.attempts(action)[4:] == [("manual", "General", 500), ("manual", "", 200)]
    assert len({request.header("webhook-id") for request in story.arrived("/crm", 6)}) == 1
    figures = story.figures()
    assert (figures.changes, figures.triggered, figures.success, figures.failed, figures.retried, figures.abandoned) == (1, 1, 1, 0, 5, 1)


def test_D8_submit_goes_to_the_front_of_its_connection(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm", parallel=1))])
    story.receiver.answer("/crm", Answer(500), Answer(200))
    with story.worker():
        story.record("R0", status="Attended", first="submitted")
        story.until("R0", "queued")
        crm = story.connection_of("R0")
        story.pause(crm)
        story.wait_for(lambda: story.holds(crm))
        story.record_many([{"code": f"R{n}", "status": "Attended", "profile": {"first_name": str(n)}} for n in range(1, 8)])
        story.submit(story.action("R0")["key"])
        assert story.action("R0")["queue"] == "Retry"
        story.resume(crm)
        for n in range(8):
            story.until(f"R{n}", "success")
    assert [body["first"] for body in story.bodies("/crm")] == ["submitted", "submitted", *map(str, range(1, 8))]


def test_C8_410_pauses_the_connection_and_loses_nothing(story: Story) -> None:
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("All", [story.to(crm)])
    story.flow("Other", [story.to(story.connection("Other", "/other"))])
    story.receiver.answer("/crm", Answer(410), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="1")
        story.wait_for(lambda: story.paused(crm)[0])
        assert (story.action("R1", 0)["queue"], story.action("R1", 0)["category"]) == ("Retry", "Config")
        story.record_many([{"code": f"R{n}", "status": "Attended", "profile": {"first_name": str(n)}} for n in range(2, 6)])
        story.arrived("/other", 5)  # a paused connection blocks no other
        assert len(story.receiver.at("/crm")) == 1
        story.wait_for(lambda: story.figures().success == 5)
        assert story.figures().pending == 4  # held counts as pending
        story.resume(crm)
        assert story.paused(crm) == (False, "")
        for n in range(1, 6):
            story.until(f"R{n}", "success", "success")
    first, *rest = [body["first"] for body in story.bodies("/crm")]
    assert first == "1"
    assert [name for name in rest if name != "1"] == ["2", "3", "4", "5"]
    assert rest.count("1") == 1  # due at once, as after any fix
    assert story.attempts(story.action("R1", 0))[0] == ("first", "Config", 410)


def test_C8_a_pause_by_hand_holds_in_order_and_uses_no_try(story: Story) -> None:
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("All", [story.to(crm)])
    with story.worker():
        story.record("R0", status="Attended", first="0")
        story.until("R0", "success")
        story.pause(crm, "Maintenance until noon")
        story.wait_for(lambda: story.holds(crm))
        for n in range(1, 4):
            story.record("R1", status="Attended", first=str(n))
        assert story.states("R1") == ["pending"] * 3
        assert story.paused(crm) == (True, "Maintenance until noon")
        story.resume(crm)
        story.until("R1", *["success"] * 3)
    assert [body["first"] for body in story.bodies("/crm")] == ["0", "1", "2", "3"]
    assert {action["tries"] for action in story.actions()} == {1}


def test_C8_retry_after_holds_the_whole_connection_and_uses_no_try_of_others(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    story.flow("All", [story.to(story.connection("CRM", "/crm", parallel=1))])
    story.receiver.answer("/crm", Answer(503, headers={"Retry-After": str(round(HELD))}), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="1")
        story.until("R1", "queued")
        story.record_many([{"code": f"R{n}", "status": "Attended", "profile": {"first_name": str(n)}} for n in range(2, 5)])
        for n in range(1, 5):
            story.until(f"R{n}", "success")
    first, *rest = story.arrived("/crm", 5)
    assert all(request.at - first.at > HELD * 0.95 for request in rest)
    assert [action["tries"] for action in story.actions()] == [2, 1, 1, 1]
    assert story.figures().retried == 1


def test_D8_a_submit_does_not_pass_a_retry_after(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(429, headers={"Retry-After": str(round(HELD))}), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="1")
        story.until("R1", "queued")
        story.submit(story.action("R1")["key"])
        story.until("R1", "success")
    first, second = story.arrived("/crm", 2)
    assert second.at - first.at > HELD * 0.95


def test_C8_a_new_owner_keeps_to_a_retry_after(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(503, headers={"Retry-After": "2"}), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="1")
        story.until("R1", "queued")
    with story.worker():
        story.record("R2", status="Attended", first="2")
        story.until("R2", "success")
    first, second = story.arrived("/crm", 2)
    assert second.at - first.at > 1.9


def test_D2_a_failed_version_is_superseded_by_the_newer_one(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(500), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="v1")
        story.until("R1", "queued")
        story.record("R1", first="v2")
        story.until("R1", "superseded", "success")
        first = story.action("R1", 0)
        assert (first["queue"], first["cause"]) == ("Done", "answer")  # why it had failed (D6)
        assert story.submit(first["key"]).refused.keys() == {first["key"]}
        story.record("R2", status="Attended", first="proof")
        story.until("R2", "success")
    assert [body["first"] for body in story.bodies("/crm")] == ["v1", "v2", "proof"]
    figures = story.figures()
    assert (figures.success, figures.superseded, figures.queued) == (2, 1, 0)


def test_D2_only_the_newest_of_a_record_waits_in_the_queue(story: Story) -> None:
    story.retries(0.3, 0.3, 0.3)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(500), Answer(500), Answer(then="reset"), Answer(200))
    with story.worker():
        story.record("R1", status="Attended", first="v1")
        story.arrived("/crm", 1)
        story.record("R1", first="v2")
        story.record("R1", first="v3")
        story.until("R1", "superseded", "superseded", "success")
    assert [body["first"] for body in story.bodies("/crm")] == ["v1", "v2", "v3", "v3"]


def test_D2_a_newer_request_whose_answer_was_lost_still_supersedes(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(500), Answer(then="hang"))
    with story.worker(total_timeout=3.0):
        story.record("R1", status="Attended", first="v1")
        story.until("R1", "queued")
        story.record("R1", first="v2")
        story.until("R1", "superseded", "queued")
    assert [body["first"] for body in story.bodies("/crm")] == ["v1", "v2"]


def test_D2_a_newer_request_that_never_left_supersedes_nothing(story: Story) -> None:
    port = free_port()
    story.retries(0.5, 0.5, 0.5)
    story.flow("All", [story.to(story.connection("CRM", url=f"http://127.0.0.1:{port}/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="v1")
        story.until("R1", "queued")
        story.record("R1", first="v2")
        story.until("R1", "queued", "queued")
        with Receiver(port=port) as back:
            story.until("R1", "superseded", "success")
            assert [request.json()["first"] for request in back.requests] == ["v2"]


def test_D2_a_destination_that_adds_gets_every_one(story: Story) -> None:
    story.retries(0.4, 0.4, 0.4)
    story.flow("Log", [story.to(story.connection("Log", "/log"), does=Does.ADDS)])
    story.receiver.answer("/log", Answer(500), Answer(200))
    with story.worker():
        for n in range(1, 5):
            story.record("R1", status="Attended", first=f"v{n}")
        story.until("R1", *["success"] * 4)
    got = [body["first"] for body in story.bodies("/log")]
    assert got[0] == "v1"
    assert [name for name in got[1:] if name != "v1"] == ["v2", "v3", "v4"]  # first attempts in order; the retry follows when it is due
    assert got.count("v1") == 2
    assert story.figures().superseded == 0


def test_D9_a_dead_and_a_slow_target_delay_nobody(story: Story) -> None:
    story.flow("Dead", [story.to(story.connection("Dead", url=f"http://127.0.0.1:{free_port()}/dead"))])
    story.flow("Slow", [story.to(story.connection("Slow", "/slow", parallel=2))])
    story.flow("Fast", [story.to(story.connection("Fast", "/fast"))])
    story.receiver.answer("/slow", Answer(delay=0.3))
    with story.worker():
        story.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(40)])
        until(lambda: len(story.receiver.at("/fast")) == 40)
        assert len(story.receiver.at("/slow")) < 40
        for n in range(40):
            story.until(f"R{n}", "queued", "success", "success")
