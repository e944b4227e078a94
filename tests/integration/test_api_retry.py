"""The Retry Queue by the REST API: items and causes with their stories, submit, discard, resend; as pages do it, and for one account only."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from tests.api_client import ApiClient
from tests.api_filters import check_filters
from tests.builders import signal_account
from tests.builders.outcome import BUSY
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.receiver import Answer, Receiver
from tests.retry_story import TOKEN, newest, queued, refused, runs
from tests.story import Story

from heliograph.accounts.models import Account, Role, TokenScope
from heliograph.api.documents.retry_filter_documents import RetryQuery
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin
from heliograph.retry import submit_job
from heliograph.retry.views.retry_filters import RetryFilters
from heliograph.setup.services.account_creation import AccountFacts, create_account


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


def stranger() -> ApiClient:
    return ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)


def test_the_filters_are_those_of_the_page() -> None:
    check_filters(
        RetryQuery,
        RetryFilters,
        only_page={
            "integration": "there is only one, which removes no item",
            "event-code": "a field for accounts with too many events for a menu; programs have the event's id",
        },
        only_api={},
    )


# --- reading


def test_D6_D8_an_item_has_its_story(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1", "R2")
    first, second = (story.action(code) for code in ("R1", "R2"))
    items = api.get("retry")["items"]
    assert {item["id"] for item in items} == {first["key"], second["key"]}
    item = next(item for item in items if item["id"] == first["key"])
    assert item == {
        "id": first["key"],
        "kind": "action",
        "status": "Retry",
        "category": "Config",
        "reason": item["reason"],
        "reason_code": "answer",
        "cause": item["cause"],
        "event": "SUMMIT",
        "registration": {"code": "R1", "name": ""},
        "flow": {"id": str(first["flow"]), "name": "Leads"},
        "connection": {"id": str(crm), "name": "Sales CRM"},
        "http_status": 401,
        "retries": 0,
        "next_try": item["next_try"],
        "can_submit": True,
        "can_discard": False,
        "mode": "Live",
        "change": item["change"],
        "action": str(first["id"]),
        "webhook_id": receiver.at("/crm")[0].header("webhook-id"),
        "created": item["created"],
        "ended": None,
    }
    assert "answered 401 Unauthorized" in item["reason"]
    assert item["next_try"] > item["created"]
    told = api.get(f"retry/{first['key']}")
    assert told.items() >= (item | {"reason": told["reason"]}).items()
    assert "invalid_token" in told["reason"]
    assert "Once that is saved, all are sent right away" in told["cure"]
    assert told["outlook"].startswith("Next try")
    assert told["goes_to"] == {"id": str(crm), "name": "Sales CRM"}
    assert (told["attempts"], told["alike"], told["flow_version"]) == (1, {"number": 2, "is_more": False}, 1)
    assert told["what"]
    assert told["again"] == {"by": "submit", "note": "Today’s mapping sends the same.", "differences": [], "can_be_as_it_was": True}
    assert (told["changed_by"], told["changed_at"][:4]) == ("user:1", item["created"][:4])
    assert api.get("retry/counts")["retry"] == {"number": 2, "is_more": False}


def test_D6_F7_what_waits_for_a_tag_is_an_item_and_a_cause(story: Story, receiver: Receiver, api: ApiClient) -> None:
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.record("R1", status="Waitlist Hold")
    (run,) = story.stuck()
    (item,) = api.get("retry?status=untagged")["items"]
    assert (item["id"], item["kind"], item["action"], item["connection"], item["reason_code"]) == (
        run["key"],
        "run",
        None,
        None,
        "untagged",
    )
    assert "Waitlist Hold" in item["reason"]
    assert "waits for a tag" in api.get(f"retry/{run['key']}")["outlook"]
    (cause,) = api.get("retry/causes")["items"]
    assert (cause["state"], cause["items"]["number"], cause["cause"]) == ("waiting", 1, item["cause"])
    assert cause["reason"] == "The registration status “Waitlist Hold” of SUMMIT has no tag."
    counts = api.get("retry/counts")
    assert {name: counts[name]["number"] for name in counts} == {
        "retry": 1,
        "error": 0,
        "failed": 0,
        "done": 0,
        "waiting": 0,
        "waiting_for_flow": 0,
        "untagged": 1,
    }


def test_D6_D7_a_cured_cause_says_how_its_items_ended(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1", "R2")
    (cause,) = api.get("retry/causes?state=waiting")["items"]
    assert (cause["items"], cause["http_status"], cause["connection"]["name"]) == ({"number": 2, "is_more": False}, 401, "Sales CRM")
    assert "Once that is saved, all are sent right away" in cause["cure"]
    assert {item["cause"] for item in api.get("retry")["items"]} == {cause["cause"]}
    receiver.answer("/crm", Answer(200))
    story.change_connection(crm, secrets={Secret.KEY: "good"})
    with story.worker():
        story.wait_for(lambda: Counter(story.states()) == {"success": 2})
    (cured,) = api.get("retry/causes")["items"]
    assert (cured["cause"], cured["state"], cured["can_submit"]) == (cause["cause"], "cured", False)
    assert (cured["cured"]["sent"], cured["cured"]["saved"], cured["cured"]["saved_by"]) == (2, "connection", "user:1")
    assert api.get("retry/causes?state=failed")["items"] == []


def test_the_list_is_filtered_as_the_page_is_and_read_page_by_page(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1", "R2", "R3")
    flow = story.action("R1")["flow"]
    cause = api.get("retry")["items"][0]["cause"]
    assert len(api.every("retry?limit=1&status=waiting")) == 3
    for query, count in (
        (f"flow={flow}", 3),
        ("flow=99999", 0),
        (f"event={story.events['SUMMIT']}", 3),
        (f"event={story.events['REHEARSAL']}", 0),
        ("q=r2", 1),
        ("status=Failed", 0),
        ("category=Config", 3),
        ("category=System", 0),
        ("status=untagged", 0),
        ("since=2030-01-01T00:00:00Z", 0),
    ):
        assert len(api.get(f"retry?{query}")["items"]) == count, query
    response = api.send("GET", f"retry?cause={cause}")
    assert len(json.loads(response.content)["items"]) == 3
    for query, field in (
        ("status=Waits", "status"),
        ("since=yesterday", "since"),
        ("since=2030-01-01T00:00:00", "since"),
        ("at=1", "at"),
        ("flow=x", "flow"),
        ("connection=CRM", "connection"),
        ("event=SUMMIT", "event"),
    ):
        assert api.get(f"retry?{query}", status=400)["errors"][0]["field"] == field


def test_the_list_takes_as_many_statements_for_many_items_as_for_one(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, *(f"R{n}" for n in range(12)))
    api.get("retry")
    counts = []
    for limit in (1, 11):
        with counting_pages() as cost:
            assert len(api.get(f"retry?limit={limit}")["items"]) == limit
        counts.append(cost.statements)
    assert counts[0] == counts[1]


# --- submit and resend


def test_D8_items_are_submitted(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1")
    key = story.action("R1")["key"]
    unknown = ("a999999", "r1", "r999999", "x1", "a", key[1:])
    answer = api.post("retry/submit", {"items": [key, *unknown]}, status=200)
    assert answer["submitted"] == [key]
    assert {refusal["item"]: refusal["reason"] for refusal in answer["refused"]} == dict.fromkeys(unknown, "There is no such item.")
    as_it_was = api.post("retry/submit", {"items": ["a999999"], "as_it_was": True}, status=200)
    assert as_it_was["refused"] == [{"item": "a999999", "reason": "There is no such item."}]
    receiver.answer("/crm", Answer(200))
    with story.worker():
        story.until("R1", "success")
    assert api.get(f"retry/{key}")["status"] == "Done"


def test_D8_all_that_match_are_submitted_by_a_job_and_no_others(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1", "R2")
    receiver.answer("/other", Answer(500))
    other = story.flow("Others", [story.to(story.connection("Other", "/other"))], statuses=["Cancelled"])
    with story.worker():
        story.record_many([{"code": code, "status": "Cancelled"} for code in ("X1", "X2")])
        queued(story, 6)
    job = api.post("retry/submit-all", {"flow": str(other)}, status=202, idempotency_key="once")
    assert api.post("retry/submit-all", {"flow": str(other)}, status=202, idempotency_key="once") == job
    assert (job["kind"], job["total"], job["state"]) == ("retry-items", 2, "queued")
    assert newest(submit_job.KIND).pk == int(job["id"])
    runs(newest(submit_job.KIND))
    done = api.get(f"jobs/{job['id']}")
    assert (done["state"], done["counts"]) == ("done", {"done": 2, "left": 0})
    ranks = {
        action["flow"]: story.db.all("SELECT rank FROM action WHERE id = :id", {"id": action["id"]})[0][0] for action in story.actions()
    }
    assert len(set(ranks.values())) == 2
    assert api.post("retry/submit-all", {"status": "Done"}, status=409)["detail"] == "You cannot submit items that are done."


def test_D8_what_was_delivered_is_resent_once_for_each_key(story: Story, receiver: Receiver, api: ApiClient) -> None:
    receiver.answer("/crm", Answer(200))
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        key = story.action("R1")["key"]
        assert api.get(f"retry/{key}")["again"]["by"] == "resend"
        first = api.post(f"retry/{key}/resend", {"as_it_was": True}, idempotency_key="again")
        assert api.post(f"retry/{key}/resend", {"as_it_was": True}, idempotency_key="again") == first
        assert (first["item"], first["waits"]) == (f"a{first['action']}", "")
        story.until("R1", "success", "success")
    assert story.action("R1")["key"] == first["item"]
    story.record("R2", status="Attended")
    problem = api.post(f"retry/{story.action('R2')['key']}/resend", {}, status=409)
    assert "Only what was delivered" in problem["detail"]


def test_no_answer_has_a_secret(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1", answer=Answer(401, {"error": TOKEN}, {"content-type": "application/json"}))
    story.change_connection(crm, secrets={Secret.KEY: TOKEN})
    with story.worker():
        story.wait_for(lambda: len(receiver.at("/crm")) == 2)
        queued(story, 1)
    key = story.action("R1")["key"]
    for path in ("retry", f"retry/{key}", "retry/causes", "retry/counts"):
        assert TOKEN not in api.send("GET", path).content.decode(), path


# --- discard

MADE_IN_LIVE = CouldNotBegin(Cause.FLOW_MODE, "It was made in Live, but the flow is now Test.")


def cause_of(site: SignalAccount, code: str) -> str:
    """Why a registration's first action waits, or ended."""
    ((cause,),) = site.store.all("SELECT cause FROM action WHERE id = :id", {"id": site.actions(code)[0]})
    return str(cause)


@pytest.fixture
def site(database: DatabaseFacts) -> Any:
    with signal_account.site(database) as made:
        made.record(person("S-1", "Ada", "Lovelace"), person("S-2", "Joe", "Citizen"), person("S-3", "Noor", "Haddad"))
        for code in ("S-1", "S-2"):
            made.ends(made.actions(code)[0], MADE_IN_LIVE)
        made.ends(made.actions("S-3")[0], BUSY)
        yield made


def test_F3_D6_what_was_made_in_the_other_mode_is_discarded_and_nothing_else(site: SignalAccount) -> None:
    api = ApiClient.for_account(site.account.pk)
    keys = [f"a{site.actions(code)[0]}" for code in ("S-1", "S-2", "S-3")]
    assert [api.get(f"retry/{key}")["can_discard"] for key in keys] == [True, True, False]
    assert api.post("retry/discard", {"items": [keys[0], keys[2], "a999999"]}, status=200) == {"discarded": 1}
    assert cause_of(site, "S-1") == Cause.DISCARDED
    (cause,) = (each for each in api.get("retry/causes")["items"] if each["can_discard"])
    problem = api.post("retry/discard-cause", {"cause": cause["cause"]}, status=409)
    assert (problem["type"], problem["detail"]) == ("urn:heliograph:problem:confirm", "This would discard 1 item.")
    job = api.post("retry/discard-cause?confirmed=true", {"cause": cause["cause"]}, status=202)
    runs(newest(submit_job.KIND))
    assert api.get(f"jobs/{job['id']}")["counts"] == {"done": 1, "left": 0}
    assert cause_of(site, "S-2") == Cause.DISCARDED
    assert cause_of(site, "S-3") != Cause.DISCARDED
    assert api.post("retry/discard-cause", {"cause": cause["cause"]}, status=409)["type"].endswith(":conflict")


# --- access


def test_P1_items_are_their_accounts_and_a_viewer_only_reads(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1")
    key, flow = story.action("R1")["key"], story.action("R1")["flow"]
    other = stranger()
    assert other.get("retry")["items"] == []
    for query in (f"flow={flow}", f"connection={crm}", f"event={story.events['SUMMIT']}", "cause=answer~1~401~"):
        assert other.get(f"retry?{query}")["items"] == []
    other.get(f"retry/{key}", status=404)
    other.post(f"retry/{key}/resend", {}, status=404)
    assert other.post("retry/submit", {"items": [key]}, status=200)["submitted"] == []
    assert other.post("retry/discard", {"items": [key]}, status=200) == {"discarded": 0}
    for field, id in (("flow", flow), ("connection", crm), ("event", story.events["SUMMIT"])):
        problem = other.post("retry/submit-all", {field: str(id)}, status=400)
        assert (problem["type"].rpartition(":")[2], problem["errors"][0]["field"]) == ("refused", field)
    viewer = ApiClient.for_account(story.account, tuple(TokenScope), Role.VIEWER)
    assert viewer.get(f"retry/{key}")["id"] == key
    viewer.post("retry/submit", {"items": [key]}, status=403)
    assert {rank for (rank,) in story.db.all("SELECT rank FROM action")} == {20}


def test_what_cannot_be_read_is_refused_by_name(story: Story, api: ApiClient) -> None:
    for path, body, field in (
        ("retry/submit", {}, "items"),
        ("retry/submit", {"items": []}, "items"),
        ("retry/submit", {"items": ["a1"], "as_it_was": "yes"}, "as_it_was"),
        ("retry/submit", {"items": ["a1"] * 501}, "items"),
        ("retry/submit-all", {"state": "Retry"}, "state"),
        ("retry/submit-all", {"status": "All"}, "status"),
        ("retry/discard-cause", {"cause": "x" * 701}, "cause"),
    ):
        assert api.post(path, body, status=400)["errors"][0]["field"] == field
    for key in ("a1", "r1", "x", "a", "aa", "a0x", "a99999999999999999"):
        api.get(f"retry/{key}", status=404)


def test_N4_without_signal_there_is_no_queue(story: Story, api: ApiClient) -> None:
    Account.objects.filter(pk=story.account).update(signal_enabled=False)
    assert api.get("retry", status=403)["type"].endswith(":signal-off")
