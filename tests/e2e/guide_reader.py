"""Somebody who reads the guide and does what it says: an installation, two windows of one browser, and what the chapters have in common."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect
from tests.browser import sign_in
from tests.receiver import Answer, Received, Receiver

EVENT = "SUMMIT-26"
USER, CRM_PASSWORD = "heliograph", "s3cret of the CRM"
"""What the administrator of the target application hands out (guide: Adding a Connection)."""


@dataclass
class Reader:
    """platform, signal: the two windows; at: the one in front. read: the chapters that are done, by name; failed: the one that was not."""

    url: str
    receiver: Receiver
    platform: Page
    signal: Page = field(init=False)
    at: Page = field(init=False)
    read: list[str] = field(default_factory=list)
    failed: str = ""

    def reads(self, chapter: Callable[[Reader], None], before: tuple[Callable[[Reader], None], ...]) -> None:
        """A chapter, after those before it: each one once, so that a chapter can also be read alone."""
        for each in (*before, chapter):
            if each.__name__ in self.read:
                continue
            assert not self.failed, f"the chapter {self.failed} did not come to its end"
            self.failed = each.__name__
            each(self)
            self.failed = ""
            self.read.append(each.__name__)

    def __post_init__(self) -> None:
        self.at = self.platform

    def turns_to(self, page: Page) -> Page:
        """One of the windows, in front: Chromium takes its time with a page that lies behind another."""
        page.bring_to_front()
        self.at = page
        return page

    def signs_in(self) -> None:
        page = self.platform
        sign_in(page, self.url)
        is_at(page, "Registrations")

    def goes_to(self, *way: str) -> None:
        """The platform's menus as the guide writes them: Account Settings > Management > Tags. Plan > Event Setup is of the event."""
        page = self.platform
        if way[0] == "Account Settings":
            page.get_by_role("navigation", name="Platform").get_by_role("link", name=way[0], exact=True).click()
            panel = page.get_by_role("navigation", name=way[0])
        else:
            page.get_by_role("navigation", name="Platform").get_by_role("link", name="Event", exact=True).click()
            page.get_by_role("main").get_by_role("link", name="Summit", exact=True).click()
            panel = page.get_by_role("navigation", name="Event")
        for heading in (": ".join(way[1:-1]) if way[0] != "Plan" else ": ".join(way[:-1]),):
            expect(panel.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        panel.get_by_role("link", name=way[-1], exact=True).click()

    def panel(self, name: str) -> None:
        """An entry of Signal's left panel."""
        self.signal.get_by_role("navigation", name="Signal").get_by_role("link", name=name, exact=True).click()

    def crm(self, request: Received) -> Answer:
        """The target application: it knows one user."""
        wanted = base64.b64encode(f"{USER}:{CRM_PASSWORD}".encode()).decode()
        return Answer(200 if request.header("authorization") == f"Basic {wanted}" else 401, {})


def is_at(page: Page, heading: str | re.Pattern[str]) -> None:
    """The page with this heading is there."""
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()


def presses(where: Page, name: str, *, within: Locator | None = None) -> None:
    """A button that leads to a page, or to the same one again."""
    with where.expect_navigation():
        (within or where.get_by_role("main")).get_by_role("button", name=name, exact=True).last.click()


def chooses(field: Locator, *labels: str) -> None:
    """Labels into a chip input, once it is one."""
    expect(field).to_have_attribute("autocomplete", "off")
    for label in labels:
        field.fill(label)
        expect(field).to_have_value("")  # taken


def offers(field: Locator) -> list[str]:
    """What a chip input offers."""
    found: list[str] = field.evaluate("(input) => [...(input.list?.options ?? [])].map((option) => option.value)")
    return found
