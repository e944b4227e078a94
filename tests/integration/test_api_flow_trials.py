"""Trials of flows by the REST API: one change, past changes, sending one by hand, decisions (F5, F9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.api_routes import ROUTES
from tests.replays import checked
from tests.story import Story

from heliograph.domain.connection.secret import Secret
from heliograph.domain.flow.flow import FilterRow, Op, Watch
from heliograph.setup.services.account_creation import AccountFacts, create_account

PROBLEM = "urn:heliograph:problem:"
SECRETS = ("pl4nted-path-77", "pl4nted-password-88")


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


@pytest.fixture
def other(story: Story) -> ApiClient:
    return ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)


def crm(story: Story) -> int:
    """A connection with a secret in its path and a password."""
    return story.connection("CRM", f"/{SECRETS[0]}", auth="Basic Authentication", user_name="crm", secrets={Secret.PASSWORD: SECRETS[1]})


def without_secrets(answer: Any) -> Any:
    """The answer, in which no planted secret is found."""
    text = json.dumps(answer)
    assert not [secret for secret in SECRETS if secret in text]
    return answer


def registration(story: Story, code: str) -> str:
    return str(story.registrations[code])


def test_F9_a_test_shows_the_gates_and_the_request_that_is_then_sent(story: Story, api: ApiClient) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    story.set_active(id, False)
    story.record("R1", status="Attended", first="Zoë")
    story.set_active(id, True)
    test = without_secrets(api.get(f"flows/{id}/test?registration={registration(story, 'R1')}"))
    assert (test["would_send"], test["verdict"], test["answer"]) == (True, "triggered", "It would be sent to CRM.")
    assert [(gate["gate"], gate["state"]) for gate in test["gates"]] == [
        ("watch", "passed"),
        ("active", "passed"),
        ("mode", "passed"),
        ("filters", "passed"),
        ("activation", "passed"),
        ("send", "passed"),
    ]
    assert test["gates"][4]["expected"] == "Attended"
    (request,) = test["requests"]
    assert request["method"] == "POST"
    assert not story.actions(), "nothing is sent"
    change = test["change"]
    assert (change["event"], change["code"], change["registration"]) == ("SUMMIT", "R1", registration(story, "R1"))
    with story.worker():
        sent = api.post(f"flows/{id}/send", {"registration": change["registration"]}, status=202)
        assert sent["change"] == change["id"]
        (arrived,) = story.arrived(f"/{SECRETS[0]}", 1)
        story.until("R1", "success")
    assert json.loads(request["body"]) == arrived.json()
    (action,) = story.actions("R1")
    assert sent["connections"] == [str(story.connection_of("R1"))]
    assert action["origin"] == 3


def test_F9_a_flow_that_is_off_is_tested_as_if_it_were_on_and_sends_nothing(story: Story, api: ApiClient) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    story.set_active(id, False)
    story.record("R1", status="Attended")
    story.record("R2", status="Cancelled")
    test = api.get(f"flows/{id}/test?registration={registration(story, 'R1')}")
    assert (test["would_send"], test["verdict"]) == (False, "triggered")
    assert test["answer"].startswith("Once the flow is on and complete")
    assert test["gates"][1] | {"name": ""} == {
        "gate": "active",
        "name": "",
        "state": "wait",
        "expected": "On, nothing missing",
        "actual": "Off",
        "note": "",
    }
    refused = api.get(f"flows/{id}/test?registration={registration(story, 'R2')}")
    assert (refused["would_send"], refused["verdict"]) == (False, "not_triggered")
    problem = api.post(f"flows/{id}/send", {"change": test["change"]["id"]}, status=409)
    assert problem["type"] == PROBLEM + "conflict"
    assert not story.actions()


def test_F9_what_is_not_saved_is_tested_too(story: Story, api: ApiClient) -> None:
    connection = crm(story)
    id = story.flow("Attended", [story.to(connection)], statuses=["Attended"])
    story.record("R1", status="Cancelled")
    before = api.get(f"flows/{id}")
    subject = {"registration": registration(story, "R1")}
    assert api.get(f"flows/{id}/test?registration={subject['registration']}")["verdict"] == "not_triggered"
    changed = {"flow": {"statuses": [str(story.tags["Cancelled"])]}, **subject}
    test = without_secrets(api.post(f"flows/{id}/test", changed, status=200))
    assert test["verdict"] == "triggered"
    assert test["requests"][0]["destination"] == before["destinations"][0]["id"]
    to = {"name": "CRM", "connection": str(connection), "payload_mapping": str(story.lead)}
    flow = {"name": "New", "mode": "Live", "watch": Watch.REGISTRATION.value, "destinations": [to]}
    new = without_secrets(api.post("flows/test", {"flow": flow, **subject}, status=200))
    assert (new["verdict"], new["would_send"], new["requests"][0]["destination"]) == ("triggered", True, None)
    empty = api.post("flows/test", {"flow": {}, **subject}, status=200)
    assert empty["answer"].startswith("First choose the flow’s source")
    assert empty["requests"] == []
    assert api.get(f"flows/{id}") == before
    assert len(api.get("flows")["items"]) == 1
    for path, body in (
        ("flows/test", {"flow": {"statuses": ["99999"]}}),
        (f"flows/{id}/test", {"flow": {"destinations": [{"id": "999"}]}}),
    ):
        assert api.post(path, body | subject, status=400)["type"] == PROBLEM + "refused"


def test_F9_a_rule_is_tried_on_past_changes(story: Story, api: ApiClient) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    story.record("R1", status="Attended")
    story.record("R2", status="Cancelled")
    story.record("R3", status="Pre-Registered")
    saved = without_secrets(api.get(f"flows/{id}/trial"))
    assert (saved["tried"], saved["would_send"], saved["sends"], saved["in_force"], saved["changes"]) == (3, 1, 1, True, [])
    edited = api.post(f"flows/{id}/trial", {"statuses": [str(story.tags["Cancelled"])]}, status=200)
    assert (edited["tried"], edited["would_send"], edited["gained"], edited["lost"], edited["would_fail"]) == (3, 1, 1, 1, 0)
    assert [(each["change"]["code"], each["verdict"], each["problems"]) for each in edited["changes"]] == [
        ("R2", "gained", []),
        ("R1", "lost", []),
    ]
    new = api.post("flows/trial", {"mode": "Live", "watch": Watch.REGISTRATION.value}, status=200)
    assert (new["tried"], new["would_send"], new["in_force"]) == (3, 3, False)
    assert api.get(f"flows/{id}/count") == {"days": 7, "judged": 3, "taken": 1, "untagged": 0, "gone": 0, "more": False}
    assert api.post(f"flows/{id}/count", {"statuses": []}, status=200)["taken"] == 3
    assert api.post("flows/count", {"mode": "Live", "watch": Watch.REGISTRATION.value}, status=200)["taken"] == 3
    for path in ("flows/trial", "flows/count"):
        assert "First choose the flow’s source" in api.post(path, {}, status=409)["detail"]
    assert api.post("flows/trial", {}, status=400, idempotency_key="one")["errors"][0]["field"] == "Idempotency-Key"


def test_F9_the_subject_of_a_test_is_refused_by_its_field(story: Story, api: ApiClient) -> None:
    id = story.flow("All", [story.to(crm(story))])
    of_events = story.flow("Events", [], watch=Watch.EVENT, event_statuses=["On air"])
    story.record("R1", status="Attended")
    event, person = str(story.events["SUMMIT"]), registration(story, "R1")
    for flow, query, field in (
        (id, "", ""),
        (id, f"registration={person}&event={event}", ""),
        (id, "registration=x", "registration"),
        (id, "registration=99999", "registration"),
        (id, "change=99999", "change"),
        (id, f"event={event}", "event"),
        (of_events, f"registration={person}", "registration"),
        (of_events, "event=99999", "event"),
    ):
        problem = api.get(f"flows/{flow}/test?{query}", status=400)
        assert problem["errors"][0]["field"] == field, query
    assert api.get(f"flows/{of_events}/test?event={event}")["change"]["registration"] is None


def test_nothing_of_another_account_is_tried_or_sent(story: Story, api: ApiClient, other: ApiClient) -> None:
    id = story.flow("All", [story.to(crm(story))])
    story.record("R1", status="Attended")
    test = api.get(f"flows/{id}/test?registration={registration(story, 'R1')}")
    body = {"registration": registration(story, "R1")}
    for method, path, given in (
        ("GET", f"test?registration={body['registration']}", None),
        ("POST", "test", {"flow": {}, **body}),
        ("GET", "trial", None),
        ("POST", "trial", {}),
        ("GET", "count", None),
        ("POST", "count", {}),
        ("POST", "send", body),
        ("POST", "test-registrations", {"event": str(story.events["SUMMIT"]), "code": "T1"}),
        ("GET", "decisions", None),
        ("GET", "replay-offer", None),
        ("GET", "warnings", None),
    ):
        other.ask(method, f"flows/{id}/{path}", given, status=404)
    own = other.post("flows", {"watch": Watch.REGISTRATION.value, "name": "Own"})["id"]
    for members in (body, {"change": test["change"]["id"]}):
        (field,) = members
        for path in (f"flows/{own}/send", f"flows/{own}/test", "flows/test"):
            sent = members if path.endswith("send") else {"flow": {}, **members}
            assert other.post(path, sent, status=400)["errors"][0]["field"] == field
        assert other.get(f"flows/{own}/test?{field}={members[field]}", status=400)["errors"][0]["field"] == field
    made = {"event": str(story.events["SUMMIT"]), "code": "T1"}
    assert other.post(f"flows/{own}/test-registrations", made, status=400)["errors"][0]["field"] == "event"
    assert other.get(f"flows/{own}/decisions")["items"] == []
    assert len(story.actions()) == 1, "only the flow itself has sent"


def test_a_key_sends_a_change_once(story: Story, api: ApiClient) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    story.record("R1", status="Attended")
    body = {"registration": registration(story, "R1")}
    first, again = (api.post(f"flows/{id}/send", body, status=202, idempotency_key="one") for _ in range(2))
    assert first == again
    assert len(story.actions("R1")) == 2


def test_a_test_registration_fits_the_flow_and_is_not_judged(story: Story, api: ApiClient) -> None:
    id = story.flow(
        "Attended", [story.to(crm(story))], statuses=["Attended"], filters=(FilterRow("profile.city", Op.IS_ANY_OF, ("Graz",)),)
    )
    made = api.post(f"flows/{id}/test-registrations", {"event": str(story.events["SUMMIT"]), "code": "T1"})
    test = api.get(f"flows/{id}/test?registration={made['registration']}")
    assert [gate["state"] for gate in test["gates"]][:3] == ["passed", "passed", "stopped"], "a Live flow leaves tests out"
    assert test["change"]["code"] == "T1"
    assert not story.actions()
    errors = api.post(f"flows/{id}/test-registrations", {"event": str(story.events["SUMMIT"]), "code": ""}, status=400)["errors"]
    assert errors[0]["field"] == "code"


def test_F9_the_decisions_of_a_flow_are_listed(story: Story, api: ApiClient, client: Client) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    for code, status in (("R1", "Attended"), ("R2", "Cancelled"), ("R3", "Waitlist Hold")):
        story.record(code, status=status)
    listed = api.every(f"flows/{id}/decisions?limit=2")
    people = [each for each in listed if each["change"]["registration"]]
    assert [(each["change"]["code"], each["verdict"]) for each in people] == [
        ("R3", "not_triggered"),
        ("R2", "not_triggered"),
        ("R1", "triggered"),
    ]
    story.signs_in(client)
    page = client.get(f"/signal/flows/{id}/decisions/").content.decode()
    for each in people:
        assert each["answer"] in page
    assert listed[-1]["verdict"] is None, "the flow was not there yet"


def test_F1_a_replay_is_offered_for_what_passed_while_a_flow_was_off(story: Story, api: ApiClient) -> None:
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    assert api.get(f"flows/{id}/replay-offer") == {"offer": None}
    version = api.get(f"flows/{id}")["version"]
    api.patch(f"flows/{id}", {"active": False})
    story.record("R1", status="Attended")
    story.record("R2", status="Cancelled")
    api.patch(f"flows/{id}", {"active": True})
    offer = api.get(f"flows/{id}/replay-offer")["offer"]
    assert (offer["count"], offer["more"]) == (1, False)
    assert offer["since"] < offer["until"]
    api.patch(f"flows/{id}?confirmed=true", {"statuses": [str(story.tags["Cancelled"])]})
    assert api.get(f"flows/{id}/replay-offer?since_version={version}")["offer"]["count"] == 2
    api.get(f"flows/{id}/replay-offer?since_version=99", status=404)


def test_a_flow_warns_of_a_connection_that_sends_nothing(story: Story, api: ApiClient) -> None:
    connection = crm(story)
    id = story.flow("Attended", [story.to(connection)], statuses=["Attended"])
    assert api.get(f"flows/{id}/warnings")["items"] == []
    story.pause(connection)
    (warning,) = api.get(f"flows/{id}/warnings")["items"]
    assert (warning["title"], warning["connection"], warning["event"]) == ("CRM: paused", str(connection), "")


def test_no_answer_has_a_secret(story: Story, api: ApiClient) -> None:
    """Every GET of flows and replays, after a delivery and a dry run with differences (C5)."""
    id = story.flow("Attended", [story.to(crm(story))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.until("R1", "success")
    story.mapping("Lead", {"code": "registration.code"}, id=story.lead)
    api.patch(f"flows/{id}", {"name": "Another name"})
    replay = checked(story, id)
    queries = {
        "flows/filter-values": "?field=event.code",
        "flows/{flow}/test": f"?registration={registration(story, 'R1')}",
        "replays/{replay}/lines": "?show=different",
    }
    seen = set()
    for method, path in ROUTES:
        if method == "GET" and path.startswith(("flows", "replays")):
            address = path.format(flow=id, replay=replay, version=1) + queries.get(path, "")
            without_secrets(api.get(address))
            seen.add(path)
    assert len(seen) > 15
    assert api.get(f"replays/{replay}/lines?show=different")["items"]
