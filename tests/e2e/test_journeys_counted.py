"""What people do most often takes no more clicks and fields than this. The first post to a chat is counted in test_first_post.py.

Each journey begins where a person is after signing in: on the Overview, or on the registrations. Everything is found by role and label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.e2e.hand import Hand
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
    """A running Heliograph. Its chat took five people; its CRM refuses an expired key, so that three who attended wait for it."""

    url: str
    story: Story
    receiver: Receiver


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        receiver.answer("/crm", crm)
        story = Story(database, receiver)
        expired = story.connection("Sales CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "expired"})
        story.flow("Attendees to the CRM", to=[story.to(expired)], statuses=["Attended"])
        story.flow("Everybody to the chat", to=[story.to(story.connection("Team chat", "/chat"))], statuses=["Attended", "Cancelled"])
        story.record_many([{"code": f"S26-{n}", "status": "Attended", "profile": {"first_name": f"Zoë {n}"}} for n in range(1, 4)])
        story.record_many([{"code": f"X26-{n}", "status": "Cancelled"} for n in range(1, 3)])
        story.adds_ada()
        url = heliograph.serves()
        story.arrived("/crm", 3)
        story.arrived("/chat", 5)
        for n in range(1, 4):
            story.until(f"S26-{n}", "queued", "success")
        for n in range(1, 3):
            story.until(f"X26-{n}", "success")
        yield Installation(url, story, receiver)
        heliograph.end()  # before its target is gone
        story.close()


def at_home(page: Page, installation: Installation) -> Hand:
    """Ada on the Overview."""
    sign_in(page, f"{installation.url}/signal/", heading="1 thing needs you")
    return Hand(page, [])


def panel(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Signal")


def test_X5_why_somebody_did_not_arrive_takes_1_click_and_1_field(page: Page, installation: Installation) -> None:
    hand = at_home(page, installation)
    page.keyboard.press("/")
    palette = page.get_by_role("dialog", name="Find anything")
    palette.get_by_role("combobox").fill("S26-2")
    hand.done.append("field Find anything")
    palette.get_by_role("option", name=re.compile("S26-2")).click()
    hand.done.append("option S26-2")
    hand.is_at("Zoë 2")
    stands = page.get_by_role("region", name="Where it stands").get_by_role("listitem")
    expect(stands.filter(has_text="Sales CRM")).to_contain_text("Waiting")
    expect(stands.filter(has_text="Sales CRM")).to_contain_text("Sales CRM answered 401 Unauthorized")
    expect(stands.filter(has_text="Team chat")).to_contain_text("Delivered")
    hand.took_at_most(clicks=1, fields=1)


def test_D7_a_failing_target_is_cured_in_2_clicks_and_1_field(page: Page, installation: Installation) -> None:
    hand = at_home(page, installation)
    hand.click("link", "Enter a new key")
    hand.is_at("Connection Setup")
    hand.fill("API Key / Token", "renewed")
    hand.click("button", "Save & Test")
    expect(page.get_by_role("main")).to_contain_text("3 sent")
    for place in (page.get_by_role("main"), panel(page)):  # all that was counted on the page says the same
        expect(place).not_to_contain_text("waiting")
    installation.story.arrived("/crm", 6)  # three that were refused, and went again
    hand.took_at_most(clicks=2, fields=1)


def test_Y1_a_filter_is_widened_and_replayed_in_6_clicks_and_2_fields(page: Page, installation: Installation) -> None:
    installation.receiver.answer("/crm", Answer(200))
    hand = at_home(page, installation)
    hand.click("link", "Flows", within=panel(page))
    hand.click("link", "Attendees to the CRM")
    hand.is_at("Attendees to the CRM")
    statuses = page.get_by_label(re.compile("^Registration Statuses"))
    expect(statuses).to_have_attribute("autocomplete", "off")  # it is a chip input now
    statuses.fill("Cancelled")
    statuses.press("Enter")
    hand.done.append("field Registration Statuses")
    expect(page.get_by_role("button", name="Remove Cancelled")).to_be_visible()
    hand.click("button", "Save", within=page.locator(".savebar"))
    hand.click("link", "Replay them")
    hand.is_at("Replay")
    hand.click("button", "Dry run")
    expect(page.get_by_role("heading", name=re.compile(r"\d records match"))).to_be_visible()
    page.get_by_label(re.compile("^Why")).fill("Cancellations count too")
    hand.done.append("field Why")
    hand.click("button", "Send chosen")
    expect(page.get_by_role("heading", name="Replay is done")).to_be_visible()
    hand.took_at_most(clicks=6, fields=2)


def test_N2_how_much_was_sent_today_and_for_how_many_people_is_read_without_a_click(page: Page, installation: Installation) -> None:
    hand = at_home(page, installation)
    today = page.get_by_role("region", name="Delivered today")
    expect(today).to_contain_text(re.compile(r"5 for 5 people by \d\d:\d\d"))
    chat = today.get_by_role("row").filter(has_text="Team chat")
    people, deliveries = chat.get_by_role("link", name="5", exact=True).all()
    hand.took_at_most(clicks=0, fields=0)

    # Each number opens exactly what it counts.
    people.click()
    hand.is_at(re.compile(r": 5$"))
    expect(page.get_by_role("main").locator("tbody tr")).to_have_count(5)
    page.go_back()
    deliveries.click()
    hand.is_at(re.compile(r": 5$"))
    expect(page.get_by_role("main").locator("tbody tr")).to_have_count(5)


def test_P1_a_colleague_is_invited_in_4_clicks_and_2_fields(page: Page, installation: Installation) -> None:
    sign_in(page, f"{installation.url}/registrations/", heading="Registrations")
    hand = Hand(page, [])
    hand.click("link", "Account Settings")
    hand.click("link", "Users")
    hand.click("link", "Invite a user")
    hand.fill("Name", "Aiko Mori")
    hand.fill("E-mail", "aiko@example.org")
    hand.click("button", "Make the invitation")
    hand.is_at("Invitation for Aiko Mori")
    hand.took_at_most(clicks=4, fields=2)
