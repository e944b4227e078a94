"""A filter is widened, and the registrations that it left out are replayed: `heliograph serve`, a target, and Chromium (Y1)."""

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
    """A running Heliograph. S26-1 was sent, S26-2 was not, since the flow acts on Attended only; and the mapping says more by now."""

    url: str
    story: Story
    flow: int


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        story = Story(database, receiver)
        flow = story.flow("Attendees to the CRM", to=[story.to(story.connection("Sales CRM", "/crm"))], statuses=["Attended"])
        with story.worker():
            story.record("S26-1", status="Attended", profile={"first_name": "Zoë", "last_name": "Marin"})
            story.record("S26-2", status="Cancelled", profile={"first_name": "Joe", "last_name": "Citizen"})
            story.until("S26-1", "success")
        story.mapping("Lead", {"code": "registration.code", "first": "profile.first_name", "last": "profile.last_name"}, id=story.lead)
        story.adds_ada()
        yield Installation(heliograph.serves(), story, flow)
        heliograph.end()  # before its target is gone
        story.close()


def test_Y1_a_wider_rule_is_replayed_with_its_differences(page: Page, installation: Installation) -> None:
    story = installation.story
    sign_in(page, f"{installation.url}/signal/flows/{installation.flow}/")

    # The rule is widened, and saving it offers what it would have decided otherwise.
    expect(page.get_by_role("heading", name="Attendees to the CRM", level=1)).to_be_visible()
    statuses = page.get_by_label(re.compile("^Registration Statuses"))
    expect(statuses).to_have_attribute("autocomplete", "off")  # it is a chip input now
    statuses.fill("Cancelled")
    statuses.press("Enter")
    expect(page.get_by_role("button", name="Remove Cancelled")).to_be_visible()
    with page.expect_navigation():
        page.locator(".savebar").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").get_by_text("1 change of the last 7 days would turn out differently.")).to_be_visible()
    page.get_by_role("link", name="Replay it").click()

    # The form is filled in; the dry run shows what is new, and field by field what differs.
    expect(page.get_by_role("heading", name="Replay", level=1)).to_be_visible()
    expect(page.get_by_label("Flow", exact=True)).to_have_value(str(installation.flow))
    assert page.get_by_label("From").input_value()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name="2 records match")).to_be_visible()
    expect(page.get_by_role("heading", name="Different: 1")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("S26-1"))
    expect(row).to_contain_text("last")
    expect(row).to_contain_text("Marin")
    assert len(story.receiver.at("/crm")) == 1, "a dry run sends nothing"

    # It is sent, with a reason, and is done.
    expect(page.get_by_label("Send New")).to_be_checked()
    expect(page.get_by_label("Send Different")).to_be_checked()
    page.get_by_label(re.compile("^Why")).fill("Cancellations count too")
    page.get_by_role("button", name="Send chosen").click()
    expect(page.get_by_role("heading", name="Replay is done")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("2 chosen = 2 success + 0 replaced")
    replayed = [request.json() for request in story.receiver.at("/crm") if request.header("heliograph-replay") == "true"]
    assert sorted(body["code"] for body in replayed) == ["S26-1", "S26-2"]
    assert {body["last"] for body in replayed} == {"Marin", "Citizen"}

    # And it is marked as a replay where people look.
    page.get_by_role("link", name="Open the Activity Feed").click()
    expect(page.get_by_role("main")).to_contain_text("Replay")
