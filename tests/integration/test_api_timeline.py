"""The history and the timeline by the REST API, sync now, why / why not, actions and their attempts (X5, X6, F9, D1)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.receiver import Answer
from tests.story import Story

from heliograph.accounts.models import Account
from heliograph.api.endpoints.timeline_endpoints import TimelineQuery
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.timeline.views.timeline_page import TimelineFilters


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        yield site


@pytest.fixture
def api(site: SignalAccount) -> ApiClient:
    return ApiClient.for_account(site.account.pk)


def id_of(api: ApiClient, code: str) -> str:
    return str(api.get(f"registrations/lookup?event_code=SUMMIT-26&code={code}")["id"])


def test_P10_the_history_has_every_change(site: SignalAccount, api: ApiClient) -> None:
    changed, created = api.get(f"registrations/{id_of(api, 'S26-6')}/history")["items"]
    assert (created["version"], created["facets"], created["kind"]) == (1, ["created", "status_changed"], "registration")
    assert (created["by"], created["by_name"]) == (site.planner.actor, site.planner.name)
    assert {"field": "First Name", "before": "", "after": "Mika"} in created["fields"]
    assert (changed["text"], changed["by"], changed["quiet"], changed["removed"]) == ("Status became Cancelled", "test", False, "")
    ((field, before, after),) = [tuple(each.values()) for each in changed["fields"]]
    assert field == "Registration Status"
    assert after.startswith("Cancelled")
    assert before
    session = api.get(f"registrations/{id_of(api, 'S26-2')}/history")["items"][0]
    assert (session["kind"], session["facets"]) == ("session_registration", ["session_status_changed"])
    path = f"registrations/{id_of(api, 'S26-6')}/history"
    assert [each["id"] for each in api.every(f"{path}?limit=1")] == [changed["id"], created["id"]]


def test_X5_the_timeline_has_decisions_and_attempts(site: SignalAccount, api: ApiClient) -> None:
    (entry,) = api.get(f"registrations/{id_of(api, 'S26-5')}/timeline")["items"]
    decided = {each["flow"]["name"]: each for each in entry["decisions"]}
    (action,) = decided["All"]["actions"]
    assert (decided["All"]["verdict"], decided["All"]["reason"]) == ("triggered", None)
    assert (action["state"], action["queue"], action["category"], action["attempts"]) == ("failed", "Failed", "Config", 4)
    assert [(each["number"], each["kind"], each["status"]) for each in action["tries"]] == [
        (1, "first", 401),
        (2, "auto", 401),
        (3, "auto", 401),
        (4, "auto", 401),
    ]
    assert "answered 401 Unauthorized" in action["text"]
    waiting = api.get(f"registrations/{id_of(api, 'S26-4')}/timeline?show=trouble")["items"][0]["decisions"]
    slack = next(each for each in waiting if each["reason"])
    assert (slack["verdict"], slack["reason"]) == ("not_triggered", "untagged")
    assert slack["item"].startswith("r")
    assert "Waiting: the status has no tag" in slack["text"]
    assert api.get(f"registrations/{id_of(api, 'S26-5')}/timeline?show=sent&flow={decided['All']['flow']['id']}")["items"] == [
        entry | {"decisions": [decided["All"]]}
    ]
    summary = api.get(f"registrations/{id_of(api, 'S26-5')}/timeline/summary")
    assert (summary["changes"], summary["decisions"], summary["attempts"], summary["removed"]) == (1, len(decided), 4, "")
    for query in ("show=all", "flow=x", "why-change=1"):
        api.get(f"registrations/{id_of(api, 'S26-5')}/timeline?{query}", status=400)


def test_X5_a_filter_by_flow_selects_the_changes_that_this_flow_sent(site: SignalAccount, api: ApiClient) -> None:
    timeline, slack = f"registrations/{id_of(api, 'S26-1')}/timeline", site.setup.id(902)
    assert api.get(f"{timeline}?show=sent")["items"]
    assert api.get(f"{timeline}?show=sent&flow={slack}")["items"] == []
    waiting = f"registrations/{id_of(api, 'S26-2')}/timeline"
    assert api.get(f"{waiting}?show=trouble")["items"]
    assert api.get(f"{waiting}?show=trouble&flow={slack}")["items"] == []


def test_X5_a_filter_by_flow_selects_what_it_sent_without_a_decision(site: SignalAccount, api: ApiClient) -> None:
    setup = site.setup
    later = Destination(setup.id(914), "Later", connection=setup.connection, payload_mapping=setup.mapping)
    setup.save_flow(Flow(setup.id(904), 1, "Later", Mode.LIVE, True, Watch.REGISTRATION, destinations=(later,)))
    api.post(f"registrations/{id_of(api, 'S26-1')}/sync", {"flow": str(setup.id(904))})
    (entry,) = api.get(f"registrations/{id_of(api, 'S26-1')}/timeline?flow={setup.id(904)}")["items"]
    assert [each["flow"]["name"] for each in entry["decisions"]] == ["Later"]


def test_X5_what_has_failed_without_a_delivery_is_trouble(site: SignalAccount, api: ApiClient) -> None:
    with site.store.transaction():
        site.store.run(f"UPDATE stuck_run SET queue = {QueueStatus.FAILED.code}, due_at = NULL WHERE account_id = {site.account.pk}")
    (entry,) = api.get(f"registrations/{id_of(api, 'S26-4')}/timeline?show=trouble")["items"]
    assert [each["flow"]["name"] for each in entry["decisions"]] == ["All", "Cancellations to Slack"]


def test_a_timeline_is_read_in_a_bounded_number_of_queries(site: SignalAccount, api: ApiClient) -> None:
    path = f"registrations/{id_of(api, 'S26-1')}/timeline"
    counts = []
    for _more in range(2):
        api.get(path)  # what is remembered of the configuration is read before
        with counting_pages() as cost:
            api.get(path)
        counts.append(cost.statements)
        for n in range(5):
            site.record({"code": "S26-1", "profile": {"city": f"City {n}"}})
        with site.store.transaction():  # what was removed is looked for
            site.store.run("DELETE FROM change_content WHERE account_id = :account", {"account": site.account.pk})
            site.store.run("DELETE FROM run WHERE account_id = :account", {"account": site.account.pk})
    assert counts[0] == counts[1]


def test_the_parameters_are_named_as_in_the_address_of_the_page() -> None:
    page = {getattr(field, "param", "") or name for name, field in TimelineFilters.base_fields.items()}
    page -= {"why-change", "why-flow"}  # of the panel beside the list: an endpoint of its own
    assert {field.encode_name for field in msgspec.structs.fields(TimelineQuery)} - {"limit", "cursor"} == page


def actions_of(site: SignalAccount) -> list[tuple[Any, ...]]:
    """What actions are made of, without ids and times."""
    return site.store.all(
        "SELECT a.state, a.origin, a.flow_id, a.destination_id, a.mode, a.version, a.repeated_id IS NOT NULL, r.code FROM action a"
        " JOIN registration r ON r.id = a.registration_id WHERE a.account_id = :account ORDER BY a.id",
        {"account": site.account.pk},
    )


def test_X5_a_registration_is_synchronized_now(site: SignalAccount, api: ApiClient) -> None:
    site.record(person("REST", "A", "B"))
    made = api.post(f"registrations/{id_of(api, 'REST')}/sync", {})
    assert made == {"actions": 1, "connections": [str(site.setup.connection)], "text": "1 action is being sent, to CRM."}
    flow = str(site.setup.flows["All"])
    first = api.send("POST", f"registrations/{id_of(api, 'REST')}/sync", {"flow": flow}, idempotency_key="one")
    again = api.send("POST", f"registrations/{id_of(api, 'REST')}/sync", {"flow": flow}, idempotency_key="one")
    assert (first.status_code, again.content) == (201, first.content)
    assert len(site.actions("REST")) == 3
    assert api.post(f"registrations/{id_of(api, 'REST')}/sync", {"flow": "999"}, status=400)["errors"][0]["field"] == "flow"
    site.record({"code": "REST", "active": False})
    refused = api.post(f"registrations/{id_of(api, 'REST')}/sync", {}, status=409)
    assert refused["detail"] == "It is not active: no flow takes it."


def test_F9_any_change_and_flow_is_explained(site: SignalAccount, api: ApiClient) -> None:
    flow = site.setup.id(902)
    (entry,) = api.get(f"registrations/{id_of(api, 'S26-4')}/history")["items"]
    answer = api.get(f"changes/{entry['id']}/flows/{flow}/why")
    assert (answer["change"], answer["flow"], answer["differs"], answer["removed"]) == (entry["id"], str(flow), False, "")
    assert answer["then"] == answer["today"]
    assert (answer["then"]["verdict"], answer["then"]["can_be_cured"]) == ("not_triggered", True)
    states = {gate["gate"]: gate["state"] for gate in answer["then"]["gates"]}
    assert states == {"watch": "passed", "active": "passed", "mode": "passed", "filters": "passed", "activation": "wait", "": "unread"}
    api.get(f"changes/{entry['id']}/flows/99999/why", status=404)
    api.get(f"changes/999999/flows/{flow}/why", status=404)
    site.setup.save({("statuses", site.setup.account): site.setup.statuses_body()})
    differing = api.get(f"changes/{entry['id']}/flows/{flow}/why")
    assert differing["differs"]
    assert differing["today"]["verdict"] != "" != differing["today"]["answer"]


def test_F9_changes_that_wait_for_the_same_reason_are_judged_again(site: SignalAccount, api: ApiClient) -> None:
    flow = site.setup.id(902)
    site.record(person("W1", "A", "B", status="Invited"), person("W2", "A", "B", status="Invited"))
    (entry,) = api.get(f"registrations/{id_of(api, 'S26-4')}/history")["items"]
    others = api.get(f"changes/{entry['id']}/flows/{flow}/others?limit=1")
    assert [each["registration"] for each in others["items"]] == [id_of(api, "W2")]
    every = api.every(f"changes/{entry['id']}/flows/{flow}/others?limit=1")
    assert [(each["registration"], each["waits"]) for each in every] == [(id_of(api, "W2"), True), (id_of(api, "W1"), True)]
    assert api.post(f"changes/{entry['id']}/flows/{flow}/others/judge-again", status=200) == {"judged": 2}
    taken = api.get(f"registrations/{id_of(api, 'S26-1')}/history")["items"][0]
    api.get(f"changes/{taken['id']}/flows/{site.setup.flows['All']}/others", status=404)  # nothing stopped it


def test_D1_an_action_is_read_by_its_id_and_by_its_webhook_id(site: SignalAccount, api: ApiClient) -> None:
    id = site.actions("S26-5")[0]
    action = api.get(f"actions/{id}")
    assert action == api.get(f"actions/{action['webhook_id']}") == api.get(f"actions/{action['webhook_id'].upper()}")
    assert (action["id"], action["registration"], action["mode"], action["origin"]) == (str(id), id_of(api, "S26-5"), "Live", "recorded")
    first, *_more = api.get(f"actions/{id}/attempts")["items"]
    assert first["versions"] == {"flow": 1, "connection": 1, "payload_mapping": 1}
    assert first["request"]["url"] == "https://crm.example.com/…"
    assert ["Authorization", "•••"] in first["request"]["headers"]
    assert 'https://crm.example.com/"$SECRET_PATH"' in first["request"]["curl"]
    assert (first["response"]["status"], first["response"]["body"]) == (401, "<script>alert(1)</script>")
    assert first["response"]["timings"] == {"name": 12, "connect": 48, "tls": 31, "first": 92, "body": 4}
    invalid = api.get(f"actions/{site.actions('S26-3')[0]}")
    assert (invalid["state"], invalid["cause"]) == ("validation", "invalid")
    for unknown in ("0", "999999", "msg_" + "0" * 26, "x", "a1"):
        api.get(f"actions/{unknown}", status=404)
        api.get(f"actions/{unknown}/attempts", status=404)


def test_one_request_is_one_account(site: SignalAccount, api: ApiClient) -> None:
    registration, action = id_of(api, "S26-5"), site.actions("S26-5")[0]
    webhook_id = api.get(f"actions/{action}")["webhook_id"]
    change = api.get(f"registrations/{registration}/history")["items"][0]["id"]
    flow = site.setup.flows["All"]
    theirs = signal_account.made(site.store, name="Others")
    theirs.record(person("S26-5", "Own", "Own"))
    other = ApiClient.for_account(theirs.account.pk)
    own_registration = id_of(other, "S26-5")
    own_change = other.get(f"registrations/{own_registration}/history")["items"][0]["id"]
    before = actions_of(site)
    for method, path, body in (
        ("GET", f"registrations/{registration}/history", None),
        ("GET", f"registrations/{registration}/timeline", None),
        ("GET", f"registrations/{registration}/timeline/summary", None),
        ("POST", f"registrations/{registration}/sync", {}),
        ("GET", f"changes/{change}/flows/{flow}/why", None),
        ("GET", f"changes/{own_change}/flows/{flow}/why", None),
        ("GET", f"changes/{change}/flows/{theirs.setup.flows['All']}/why", None),
        ("GET", f"changes/{change}/flows/{flow}/others", None),
        ("POST", f"changes/{change}/flows/{flow}/others/judge-again", {}),
        ("GET", f"actions/{action}", None),
        ("GET", f"actions/{webhook_id}", None),
        ("GET", f"actions/{action}/attempts", None),
    ):
        other.ask(method, path, body, status=404)
    assert other.get(f"registrations/{own_registration}/timeline?flow={flow}")["items"] == []
    assert other.post(f"registrations/{own_registration}/sync", {"flow": str(flow)}, status=400)["errors"][0]["field"] == "flow"
    assert actions_of(site) == before


def test_N4_signal_can_be_off(site: SignalAccount, api: ApiClient) -> None:
    registration, action = id_of(api, "S26-5"), site.actions("S26-5")[0]
    Account.objects.filter(pk=site.account.pk).update(signal_enabled=False)
    assert api.get(f"registrations/{registration}/history")["items"]
    for path in (f"registrations/{registration}/timeline", f"actions/{action}", f"actions/{action}/attempts"):
        assert api.get(path, status=403)["type"].endswith(":signal-off")


def test_X6_what_was_removed_is_said(site: SignalAccount, api: ApiClient) -> None:
    action, registration = site.actions("S26-5")[0], id_of(api, "S26-5")
    (entry,) = api.get(f"registrations/{registration}/history")["items"]
    with site.store.transaction():
        site.store.run("DELETE FROM attempt_content WHERE account_id = :account", {"account": site.account.pk})
        site.store.run("DELETE FROM change_content WHERE change_id = :id", {"id": int(entry["id"])})
    for attempt in api.get(f"actions/{action}/attempts")["items"]:
        assert (attempt["request"], attempt["response"]) == (None, None)
        assert attempt["removed"] == "Its content is no longer stored."
    (gone,) = api.get(f"registrations/{registration}/history")["items"]
    assert (gone["fields"], gone["text"]) == ([], "Changed; the details are no longer stored")
    explained = api.get(f"changes/{entry['id']}/flows/{site.setup.flows['All']}/why")
    assert (explained["then"], explained["today"], explained["removed"]) == (None, None, "Its content is no longer stored.")


def test_C5_no_answer_has_a_secret(story: Story) -> None:
    password = 'pl4nted "pass" wörd+/=&<x>'
    story.receiver.answer("/crm", lambda request: Answer(401, request.body + b" " + request.header("authorization").encode()))
    crm = story.connection("CRM", "/crm", auth="Basic Authentication", user_name="us3r", secrets={Secret.PASSWORD: password})
    story.flow("All", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.attempts(story.action("R1")))
    api = ApiClient.for_account(story.account)
    (registration,) = api.get("registrations")["items"]
    action = story.action("R1")["id"]
    answers = [
        api.send("GET", path).content.decode()
        for path in (f"registrations/{registration['id']}/timeline", f"actions/{action}", f"actions/{action}/attempts")
    ]
    attempts = json.loads(answers[-1])["items"]
    assert attempts[0]["request"]["headers"]
    sent = base64.b64encode(f"us3r:{password}".encode()).decode()
    for needle in (password, json.dumps(password)[1:-1], sent, "pl4nted"):
        assert not [answer for answer in answers if needle in answer]
