"""The main job as a person meets it: `heliograph serve`, a target, and Chromium; with script and without.

Everything on a page is found as a person or a screen reader finds it: by role and label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from tests.browser import feed_row, sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Role


@dataclass
class Installation:
    """A running Heliograph with one account, one Planner, one flow to one target, and one registration that nobody has changed yet."""

    url: str
    story: Story
    receiver: Receiver


@pytest.fixture
def installation(database: DatabaseFacts, heliograph: Starter) -> Iterator[Installation]:
    with Receiver() as receiver:
        story = Story(database, receiver)
        crm = story.connection("Sales CRM", "/crm")
        story.flow("Attendees to the CRM", to=[story.to(crm)], statuses=["Attended", "Cancelled"])
        story.record("S26-1", status="Pre-Registered", profile={"first_name": "Zoë", "last_name": "Marin"})
        story.adds_ada(Role.PLANNER)
        url = heliograph.serves()
        yield Installation(url, story, receiver)
        story.close()


def set_status(page: Page, status: str) -> None:
    """In the form of the registration."""
    page.bring_to_front()  # Chromium takes its time with a page that lies behind another
    page.get_by_role("combobox", name="Status", exact=True).select_option(status)
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("status").get_by_text("Saved as one change.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Status", exact=True)).to_have_value(
        page.get_by_role("option", name=status, exact=True).first.get_attribute("value") or ""
    )


def comes_up(feed: Page, *texts: str, scripted: bool) -> None:
    """The change stands in the feed in time: by itself, or without script by the link that every live list has then."""
    feed.bring_to_front()
    if scripted:
        expect(feed_row(feed, *texts)).to_be_visible()
        return

    def is_there() -> bool:
        feed.get_by_role("link", name="Up to now").click()
        return feed_row(feed, *texts).is_visible()

    until(is_there, every=0.3)


@pytest.mark.parametrize(
    "scripted",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.browser_context_args(java_script_enabled=False)),
    ],
)
def test_a_change_goes_out_fails_is_submitted_and_done(page: Page, installation: Installation, scripted: bool) -> None:
    receiver, story = installation.receiver, installation.story
    sign_in(page, installation.url, heading="Registrations")

    # Signal opens in a window of its own; the feed stays open there.
    with page.expect_popup() as popup:
        page.get_by_role("link", name=re.compile("^Signal ?, opens in its own window$")).click()
    signal = popup.value
    expect(signal.get_by_role("heading", name="All is well", level=1)).to_be_visible()
    signal.get_by_role("navigation", name="Signal").get_by_role("link", name="Metrics").click()
    expect(signal.get_by_role("heading", name="Account Insights", level=1)).to_be_visible()
    signal.get_by_role("link", name="Activity Feed").click()
    expect(signal.get_by_role("link", name="Activity Feed")).to_have_attribute("aria-current", "page")
    if scripted:
        signal.evaluate("window.stillTheSamePage = true")

    # A status is changed, and goes out.
    page.bring_to_front()
    page.get_by_role("searchbox", name="Search registrations").fill("zoë marin")
    if not scripted:
        page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="S26-1", exact=True).click()
    expect(page.get_by_role("heading", name="Zoë Marin", level=1)).to_be_visible()
    set_status(page, "Attended")
    comes_up(signal, "Zoë Marin", "S26-1, SUMMIT", "Status became Attended", "Sales CRM 200", ": delivered", scripted=scripted)
    (first,) = receiver.wait_for(1, path="/crm")
    assert (first.json()["code"], first.json()["status"]) == ("S26-1", "Attended")

    # The target is not there: the next one waits in Retry, with its reason.
    receiver.answer("/crm", Answer(503, "The CRM is being updated."))
    set_status(page, "Cancelled")
    comes_up(signal, "Status became Cancelled", "Sales CRM answered 503 Service Unavailable.", ": will be retried", scripted=scripted)
    if scripted:
        assert signal.evaluate("window.stillTheSamePage"), "the feed came by itself"
    signal.get_by_role("navigation", name="Signal").get_by_role("link", name="Flows").click()
    signal.get_by_role("link", name=re.compile("Retry 1 waiting")).click()
    expect(signal.get_by_role("heading", name="1 waits for a retry (1 reason)")).to_be_visible()
    waiting = signal.get_by_role("row").filter(has_text="S26-1")
    for cell in ("Sales CRM", "Attendees to the CRM", "Retry", "Sales CRM answered 503 Service Unavailable Connection", "0"):
        expect(waiting.get_by_role("cell", name=cell, exact=True)).to_be_visible()

    # Its item shows the change, the request and the answer.
    waiting.get_by_role("link", name="S26-1").click()
    expect(signal.get_by_role("heading", name="Sales CRM answered 503 Service Unavailable")).to_be_visible()
    expect(signal.get_by_role("row").filter(has_text="Registration Status")).to_contain_text("Cancelled (tagged Cancelled)")
    expect(signal.get_by_role("group", name="JSON")).to_contain_text('"status": "Cancelled"')
    expect(signal.get_by_role("group", name="Response body")).to_contain_text("The CRM is being updated.")

    # The target is mended; the item is submitted, and done.
    receiver.answer("/crm", Answer(200))
    signal.get_by_role("button", name="Submit to Retry Queue").click()
    expect(signal.get_by_role("status").get_by_text("1 item is sent next on its connection.")).to_be_visible()
    signal.get_by_role("link", name="Watch them").click()
    comes_up(signal, "Status became Cancelled", "Sales CRM 200", ": delivered", scripted=scripted)
    signal.get_by_role("navigation", name="Signal").get_by_role("link", name="Flows").click()
    signal.get_by_role("navigation", name="Signal").get_by_role("link", name="Retry", exact=True).click()
    done = signal.get_by_role("row").filter(has_text="S26-1")
    expect(done.get_by_role("cell", name="Done", exact=True)).to_be_visible()
    expect(done.get_by_role("checkbox")).to_have_count(0)
    assert [(r.json()["code"], r.json()["status"]) for r in receiver.at("/crm")] == [
        ("S26-1", "Attended"),
        ("S26-1", "Cancelled"),
        ("S26-1", "Cancelled"),
    ]
    assert receiver.at("/crm")[1].header("webhook-id") == receiver.at("/crm")[2].header("webhook-id")

    # The timeline has it all.
    page.bring_to_front()
    page.get_by_role("complementary", name="Record").get_by_role("link", name="Timeline").click()
    expect(signal.get_by_role("heading", name="Zoë Marin", level=1)).to_be_visible()
    expect(signal.get_by_role("heading", name="Status became Cancelled")).to_be_visible()
    assert story.states("S26-1")[-1] == "success"

    # And out again.
    page.get_by_role("banner").locator(".user-menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
