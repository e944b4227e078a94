"""Events by REST: the list, a new one, changes, leaving Testing, a copy; the same as by their pages (P2, P9, P10, P12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.api_client import ApiClient
from tests.builders.account import Acme, acme
from tests.builders.platform_account import EVENT, event_in_testing, planned
from tests.builders.tag import tag
from tests.databases import DatabaseFacts
from tests.list_filters import filter_names, query_names

from heliograph.accounts.models import Role, TokenScope
from heliograph.api.endpoints.event_endpoints import EventQuery
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.jobs.models import JobState
from heliograph.setup.views.event_pages import EventFilters
from heliograph.store import config_cache

PROBLEM = "urn:heliograph:problem:"
GALA = {
    "code": "GALA-26",
    "name": "Gala",
    "start": "2026-12-11T18:00:00-05:00",
    "end": "2026-12-11T23:30:00Z",
    "timezone": "America/New_York",
    "location": "New York",
}


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Rolled-back versions of configuration return with other content."""
    config_cache.PROCESS.forget()


@pytest.fixture
def account(db: None) -> Acme:
    return acme()


def test_the_list_filters_as_its_page_does() -> None:
    assert query_names(EventQuery) == filter_names(EventFilters)


def test_an_event_is_added_read_and_changed(account: Acme) -> None:
    api = ApiClient.for_account(account.pk, [TokenScope.READ, TokenScope.SET_UP], Role.PLANNER)
    region = ApiClient.for_account(account.pk).post("event-data", {"label": "Region", "type": "select", "options": ["North", "South"]})
    with account.setting_up() as transaction:
        customer = tag(transaction, "Customer", TagKind.EVENT)
    gala = api.post("events", GALA | {"custom": {"region": ["south"]}, "tags": [str(customer.pk)]})
    assert gala == GALA | {
        "id": gala["id"],
        "status": str(account.event_status("Testing")),
        "start": "2026-12-11T23:00:00Z",
        "custom": {"Region": ["South"]},
        "tags": [str(customer.pk)],
    }
    address = f"events/{gala['id']}"
    assert api.get(address) == gala
    seen = api.send("GET", address)["ETag"]
    changed = api.patch(address, {"name": "Great Gala", "end": None, "custom": {region["code"]: []}}, if_match=seen)
    assert changed == gala | {"name": "Great Gala", "end": None, "custom": {}} == api.get(address)
    problem = api.patch(address, {"name": "Else"}, status=412, if_match=seen)
    assert problem["current"] == changed
    assert api.patch(address, {}) == changed
    plain = api.post("events", {"code": "PLAIN", "name": "Plain"})
    assert (plain["timezone"], plain["start"], plain["tags"]) == ("Europe/Berlin", None, [])


def test_what_is_refused_names_the_field(account: Acme) -> None:
    other = acme()
    with other.setting_up() as transaction:
        theirs = tag(transaction, "Theirs", TagKind.EVENT)
    api = ApiClient.for_account(account.pk)
    api.post("event-data", {"label": "Region", "type": "select", "options": ["North", "South"]})
    before = api.get("events")
    for body, member in (
        ({"code": EVENT}, "code"),
        ({"code": EVENT.lower()}, "code"),
        ({"code": "no spaces"}, "code"),
        ({"code": ""}, "code"),
        ({"name": ""}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"start": "2026-12-11T18:00:00"}, "start"),
        ({"start": "0001-01-01T00:00:00Z"}, "start"),
        ({"start": "2026-12-12T18:00:00Z"}, "end"),
        ({"tags": [str(theirs.pk)]}, "tags"),
        ({"tags": ["x"]}, "tags"),
        ({"custom": {"region": ["West"]}}, "custom.region"),
        ({"custom": {"colour": ["red"]}}, "custom.colour"),
        ({"custom": {"region": "North"}}, "custom.region"),
        ({"id": "7"}, "id"),
    ):
        errors = api.post("events", GALA | body, status=400)["errors"]
        assert member in {error["field"].replace("[...]", ".region") for error in errors}, (body, errors)
    assert api.post("events", GALA | {"custom": {"region": ["West"]}}, status=400)["errors"][0]["allowed"] == ["North", "South"]
    assert api.post("events", GALA | {"status": "1"}, status=400)["errors"][0]["field"] == "status", "it begins in Testing"
    assert api.get("events") == before
    for status in (str(other.event_status("Live")), "999999", "x"):
        assert api.patch(f"events/{account.event}", {"status": status}, status=400)["errors"][0]["field"] == "status"


def test_the_list_is_searched_and_read_page_by_page(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    for number in range(5):
        api.post("events", {"code": f"E-{number}", "name": "Gipfel Straße"})
    codes = [event["code"] for event in api.every("events?limit=2")]
    assert codes == ["E-4", "E-3", "E-2", "E-1", "E-0", EVENT]
    assert [event["code"] for event in api.every("events?limit=2&q=strasse+e-3")] == ["E-3"]
    live = account.event_status("Live")
    assert [event["code"] for event in api.get(f"events?status={live}")["items"]] == [EVENT]
    assert api.get("events?status=999999")["items"] == []
    assert api.get("events?status=x", status=400)["errors"][0]["field"] == "status"
    assert api.get("events?state=1", status=400)["errors"][0]["field"] == "state"


def test_a_list_needs_the_same_number_of_queries_for_any_number_of_events(account: Acme, django_assert_max_num_queries: Any) -> None:
    api = ApiClient.for_account(account.pk)
    for number in range(30):
        api.post("events", {"code": f"E-{number}", "name": "Event"})
    api.get("events")
    with django_assert_max_num_queries(30):
        assert len(api.get("events")["items"]) == 31


def test_events_of_another_account_are_not_there(account: Acme) -> None:
    other = acme()
    api = ApiClient.for_account(account.pk)
    before = ApiClient.for_account(other.pk).get(f"events/{other.event}")
    api.get(f"events/{other.event}", status=404)
    api.patch(f"events/{other.event}", {"name": "Mine"}, status=404)
    api.patch(f"events/{other.event}?confirmed=true", {"name": "Mine"}, status=404)
    api.post(f"events/{other.event}/copy", {"code": "COPY", "name": "Copy"}, status=404)
    live = account.event_status("Live")
    api.get(f"events/{other.event}/leave-testing?status={live}", status=404)
    api.post(f"events/{other.event}/leave-testing", {"status": str(live)}, status=404)
    assert ApiClient.for_account(other.pk).get("events")["items"] == [before]
    assert [event["code"] for event in api.get("events")["items"]] == [EVENT]


def test_P12_a_code_by_which_flows_filter_is_given_up_only_when_confirmed(database: DatabaseFacts) -> None:
    with planned(database) as site:
        row = FilterRow("event.code", Op.IS_ANY_OF, (EVENT,))
        with site.acme.setting_up() as transaction:
            save_flow(transaction, replace(site.acme.flow_facts(), filters=(row,)), site.acme.flow_facts().id, confirmed=True)
        api = ApiClient.for_account(site.pk, tuple(TokenScope), Role.PLANNER)
        address = f"events/{site.acme.event}"
        problem = api.patch(address, {"code": "SUMMIT-27"}, status=409)
        assert (problem["type"], problem["values"]) == (PROBLEM + "loses-values", [EVENT])
        assert api.get(address)["code"] == EVENT
        assert api.patch(f"{address}?confirmed=true", {"code": "SUMMIT-27"})["code"] == "SUMMIT-27"
        assert site.acme.flow_facts().filters != (row,)


def test_P2_a_copy_has_the_set_up_and_begins_in_testing(database: DatabaseFacts) -> None:
    with planned(database) as site:
        api = ApiClient.for_account(site.pk)
        original = api.get(f"events/{site.acme.event}")
        copy = api.post(f"events/{site.acme.event}/copy", {"code": "COPY", "name": "Copy", "start": "2027-01-01T09:00:00Z"})
        assert copy == original | {
            "id": copy["id"],
            "code": "COPY",
            "name": "Copy",
            "start": "2027-01-01T09:00:00Z",
            "status": str(site.acme.event_status("Testing")),
        }
        for path in ("custom-statuses", "attendee-types", "questions", "sessions", "properties"):
            rows, copies = ([each | {"id": ""} for each in api.get(f"events/{id}/{path}")["items"]] for id in (original["id"], copy["id"]))
            assert rows == copies != [], path
        assert api.post(f"events/{site.acme.event}/copy", {"code": "copy", "name": "Again"}, status=400)["errors"][0]["field"] == "code"


def test_P9_leaving_testing_marks_first(database: DatabaseFacts) -> None:
    with planned(database) as site:
        event = event_in_testing(site, "GALA")
        site.record("R-1", event="GALA", properties={"Test": False})
        api = ApiClient.for_account(site.pk, tuple(TokenScope), Role.PLANNER)
        live, planning = (str(site.acme.event_status(name)) for name in ("Live", "Planning"))
        problem = api.patch(f"events/{event}", {"status": live}, status=409)
        assert problem["type"] == PROBLEM + "marks-first"
        for status in (planning, "999999", "x"):
            assert api.post(f"events/{event}/leave-testing", {"status": status}, status=400)["errors"][0]["field"] == "status"
            assert api.get(f"events/{event}/leave-testing?status={status}", status=400)["errors"][0]["field"] == "status"
        flow = site.acme.flow_facts()
        ahead = api.get(f"events/{event}/leave-testing?status={live}")
        assert ahead == {"unmarked": 1, "takes": [{"id": str(flow.id), "name": flow.name}], "leaves_out": []}
        job = api.post(f"events/{event}/leave-testing", {"status": live}, status=202, idempotency_key="once")
        assert (job["kind"], job["state"], job["operations"]) == ("mark-test", "queued", ["resume"])
        assert api.post(f"events/{event}/leave-testing", {"status": live}, status=202)["id"] == job["id"]
        assert [each.state for each in site.run_jobs()] == [JobState.DONE]
        assert api.get(f"jobs/{job['id']}")["counts"] == {"marked": 1}
        assert api.get(f"events/{event}")["status"] == live
        assert api.post(f"events/{event}/leave-testing", {"status": live}, status=400)["errors"][0]["field"] == "status"
        assert api.patch(f"events/{event}", {"status": planning})["status"] == planning


def test_P9_an_event_whose_registrations_are_all_test_leaves_at_once(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    event = api.post("events", GALA)
    live = str(account.event_status("Live"))
    assert api.patch(f"events/{event['id']}", {"status": live})["status"] == live
