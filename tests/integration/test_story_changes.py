"""The scripted story, first part: which changes are sent, by which flow, with which facts (P8-P10, F3-F7, M1-M9, C2).

Every request that the receiver got is compared with the rules, in order. Afterwards the figures equal a recount (fixture).
"""

from __future__ import annotations

from collections import Counter

import pytest
from tests.story import Story

from heliograph.domain.connection.connection import ContentType, Method
from heliograph.domain.delivery.action import RunState
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import of_reconsidered
from heliograph.domain.flow.flow import FilterRow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import MappingKind, Subject
from heliograph.setup.services.events import MarksFirst
from heliograph.store.queue import stuck_runs
from heliograph.store.queue.figure_deltas import put_deltas

STATUSES = ("Registered", "Attended", "Cancelled")


def lead(code: str, type: str, status: str, first: str) -> dict[str, str]:
    """The body that the mapping Lead builds."""
    return {"type": type, "code": code, "status": status, "first": first}


def test_P10_created_updated_cancelled(story: Story) -> None:
    story.flow("All", [story.to(story.connection("All", "/all"))])
    story.flow("Status", [story.to(story.connection("Status", "/status"))], watch=Watch.STATUS, statuses=STATUSES)
    with story.worker():
        story.record("R1", status="Pre-Registered", first="Zoë")
        story.record("R1", status="Pre-Registered", first="Zoë")  # nothing changes: no change, no request
        story.record("R1", first="Zoë-Marie")
        story.record("R1", status="Cancelled")
        story.record("R1", order_code="O-7", status="Pre-Registered", first="Zoë")
        story.until("R1", *["success"] * 7)
    assert story.bodies("/all") == [
        lead("R1", "created, status_changed", "Pre-Registered", "Zoë"),
        lead("R1", "updated", "Pre-Registered", "Zoë-Marie"),
        lead("R1", "updated, status_changed", "Cancelled", "Zoë-Marie"),
        lead("R1", "updated, status_changed", "Pre-Registered", "Zoë"),
    ]
    assert story.bodies("/status") == [story.bodies("/all")[n] for n in (0, 2, 3)]
    ids = [request.header("webhook-id") for request in story.receiver.requests]
    assert len(set(ids)) == 7  # D1: one id per action
    assert set(ids) == {action["uid"] for action in story.actions()}
    assert [action["version"] for action in story.actions() if action["flow"] == story.actions()[0]["flow"]] == [1, 2, 3, 4]
    figures = story.figures()
    assert (figures.changes, figures.unique, figures.triggered, figures.success, figures.not_triggered) == (4, 1, 7, 7, 0)
    assert figures.active_flows == 2


def test_X2_one_creation_and_two_updates(story: Story) -> None:
    story.flow("All", [story.to(story.connection("All", "/all"))])
    with story.worker():
        for first in ("a", "b", "c"):
            story.record("R1", status="Attended", first=first)
        story.until("R1", *["success"] * 3)
    assert (story.figures().changes, story.figures().unique) == (3, 1)


def test_P8_cleared_is_active_is_the_last_change_until_it_is_set_again(story: Story) -> None:
    story.flow("All", [story.to(story.connection("All", "/all"))])
    with story.worker():
        story.record("R1", status="Attended", first="in")
        story.record("R1", active=False)
        story.record("R1", first="unseen")
        story.record("R1", active=True, first="back")
        story.until("R1", *["success"] * 3)
    assert [body["first"] for body in story.bodies("/all")] == ["in", "in", "back"]
    assert story.figures().changes == 3


def test_F3_P9_live_and_test_take_only_theirs(story: Story) -> None:
    story.flow("Live", [story.to(story.connection("Live", "/live"))])
    story.flow("Test", [story.to(story.connection("Test", "/test"))], mode=Mode.TEST)
    with story.worker():
        story.record("R1", status="Attended", first="live")
        story.record("R2", status="Attended", first="by hand", properties={"Test": True})
        story.record("T1", "REHEARSAL", status="Attended", first="rehearsal")
        story.record("R2", properties={"Test": False}, first="real now")  # decided by the state afterwards
        for code, states in (("R1", 1), ("R2", 2), ("T1", 1)):
            story.until(code, *["success"] * states)
        # The event goes live: registrations from its test phase stay Test, new ones are live.
        story.save_event("REHEARSAL", status="Live")
        story.record("T1", "REHEARSAL", first="still a test")
        story.record("T2", "REHEARSAL", status="Attended", first="for real")
        story.until("T1", "success", "success")
        story.until("T2", "success")
    assert sorted(body["first"] for body in story.bodies("/live")) == ["for real", "live", "real now"]
    assert sorted(body["first"] for body in story.bodies("/test")) == ["by hand", "rehearsal", "still a test"]
    assert (story.figures().changes, story.figures(Mode.TEST).changes) == (3, 3)


def test_P9_an_event_with_unmarked_registrations_does_not_leave_testing(story: Story) -> None:
    story.record("T1", "REHEARSAL", status="Attended", properties={"Test": False})
    with pytest.raises(MarksFirst):
        story.save_event("REHEARSAL", status="Live")


def test_F5_F6_lists_and_filters_decide(story: Story) -> None:
    flow = story.flow(
        "VIPs",
        [story.to(story.connection("VIPs", "/vip"))],
        statuses=["Registered"],
        properties=["VIP"],
        filters=(FilterRow("profile.city", Op.STARTS_WITH, ("ber",)),),
    )
    with story.worker():
        story.record("R1", status="Pre-Registered", profile={"city": " Bern"}, properties={"VIP": True}, first="R1")
        story.record("R2", status="Pre-Registered", profile={"city": "Bonn"}, properties={"VIP": True}, first="R2")  # filtered: no run
        story.record("R3", status="Pre-Registered", profile={"city": "Berlin"}, first="R3")  # not selected
        story.record("R4", status="Attended", profile={"city": "Berlin"}, properties={"VIP": True}, first="R4")  # not selected
        story.record("R5", status="Pre-Registered", profile={"city": "BERLIN"}, properties={"VIP": True}, first="R5")
        story.until("R1", "success")
        story.until("R5", "success")
    assert [body["first"] for body in story.bodies("/vip")] == ["R1", "R5"]
    assert story.runs(flow) == [
        ("triggered", ""),
        ("not triggered", "not selected"),
        ("not triggered", "not selected"),
        ("triggered", ""),
    ]
    assert story.stuck() == []  # final: nothing to fix
    figures = story.figures()
    assert (figures.changes, figures.triggered, figures.not_triggered) == (4, 2, 2)


# ---- untagged, then tagged


def test_F7_D7_untagged_then_tagged(story: Story) -> None:
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    with story.worker():
        story.record("R1", status="New", first="Zoë")
        (item,) = story.stuck()
        assert (item["queue"], item["category"], item["cause"], item["tries"]) == ("Retry", "Config", "untagged", 0)
        assert story.runs(flow) == [("not triggered", "untagged")]
        before = story.figures()
        assert (before.changes, before.not_triggered, before.triggered, before.in_retry_queue) == (1, 1, 0, 1)
        story.tag_status("New", "Registered")
        story.until("R1", "success")
    assert story.bodies("/crm") == [lead("R1", "created, status_changed", "New", "Zoë")]
    assert story.runs(flow) == [("triggered", "")]
    assert story.stuck()[0]["queue"] == "Done"
    assert story.attempts(story.action("R1")) == [("first", "", 200)]
    after = story.figures()
    assert (after.changes, after.unique, after.not_triggered, after.triggered, after.in_retry_queue) == (1, 1, 0, 1, 0)


def test_F7_tagged_but_not_selected_is_done(story: Story) -> None:
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    with story.worker():
        story.record("R1", status="Waitlist Hold", first="waits")
        story.tag_status("Waitlist Hold", "Waiting")
        story.wait_for(lambda: story.stuck()[0]["queue"] == "Done")
        story.record("R2", status="Pre-Registered", first="proof")
        story.until("R2", "success")
    assert story.stuck()[0]["cause"] == "not_selected"
    assert story.runs(flow) == [("not triggered", "not selected"), ("triggered", "")]
    assert [body["first"] for body in story.bodies("/crm")] == ["proof"]
    assert story.actions("R1") == []


def test_F7_an_untagged_property_waits_for_its_tag(story: Story) -> None:
    story.flow("VIPs", [story.to(story.connection("CRM", "/crm"))], properties=["VIP"])
    with story.worker():
        story.record("R1", status="New", properties={"PRESS": True}, first="press")
        assert [item["cause"] for item in story.stuck()] == ["untagged"]
        story.tag_property("SUMMIT", "PRESS", "VIP")
        story.until("R1", "success")
    assert [body["first"] for body in story.bodies("/crm")] == ["press"]


def test_D2_an_untagged_change_judged_again_is_still_the_older_one(story: Story) -> None:
    story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    with story.worker():
        story.record("R1", status="New", first="older")
        story.record("R1", status="Pre-Registered", first="newer")
        story.until("R1", "success")
        story.tag_status("New", "Registered")
        story.until("R1", "success", "superseded")
    assert [body["first"] for body in story.bodies("/crm")] == ["newer"]
    assert story.stuck()[0]["queue"] == "Done"


def test_F7_it_waits_for_its_tag_whatever_time_and_hand_do(story: Story) -> None:
    story.retries(0.01, 0.01, 0.01)
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    waits = {"queue": "Retry", "category": "Config", "cause": "untagged", "tries": 0, "due": None}
    with story.worker():
        story.record("R1", status="New", first="Zoë")
        for _ in range(4):
            (item,) = story.stuck()
            assert {name: item[name] for name in waits} == waits
            assert story.submit(item["key"]).done == (item["key"],)
            story.wait_for(lambda: story.stuck()[0]["due"] is None)
        figures = story.figures()
        assert (figures.not_triggered, figures.untagged, figures.not_selected, figures.in_retry_queue) == (1, 1, 0, 1)
        assert story.runs(flow) == [("not triggered", "untagged")]
        story.tag_status("New", "Registered")
        story.until("R1", "success")
    assert story.stuck()[0]["queue"] == "Done"
    assert [body["first"] for body in story.bodies("/crm")] == ["Zoë"]
    story.is_sound()


def test_F7_what_waits_for_a_tag_outlasts_a_flow_that_rests(story: Story) -> None:
    """A tag that is given while the flow is off, in the other mode or incomplete, or while Signal is off, ends nothing."""
    crm = story.connection("CRM", "/crm")
    flow = story.flow("Registered", [story.to(crm)], statuses=["Registered"])
    off, other_mode = (
        story.flow("Off", [story.to(crm)], statuses=["Registered"]),
        story.flow("Mode", [story.to(crm)], statuses=["Registered"]),
    )
    with story.worker():
        story.record("R1", status="New", first="Zoë")
        story.set_active(off, active=False)
        story.change_flow(other_mode, mode=Mode.TEST)
        story.tag_status("New", "Registered")
        story.until("R1", "success")
        story.wait_for(lambda: sorted(item["queue"] for item in story.stuck()) == ["Done", "Retry", "Retry"])
        story.wait_for(story.has_compared)
        assert {item["cause"] for item in story.stuck() if item["queue"] == "Retry"} == {"untagged"}
        story.set_active(off, active=True)
        story.until("R1", "success", "success")
        story.change_flow(other_mode, mode=Mode.LIVE)
        story.until("R1", "success", "success", "success")
    assert {item["queue"] for item in story.stuck()} == {"Done"}
    assert story.runs(flow) == [("triggered", "")]
    story.is_sound()


def test_F7_D7_many_that_wait_are_cured_in_bounded_steps(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck_runs, "COMPARED", 7)
    monkeypatch.setattr(stuck_runs, "AT_ONCE", 5)
    story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    for n in range(23):
        story.record(f"R{n}", status="New" if n % 2 else "Waitlist Hold", first=str(n))
    story.tag_status("New", "Registered")
    assert story.db.all("SELECT count(*) FROM stuck_run WHERE due_at IS NOT NULL") == [(0,)], "a save marks what is to be done, and no item"
    with story.worker():
        story.wait_for(lambda: Counter(item["queue"] for item in story.stuck()) == {"Done": 11, "Retry": 12})
        story.wait_for(story.has_compared)
    assert {item["due"] for item in story.stuck() if item["queue"] == "Retry"} == {None}
    figures = story.figures()
    assert (figures.not_triggered, figures.untagged, figures.triggered) == (12, 12, 11)


def test_F7_P12_a_deleted_flow_ends_what_waits_and_calls_it_no_failure(story: Story) -> None:
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    story.record("R1", status="New", first="Zoë")
    story.delete_flow(flow)
    assert story.figures().untagged == 1, "until the worker has ended it"
    with story.worker():
        story.wait_for(story.has_compared)
    (item,) = story.stuck()
    assert (item["queue"], item["cause"]) == ("Done", "flow_deleted")
    assert story.runs(flow) == [("not triggered", "flow deleted")]
    figures = story.figures()
    assert (figures.not_triggered, figures.untagged, figures.not_selected, figures.not_judged, figures.failed) == (1, 0, 0, 1, 0)
    story.is_sound()


def test_F7_P12_what_waits_in_a_deleted_flow_ends_in_bounded_steps(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck_runs, "COMPARED", 7)
    monkeypatch.setattr(stuck_runs, "AT_ONCE", 5)
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    other = story.flow("Other", [story.to(story.connection("Other", "/other"))], statuses=["Registered"])
    for n in range(12):
        story.record(f"R{n}", status="New", first=str(n))
    before = story.stuck()
    assert len(before) == 24
    story.delete_flow(flow)
    assert story.stuck() == before, "the one who deletes writes no run"
    with story.worker():
        story.wait_for(lambda: Counter(item["queue"] for item in story.stuck()) == {"Done": 12, "Retry": 12})
        story.wait_for(story.has_compared)
    assert story.runs(flow) == [("not triggered", "flow deleted")] * 12
    assert set(story.runs(other)) == {("not triggered", "untagged")}
    figures = story.figures()
    assert (figures.untagged, figures.not_judged, figures.failed) == (12, 12, 0)
    story.is_sound()


def test_F7_P12_a_decision_that_raised_ends_with_its_flow_at_its_next_try(story: Story) -> None:
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    story.record("R1", status="New", first="Zoë")
    raised = {"system": Category.SYSTEM.code, "due": story.db.now() + 3_600_000_000}
    with story.db.transaction():
        story.db.run("UPDATE stuck_run SET category = :system, cause = 'exception', due_at = :due", raised)
        ((at, mode),) = story.db.all("SELECT at, mode FROM run")
        put_deltas(story.db, of_reconsidered(story.account, at, mode, flow, RunState.UNTAGGED, RunState.UNDECIDED))
    story.delete_flow(flow)
    with story.worker():
        story.wait_for(lambda: not story.db.all("SELECT 1 FROM saved_cure"))
        assert [item["queue"] for item in story.stuck()] == ["Retry"]
        with story.db.transaction():
            story.db.run("UPDATE stuck_run SET due_at = :now", {"now": story.db.now()})
        story.wait_for(lambda: [(item["queue"], item["cause"]) for item in story.stuck()] == [("Done", "flow_deleted")])
    assert story.runs(flow) == [("not triggered", "flow deleted")]


def test_F7_D7_a_decision_that_raised_is_not_said_to_be_tagged_now(story: Story) -> None:
    """R1 waits for a tag, R2's decision raised; then the flow selects neither. Only of R1 is it news that it is tagged."""
    flow = story.flow("Registered", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"])
    story.record_many([{"code": code, "status": "New"} for code in ("R1", "R2")])
    with story.db.transaction():
        story.db.run(
            "UPDATE stuck_run SET category = :system, cause = 'exception', due_at = :due WHERE id = (SELECT max(id) FROM stuck_run)",
            {"system": Category.SYSTEM.code, "due": story.db.now()},
        )
        ((at, mode),) = story.db.all("SELECT DISTINCT at, mode FROM run")
        put_deltas(story.db, of_reconsidered(story.account, at, mode, flow, RunState.UNTAGGED, RunState.UNDECIDED))
    story.tag_status("New", "Attended")
    with story.worker():
        story.wait_for(lambda: [item["cause"] for item in story.stuck()] == ["not_selected", "not_selected"])
    assert story.db.all("SELECT message FROM stuck_run ORDER BY id") == [
        ("It is tagged now, but the flow does not select its tags.",),
        ("The flow does not select its tags.",),
    ]


# ---- sessions, events, headers, forms, queries


def test_F4_each_session_registration_goes_out_with_its_own_facts(story: Story) -> None:
    rows = {"session": "session.code", "status": "session.status", "code": "registration.code", "type": "macro.change_type"}
    mapping = story.mapping("Seat", rows, subject=Subject.SESSION)
    story.flow(
        "Seats", [story.to(story.connection("Seats", "/seats"), mapping=mapping)], watch=Watch.SESSION_STATUS, session_statuses=["Present"]
    )
    with story.worker():
        story.record(
            "R1",
            status="Attended",
            sessions=[{"code": "KEYNOTE", "status": "Attended"}, {"code": "PANEL", "status": "Attended"}],
        )
        story.record("R1", first="no seat changes")
        story.record("R1", sessions=[{"code": "KEYNOTE", "status": "Cancelled"}])  # untagged for now: it waits
        story.record("R1", sessions=[{"code": "KEYNOTE", "status": "Attended"}])
        story.until("R1", *["success"] * 3)
    keynote = {"session": "KEYNOTE", "status": "Attended", "code": "R1", "type": "session_status_changed"}
    panel = keynote | {"session": "PANEL"}
    got = [request.json() for request in story.receiver.at("/seats")]
    assert [body for body in got if body["session"] == "KEYNOTE"] == [keynote, keynote]
    assert [body for body in got if body["session"] == "PANEL"] == [panel]
    assert story.figures().changes == 4
    assert [item["cause"] for item in story.stuck()] == ["untagged"]


def test_F4_events_go_out_with_their_own_facts(story: Story) -> None:
    mapping = story.mapping(
        "Event", {"code": "event.code", "name": "event.name", "status": "event.status", "type": "macro.change_type"}, subject=Subject.EVENT
    )
    story.flow("Events", [story.to(story.connection("Events", "/events"), mapping=mapping)], watch=Watch.EVENT, event_statuses=["On air"])
    with story.worker():
        story.save_event("SUMMIT", name="Summit 2026")
        story.save_event("SUMMIT", name="Summit 2026")  # nothing changes
        story.events["FORUM"] = story.make_event("FORUM", "Live")
        story.save_event("FORUM", status="Cancelled")  # untagged
        story.save_event("SUMMIT", location="Berlin")
        story.arrived("/events", 3)
        story.wait_for(lambda: story.states() == ["success"] * 3)
    got = [request.json() for request in story.receiver.at("/events")]
    assert [body for body in got if body["code"] == "SUMMIT"] == [
        {"code": "SUMMIT", "name": "Summit 2026", "status": "Live", "type": "event_updated"}
    ] * 2
    assert [body for body in got if body["code"] == "FORUM"] == [
        {"code": "FORUM", "name": "Forum", "status": "Live", "type": "event_created"}
    ]
    figures = story.figures()
    assert (figures.changes, figures.unique, figures.triggered, figures.not_triggered) == (4, 0, 3, 1)


def test_F8_several_destinations_each_with_headers_form_and_query(story: Story) -> None:
    form = story.connection("Form", "/form", content_type=ContentType.FORM.value)
    query = story.connection("Query", "/query/{registration.code}?source=hg", method=Method.GET.value)
    put = story.connection("Put", "/put", method=Method.PUT.value, headers=[["X-Fixed", "one"]])
    header = story.mapping(
        "Headers", {"X-Event": "event.code", "X-Who": ["profile.first_name", "= ", "profile.last_name"]}, kind=MappingKind.HEADER
    )
    body = story.mapping("Body", {"name": ["profile.first_name", "= & ", "profile.last_name"], "food": f"answer.{story.tags['Dietary']}"})
    story.flow("All", [story.to(form, mapping=body), story.to(query, mapping=body), story.to(put, mapping=body, header=header)])
    with story.worker():
        story.record(
            "R/1 ü", status="Attended", profile={"first_name": "Zoe", "last_name": "O'Brien"}, answers={"dietary": ["Vegan", "Kosher"]}
        )
        story.until("R/1 ü", *["success"] * 3)
    (sent,) = story.receiver.at("/form")
    assert (sent.method, sent.header("content-type")) == ("POST", "application/x-www-form-urlencoded")
    assert sent.body == b"name=Zoe+%26+O%27Brien&food=Vegan%2C+Kosher"
    (asked,) = story.receiver.at("/query/R%2F1%20%C3%BC")
    assert (asked.method, asked.body) == ("GET", b"")
    assert asked.path == "/query/R%2F1%20%C3%BC?source=hg&name=Zoe%20%26%20O%27Brien&food=Vegan%2C%20Kosher"
    (put_,) = story.receiver.at("/put")
    assert (put_.method, put_.header("content-type"), put_.header("x-fixed")) == ("PUT", "application/json", "one")
    assert (put_.header("x-event"), put_.header("x-who")) == ("SUMMIT", "Zoe O'Brien")
    assert put_.json() == {"name": "Zoe & O'Brien", "food": "Vegan, Kosher"}
    figures = story.figures()
    assert (figures.changes, figures.triggered, figures.success) == (1, 3, 3)


def test_M5_a_validation_error_is_never_in_the_queue(story: Story) -> None:
    mapping = story.mapping("Mail", {"mail": "profile.email", "code": "registration.code"}, required=["mail"])
    story.flow("All", [story.to(story.connection("CRM", "/crm"), mapping=mapping)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "validation")
        (action,) = story.actions("R1")
        assert (action["queue"], action["category"]) == ("", "Validation")
        assert story.attempts(action) == [("first", "Validation", None)]
        assert story.submit(action["key"]).refused.keys() == {action["key"]}
        story.record("R1", profile={"email": "zoe@example.org"})  # the person corrects the data: a new change, a new action
        story.until("R1", "validation", "success")
    assert [request.json() for request in story.receiver.at("/crm")] == [{"mail": "zoe@example.org", "code": "R1"}]
    figures = story.figures()
    assert (figures.validation, figures.validation_errors, figures.success, figures.in_retry_queue, figures.retried) == (1, 1, 1, 0, 0)
