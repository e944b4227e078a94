"""What journeys in a browser have in common."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.processes import PASSWORD


def sign_in(page: Page, address: str, email: str = "ada@example.org", password: str = PASSWORD, heading: str = "") -> None:
    """Goes to the address and signs in where it asks for it; it leads back there. heading: the one that stands there."""
    page.goto(address)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    with page.expect_event("domcontentloaded"):  # its scripts have run by then: nobody types into a form that they are about to draw anew
        page.get_by_role("button", name="Sign in").click()
    if heading:
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()


def feed_row(feed: Page, *texts: str) -> Locator:
    """The change in the Activity Feed that has these texts."""
    found = feed.get_by_role("main").locator("ol > li")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def at_rest(page: Page) -> None:
    """Waits until no part of the page is being replaced: what a person sees by then, a script has in hand."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
