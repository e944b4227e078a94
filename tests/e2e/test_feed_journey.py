"""The Activity Feed as a person watches it (X4): it goes on by itself, is paused, jumped in and filtered, and stays readable under load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import pytest
from playwright.sync_api import Page, expect
from tests.browser import feed_row, sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Role

BURST = 60
"""More than what is shown one by one of ten seconds."""


@dataclass
class Watched:
    """An installation with one account and one flow, at work."""

    url: str
    story: Story
    receiver: Receiver

    def person(self, n: int, name: str) -> None:
        """A registration comes."""
        self.story.record(f"S26-{n}", status="Attended", profile={"first_name": name, "last_name": "Marin"})


@pytest.fixture
def watched(database: DatabaseFacts, heliograph: Starter) -> Iterator[Watched]:
    with Receiver() as receiver:
        story = Story(database, receiver)
        crm = story.connection("Sales CRM", "/crm")
        story.flow("Attendees to the CRM", to=[story.to(crm)], statuses=["Attended"])
        story.adds_ada(Role.PLANNER)
        yield Watched(heliograph.serves(), story, receiver)
        story.close()


def test_X4_the_feed_goes_on_is_paused_jumped_in_filtered_and_readable_under_load(page: Page, watched: Watched) -> None:
    sign_in(page, f"{watched.url}/signal/metrics/feed/")
    expect(page.get_by_role("link", name="Pause")).to_be_visible()

    # It comes by itself.
    watched.person(1, "Zoë")
    expect(feed_row(page, "Zoë Marin", "Sales CRM 200")).to_be_visible()

    # Paused, it stands still, and says what came meanwhile.
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_text(re.compile(r"Paused at \d\d:\d\d:\d\d\."))).to_be_visible()
    watched.receiver.answer("/crm", Answer(503, "The CRM is being updated."))
    watched.person(2, "Mika")
    watched.receiver.wait_for(2, path="/crm")
    page.reload()
    expect(feed_row(page, "Zoë Marin")).to_be_visible()
    expect(feed_row(page, "Mika Marin")).to_have_count(0)
    page.get_by_role("link", name="1 newer change").click()
    expect(feed_row(page, "Mika Marin", ": will be retried")).to_be_visible()

    # Narrowed to failures, and no more.
    page.get_by_role("combobox", name="Result").select_option(label="Failure")
    expect(feed_row(page, "Mika Marin")).to_be_visible()
    expect(feed_row(page, "Zoë Marin")).to_have_count(0)

    # Jumped to a time at which nothing had failed yet; the filter stays.
    page.get_by_text("More filters").click()
    page.get_by_label("Jump to").fill("2026-01-02T03:04")
    expect(page.get_by_text("From 2 Jan 2026, 03:04 back.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Result")).to_have_value("failure")
    expect(page.get_by_role("main").locator("ol > li")).to_have_count(0)
    page.get_by_role("link", name="To the newest").click()
    expect(feed_row(page, "Mika Marin")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    expect(feed_row(page, "Zoë Marin")).to_be_visible()

    # An hour of the chart shows its changes alone, by keyboard too.
    page.reload()
    page.locator(".hourly a[href*='hour=']").last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"\d\d:00 to \d\d:00 All hours"))).to_be_visible()
    expect(page.get_by_role("main").locator("ol.feed > li[id]").first).to_be_visible()
    page.locator(".hourly .cols a[aria-current]").first.focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="All hours")).to_have_count(0)
    expect(feed_row(page, "Zoë Marin")).to_be_visible()

    # A period shows what happened in it, and what comes in it; the line above the chart says how much that was.
    page.get_by_role("navigation", name="Period").get_by_role("link", name="Today").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?period=today$"))
    expect(page.get_by_role("link", name="Pause")).to_be_visible()
    watched.person(3, "Ines")
    expect(feed_row(page, "Ines Marin")).to_be_visible()
    page.get_by_role("link", name="Yesterday").click()
    expect(page.get_by_text("Nothing happened in this period")).to_be_visible()
    expect(page.get_by_role("link", name="Pause")).to_have_count(0)
    page.get_by_role("main").get_by_role("link", name="Any time").last.click()
    expect(feed_row(page, "Zoë Marin")).to_be_visible()

    # More than one can read: a part is shown, which says of how many it is, and all of them on request.
    watched.receiver.answer("/crm", Answer(200, ""))
    part = page.get_by_text(re.compile(r"Showing 20 of [\d,]+ new changes from"))
    come = count(100)

    def goes_on() -> bool:
        """Each ten seconds have their own part, however long the page takes to ask for it."""
        for n in islice(come, BURST):
            watched.person(n, "Burst")
        return part.is_visible()

    until(goes_on)
    part.hover()  # what the pointer is in is left alone
    expect(part).to_be_visible()
    assert 50 < int(re.search(r"of ([\d,]+) new", part.inner_text())[1].replace(",", "")) < next(come)
    expect(page.get_by_role("main").locator("ol > li[id]")).to_have_count(20)
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text(re.compile(r"Paused at"))).to_be_visible()
    expect(page.get_by_role("main").locator("ol > li[id]")).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("main").locator("ol > li[id]")).to_have_count(25)
