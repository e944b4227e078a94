"""Figures, lists and the feed with replays, without them, or of them alone (X3, X4, Y1); and what lists can be asked for exactly."""

from __future__ import annotations

import csv
import html
import re

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.event import event
from tests.builders.registration import person
from tests.databases import DatabaseFacts
from tests.insights_numbers import listed
from tests.page_text import text_of
from tests.replays import checked, counts, running_jobs, starts
from tests.story import Story
from tests.tables import table_rows

from heliograph.deliveries import choices
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.insights import integrations, record_export
from heliograph.insights.integrations import INTEGRATIONS, Integration
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner

RECORDS = "/signal/metrics/records"


@pytest.fixture
def told(story: Story, client: Client) -> Story:
    """R1 and R2 were delivered, and R1 was replayed."""
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        for code in ("R1", "R2"):
            story.record(code, status="Attended")
        story.wait_for(lambda: story.states() == ["success"] * 2)
        made = checked(story, flow)
        ((line,),) = story.db.all(
            "SELECT id FROM replay_line WHERE replay_id = :id AND registration_id = :r", {"id": made, "r": story.registrations["R1"]}
        )
        with running_jobs():
            starts(story, made, only=(line,))
            story.wait_for(lambda: counts(story, made).success == 1)
    story.signs_in(client)
    return story


def triggered(page: str) -> str:
    """The address behind Actions Triggered."""
    found = re.search(r'href="([^"]*/records/triggered/[^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_X3_figures_say_how_many_are_replays_and_leave_them_out(told: Story, client: Client) -> None:
    with_them = client.get("/signal/metrics/?period=1h").content.decode()
    assert "1 of the actions was a replay. Leave them out" in text_of(with_them.encode())
    assert listed(client, triggered(with_them)) == 3
    address = html.unescape(re.search(r'href="([^"]*replays=without[^"]*)"', with_them)[1])
    without = client.get(address).content.decode()
    assert "Replays are left out. Count them in" in text_of(without.encode())
    assert "replays=without" in triggered(without)
    assert listed(client, triggered(without)) == 2
    assert "changed since" not in text_of(client.get(triggered(without)).content)
    changes = re.search(r'href="([^"]*/records/changes/[^"]*)"', without)
    assert changes is not None
    assert "replays" not in changes[1], "a replay makes no change"
    assert "replay" not in text_of(client.get("/signal/metrics/?period=1h&mode=test").content)


@pytest.mark.parametrize(("share", "rows"), [("", 3), ("without", 2), ("only", 1)])
def test_X3_a_list_is_narrowed_to_replays_or_shown_without_them(told: Story, client: Client, share: str, rows: int) -> None:
    shown = client.get(f"{RECORDS}/triggered/?period=1h&replays={share}").content
    found = table_rows(shown, "Registration", "Result")
    assert len(found) == rows
    assert sum("Replay" in row["Result"] for row in found) == (share != "without")
    if share:
        assert f"{rows} of 3" in text_of(shown)
    answer = client.post(f"{RECORDS}/triggered/export/?period=1h&replays={share}", {"form": "exact"})
    job = int(answer["Location"].strip("/").rpartition("/")[2])
    Runner(JobKinds([record_export.kind()])).run_one(job)
    exported = list(csv.DictReader(client.get(f"/signal/metrics/exports/{job}/").getvalue().decode().splitlines()))
    assert sorted(row["Replay"] for row in exported) == ["No"] * (rows - (share != "without")) + ["Yes"] * (share != "without")


@pytest.mark.parametrize(("share", "codes"), [("", {"R1", "R2"}), ("without", {"R1", "R2"}), ("only", {"R1"})])
def test_X4_the_feed_is_filtered_by_replays(told: Story, client: Client, share: str, codes: set[str]) -> None:
    shown = client.get(f"/signal/metrics/feed/?replays={share}").content.decode()
    assert set(re.findall(r"(R\d), SUMMIT", shown)) == codes


def test_X3_lists_name_the_integration_where_an_account_uses_several(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{RECORDS}/triggered/?period=1h"
    with signal_account.site(database) as site:
        site.signs_in(client)
        site.record(person("S26-1", "Zoë", "Marin"))
        assert "Integration" not in client.get(address).content.decode().partition("<thead>")[2].partition("</thead>")[0]
        badges = Integration(2, "Badges", "badges", "Badge prints", "What is printed.")
        monkeypatch.setattr(integrations, "INTEGRATIONS", (*INTEGRATIONS, badges))
        setup = site.setup
        printer = Destination(setup.id(912), "Printer", connection=setup.connection, payload_mapping=setup.mapping, integration="Badges")
        setup.save_flow(Flow(setup.id(902), 1, "Print", Mode.LIVE, True, Watch.REGISTRATION, destinations=(printer,)))
        site.record(person("S26-2", "Joe", "Citizen"))
        found = table_rows(client.get(address).content, "Registration", "Flow", "Integration")
    assert {(row["Flow"].split()[0], row["Integration"]) for row in found} == {("Print", "Badges"), ("All", INTEGRATIONS[0].name)}


@pytest.mark.parametrize("address", [f"{RECORDS}/triggered/?period=1h&", "/signal/metrics/feed/?"])
def test_X3_an_event_that_is_not_among_the_newest_is_filtered_by_its_code(
    told: Story, client: Client, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert "event-code" not in client.get(address).content.decode()
    monkeypatch.setattr(choices, "MOST", 2)
    with told.saving() as transaction:
        for n in range(3):
            event(transaction, f"LATER-{n}", told.event_status("Live"))
    shown = client.get(address).content.decode()
    assert 'name="event-code"' in shown
    assert ">SUMMIT</option>" not in shown
    for typed, is_there in (("SUMMIT", True), ("summit", True), ("LATER-0", False), ("SUMMI", False)):
        assert ("R1" in text_of(client.get(f"{address}event-code={typed}").content)) is is_there, typed
