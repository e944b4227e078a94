"""What was typed and is not saved is asked about, however the page is left, and no button of the page discards it, in Chromium."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect
from tests.conftest import PageErrors
from tests.e2e.showcase import Showcase
from tests.waiting import until

pytestmark = pytest.mark.once

TABLE = "/events/SUMMIT-26/custom-statuses/"


class Questions:
    """The browser's questions before a page is left; each is answered with staying."""

    def __init__(self, page: Page) -> None:
        self.n = 0
        page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        assert dialog.type == "beforeunload"
        self.n += 1
        dialog.dismiss()

    def comes(self, page: Page, leave: Callable[[], object]) -> None:
        """It is asked when somebody leaves so, and the page stays."""
        before, url = self.n, page.url
        leave()
        until(lambda: bool(page.evaluate("1")) and self.n == before + 1)
        assert page.url == url


def opened(page: Page, showcase: Showcase, path: str) -> Questions:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["setting-up"], "url": showcase.url}])
    page.set_default_timeout(60_000)
    page.goto(f"{showcase.url}/events/")
    page.goto(f"{showcase.url}{path}")
    return Questions(page)


def leaves_by_link(page: Page) -> None:
    page.get_by_role("link", name="SUMMIT-26").first.click(no_wait_after=True)


def test_tags_that_are_not_saved_are_asked_about_and_no_button_discards_them(
    page: Page, showcase: Showcase, page_errors: PageErrors
) -> None:
    questions = opened(page, showcase, TABLE)
    id = page.locator("tbody tr").filter(has_not=page.locator(".chip")).first.get_attribute("id")
    row = page.locator(f"#{id}")
    entry, chips = row.get_by_role("combobox"), row.locator(".chip")
    tag = page.locator("#tag-options option").first.get_attribute("value")
    assert tag
    entry.fill(tag)
    expect(chips).to_have_count(1)
    entry.press("Escape")
    expect(chips).to_have_count(1)
    questions.comes(page, lambda: leaves_by_link(page))
    questions.comes(page, lambda: page.evaluate("history.back()"))
    questions.comes(page, lambda: page.evaluate("location.reload()"))

    name = f"Status {uuid.uuid4().hex[:8]}"
    asked = questions.n
    page.get_by_label("Name", exact=True).fill(name)
    with page.expect_navigation():
        page.get_by_role("button", name="Add", exact=True).click()
    assert questions.n == asked, "the form itself is sent without a question"
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(chips).to_have_count(1)
    expect(page.get_by_text("Your changes to tags are not saved yet.")).to_be_visible()
    page.locator("main h1").click()
    questions.comes(page, lambda: leaves_by_link(page))

    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).last.click()
    expect(chips).to_have_count(1)
    asked = questions.n
    with page.expect_navigation():
        leaves_by_link(page)
    assert questions.n == asked, "nothing is unsaved any more"


def test_a_chip_that_was_taken_away_is_a_change_too(page: Page, showcase: Showcase, page_errors: PageErrors) -> None:
    questions = opened(page, showcase, "/settings/registration-statuses/")
    page.locator("tbody .chip button").first.click()
    questions.comes(page, lambda: page.get_by_role("link", name="Tags", exact=True).first.click(no_wait_after=True))


def test_enter_in_the_fields_below_adds(page: Page, showcase: Showcase, page_errors: PageErrors) -> None:
    opened(page, showcase, TABLE)
    name = f"Status {uuid.uuid4().hex[:8]}"
    page.get_by_label("Name", exact=True).fill(name)
    with page.expect_navigation():
        page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
