"""A row's note that a tag is missing goes when a tag is added, and comes back when it is taken away, in Chromium (P11)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once

NOTE = "No tag yet: a flow needs one, so changes wait in Retry."


def test_P11_the_note_of_a_missing_tag_follows_the_chips(page: Page, showcase: Showcase) -> None:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["planning"], "url": showcase.url}])
    page.set_default_timeout(60_000)
    page.goto(f"{showcase.url}/events/SUMMIT-26/custom-statuses/")
    row = page.get_by_role("row").filter(has_text="Invited by partner")
    entry, note = row.get_by_label("Tags for Invited by partner"), row.get_by_text(NOTE)
    expect(note).to_be_visible()
    entry.fill("Registered")
    entry.press("Enter")
    expect(row.get_by_role("button", name="Remove Registered")).to_be_visible()
    expect(note).to_be_hidden()
    row.get_by_role("button", name="Remove Registered").click()
    expect(note).to_be_visible()
