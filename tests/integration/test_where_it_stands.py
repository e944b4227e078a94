"""Where a registration stands: the strip of its destinations, the list's column and filter, and what Why opens on (X5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.confirming import promise_in
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.tables import table_rows

from heliograph.deliveries.registration_deliveries import DeliveryState, deliveries_of, registrations_in
from heliograph.domain.delivery.item_state import ItemState
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch

TIMELINE = "/signal/registrations/SUMMIT-26/{}/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        signal_account.fill(made)
        yield made


def stands(client: Client, path: str) -> str:
    """The text of the strip."""
    shown = text_of(client.get(path).content)
    return shown.partition("Where it stands")[2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("S26-1", "CRM All Delivered"),
        ("S26-2", "CRM All Waiting CRM answered 401 Unauthorized."),
        ("S26-3", "CRM All Validation error"),
        ("S26-4", "Cancellations to Slack Waits for a tag"),
        ("S26-5", "CRM All Failed CRM answered 401 Unauthorized."),
    ],
)
def test_X5_a_timeline_begins_with_where_it_stands(site: SignalAccount, client: Client, code: str, words: str) -> None:
    site.signs_in(client)
    for path in (TIMELINE.format(code), f"/registrations/SUMMIT-26/{code}/"):
        assert words in stands(client, path), path


def test_X5_what_was_never_sent_says_why(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for path in (TIMELINE.format("S26-1"), TIMELINE.format("S26-1") + "?show=sent", "/registrations/SUMMIT-26/S26-1/"):
        assert "Not sent This flow does not act on Attended. Why" in stands(client, path), path


def test_X5_what_was_never_sent_leads_to_the_change_that_says_why(site: SignalAccount, client: Client) -> None:
    setup = site.setup
    ((judged,),) = site.store.all(f"SELECT min(change_id) FROM run WHERE decision = 1 AND flow_id = {setup.id(902)}")
    slack = Destination(setup.id(914), "Slack", connection=setup.connection, payload_mapping=setup.mapping)
    setup.save_flow(Flow(setup.id(904), 1, "Events", Mode.LIVE, True, Watch.EVENT, destinations=(slack,)))
    site.record({"code": "S26-1", "sessions": [{"code": "KEYNOTE", "status": "Registered"}]})
    ((newest,),) = site.store.all("SELECT max(id) FROM change")
    site.signs_in(client)
    for path in (TIMELINE.format("S26-1"), "/registrations/SUMMIT-26/S26-1/"):
        shown = stands(client, path)
        assert "Cancellations to Slack Not sent This flow does not act on Attended. Why" in shown, "the newest one that it judged counts"
        assert "Events Not sent Filtered: this flow does not watch such changes. Why" in shown
        links = re.findall(r"why-change=(\d+)&amp;why-flow=(\d+)#why", client.get(path).content.decode())
        assert {(str(judged), str(setup.id(902))), (str(newest), str(setup.id(904)))} <= set(links)


@pytest.mark.parametrize(("code", "state"), [("S26-2", "Waiting"), ("S26-5", "Failed")])
def test_X5_the_targets_own_words_stand_first(site: SignalAccount, client: Client, code: str, state: str) -> None:
    answer = json.dumps({"status": 401, "headers": [["content-type", "application/json"]], "body": '{"message": "Invalid webhook <7>."}'})
    site.store.all(
        "UPDATE attempt_content SET response = :answer WHERE account_id = :a RETURNING n", {"answer": answer, "a": site.account.pk}
    )
    site.signs_in(client)
    for path in (TIMELINE.format(code), f"/registrations/SUMMIT-26/{code}/"):
        assert f"CRM All {state} Invalid webhook &lt;7&gt; CRM answered 401 Unauthorized." in stands(client, path), path


def test_X5_it_is_sent_again_from_the_strip_by_who_may(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    assert "Resend" not in stands(client, TIMELINE.format("S26-1"))
    site.signs_in(client, site.planner)
    page = client.get(TIMELINE.format("S26-1")).content.decode()
    (path,) = re.findall(r'action="(/signal/retry/a\d+/resend/)"', page)
    before = len(site.actions("S26-1"))
    asked = client.post(path)
    assert "Send it to CRM again?" in text_of(asked.content)
    assert re.search(r"It was delivered on \d+ \w+ \d{4}, \d\d:\d\d:\d\d\.", text_of(asked.content))
    assert len(site.actions("S26-1")) == before, "a question sends nothing"
    client.post(path, promise_in(asked))
    assert len(site.actions("S26-1")) == before + 1
    assert "CRM All Pending" in stands(client, TIMELINE.format("S26-1"))
    page = client.get(TIMELINE.format("S26-5")).content.decode()
    (key,) = re.findall(r'action="/signal/retry/submit/">.*?name="item" value="(a\d+)"', page, re.DOTALL)
    client.post("/signal/retry/submit/", {"item": key})
    ((queue,),) = site.store.all("SELECT queue FROM action WHERE id = :id", {"id": int(key[1:])})
    assert queue == 1, "it is tried again"


def test_35_4_a_registrations_page_sends_again_and_is_shown_again(site: SignalAccount, client: Client) -> None:
    path = "/registrations/SUMMIT-26/{}/"
    site.signs_in(client, site.viewer)
    assert "Resend" not in stands(client, path.format("S26-1"))
    site.signs_in(client, site.planner)
    for code, deed in (("S26-1", r"/signal/retry/a\d+/resend/"), ("S26-5", "/signal/retry/submit/")):
        page = client.get(path.format(code)).content.decode()
        (action, item) = re.search(rf'action="({deed})">.*?name="item" value="(a\d+)"', page, re.DOTALL).groups()
        shown = f"http://testserver{path.format(code)}"
        answer = client.post(action, {"item": item, "back": "here"}, headers={"referer": shown})
        if "resend" in action:  # what failed goes at once, what was delivered is asked about
            asked = answer.content.decode()
            assert f'<a class="button" href="{shown}">Cancel</a>' in asked
            assert f'name="page" value="{shown}"' in asked
            given = {"back": "here", "page": shown, **promise_in(answer)}
            answer = client.post(action, given, headers={"referer": f"http://testserver{action}"})
            given["page"] = "https://example.com/"
            assert client.post(action, given)["Location"] == "/"
        else:
            assert client.post(action, {"item": item, "back": "here"}, headers={"referer": "https://example.com/"}).status_code == 302
        assert answer["Location"].endswith(path.format(code))
    assert "CRM All Pending" in stands(client, path.format("S26-1"))


def test_35_4_what_was_delivered_and_fails_since_is_not_delivered(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)

    def codes(delivery: str) -> set[str]:
        return {row["Code"] for row in table_rows(client.get(f"/registrations/?delivery={delivery}").content, "Code", "Delivery")}

    assert "S26-1" in codes("delivered")
    before = len(site.actions("S26-1"))
    site.record({"code": "S26-1", "status": "New"})
    assert len(site.actions("S26-1")) == before + 1
    assert "S26-1" not in codes("delivered"), "a newer one is on its way"
    site.ends(site.actions("S26-1")[-1], Delivered(200))
    assert "S26-1" in codes("delivered")
    assert not codes("delivered") & codes("not-sent")


@pytest.mark.parametrize(("code", "flow"), [("S26-2", "All"), ("S26-4", "Cancellations to Slack"), ("S26-5", "All")])
def test_F9_why_opens_on_what_failed_or_waits(site: SignalAccount, client: Client, code: str, flow: str) -> None:
    site.signs_in(client)
    why = client.get(TIMELINE.format(code)).content.decode().partition('id="why"')[2]
    selected = re.findall(r"<option[^>]* selected[^>]*>\s*([^<]+?)\s*</option>", why)
    assert flow in selected, selected


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [
        ("S26-2", "Waiting", "CRM answered 401 Unauthorized."),
        ("S26-3", "Stopped here", "nothing was sent to CRM."),
        ("S26-5", "Stopped here", "CRM answered 401 Unauthorized."),
    ],
)
def test_F9_why_ends_with_what_became_of_the_delivery(site: SignalAccount, client: Client, code: str, state: str, words: str) -> None:
    site.signs_in(client)
    page = client.get(TIMELINE.format(code)).content
    gates = text_of(page).rpartition("Activate for")[2].partition("By the flow and tags")[0]
    sending = gates.rpartition("Send ")[2]
    assert sending.startswith(state), gates
    assert words in sending


def test_F9_why_opens_on_the_change_that_failed_not_on_the_newest(site: SignalAccount, client: Client) -> None:
    failed = site.actions("S26-5")[0]
    ((change,),) = site.store.all("SELECT change_id FROM action WHERE id = :id", {"id": failed})
    site.signs_in(client)
    why = client.get(TIMELINE.format("S26-5")).content.decode().partition('id="why"')[2]
    assert re.search(rf'<option value="{change}" selected', why)


def test_X5_the_newest_delivery_of_each_destination_counts(site: SignalAccount) -> None:
    ((id,),) = site.store.all("SELECT id FROM registration WHERE account_id = :account AND code = 'S26-5'", {"account": site.account.pk})
    found = deliveries_of(site.store, site.account.pk, [id])[id]
    assert found.worst == (DeliveryState.FAILED, 1)
    site.record({"code": "S26-5", "status": "Attended"})
    site.ends(site.actions("S26-5")[-1], Delivered(200))
    assert deliveries_of(site.store, site.account.pk, [id])[id].worst[0] is DeliveryState.DELIVERED
    other = signal_account.made(site.store, name="Others")
    assert deliveries_of(site.store, other.account.pk, [id]) == {}


def test_X5_the_list_says_what_became_of_each_and_is_narrowed_by_it(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    site.record({"code": "S26-9", "status": "Attended"}, quiet=True)
    rows = {row["Code"]: row["Delivery"] for row in table_rows(client.get("/registrations/").content, "Code", "Delivery")}
    assert rows["S26-1"] == "Delivered"
    assert rows["S26-2"] == "1 waiting"
    assert rows["S26-3"] == "1 invalid"
    assert rows["S26-4"] == "Waits for a tag"
    assert rows["S26-5"] == "1 failed"
    lists = {"waiting": {"S26-2", "S26-6"}, "untagged": {"S26-4"}, "failed": {"S26-5"}, "invalid": {"S26-3"}}
    lists |= {
        choice: {code for code, stands in rows.items() if stands == words}
        for choice, words in (("delivered", "Delivered"), ("not-sent", "Not sent"))
    }
    assert all(lists.values())
    for choice, codes in lists.items():
        for sort in ("", "&sort=name", "&sort=code"):
            listed = table_rows(client.get(f"/registrations/?delivery={choice}{sort}").content, "Code", "Delivery")
            assert {row["Code"] for row in listed} == codes, (choice, sort)
    assert not table_rows(client.get("/registrations/?delivery=failed&q=Joe").content, "Code", "Delivery")
    items = ApiClient.for_account(site.account.pk).get("registrations?delivery=failed")["items"]
    assert [item["code"] for item in items] == ["S26-5"]
    items = ApiClient.for_account(site.account.pk).get("registrations?delivery=delivered&sort=name")["items"]
    assert {item["code"] for item in items} == lists["delivered"]


def test_X5_times_are_relative_with_the_exact_one_beside(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    page = client.get("/registrations/").content.decode()
    assert re.search(r'<time datetime="[^"]+" title="\d+ \w+ \d{4}, \d\d:\d\d:\d\d">Just now</time>', page)


def test_X5_registrations_are_found_by_the_state_of_their_items(site: SignalAccount) -> None:
    site.record(*(person(f"M-{number}", "Ana", "Roth") for number in range(4)))
    for number in range(4):
        site.ends(site.actions(f"M-{number}")[0], REFUSED)
    for state in ItemState:
        stored = site.store.all(
            "SELECT DISTINCT registration_id FROM action WHERE account_id = :account AND queue IN (1, 2, 3) AND (queue = 3) = :failed"
            if state is not ItemState.UNTAGGED
            else "SELECT DISTINCT registration_id FROM stuck_run WHERE account_id = :account AND queue IN (1, 2) AND cause = 'untagged'",
            {"account": site.account.pk} | ({"failed": state is ItemState.FAILED} if state is not ItemState.UNTAGGED else {}),
        )
        assert registrations_in(site.store, site.account.pk, state).ids == sorted(id for (id,) in stored)


@pytest.mark.parametrize(("path", "place"), [("/signal/nothing/", "Connections"), ("/settings/nothing/", "Registrations")])
def test_P1_a_page_that_is_not_there_keeps_the_places_of_who_is_signed_in(
    site: SignalAccount, client: Client, path: str, place: str
) -> None:
    site.signs_in(client, site.viewer)
    answer = client.get(path)
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "Not found" in text_of(answer.content)
    assert place in page.partition("<main")[0]
    refused = client.get("/signal/flows/new/" if path.startswith("/signal") else "/import/")
    assert refused.status_code == 403
    assert place in refused.content.decode().partition("<main")[0]


def test_A2_who_is_not_signed_in_sees_no_places(client: Client, db: None) -> None:
    page = client.get("/signal/nothing/", follow=True).content.decode()
    assert "Connections" not in page
