"""A failing CRM is found in Retry, cured in Connection Setup, and the cause heals before one's eyes; then the rows go again as a file says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Answer, Received, Receiver
from tests.story import Story

from heliograph.domain.connection.secret import Secret


def crm(request: Received) -> Answer:
    """It takes the new key only."""
    good = request.header("authorization") == "Bearer renewed"
    return Answer(200) if good else Answer(401, {"error": "invalid_token"}, {"content-type": "application/json"})


@dataclass
class Installation:
    """A running Heliograph whose CRM refuses an expired key, and three people who wait for it."""

    url: str
    story: Story
    receiver: Receiver


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        receiver.answer("/crm", crm)
        receiver.answer("/lake", Answer(422, {"error": "unknown column: badge_id"}, {"content-type": "application/json"}))
        story = Story(database, receiver)
        expired = story.connection("Sales CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "expired"})
        story.flow("Attendees to the CRM", to=[story.to(expired)], statuses=["Attended"])
        lake = story.connection("Data lake", "/lake")
        story.flow("Cancellations", to=[story.to(lake)], statuses=["Cancelled"])
        story.record_many([{"code": f"S26-{n}", "status": "Attended"} for n in range(1, 4)])
        story.record_many([{"code": f"X26-{n}", "status": "Cancelled"} for n in range(1, 3)])
        story.adds_ada()
        url = heliograph.serves()
        receiver.wait_for(3, path="/crm")
        receiver.wait_for(2, path="/lake")
        yield Installation(url, story, receiver)
        story.close()


def test_a_failing_crm_is_cured_and_the_cause_heals_and_exactly_the_rows_of_a_file_go_again(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    receiver = installation.receiver
    sign_in(page, f"{installation.url}/signal/retry/", heading="Retry")
    expect(page.get_by_role("heading", name="5 wait for a retry (2 reasons)")).to_be_visible()
    causes = page.get_by_role("main").locator(".cause")
    refused = causes.filter(has_text="Sales CRM answered 401 Unauthorized: invalid_token")
    expect(refused.get_by_role("link", name="3 actions of Attendees to the CRM")).to_be_visible()
    expect(refused.get_by_text(re.compile("^since "))).to_be_visible()
    expect(refused.get_by_role("button", name="Submit all 3")).to_be_visible()

    # It is cured in another window, on the page that the cause leads to; this one stays open and sees it heal.
    href = refused.get_by_role("link", name="Open Connection Setup").get_attribute("href")
    setup = page.context.new_page()
    setup.goto(f"{installation.url}{href}")
    setup.get_by_label("API Key / Token", exact=True).fill("renewed")
    setup.get_by_role("button", name="Save & Test").click()
    expect(setup.get_by_role("heading", name="Connection Setup", level=1)).to_be_visible()
    receiver.wait_for(6, path="/crm")
    page.bring_to_front()
    page.get_by_role("heading", name="Retry", level=1).hover()  # what the pointer is in is left alone
    expect(page.get_by_role("heading", name="2 wait for a retry (1 reason)")).to_be_visible()
    page.get_by_text("1 reason fixed just now").click()
    healed = causes.filter(has_text="Sales CRM answered 401 Unauthorized")
    expect(healed.get_by_role("link", name="3 sent")).to_be_visible()
    expect(healed.get_by_text(re.compile(r"^Connection Setup was saved at \d\d:\d\d:\d\d by Ada\.$"))).to_be_visible()
    expect(healed.get_by_role("button")).to_have_count(0)

    # The others are downloaded with the target's words, and sent again once it knows the column.
    page.goto(f"{installation.url}/signal/retry/?status=waiting")
    page.get_by_role("link", name="Download 2 rows").click()
    page.get_by_role("radio", name=re.compile("^Programs")).check()
    page.get_by_role("button", name="Make the file").click()
    expect(page.get_by_role("heading", name="2 rows", level=1)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"^retry-.*\.csv$")).click()
    file = tmp_path / "failed.csv"
    download.value.save_as(file)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["registration"], row["http_status"], row["target_said"]) for row in rows] == [
        ("X26-1", "422", "unknown column: badge_id"),
        ("X26-2", "422", "unknown column: badge_id"),
    ]
    receiver.answer("/lake", Answer(200))
    page.get_by_role("button", name="Submit these 2 to Retry Queue").click()
    expect(page.get_by_role("status").get_by_text("2 items are sent next on their connection.")).to_be_visible()
    receiver.wait_for(4, path="/lake")
    page.goto(f"{installation.url}/signal/retry/")
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    page.get_by_text("2 reasons fixed just now").click()
    expect(causes.filter(has_text="Data lake answered 422").get_by_role("link", name="2 sent")).to_be_visible()
    assert len(receiver.at("/crm")) == 6
    assert len(receiver.at("/lake")) == 4
