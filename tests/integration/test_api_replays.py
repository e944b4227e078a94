"""Replays by the REST API: the dry run, its lines, sending, pause, resume, cancel (Y1)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.counted import counting_pages
from tests.replays import KINDS, running_jobs
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import AuditEntry
from heliograph.api.documents.replay_documents import NewReplay, ReplayStart, VerdictCounts
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.jobs.runner import Runner
from heliograph.replay import replays
from heliograph.replay.models import Replay
from heliograph.replay.views.replay_steps import LINK, ReplayForm, SendForm
from heliograph.setup.services.account_creation import AccountFacts, create_account

PROBLEM = "urn:heliograph:problem:"


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


@pytest.fixture
def flow(story: Story) -> str:
    """R1 was sent; R2 was not, since the flow left Cancelled out; R3 is still left out."""
    id = story.flow("Attended", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.record("R2", status="Cancelled", first="Ife")
        story.record("R3", status="Pre-Registered")
        story.arrived("/crm", 1)
        story.until("R1", "success")
    story.change_flow(id, statuses=["Attended", "Cancelled"])
    story.mapping("Lead", {"code": "registration.code", "first": "profile.first_name"}, id=story.lead)
    return str(id)


def checked(story: Story, api: ApiClient, flow: str, **members: Any) -> dict[str, Any]:
    """A replay whose dry run has ended."""
    made = api.post("replays", {"flow": flow, "from": "2020-01-01", **members})
    assert made["stage"] == "checking"
    Runner(KINDS).run_one(replays.find(story.account, int(made["id"])).check.pk)
    return dict(api.get(f"replays/{made['id']}"))


def test_Y1_a_replay_from_its_dry_run_to_its_end(story: Story, api: ApiClient, flow: str) -> None:
    replay = checked(story, api, flow)
    address = f"replays/{replay['id']}"
    assert (replay["stage"], replay["flow"], replay["flow_name"], replay["subjects"]) == ("checked", flow, "Attended", 3)
    assert replay["verdicts"] == {"new": 1, "same": 0, "different": 1, "filtered": 1, "would_fail": 0, "superseded": 0}
    assert (replay["outdated"], replay["results"], replay["started"]) == (False, None, None)
    (different,) = api.get(f"{address}/lines")["items"]
    assert (different["code"], different["verdict"], different["registration"]) == ("R1", "different", str(story.registrations["R1"]))
    assert {each["name"] for each in different["differences"]} == {"change", "type", "status"}
    assert {(each["was"], each["would"]) for each in different["differences"]} >= {("Attended", None)}
    (new,) = api.get(f"{address}/lines?show=new")["items"]
    assert (new["code"], new["action"]) == ("R2", None)
    (filtered,) = api.get(f"{address}/lines?show=filtered")["items"]
    assert filtered["why"].startswith("Not triggered: tagged Registered")
    assert api.get(f"{address}/lines?show=same")["items"] == []

    with story.worker(), running_jobs():
        started = api.post(f"{address}/start", {"send": ["new"], "reason": "A wider filter"}, status=202)
        assert (started["reason"], started["rate"], started["started"] is not None) == ("A wider filter", 600, True)
        until(lambda: api.get(address)["stage"] == "done")
    done = api.get(address)
    assert done["results"] == dict.fromkeys(done["results"], 0) | {"chosen": 1, "success": 1}
    assert story.bodies("/crm")[-1] == {"code": "R2", "first": "Ife"}
    assert api.get(f"{address}/lines?show=new")["items"][0]["action"] == str(story.action("R2")["id"])
    with scope(account=story.account):
        entry = AuditEntry.objects.get(what="replayed")
        assert (entry.by, entry.after["reason"]) == (done["started_by"], "A wider filter")


def test_Y1_single_lines_are_chosen_by_their_ids(story: Story, api: ApiClient, flow: str) -> None:
    replay = checked(story, api, flow)
    (line,) = api.get(f"replays/{replay['id']}/lines?show=different")["items"]
    (filtered,) = api.get(f"replays/{replay['id']}/lines?show=filtered")["items"]
    for lines in (["99999"], [line["id"], "99999"], [filtered["id"]]):
        refused = api.post(f"replays/{replay['id']}/start", {"lines": lines, "reason": "One"}, status=400)
        assert refused["errors"][0]["field"] == "send"
    started = api.post(f"replays/{replay['id']}/start", {"lines": [line["id"]], "reason": "One", "rate": 60}, status=202)
    assert (started["results"]["chosen"], started["rate"]) == (1, 60)


def test_Y1_a_replay_is_paused_resumed_and_cancelled(story: Story, api: ApiClient, flow: str) -> None:
    replay = checked(story, api, flow)
    address = f"replays/{replay['id']}"
    for operation in ("pause", "resume", "cancel"):
        assert api.post(f"{address}/{operation}", status=409)["detail"] == "It has not been started."
    api.post(f"{address}/start", {"send": ["new", "different"], "reason": "Again"}, status=202)
    assert api.post(f"{address}/start", {"send": ["new"], "reason": "Again"}, status=409)["type"] == PROBLEM + "conflict"
    assert api.post(f"{address}/pause", status=200)["stage"] == "paused"
    assert api.post(f"{address}/resume", status=200)["stage"] == "waiting"
    cancelled = api.post(f"{address}/cancel", status=200)
    assert (cancelled["stage"], cancelled["results"]["not_sent"]) == ("cancelled", 2)
    assert cancelled["cancelled_by"].startswith("token:")
    assert api.post(f"{address}/resume", status=409)["detail"] == "It was cancelled."
    api.post(f"{address}/cancel", status=400, idempotency_key="one")


def test_Y1_a_dry_run_is_stopped(api: ApiClient, flow: str) -> None:
    made = api.post("replays", {"flow": flow, "from": "2020-01-01"})
    again = api.post("replays", {"flow": flow, "from": "2020-01-01"}, status=400)
    assert again["errors"][0]["field"] == "flow"
    assert api.post(f"replays/{made['id']}/stop", status=200)["stage"] == "check stopped"
    api.post(f"replays/{made['id']}/stop", status=409)
    api.post("replays", {"flow": flow, "from": "2020-01-01"})


def test_a_key_creates_a_replay_once(story: Story, api: ApiClient, flow: str) -> None:
    body = {"flow": flow, "from": "2020-01-01"}
    first, again = (api.post("replays", body, idempotency_key="one") for _ in range(2))
    assert first == again
    with scope(account=story.account):
        assert Replay.objects.count() == 1


def test_what_is_wrong_is_refused_by_its_field(story: Story, api: ApiClient, flow: str) -> None:
    for members, field in (
        ({}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"event": "99999"}, "event"),
        ({"event": "x"}, "event"),
        ({"from": "2026-01-01", "status": "Nowhere"}, "status"),
        ({"from": "2026-01-01", "flow": "99999"}, "flow"),
        ({"from": "2026-01-01", "which": "every"}, "which"),
    ):
        assert api.post("replays", {"flow": flow, **members}, status=400)["errors"][0]["field"] == field, members
    replay = checked(story, api, flow)
    start: dict[str, Any]
    for start, field in (
        ({"send": ["new"]}, "reason"),
        ({"send": ["new"], "reason": " "}, "reason"),
        ({"send": ["new"], "reason": "x" * 301}, "reason"),
        ({"send": [], "reason": "Why"}, "send"),
        ({"reason": "Why"}, "send"),
        ({"send": ["filtered"], "reason": "Why"}, "send[0]"),
        ({"send": ["new"], "reason": "Why", "rate": 0}, "rate"),
        ({"send": ["new"], "reason": "Why", "lines": ["x"]}, "lines"),
    ):
        assert api.post(f"replays/{replay['id']}/start", start, status=400)["errors"][0]["field"] == field, start
    assert api.get(f"replays/{replay['id']}/lines?show=sent", status=400)["errors"][0]["field"] == "show"
    assert api.get(f"replays/{replay['id']}")["stage"] == "checked"


def test_nothing_of_another_account_is_reached(story: Story, api: ApiClient, flow: str) -> None:
    replay = checked(story, api, flow)
    (line,) = api.get(f"replays/{replay['id']}/lines?show=new")["items"]
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    assert other.get("replays")["items"] == []
    for path in ("", "/lines"):
        other.get(f"replays/{replay['id']}{path}", status=404)
    for operation in ("start", "pause", "resume", "cancel", "stop"):
        body = {"lines": [line["id"]], "reason": "Mine"} if operation == "start" else {}
        other.post(f"replays/{replay['id']}/{operation}", body, status=404)
    for members, field in (({"flow": flow}, "flow"), ({"event": str(story.events["SUMMIT"])}, "event")):
        own = other.post("flows", {"name": "Own", "watch": "Registration Create Update", "destinations": [{}]})["id"]
        body = {"flow": own, "from": "2020-01-01", **members}
        assert other.post("replays", body, status=400)["errors"][0]["field"] == field
    assert api.get(f"replays/{replay['id']}") == replay


def test_Y1_the_list_is_read_page_by_page_in_few_queries(story: Story, api: ApiClient, flow: str) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            api.get("replays?limit=200")
        return cost.statements

    made = [checked(story, api, flow)["id"]]
    few = queries()
    made += [checked(story, api, flow, event=str(story.events["SUMMIT"]), q="R1", every=True)["id"] for _ in range(3)]
    assert queries() <= few
    assert [each["id"] for each in api.every("replays?limit=3")] == made[::-1]
    newest = api.get("replays?limit=1")["items"][0]
    selection = newest["selection"]
    assert (selection["event"], selection["q"], selection["every"], selection["quiet"]) == (str(story.events["SUMMIT"]), "R1", True, False)
    assert newest.items() <= api.get(f"replays/{newest['id']}").items()


def test_the_members_are_named_as_in_the_addresses_and_forms_of_the_pages() -> None:
    members = {field.encode_name for field in msgspec.structs.fields(NewReplay)}
    assert set(LINK.values()) <= members
    names = {"since": "from", "until": "to", "has_status": "status", "which": "every"}
    assert members == {names.get(name, name) for name in ReplayForm.base_fields}
    assert {"send", "rate", "reason"} <= set(ReplayStart.__struct_fields__) & set(SendForm.base_fields)
    assert set(VerdictCounts.__struct_fields__) == {verdict.value.replace(" ", "_") for verdict in ReplayVerdict}
