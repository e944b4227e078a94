"""A source's mapping in Chromium: by clicks and keys from a call that came to registrations (S2)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.e2e.showcase import Showcase
from tests.waiting import until

pytestmark = pytest.mark.once


def field_row(page: Page, target: str) -> Locator:
    """The row of a field of the registration."""
    return page.get_by_role("listitem").filter(has=page.get_by_label(f"Transformation of {target}", exact=True))


def press(page: Page, button: Locator) -> None:
    with page.expect_navigation():
        button.click()


def test_S2_from_a_draft_with_a_call_to_registrations(page: Page, showcase: Showcase) -> None:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    page.goto(f"{showcase.url}/settings/sources/{showcase.ids['source Forum shop']}/")
    press(page, page.get_by_role("navigation", name="Forum shop").get_by_role("link", name="Mapping"))
    expect(page.get_by_text("Showing registration 1 of 2")).to_be_visible()

    # A field of the call goes to the row that was opened, and then the next empty row is open.
    press(page, page.get_by_role("button", name="Choose a field of the call for E-mail"))
    press(page, page.get_by_role("list", name="Fields of this call").get_by_role("button", name="mail"))
    expect(field_row(page, "E-mail").get_by_text("mira@example.org")).to_be_visible()

    # What the sender calls “pending” has no value yet: it is chosen among ours. “Registered” is none of ours.
    status = field_row(page, "Status")
    press(page, status.get_by_role("button", name="tickets.state", exact=False).first)
    for theirs in ("paid", "pending"):
        page.get_by_label(f"Ours for {theirs}", exact=True).select_option("New")
    press(page, page.get_by_role("button", name="Done"))
    expect(status.get_by_text("2 values mapped")).to_be_visible()

    # The second registration of the call, and by keyboard to its trial.
    press(page, page.get_by_role("button", name="Registration 2"))
    expect(field_row(page, "Code").get_by_text("F-1-8")).to_be_visible()
    page.get_by_role("button", name="Try it on the last calls").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_text("Looking records and sends nothing.")).to_be_visible()
    expect(page.get_by_role("cell", name="2 new")).to_be_visible()
    press(page, page.get_by_role("button", name="Switch on"))
    expect(page.get_by_text("“Forum shop” is switched on.")).to_be_visible()

    def is_recorded() -> bool:
        page.reload()
        return page.get_by_role("link", name="Call, 2 registrations").count() == 1

    until(is_recorded)
