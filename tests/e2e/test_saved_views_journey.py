"""Saved views in a browser, by keyboard: a person keeps the filters of a list, opens, renames and deletes them; nobody else sees them (35.7)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests import accessibility
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once


def sign_in(page: Page, showcase: Showcase, who: str) -> None:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions[who], "url": showcase.url}])


def views_of(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Saved views")


def press(page: Page, control: Locator) -> None:
    control.focus()
    page.keyboard.press("Enter")


def save(page: Page, showcase: Showcase, name: str) -> None:
    """Narrows the list of registrations by keyboard and keeps it under a name."""
    page.goto(f"{showcase.url}/registrations/")
    choice = page.get_by_role("combobox", name="Live, Test, active")
    if not choice.is_visible():
        press(page, page.get_by_text("More filters"))
    choice.select_option("live")
    expect(page).to_have_url(re.compile(r"\?is=live$"))
    press(page, page.get_by_text("Save this view"))
    field = page.get_by_label("Name of the view")
    field.focus()
    page.keyboard.type(name)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_35_7_a_view_is_saved_opened_renamed_and_deleted_by_keyboard(page: Page, showcase: Showcase, *, phone: bool) -> None:
    if phone:
        page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, showcase, "administrator")
    page.goto(f"{showcase.url}/registrations/?is=live")
    press(page, page.get_by_text("Save this view"))
    page.get_by_label("Name of the view").focus()
    page.keyboard.type("Live ones")
    page.keyboard.press("Enter")
    mine = views_of(page)
    expect(mine.get_by_role("link", name="Live ones")).to_have_attribute("aria-current", "page")
    expect(page.get_by_text("Save this view")).to_have_count(0)

    press(page, mine.get_by_role("link", name="All"))
    expect(page).to_have_url(f"{showcase.url}/registrations/")
    expect(mine.get_by_role("link", name="All")).to_have_attribute("aria-current", "page")
    press(page, mine.get_by_role("link", name="Live ones"))
    expect(page).to_have_url(f"{showcase.url}/registrations/?is=live")

    press(page, page.get_by_text("Change this view"))
    field = page.get_by_label("Name of the view")
    expect(field).to_have_value("Live ones")
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("On the day")
    page.keyboard.press("Enter")
    expect(mine.get_by_role("link", name="On the day")).to_have_attribute("aria-current", "page")
    expect(mine.get_by_role("link", name="Live ones")).to_have_count(0)
    assert accessibility.violations(page) == []

    press(page, page.get_by_text("Change this view"))
    press(page, page.get_by_role("button", name="Delete this view"))
    expect(page).to_have_url(f"{showcase.url}/registrations/")
    expect(mine).to_have_count(0)


def test_35_7_nobody_else_sees_a_view_and_filters_set_by_hand_can_be_kept(page: Page, showcase: Showcase) -> None:
    sign_in(page, showcase, "administrator")
    save(page, showcase, "Mine alone")
    expect(views_of(page).get_by_role("link", name="Mine alone")).to_have_attribute("aria-current", "page")
    page.context.clear_cookies()
    sign_in(page, showcase, "planner")
    page.goto(f"{showcase.url}/registrations/?is=live")
    expect(page.get_by_text("Save this view")).to_be_visible()
    expect(page.get_by_text("Mine alone")).to_have_count(0)
    page.context.clear_cookies()
    sign_in(page, showcase, "administrator")
    page.goto(f"{showcase.url}/registrations/?is=live")
    press(page, page.get_by_text("Change this view"))
    press(page, page.get_by_role("button", name="Delete this view"))
    expect(views_of(page)).to_have_count(0)
