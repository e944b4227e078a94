"""The pages by keyboard alone: the skip link, menus, switches, folds, ticks. (tests/e2e/test_every_page.py walks through every page.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Page, expect
from tests import accessibility
from tests.e2e.showcase import Showcase

from heliograph.web import charts
from heliograph.web.charts import Bucket, Series

pytestmark = pytest.mark.once


@pytest.fixture
def signed_in(page: Page, showcase: Showcase) -> Page:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    return page


def test_the_skip_link_is_the_first_and_leads_past_everything(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Start from a recipe")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="ADD A FLOW")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox", name="Search flows")).to_be_focused()


def test_a_menu_closes_by_esc_and_gives_the_focus_back(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    menu = page.get_by_role("banner").locator(".user-menu > summary")
    sign_out = page.get_by_role("button", name="Sign out")
    menu.focus()
    page.keyboard.press("Enter")
    expect(sign_out).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Your profile")).to_be_focused()
    page.keyboard.press("Tab")
    expect(sign_out).to_be_focused()
    page.keyboard.press("Escape")
    expect(sign_out).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Space")
    expect(sign_out).to_be_visible()
    page.get_by_role("heading", name="Flow List").click()  # beside it
    expect(sign_out).to_be_hidden()


def test_esc_leaves_the_focus_alone_where_no_menu_is_open(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    search = page.get_by_role("searchbox", name="Search flows")
    search.focus()
    page.keyboard.press("Escape")
    expect(search).to_be_focused()


def test_a_switch_asks_before_a_live_flow_goes_off_and_can_be_left_on(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    switch = page.get_by_role("switch", name="Active: All")
    expect(switch).to_be_checked()
    switch.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="Switch off All?")).to_be_visible()
    page.get_by_role("link", name="Leave it on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("switch", name="Active: All")).to_be_checked()


def test_all_rows_are_ticked_and_submitted_by_keyboard(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/retry/")
    every = page.get_by_role("checkbox", name="Select all rows of this page")
    rows = page.get_by_role("checkbox", name="Select S26-")
    every.focus()
    page.keyboard.press("Space")
    for row in rows.all():
        expect(row).to_be_checked()
    expect(page.get_by_role("status").get_by_text(f"{rows.count()} selected")).to_be_visible()
    rows.first.focus()
    page.keyboard.press("Space")
    expect(every).not_to_be_checked()
    expect(page.get_by_role("status").get_by_text(f"{rows.count() - 1} selected")).to_be_visible()


def test_an_attempt_unfolds(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/retry/{showcase.items['failed']}/")
    folded = page.locator("details.attempt:not([open]) > summary").first
    expect(folded).to_contain_text("Retry 2")
    folded.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.attempt[open] > summary").filter(has_text="Retry 2")).to_be_focused()


def test_a_toast_is_dismissed_by_keyboard(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/retry/")
    page.get_by_role("button", name="Submit to Retry Queue").focus()
    page.keyboard.press("Enter")
    toast = page.get_by_role("status").get_by_text("Nothing was selected.")
    expect(toast).to_be_visible()
    page.get_by_role("button", name="Dismiss").focus()
    page.keyboard.press("Enter")
    expect(toast).to_be_hidden()


@pytest.mark.parametrize("address", ["/signal/flows/", "/signal/metrics/feed/", "/registrations/", "/help/"])
def test_a_phone_has_one_bar_with_a_menu_that_leads_everywhere(signed_in: Page, showcase: Showcase, address: str) -> None:
    page = signed_in
    page.set_viewport_size(accessibility.PHONE)
    page.goto(f"{showcase.url}{address}")
    banner = page.get_by_role("banner")
    bar = banner.bounding_box()
    assert bar is not None
    assert bar["height"] <= 48
    places, menu = banner.get_by_role("link"), banner.locator(".phone-menu > summary")
    before = places.count()
    menu.focus()
    page.keyboard.press("Enter")
    expect(banner.get_by_role("navigation", name="Places").get_by_role("link").first).to_be_visible()
    expect(banner.get_by_role("button", name="Sign out")).to_be_visible()
    assert places.count() > before
    assert not accessibility.violations(page, within="header")  # a link half under the open menu has no size
    page.keyboard.press("Escape")
    expect(banner.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_chart_is_one_tab_stop_and_arrow_keys_walk_over_its_columns(page: Page) -> None:
    """Over those that have something, in both rows (docs/design/pages.md)."""
    buckets = [Bucket(f"{n}:00", f"{n}:00 to {n + 1}:00", f"/records/{n}/") for n in range(6)]
    delivered, undelivered = [4, 0, 7, 2, 0, 5], [0, 0, 1, 0, 3, 0]
    failed = [Series("failed", undelivered, str)]
    plots = charts.outcomes(buckets, Series("ink", delivered, str), failed, title="Outcomes by hour", buckets_of_undelivered=buckets)
    chart = render_to_string("components/chart_outcomes.html", {"plots": plots, "legend": []})
    script = Path(charts.__file__).with_name("static") / "heliograph" / "charts.js"
    page.set_content(f"<a href='/before/'>Before</a>{chart}<a href='/after/'>After</a><script>{script.read_text('utf-8')}</script>")

    def press(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return str(page.locator(":focus").get_attribute("href"))

    assert press("Tab", "Tab") == "/records/5/"
    assert press("ArrowRight") == "/records/5/", "there is none after the last"
    assert press("ArrowLeft", "ArrowLeft") == "/records/2/"
    assert press("ArrowDown", "ArrowRight") == "/records/4/"
    assert press("ArrowUp") in {"/records/3/", "/records/5/"}, "the nearest: the row above has nothing there"
    assert press("Home") == "/records/0/"
    assert press("Tab") == "/after/"
    assert press("Shift+Tab") == "/records/0/", "where one has left it"
    assert press("End", "Shift+Tab") == "/before/"
    assert page.locator(".cols a[tabindex='0']").count() == 1
