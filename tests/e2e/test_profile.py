"""The profile in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.showcase import Showcase


@pytest.mark.once
def test_a_choice_of_light_or_dark_is_shown_before_it_is_saved(page: Page, showcase: Showcase) -> None:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    page.goto(f"{showcase.url}/accounts/me/")
    for name, scheme in (("Dark", "dark"), ("Light", "light"), ("System", "light dark")):
        page.get_by_role("radio", name=name, exact=True).check()
        expect(page.locator("html")).to_have_css("color-scheme", scheme)
    page.get_by_role("radio", name="Dark", exact=True).check()
    page.reload()
    expect(page.locator("html")).to_have_css("color-scheme", "light dark")
