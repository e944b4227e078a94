"""What waits for its flow is no tag's, on all pages; each number has a list as long; and what is counted no further says so (35.3, 35.8)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.outcome import BUSY, REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.story import Story
from tests.tables import table_rows

from heliograph.accounts.models import Account, Role
from heliograph.connections import connection_list
from heliograph.connections.services.connections import delete_connection
from heliograph.deliveries import registration_deliveries
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.flows import flow_list
from heliograph.notifications import observations, post_office
from heliograph.retry import cause_groups, needs, retry_queue


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


@pytest.fixture
def stopped(story: Story, client: Client) -> Story:
    """The changes of R1 and R2 wait for Early and Late, which were off when their tag came; that of R3 waits for a tag."""
    story.signs_in(client, Role.ADMINISTRATOR)
    crm = story.connection("CRM", "/crm")
    flows = [story.flow(name, [story.to(crm)], statuses=["Registered"]) for name in ("Early", "Late")]
    story.flow("On", [story.to(crm)], statuses=["Registered"])
    for code in ("R1", "R2"):
        story.record(code, status="New", first=code)
    for flow in flows:
        story.set_active(flow, active=False)
    with story.worker():
        story.tag_status("New", "Registered")
        story.wait_for(lambda: len(story.db.all("SELECT 1 FROM stuck_run WHERE message <> ''")) == 4)
        story.wait_for(story.has_compared)
        story.until("R1", "success")
        story.until("R2", "success")
    story.record("R3", status="Waitlist Hold", first="R3")
    return story


def listed(client: Client, href: str) -> list[str]:
    """The registrations of the list of Retry that a link leads to."""
    return [row["Registration"].split()[0] for row in table_rows(client.get(html.unescape(href)).content, "Registration", "Status")]


def panel(client: Client) -> str:
    page = client.get("/signal/mappings/").content
    return text_of(b"<main>" + page[: page.index(b"<main")])


def test_35_3_what_waits_for_its_flow_is_one_number_on_all_pages(stopped: Story, client: Client) -> None:
    assert "Retry 4 waiting 1 waits for a tag" in panel(client)
    retry = text_of(client.get("/signal/retry/").content)
    assert "1 waits for a tag, 4 wait for their flow (3 reasons)" in retry
    assert retry.count("The flow is off: nothing is sent until you switch it on") == 2
    flows = {
        row["Flow"].split()[0]: row["Last activity"] for row in table_rows(client.get("/signal/flows/").content, "Flow", "Last activity")
    }
    assert ["2 waiting" in flows[name] for name in ("Early", "Late", "On")] == [True, True, False]
    assert ["tag" in flows[name] for name in ("Early", "Late", "On")] == [False, False, True]
    overview = text_of(client.get("/signal/overview/").content)
    for words in ("3 things need you", "“Early” is off", "“Late” is off", "1 status or property has no tag", "2 waiting", "1 waiting"):
        assert words in overview, words


def test_35_3_each_number_of_what_waits_for_its_flow_has_a_list_as_long(stopped: Story, client: Client) -> None:
    assert len(listed(client, "/signal/retry/?status=waiting")) == 4
    assert listed(client, "/signal/retry/?status=untagged") == ["R3"]
    for page in ("/signal/retry/", "/signal/overview/", "/signal/flows/"):
        hrefs = set(re.findall(r'href="(/signal/retry/\?[^"]*)"', client.get(page).text))
        of_waiting = [href for href in hrefs if "Done" not in href]
        assert sorted(len(listed(client, href)) for href in of_waiting) == [1, 2, 2], (page, hrefs)


def test_35_3_programs_read_the_same_numbers(stopped: Story) -> None:
    api = ApiClient.for_account(stopped.account)
    counts = api.get("retry/counts")
    assert {name: counts[name]["number"] for name in ("retry", "waiting", "waiting_for_flow", "untagged")} == {
        "retry": 5,
        "waiting": 4,
        "waiting_for_flow": 4,
        "untagged": 1,
    }
    flows = {flow["name"]: flow for flow in api.every("flows")}
    assert {name: (flow["figures"]["queued"], flow["figures"]["untagged"]) for name, flow in flows.items()} == {
        "Early": (2, 0),
        "Late": (2, 0),
        "On": (0, 1),
    }
    effects = api.get(f"flows/{flows['Early']['id']}/effects")
    assert (effects["untagged"], effects["waiting_for_flow"]) == (0, 2)
    assert [len(api.every(f"retry?status={status}")) for status in ("waiting", "untagged")] == [4, 1]
    causes = [each for each in api.every("retry/causes") if each["reason_code"] == "untagged"]
    assert sorted(len(api.every(f"retry?cause={each['cause']}")) for each in causes) == sorted(each["items"]["number"] for each in causes)
    assert [each["waiting"] for each in api.get("overview")["needs"]] == [2, 2, 1]


def test_35_4_a_registration_says_that_it_waits_for_its_flow(stopped: Story, client: Client) -> None:
    page = client.get("/registrations/?delivery=waiting").content
    assert {row["Code"]: row["Delivery"] for row in table_rows(page, "Code", "Delivery")} == {"R1": "2 waiting", "R2": "2 waiting"}
    page = client.get("/registrations/?delivery=untagged").content
    assert {row["Code"]: row["Delivery"] for row in table_rows(page, "Code", "Delivery")} == {"R3": "Waits for a tag"}
    stands = text_of(client.get("/registrations/SUMMIT/R1/").content).partition("Where it stands")[2]
    assert stands.count("Waiting The flow is off: nothing is sent until you switch it on.") == 2, stands[:600]
    item = next(item["key"] for item in stopped.stuck() if item["queue"] == "Retry")
    assert "waits for a tag" not in text_of(client.get(f"/signal/retry/{item}/").content)


def test_35_3_feed_timeline_and_insights_say_that_it_waits_for_its_flow(stopped: Story, client: Client) -> None:
    api = ApiClient.for_account(stopped.account)
    results = {
        row["registration"]["code"]: [each["result"] for each in row["outcomes"] if each["result"] != "success"]
        for row in api.every("feed")
    }
    assert results == {"R1": ["undecided", "undecided"], "R2": ["undecided", "undecided"], "R3": ["untagged"]}
    timeline = text_of(client.get("/signal/registrations/SUMMIT/R1/").content)
    assert timeline.count("not triggered; the flow is switched off") == 2, timeline
    for path in ("/signal/metrics/feed/?q=R1", "/signal/metrics/records/untagged/?q=R1"):
        shown = text_of(client.get(path).content)
        assert "R1" in shown
        assert "no tag" not in shown, path
        assert "switched off" in shown, path
    for path in ("/signal/metrics/?period=1h", "/signal/metrics/troubleshooting/?period=1h"):
        assert "5 wait for a tag or for their flow" in text_of(client.get(path).content)


def test_P12_who_deletes_a_flow_reads_what_waits_for_it(stopped: Story, client: Client) -> None:
    early = next(flow["id"] for flow in ApiClient.for_account(stopped.account).every("flows") if flow["name"] == "Early")
    question = text_of(client.get(f"/signal/flows/{early}/delete/").content)
    assert "2 changes wait for the flow. They will not be sent any more." in question
    assert "tag" not in question


def test_B4_nobody_is_told_of_a_tag_where_a_flow_is_off(stopped: Story) -> None:
    look = looked(stopped)
    waits = {each.key: each.number for each in look.lines if each.key.startswith("waits:")}
    early, late = sorted(flow.id for flow in stopped_flows(stopped))
    assert waits == {f"waits:flow:{early}": 2, f"waits:flow:{late}": 2, "waits:tag": 1}


def test_35_3_a_decision_that_raised_narrows_the_list_of_registrations_as_its_column_says(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.store.run("UPDATE stuck_run SET cause = 'exception', queue = 3, due_at = NULL")
    site.signs_in(client)
    rows = {row["Code"]: row["Delivery"] for row in table_rows(client.get("/registrations/?delivery=failed").content, "Code", "Delivery")}
    assert rows == {"S26-4": "1 failed", "S26-5": "1 failed"}


def test_35_3_validation_errors_of_a_flow_lead_to_those_of_the_same_hours(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client)
    (href,) = re.findall(r'href="(/signal/metrics/records/validation/[^"]*)"', client.get("/signal/flows/").text)
    rows = table_rows(client.get(html.unescape(href)).content, "Registration", "When")
    assert len(rows) == 1
    assert "since=" in href, "the feed, to which it led before, has those of all time"


def test_35_3_an_hour_of_live_and_test_flows_says_which_of_them_it_opens(story: Story, client: Client) -> None:
    story.signs_in(client, Role.ADMINISTRATOR)
    crm = story.connection("CRM", "/crm")
    story.flow("Live", [story.to(crm)], statuses=["Attended"])
    story.flow("Test", [story.to(crm)], mode=Mode.TEST, statuses=["Attended"])
    page = reverse("connection-overview", args=(crm,))
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.until("R1", "success")
        assert "Each column opens its records." in text_of(client.get(page).content)
        story.record("T1", event="REHEARSAL", status="Attended", first="Eva")
        story.until("T1", "success")
    assert "Each column counts Live and Test flows, and opens the records of Live ones." in text_of(client.get(page).content)


def test_35_3_what_was_delivered_over_a_deleted_connection_is_said_beside_the_others(story: Story, client: Client) -> None:
    story.signs_in(client, Role.ADMINISTRATOR)
    crm = story.connection("CRM", "/crm")
    flow = story.flow("All", [story.to(crm)], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.until("R1", "success")
    assert "not listed" not in text_of(client.get("/signal/overview/").content)
    story.change_flow(flow, to=[story.to(story.connection("Other", "/other"))])
    with story.saving() as transaction:
        delete_connection(transaction, crm)
    assert "1 more over connections that are not listed, such as deleted ones." in text_of(client.get("/signal/overview/").content)
    overview = ApiClient.for_account(story.account).get("overview")
    of_destinations = [destination["delivered"] for destination in overview["destinations"]]
    assert (overview["delivered"], of_destinations, overview["delivered_elsewhere"]) == (1, [0], 1)


def test_35_3_tag_coverage_counts_what_the_list_of_each_object_has(stopped: Story, client: Client) -> None:
    """W1 waits for Early's tag only: in the flows that are off, a tag alone would change nothing."""
    with stopped.worker():
        stopped.record("W1", status="Invited", first="W1")
        stopped.record("W2", status="Invited", first="W2")
    links = re.findall(r'href="(/signal/retry/\?[^"]*untagged[^"]*)"[^>]*>(.*?)</a>', client.get(reverse("tag-coverage")).text, re.DOTALL)
    numbers = {re.sub(r"<[^>]+>|\s", "", words): listed(client, href) for href, words in links}
    assert numbers == {"1": ["R3"], "2": ["W2", "W1"]}


def test_35_3_tag_coverage_counts_a_change_at_the_one_thing_that_retry_names(stopped: Story, client: Client) -> None:
    """Two things of W1 have no tag. A status of the account waits in two events: its number has the list of both."""
    stopped.record("W1", status="Invited", first="W1", properties={"PRESS": True})
    stopped.record("W2", "REHEARSAL", status="Invited", first="W2")
    page = client.get(reverse("tag-coverage")).text
    links = re.findall(r'href="(/signal/retry/\?[^"]*untagged[^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    assert links
    for href, words in links:
        assert len(listed(client, href)) == int(re.sub(r"<[^>]+>|\s", "", words)), href


def test_35_3_a_flow_counts_the_hours_of_the_mode_whose_records_it_opens(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client)
    pattern = r'href="(/signal/metrics/records/validation/[^"]*)"'
    assert re.findall(pattern, client.get("/signal/flows/").text)
    with account_reader(site.account.pk) as reader:
        (live,) = (flow for flow in reader.config.flows.values() if flow.name == "All")
    site.setup.save_flow(replace(live, mode=Mode.TEST))
    assert not re.findall(pattern, client.get("/signal/flows/").text)


@pytest.mark.parametrize("waits_first", ["flow", "tag"])
def test_35_3_many_that_wait_for_one_thing_hide_nothing_that_waits_for_another(
    stopped: Story, client: Client, monkeypatch: pytest.MonkeyPatch, waits_first: str
) -> None:
    """Causes are named from the newest runs that wait: of these, all may wait for a flow that is off."""
    if waits_first == "flow":
        stopped.db.run("UPDATE stuck_run SET id = id + 1000 WHERE message <> ''")
    monkeypatch.setattr(needs, "CauseGroups", partial(cause_groups.CauseGroups, most_runs=1))
    shown = text_of(client.get("/signal/overview/").content)
    assert "1 status or property has no tag" in shown
    assert "is off" in shown
    assert "at least" in shown


# --- what is counted no further


def many_waiting(site: SignalAccount) -> None:
    """Four items wait and three failed, of two causes each; one waits for a tag."""
    signal_account.fill(site)
    site.record(*(person(f"S27-{number}", "Ana", "Roth") for number in range(4)))
    first = [site.actions(f"S27-{number}")[0] for number in range(4)]
    for action in first[:2]:
        site.ends(action, BUSY)
    for action in first[2:]:
        for _try in range(4):
            site.ends(action, REFUSED)


def test_35_3_a_connection_and_a_flow_say_that_counting_stopped(
    site: SignalAccount, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_waiting(site)
    site.signs_in(client)
    with account_reader(site.account.pk) as reader:
        (connection,) = reader.config.connections
    pages = ("/signal/connections/", "/signal/flows/", "/signal/overview/", reverse("connection-overview", args=(connection,)))
    for path in pages:
        assert not re.search(r"at least \d", text_of(client.get(path).content)), path
    api = ApiClient.for_account(site.account.pk)
    (state,) = [each["state"] for each in api.every("connections")]
    assert (state["waiting"], state["failed"], state["is_more"]) == (4, 3, False)
    monkeypatch.setattr(connection_list, "COUNTED", 4)
    monkeypatch.setattr(flow_list, "COUNTED", 4)
    for path in pages:
        assert re.search(r"at least \d", text_of(client.get(path).content)), path
    for path in ("/signal/connections/", "/signal/flows/"):
        assert "Of the items of Retry, the newest 50,000 are counted." in text_of(client.get(path).content)
    (state,) = [each["state"] for each in api.every("connections")]
    assert state["waiting"] + state["failed"] == 5
    assert state["is_more"]
    assert {flow["figures"]["is_more"] for flow in api.every("flows")} == {True}
    assert api.get("overview")["destinations"][0]["is_more"]


def test_35_3_a_cause_says_that_counting_stopped(site: SignalAccount, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    many_waiting(site)
    site.signs_in(client)
    api = ApiClient.for_account(site.account.pk)
    site.record(person("S30-1", "Ana", "Roth"))
    site.ends(site.actions("S30-1")[0], REFUSED)
    assert {cause["items"]["is_more"] for cause in api.every("retry/causes")} == {False}
    monkeypatch.setattr(cause_groups, "MOST", 1)
    counted = {(cause["state"], cause["reason_code"]): cause["items"]["is_more"] for cause in api.every("retry/causes")}
    assert counted == {
        ("waiting", "answer"): True,
        ("waiting", "timeout"): True,
        ("failed", "answer"): True,
        ("waiting", "untagged"): False,
    }
    assert "at least" in text_of(client.get("/signal/retry/").content)


def test_35_3_a_small_cause_that_needs_somebody_is_not_hidden_by_large_ones_that_pass(site: SignalAccount, client: Client) -> None:
    """Before, the Overview knew the twelve largest causes only, and said that all is well."""
    signal_account.fill(site)
    codes = [f"S28-{number}" for number in range(24)]
    site.record(*(person(code, "Ana", "Roth") for code in codes))
    for number, code in enumerate(codes):
        status = 500 + number // 2
        site.ends(site.actions(code)[0], Refused(Category.CONNECTION, Cause.ANSWER, f"It answered {status}.", left=True, status=status))
    site.signs_in(client)
    assert "2 things need you" in text_of(client.get("/signal/overview/").content)
    retry = text_of(client.get("/signal/retry/").content)
    assert "26 wait for a retry, 1 waits for a tag (15 reasons)" in retry
    assert "3 smaller reasons are not listed." in retry


def test_35_3_what_waits_for_a_tag_is_not_said_to_be_more_than_was_counted(
    stopped: Story, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_queue, "MOST", 4)
    counts = ApiClient.for_account(stopped.account).get("retry/counts")
    for name in ("untagged", "waiting_for_flow"):
        assert counts[name]["is_more"]
        assert counts[name]["number"] in (0, 1, 4)
    shown = panel(client)
    assert "at least 4 waiting" in shown
    assert "more than" not in shown


def test_35_4_registrations_of_older_items_are_said_to_be_left_out(
    site: SignalAccount, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_waiting(site)
    site.signs_in(client)
    path, note = "/registrations/?delivery=failed", "Found by the newest 2 items of Retry. Older ones may have more."
    assert "3 registrations" in text_of(client.get(path).content)
    monkeypatch.setattr(registration_deliveries, "MOST_LISTED", 3)
    assert "Older ones may have more." not in text_of(client.get(path).content)
    monkeypatch.setattr(registration_deliveries, "MOST_LISTED", 2)
    monkeypatch.setattr("heliograph.registrations.views.registration_list_page.MOST_LISTED", 2)
    shown = text_of(client.get(path).content)
    assert note in shown
    assert "at least 3 registrations" in shown


def test_B4_what_was_never_tried_is_counted_for_every_connection(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        story.flow(f"To {number}", [story.to(story.connection(f"CRM {number}", f"/{number}"))], statuses=["Attended"])
    for code in ("R1", "R2", "R3"):
        story.record(code, status="Attended", first=code)
    monkeypatch.setattr(observations, "AT_ONCE", 2)
    monkeypatch.setattr(observations, "LANES", 2)
    assert sorted(each.number for each in looked(story).lines) == [3, 3, 3]


def looked(story: Story) -> observations.Look:
    with scopes_disabled():
        account = Account.objects.get(pk=story.account)
    return post_office.look_at(account)


def stopped_flows(story: Story) -> list[Any]:
    with account_reader(story.account) as reader:
        return [flow for flow in reader.config.flows.values() if not flow.active]
