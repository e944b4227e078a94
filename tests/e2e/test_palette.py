"""The palette in a browser: by its keys alone, on a wide screen and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect
from tests import accessibility
from tests.conftest import PageErrors
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once


@pytest.fixture
def signed_in(page: Page, showcase: Showcase) -> Page:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    return page


def opened(page: Page, text: str, key: str = "Control+K") -> Locator:
    """The palette with the results of a text."""
    page.keyboard.press(key)
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.insert_text(text)  # at once: results of its first letters are replaced under whoever counts them
    expect(palette.get_by_role("status")).to_contain_text("result")
    return palette


@pytest.mark.parametrize("key", ["Control+K", "Meta+K", "/"])
def test_a_key_opens_it_and_Esc_gives_the_focus_back(signed_in: Page, showcase: Showcase, key: str) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/registrations/")
    link = page.get_by_role("link", name="Import", exact=True)
    link.focus()
    palette = opened(page, "joe", key)
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(link).to_be_focused()


def test_arrows_walk_over_all_groups_and_Enter_opens(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    palette = opened(page, "sla")
    options = palette.get_by_role("option")
    count = options.count()
    assert count > 1
    field = palette.get_by_role("combobox")
    expect(options.first).to_have_attribute("aria-selected", "true")
    for at in range(1, count):
        page.keyboard.press("ArrowDown")
        expect(options.nth(at)).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-activedescendant", options.nth(at).get_attribute("id") or "?")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options.nth(count - 1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    target = options.first.get_attribute("href") or "?"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url == f"{showcase.url}{target}"


def test_where_nothing_is_found_or_no_results_come_it_says_so_and_Enter_leads_on(
    signed_in: Page, showcase: Showcase, page_errors: PageErrors
) -> None:
    page_errors.expect("/find/results/")
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    palette = opened(page, "sla")
    page.keyboard.insert_text("zzz")
    expect(palette.get_by_role("status")).to_contain_text("Nothing has “slazzz”")
    assert accessibility.violations(page) == []
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("sla")
    expect(palette.get_by_role("option").first).to_be_visible()
    page.route("**/find/results/", lambda route: route.fulfill(status=503))
    page.keyboard.insert_text("c")
    expect(palette.get_by_role("status")).to_have_text("The results can’t be shown. Press Enter for the page of all results.")
    expect(palette.get_by_role("option")).to_have_count(0)
    assert accessibility.violations(page) == []
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{showcase.url}/find/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("slac")


def test_Ctrl_Enter_opens_a_new_tab(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    opened(page, "sla")
    with page.context.expect_page() as other:
        page.keyboard.press("Control+Enter")
    other.value.wait_for_load_state()
    assert other.value.url.startswith(f"{showcase.url}/signal/")
    assert page.url.endswith("/signal/flows/")


def test_more_leads_to_the_page_of_all_results_and_no_address_has_the_text(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{showcase.url}/signal/flows/")
    palette = opened(page, "ar")
    with page.expect_navigation():
        palette.get_by_role("option", name=re.compile("more$")).first.click()
    expect(page.get_by_role("heading", name=re.compile("“ar”: .*results"), level=1)).to_be_visible()
    assert page.url == f"{showcase.url}/find/"
    assert not [address for address in addresses if "ar" in address.partition("?")[2]]


def test_what_was_opened_before_is_offered_again_without_people(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["setting-up"], "url": showcase.url}])
    page.goto(f"{showcase.url}/signal/connections/{showcase.ids['Sales CRM']}/")
    page.goto(f"{showcase.url}/registrations/")
    page.goto(f"{showcase.url}/signal/flows/")
    page.keyboard.press("Control+K")
    recent = page.get_by_role("group", name="You were just here").get_by_role("option")
    expect(recent).to_have_count(1)
    expect(recent).to_have_attribute("href", f"/signal/connections/{showcase.ids['Sales CRM']}/")
    expect(recent).to_have_text(re.compile("Connection$"))  # its kind


def test_what_was_opened_before_stands_below_what_needs_somebody(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    with page.expect_navigation():  # its script notes it
        page.get_by_role("table").get_by_role("row").nth(1).get_by_role("link").first.click()
    page.goto(f"{showcase.url}/signal/flows/")
    page.keyboard.press("Control+K")
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("group", name="You were just here").get_by_role("option")).to_have_text(re.compile("Flow$"))
    assert [group.get_attribute("aria-label") for group in palette.get_by_role("group").all()] == ["Needs you", "You were just here", "Do"]


def test_no_registration_is_remembered(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/registrations/SUMMIT-26/S26-2/")
    expect(page.get_by_role("heading", name="Joe Citizen", level=1)).to_be_visible()
    assert not page.evaluate("Object.keys(sessionStorage).filter((name) => name.startsWith('palette'))")


@pytest.mark.parametrize("size", [accessibility.WIDE, accessibility.PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("text", ["ar", ""])
def test_it_keeps_nobody_out(signed_in: Page, showcase: Showcase, size: ViewportSize, text: str) -> None:
    page = signed_in
    page.set_viewport_size(size)
    page.goto(f"{showcase.url}/signal/flows/")
    page.keyboard.press("Control+K")
    palette = page.get_by_role("dialog", name="Find anything")
    palette.get_by_role("combobox").fill(text)
    if text:
        expect(palette.get_by_role("status")).to_contain_text("result")
    expect(palette.get_by_role("option").first).to_be_visible()
    assert accessibility.violations(page) == []


def test_the_field_of_the_band_opens_it(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    page.locator("#find").click()
    expect(page.get_by_role("dialog", name="Find anything")).to_be_visible()
