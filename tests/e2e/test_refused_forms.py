"""What a form refuses stands at its field and takes the focus, in add forms and in the mapping editor as anywhere, in Chromium."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect
from tests.browser import at_rest
from tests.conftest import PageErrors
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once


def refused(page: Page) -> None:
    """The focus is in the first field that was refused, and its reason is read with it."""
    focused = page.locator("main [aria-invalid=true]:focus")
    expect(focused).to_have_count(1)
    reason = focused.get_attribute("aria-describedby") or ""
    expect(page.locator(f"#{reason.split()[0]}")).not_to_be_empty()
    expect(page.locator("main [aria-invalid=true]").first).to_be_focused()


def test_what_is_refused_takes_the_focus(page: Page, showcase: Showcase, page_errors: PageErrors) -> None:
    page_errors.expect("the server responded with a status of 422")
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["setting-up"], "url": showcase.url}])
    page.set_default_timeout(60_000)
    name = f"T{uuid.uuid4().hex[:8]}"
    page.goto(f"{showcase.url}/settings/tags/")
    for _ in range(2):  # the second of the name is refused
        adder = page.get_by_role("form", name="Add a tag")
        adder.get_by_label("Name", exact=True).fill(name)
        adder.get_by_role("checkbox").first.check()
        with page.expect_navigation():
            adder.get_by_role("button", name="Add").click()
    refused(page)
    page.goto(f"{showcase.url}/signal/mappings/new/")
    page.get_by_label("Mapping name").fill(name)
    page.get_by_label("First target field").fill("once")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("Target field 1", exact=True)).to_be_visible()
    at_rest(page)
    page.get_by_label("Target field 1", exact=True).fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    refused(page)
    page.goto(f"{showcase.url}/signal/connections/new/webhook/")
    star = page.locator(".field").filter(has=page.get_by_label("Connection Name")).locator(".label")
    assert star.evaluate("label => getComputedStyle(label, '::after').content").startswith('"*"')
    page.get_by_label("Connection Name").fill(name)
    page.get_by_label("URL", exact=True).first.fill("http://user:secret@example.org/")
    page.get_by_role("button", name="Save & Test").click()
    refused(page)
