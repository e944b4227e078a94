"""Somebody asks why a registration did not go out: search, timeline, why, the page to change it, and why once more (X5, F9).

`heliograph serve`, a target, and Chromium; with script and without. Everything is found by role and label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Receiver
from tests.story import Story


@dataclass
class Installation:
    """A running Heliograph whose flow takes who attended; Zoë and two others cancelled."""

    url: str
    story: Story
    flow: int


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        story = Story(database, receiver)
        flow = story.flow("Attendees to the CRM", to=[story.to(story.connection("Sales CRM", "/crm"))], statuses=["Attended"])
        for code, first, email in (
            ("S26-1", "Zoë", "zoe@marin.example"),
            ("S26-2", "Joe", "joe@citizen.example"),
            ("S26-3", "Hana", "h@k.example"),
        ):
            story.record(code, status="Cancelled", profile={"first_name": first, "last_name": "Marin", "email": email})
        story.record("S26-4", status="Attended", profile={"first_name": "Ife", "last_name": "Adeyemi"})
        story.adds_ada()
        yield Installation(heliograph.serves(), story, flow)
        heliograph.end()
        story.close()


@pytest.mark.parametrize(
    "scripted",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.browser_context_args(java_script_enabled=False)),
    ],
)
def test_X5_F9_from_the_search_to_why_to_the_page_that_changes_it(page: Page, installation: Installation, scripted: bool) -> None:
    sign_in(page, f"{installation.url}/signal/flows/", heading="Flow List")

    # Search: several are listed, one alone opens its timeline.
    if scripted:
        page.keyboard.press("/")
        palette = page.get_by_role("dialog", name="Find anything")
        palette.get_by_role("combobox").fill("MARIN")
        expect(palette.get_by_role("option", name=re.compile("Marin"))).to_have_count(3)
        palette.get_by_role("combobox").fill("zoe@marin")
        palette.get_by_role("option", name=re.compile("Zoë Marin")).click()
    else:
        field = page.get_by_role("searchbox", name="Find a person, a flow, a connection or a page").first
        field.fill("MARIN")
        field.press("Enter")
        expect(page.get_by_role("heading", name="“MARIN”: 3 results", level=1)).to_be_visible()
        page.get_by_role("searchbox", name="Find anything").fill("zoe@marin")
        page.get_by_role("searchbox", name="Find anything").press("Enter")
    expect(page.get_by_role("heading", name="Zoë Marin", level=1)).to_be_visible()

    # Why: gate by gate, and who else.
    page.get_by_role("link", name=re.compile("^Why ?: Attendees to the CRM")).click()
    why = page.get_by_role("complementary", name="Why, or why not")
    expect(why.get_by_text("Not triggered: tagged Cancelled, which this flow does not act on.")).to_be_visible()
    expect(why.get_by_text("Today’s decide the same.")).to_be_visible()
    asked = page.url
    others = "2 others stopped for the same reason in the last 7 days"
    why.get_by_role("link", name=others if scripted else "Others that stopped for the same reason").click()
    expect(page.get_by_role("heading", name=others, level=1)).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(3)
    page.goto(asked)

    # The page to change it: the flow's tags, tried on the past before they are saved.
    why.get_by_role("link", name="Change the tags of this flow").click()
    expect(page.get_by_role("heading", name="Attendees to the CRM", level=1)).to_be_visible()
    statuses = page.get_by_label(re.compile("^Registration Statuses"))
    if scripted:
        expect(statuses).to_have_attribute("autocomplete", "off")
        statuses.fill("Cancelled")
        statuses.press("Enter")
    else:
        statuses.fill("Attended; Cancelled")
    page.get_by_role("button", name="Try the last 1,000 changes").click()
    expect(page.get_by_text("Of the last 4 changes that it watches for, this rule would send 4. Today’s rule sends 1.")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).last.click()
    if page.get_by_role("heading", name=re.compile("Attendees to the CRM.*\\?"), level=1).is_visible():  # a wider rule asks first
        page.get_by_role("button", name=re.compile("Save")).last.click()
    expect(page.get_by_role("heading", name="Attendees to the CRM", exact=True, level=1)).to_be_visible()

    # Why once more: then and today.
    page.goto(asked)
    expect(why.get_by_text("Not triggered: tagged Cancelled, which this flow does not act on.")).to_be_visible()
    expect(why.get_by_text("Triggered: one request to Sales CRM.")).to_be_visible()
    expect(why.get_by_text("Today: passed. Needs Attended or Cancelled; it was Cancelled.")).to_be_visible()

    # What it sends now is sent by hand, through this flow; its webhook-id leads back to the change.
    page.get_by_label("Through").select_option("Attendees to the CRM")
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("Sync now: 1 action is being sent, to Sales CRM.")).to_be_visible()
    (request,) = [r for r in installation.story.receiver.wait_for(2, path="/crm") if "S26-1" in r.body.decode()]
    page.get_by_role("searchbox", name="Find a person, a flow, a connection or a page").first.fill(request.header("webhook-id") or "")
    page.get_by_role("searchbox", name="Find a person, a flow, a connection or a page").first.press("Enter")
    expect(page.get_by_role("heading", name="Zoë Marin", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(r"#change-\d+$"))
