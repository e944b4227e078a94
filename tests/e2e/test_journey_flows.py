"""A flow from nothing to its first delivered webhook, as the guide's chapter "Setting Up Flows" has it: `heliograph serve`, a target, and Chromium.

Everything is found by role and label; with script and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.conftest import PageErrors
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Receiver
from tests.story import Story


@dataclass
class Installation:
    """A running Heliograph with one account, one Administrator and a mapping; no connection and no flow."""

    url: str
    story: Story
    receiver: Receiver


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        story = Story(database, receiver)
        story.record("S26-1", status="Pre-Registered", profile={"first_name": "Zoë", "last_name": "Marin"})
        story.adds_ada()
        url = heliograph.serves()
        yield Installation(url, story, receiver)
        heliograph.end()  # before its target is gone
        story.close()


def presses(page: Page, name: str | re.Pattern[str]) -> None:
    """A button that leads to a page."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=isinstance(name, str)).last.click()


@pytest.mark.parametrize(
    "scripted",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.browser_context_args(java_script_enabled=False)),
    ],
)
def test_a_flow_is_set_up_from_nothing_tried_and_delivers(
    page: Page, installation: Installation, page_errors: PageErrors, scripted: bool
) -> None:
    page_errors.expect("the server responded with a status of 422")  # a filter by what does not exist
    sign_in(page, f"{installation.url}/signal/", heading="Set Signal up in four steps")
    page.get_by_role("navigation", name="Signal").get_by_role("link", name="Flows").click()
    expect(page.get_by_role("heading", name="Flow List", level=1)).to_be_visible()

    # Source: what it watches for, and the tags it activates for.
    page.get_by_role("link", name="ADD A FLOW").click()
    page.get_by_label("Name", exact=True).fill("Attendees to the CRM")
    page.get_by_role("radio", name=re.compile("^Registration Status Change")).check()
    if not scripted:
        presses(page, "Show what can be chosen for it")
    statuses = page.get_by_label("Registration Statuses", exact=True)
    if scripted:
        expect(statuses).to_have_attribute("autocomplete", "off")  # it is a chip input now
    statuses.fill("Attended")
    if scripted:
        expect(page.get_by_role("button", name="Remove Attended")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("When a status becomes Attended")
    else:
        presses(page, "Show the rule")
        expect(page.get_by_role("main")).to_contain_text("When a status becomes Attended")

    # A filter with a value that exists.
    add = page.get_by_role("button", name="Add a filter")
    add.click()
    page.get_by_label("Field, row 1").select_option(label="Event Name")
    if not scripted:
        presses(page, "Show the values of the fields")
    values = page.get_by_label("Values, row 1")
    page.get_by_label("Rule, row 1").select_option(label="is none of")
    if scripted:
        expect(page.get_by_role("main")).to_contain_text("except for choose values")
        expect(values).to_have_attribute("autocomplete", "off")
        values.fill("Rehearsal")
        expect(page.get_by_role("button", name="Remove Rehearsal")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("except for Rehearsal")
    else:
        values.fill("Nowhere")
        presses(page, "Save")
        expect(page.get_by_text("“Nowhere” can’t be chosen here.").first).to_be_visible()
    presses(page, "Remove row 1")
    expect(page.get_by_text("No filters: the flow acts on every change of its source.")).to_be_visible()

    # Destination: the connection is made on the way, and the flow is kept.
    page.get_by_role("button", name="Add a destination").click()
    expect(page.get_by_label("Destination name")).to_be_visible()
    page.get_by_label("Destination name").fill("Our CRM")
    presses(page, "New Connection")
    page.get_by_role("link", name="Any webhook").click()
    page.get_by_label("Connection Name").fill("Sales CRM")
    page.get_by_label("Authentication Type").select_option(label="Open / No Auth")
    page.get_by_label("URL", exact=True).first.fill(installation.receiver.url("/crm"))
    presses(page, "Save & Test")
    expect(page.get_by_role("heading", name="Attendees to the CRM", level=1)).to_be_visible()
    expect(page.get_by_role("heading", name="“Sales CRM” is chosen")).to_be_visible()
    expect(page.get_by_label("Destination name")).to_have_value("Our CRM")
    page.get_by_label("Payload mapping").select_option(label="Lead")
    presses(page, "Save")
    expect(page.get_by_role("status").get_by_text("Saved. It acts on changes from now on.")).to_be_visible()

    if scripted:  # what is missing follows the form, before anything is saved
        expect(page.get_by_text("Complete", exact=True)).to_be_visible()
        page.get_by_label("Destination name").fill("")
        page.get_by_label("Destination name").blur()
        expect(page.get_by_text("Still missing: a name.")).to_be_visible()
        expect(page.get_by_text("Complete", exact=True)).to_be_hidden()
        page.get_by_label("Destination name").fill("Our own CRM")
        page.get_by_label("Destination name").blur()
        expect(page.get_by_text("Not saved yet", exact=True)).to_be_visible()
        expect(page.get_by_text("Still missing: a name.")).to_be_hidden()
        page.get_by_label("Destination name").fill("Our CRM")
        page.get_by_label("Destination name").blur()
        expect(page.get_by_text("Complete", exact=True)).to_be_visible()

    # Tried, without sending anything; then one is sent.
    page.get_by_label("With a registration").fill("S26-1")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.get_by_text("Filtered: the flow takes Test, and this was Live.")).to_be_visible()
    page.get_by_text("Or make a test registration").click()
    page.get_by_label("In the event").select_option("REHEARSAL")
    page.get_by_role("button", name="Make one").click()
    expect(page.get_by_text("It would be sent to Sales CRM.")).to_be_visible()
    assert installation.receiver.at("/crm") == []
    page.get_by_role("link", name="Send this one now").click()
    expect(page.get_by_role("heading", name=re.compile("^To Sales CRM, ")).first).to_be_visible()
    presses(page, "Send it")
    (first,) = installation.receiver.wait_for(1, path="/crm")
    assert first.json()["first"] == "Ada"

    # Live, and a real change goes out by itself.
    page.get_by_role("switch", name="Live", exact=True).press("Space")
    presses(page, "Save")
    expect(page.get_by_role("heading", name=re.compile("^Take .* Live\\?$"))).to_be_visible()
    presses(page, "Save, and go Live")
    page.get_by_role("link", name="Back to the platform").click()
    page.get_by_role("link", name="S26-1", exact=True).click()
    page.get_by_role("combobox", name="Status", exact=True).select_option("Attended")
    presses(page, "Save")
    second = installation.receiver.wait_for(2, path="/crm")[1]
    assert (second.json()["code"], second.json()["status"]) == ("S26-1", "Attended")
