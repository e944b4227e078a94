"""Lists in a browser: filters act at once, chips take them away, a row opens by a click; and all of it works without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from tests import accessibility
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once

LISTS = (
    "/registrations/",
    "/signal/flows/",
    "/signal/metrics/feed/",
    "/signal/metrics/records/changes/",
    "/signal/retry/",
    "/signal/mappings/",
    "/settings/audit/",
    "/events/",
)


@pytest.fixture
def signed_in(page: Page, showcase: Showcase) -> Page:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    return page


def test_a_search_acts_while_one_types_and_keeps_the_focus(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/registrations/")
    field = page.get_by_role("searchbox", name="Search registrations")
    field.focus()
    page.keyboard.type("marin")
    rows = page.locator("table.regs tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Zoë Marin")
    expect(field).to_be_focused()
    expect(field).to_have_value("marin")
    expect(page).to_have_url(f"{showcase.url}/registrations/?q=marin")
    expect(page.locator("[data-news]")).to_have_text("1 registration")
    page.keyboard.type("x")
    expect(page.get_by_role("heading", name="No registration matches")).to_be_visible()
    expect(page.locator("[data-news]")).to_have_text("No registration matches")


def test_a_choice_acts_at_once_and_its_chip_takes_it_away(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    before = page.locator("table.flow-list tbody tr").count()
    choice = page.get_by_role("combobox", name="Live or Test")
    choice.focus()
    choice.select_option("Test")
    expect(page.locator("table.flow-list tbody tr")).to_have_count(1)
    expect(choice).to_be_focused()
    chip = page.locator(".filter-chips .chip")
    expect(chip).to_contain_text("Live or Test: Test")
    chip.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.locator("table.flow-list tbody tr")).to_have_count(before)
    expect(chip).to_have_count(0)
    expect(choice).to_have_value("")
    expect(page).to_have_url(f"{showcase.url}/signal/flows/")
    expect(page.get_by_role("searchbox", name="Search flows")).to_be_focused()


def test_the_switches_of_a_list_that_was_fetched_still_work(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/retry/")
    page.get_by_role("searchbox").locator("visible=true").nth(1).fill("S26")
    expect(page).to_have_url(f"{showcase.url}/signal/retry/?q=S26")
    page.get_by_role("checkbox", name="Select all rows of this page").check()
    for box in page.get_by_role("checkbox", name="Select S26-").all():
        expect(box).to_be_checked()


def test_a_row_opens_by_a_click_but_not_on_its_controls(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/registrations/")
    row = page.locator("table.regs tbody tr").filter(has_text="Zoë Marin")
    box = row.get_by_role("checkbox")
    box.check()
    expect(box).to_be_checked()
    row.get_by_text("Zoë Marin").evaluate(
        "(name) => { const range = document.createRange(); range.selectNodeContents(name); getSelection().addRange(range); }"
    )
    event = row.locator("td").filter(has_text="SUMMIT-26")
    event.dispatch_event("click")
    assert page.url == f"{showcase.url}/registrations/", "a text is selected"
    page.evaluate("getSelection().removeAllRanges()")
    with page.expect_navigation():
        event.click()
    assert page.url == f"{showcase.url}/registrations/SUMMIT-26/S26-1/"


@pytest.mark.parametrize("address", LISTS)
def test_filters_stand_in_one_line(signed_in: Page, showcase: Showcase, address: str) -> None:
    page = signed_in
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{showcase.url}{address}")
    tops = page.eval_on_selector_all(
        "form[data-instant] :is(.search, .drawer-rows > label, .more-filters > summary)",
        "parts => parts.map(part => Math.round(part.getBoundingClientRect().top + part.getBoundingClientRect().height / 2))",
    )
    assert tops
    assert max(tops) - min(tops) <= 2, tops


@pytest.mark.parametrize("address", LISTS)
def test_nothing_moves_while_a_list_loads(signed_in: Page, showcase: Showcase, address: str) -> None:
    page = signed_in
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => { if (!entry.hadRecentInput) moved += entry.value; }))"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(f"{showcase.url}{address}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("moved") < 0.02


def test_more_filters_unfold_by_keyboard_and_on_a_phone_stand_in_the_drawer(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{showcase.url}/signal/metrics/feed/")
    more = page.locator(".more-filters > summary")
    more.focus()
    page.keyboard.press("Enter")
    replays = page.get_by_label("Replays")
    expect(replays).to_be_visible()
    assert accessibility.violations(page) == []
    page.keyboard.press("Escape")
    expect(replays).to_be_hidden()
    expect(more).to_be_focused()
    page.set_viewport_size(accessibility.PHONE)
    page.locator(".filters > .drawer > summary").click()
    expect(replays).to_be_visible()
    replays.select_option(index=1)
    expect(page.locator(".filters > .drawer > summary")).to_contain_text("Filters (1)")
    accessibility.fits_a_phone(page)


def test_without_script_the_button_filters(browser: Browser, showcase: Showcase) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
        page = context.new_page()
        page.goto(f"{showcase.url}/signal/flows/")
        page.get_by_label("Live or Test").select_option("Test")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("table.flow-list tbody tr")).to_have_count(1)
        page.get_by_role("link", name="Remove Live or Test: Test").click()
        expect(page).to_have_url(f"{showcase.url}/signal/flows/")


def test_the_hint_of_the_feeds_search_is_read_whole_on_a_phone(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{showcase.url}/signal/metrics/feed/")
    field = page.get_by_placeholder("Code or name", exact=True)
    room = field.evaluate(
        """field => {
            const style = getComputedStyle(field), context = document.createElement("canvas").getContext("2d");
            context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
            const text = context.measureText(field.placeholder).width;
            return field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - text;
        }"""
    )
    assert room >= 20, "the button that empties a search has its place beside the hint"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_tabs_of_insights_fit_into_one_line_of_a_phone(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{showcase.url}/signal/metrics/")
    tabs = page.get_by_role("navigation", name="Account Insights").get_by_role("link")
    tops = tabs.evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().top)")
    assert len(tops) == 3
    assert len(set(tops)) == 1


def test_what_one_may_only_read_stands_beside_its_label_on_a_phone(page: Page, showcase: Showcase) -> None:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["planner"], "url": showcase.url}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{showcase.url}/settings/registration-statuses/")
    cell = page.locator("td[data-th='Class']").first
    expect(cell).to_be_visible()
    assert cell.evaluate("each => getComputedStyle(each).paddingBlockStart") == "0px"
    cell.evaluate("each => { each.dataset.th = 'As long as in another language' }")
    assert cell.evaluate("each => each.scrollHeight <= each.clientHeight"), "a label of two lines stays within its row"


@pytest.mark.parametrize("address", ["/signal/metrics/?period=today", "/signal/metrics/feed/", "/signal/metrics/feed/?period=30d"])
def test_the_period_stands_in_one_line_above_the_summary_and_the_feed(signed_in: Page, showcase: Showcase, address: str) -> None:
    page = signed_in
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(f"{showcase.url}{address}")
    choices = page.locator(".period .segments a, .period .other > summary")
    middles = choices.evaluate_all(
        "(all) => all.map(each => each.getBoundingClientRect()).map(each => Math.round((each.top + each.bottom) / 2))"
    )
    assert len(middles) >= 5
    assert max(middles) - min(middles) <= 2
    page.set_viewport_size({"width": 390, "height": 844})
    button = page.locator(".period > .drawer > summary")
    expect(button).to_be_visible()
    assert page.locator(".period").evaluate("each => each.getBoundingClientRect().height") <= 48
    button.click()
    expect(choices.first).to_be_visible()
