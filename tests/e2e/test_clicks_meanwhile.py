"""What somebody does while a part of the page is being replaced counts: a click, a choice, a text; and the focus stays where it is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.e2e.held_answers import HeldAnswers
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once

ADDED = [
    ("Add a destination", re.compile("^Destination name$")),
    ("Add a filter", re.compile("^Field, row")),
]
"""Buttons of the flow form, and a field of what each adds."""


@pytest.fixture
def signed_in(page: Page, showcase: Showcase) -> Page:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["administrator"], "url": showcase.url}])
    return page


@pytest.fixture
def new_flow(signed_in: Page, showcase: Showcase) -> Page:
    signed_in.goto(f"{showcase.url}/signal/flows/new/")
    return signed_in


def watched(page: Page) -> Locator:
    return page.get_by_role("radio", name=re.compile("^Registration Status Change"))


def button(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def middle(at: Locator) -> tuple[float, float]:
    at.scroll_into_view_if_needed()
    box = at.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(("pressed", "label"), ADDED)
def test_a_click_on_a_button_whose_part_is_replaced_counts(new_flow: Page, pressed: str, label: re.Pattern[str]) -> None:
    answers = HeldAnswers(new_flow)
    with answers.request():
        watched(new_flow).check()
    button(new_flow, pressed).click()
    answers.let_go()
    expect(new_flow.get_by_label(label)).to_be_visible()
    expect(new_flow.get_by_label("Registration Statuses", exact=True)).to_be_visible()


@pytest.mark.parametrize(("pressed", "label"), ADDED)
def test_a_press_that_is_still_down_when_the_answer_comes_is_a_click(new_flow: Page, pressed: str, label: re.Pattern[str]) -> None:
    answers = HeldAnswers(new_flow)
    with answers.answered():
        with answers.request():
            watched(new_flow).check()
        new_flow.mouse.move(*middle(button(new_flow, pressed)))
        new_flow.mouse.down()
        answers.let_go()
    new_flow.mouse.up()
    expect(new_flow.get_by_label(label)).to_be_visible()


def test_a_press_on_a_button_that_an_answer_would_move_is_a_click(new_flow: Page) -> None:
    """The answer to a chip makes the sentence above the form longer, which moves all that stands below."""
    watched(new_flow).check()
    statuses = new_flow.get_by_label("Registration Statuses", exact=True)
    expect(statuses).to_have_attribute("autocomplete", "off")
    new_flow.set_viewport_size({"width": 480, "height": 2400})
    answers = HeldAnswers(new_flow)
    with answers.answered():
        with answers.request():
            for status in ("Pre-Registered", "Requested Invitation", "Waitlist Hold", "Declined Invitation"):
                statuses.fill(status)
        add = button(new_flow, "Add a destination")
        new_flow.mouse.move(*middle(add))
        before = middle(new_flow.locator("#s-destination"))
        new_flow.mouse.down()
        answers.let_go()
    new_flow.mouse.up()
    expect(new_flow.get_by_label("Destination name")).to_be_visible()
    assert middle(new_flow.locator("#s-destination"))[1] > before[1], "nothing has moved: the sentence is no longer than it was"


def test_a_test_of_the_flow_that_is_asked_for_meanwhile_is_made(new_flow: Page) -> None:
    answers = HeldAnswers(new_flow)
    with answers.request():
        watched(new_flow).check()
    with new_flow.expect_response(lambda response: "count" in (response.request.post_data or "")):
        button(new_flow, "Count last week’s changes").click()
        answers.let_go()
    expect(new_flow.locator("#count-result")).not_to_be_empty()


def test_a_registration_that_is_picked_while_its_list_goes_is_tried(new_flow: Page) -> None:
    watched(new_flow).check()
    expect(new_flow.get_by_label("Registration Statuses", exact=True)).to_be_visible()
    new_flow.get_by_label("With a registration", exact=True).fill("S26")
    button(new_flow, "Test").click()
    result = new_flow.locator("#check-result")
    expect(result).to_contain_text("Which one?")
    answers = HeldAnswers(new_flow)
    with answers.request():
        new_flow.get_by_label("Name", exact=True).fill("Who registers")
        new_flow.get_by_label("Name", exact=True).blur()
    picked = result.get_by_role("button").first
    picked.click()
    answers.let_go()
    expect(result.get_by_role("list").first).to_be_visible()
    expect(result).not_to_contain_text("Which one?")
    expect(new_flow.get_by_label("With a registration", exact=True)).not_to_have_value("S26")


def test_two_destinations_and_a_filter_that_are_asked_for_at_once_all_come(new_flow: Page) -> None:
    answers = HeldAnswers(new_flow)
    with answers.request():
        watched(new_flow).check()
    button(new_flow, "Add a destination").click()
    button(new_flow, "Add a filter").click()
    button(new_flow, "Add a destination").click()
    answers.let_go()
    expect(new_flow.get_by_label("Destination name", exact=True)).to_have_count(2)
    expect(new_flow.get_by_label("Field, row 1", exact=True)).to_be_visible()


@pytest.mark.parametrize("is_held", [True, False], ids=["while an answer is under way", "at rest"])
@pytest.mark.parametrize(("first", "second"), [ADDED, ADDED[::-1]], ids=["a destination", "a filter"])
def test_a_double_click_is_one_press(
    new_flow: Page, first: tuple[str, re.Pattern[str]], second: tuple[str, re.Pattern[str]], *, is_held: bool
) -> None:
    answers = HeldAnswers(new_flow)
    if is_held:
        with answers.request():
            watched(new_flow).check()
        button(new_flow, first[0]).dblclick()
    else:
        with answers.request():
            button(new_flow, first[0]).dblclick()
    button(new_flow, second[0]).click()
    answers.let_go()
    expect(new_flow.get_by_label(second[1])).to_be_visible()  # the requests are answered one after the other: this was the last
    expect(new_flow.get_by_label(first[1])).to_have_count(1)


def test_a_key_that_is_held_down_is_one_press(new_flow: Page) -> None:
    answers = HeldAnswers(new_flow)
    button(new_flow, "Add a destination").focus()
    with answers.request():
        new_flow.keyboard.down("Enter")
    new_flow.keyboard.down("Enter")  # as the keyboard repeats it
    new_flow.keyboard.up("Enter")
    button(new_flow, "Add a filter").click()
    answers.let_go()
    expect(new_flow.get_by_label("Field, row 1", exact=True)).to_be_visible()
    expect(new_flow.get_by_label("Destination name", exact=True)).to_have_count(1)


def test_what_is_chosen_and_typed_meanwhile_stays(new_flow: Page) -> None:
    button(new_flow, "Add a destination").click()
    button(new_flow, "Add a filter").click()
    name = new_flow.get_by_label("Destination name", exact=True)
    field = new_flow.get_by_label("Field, row 1", exact=True)
    expect(name).to_be_visible()
    expect(field).to_be_visible()
    answers = HeldAnswers(new_flow)
    with answers.request():
        button(new_flow, "Add a destination").click()
    name.fill("Our CRM")
    field.select_option(label="Event Name")
    button(new_flow, "Add a filter").click()
    answers.let_go()
    expect(new_flow.get_by_label("Field, row 2", exact=True)).to_be_visible()
    expect(name.first).to_have_value("Our CRM")
    expect(field.locator("option:checked")).to_have_text("Event Name")
    expect(new_flow.get_by_label("Values, row 1", exact=True)).to_have_attribute("autocomplete", "off")  # the field's own values


@pytest.mark.parametrize(("pressed", "label"), ADDED)
def test_the_focus_stays_on_the_button_that_was_pressed(new_flow: Page, pressed: str, label: re.Pattern[str]) -> None:
    at = button(new_flow, pressed)
    at.focus()
    for number in (1, 2):
        new_flow.keyboard.press("Enter")
        expect(new_flow.get_by_label(label)).to_have_count(number)
        expect(at).to_be_focused()


def test_the_focus_stays_in_the_field_where_somebody_goes_on_typing(new_flow: Page) -> None:
    button(new_flow, "Add a destination").click()
    name = new_flow.get_by_label("Destination name", exact=True)
    answers = HeldAnswers(new_flow)
    with answers.request():
        new_flow.get_by_label("Connection", exact=True).select_option(index=1)
    name.fill("")
    name.press_sequentially("Our")
    with new_flow.expect_response(lambda response: response.ok):
        answers.let_go()
    expect(new_flow.get_by_label("Action", exact=True)).to_be_visible()
    name.press_sequentially(" CRM")
    expect(name).to_be_focused()
    expect(name).to_have_value("Our CRM")


def new_mapping(page: Page, showcase: Showcase, *targets: str) -> Page:
    """A new mapping with these target fields."""
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["setting-up"], "url": showcase.url}])
    page.goto(f"{showcase.url}/signal/mappings/new/")
    for target in targets:
        page.locator("#new-target").fill(target)
        button(page, "Add").click()
        expect(page.get_by_label(f"Transformation of {target}", exact=True)).to_be_visible()
    return page


def deletes(page: Page, target: str) -> None:
    page.get_by_label(f"More for {target}", exact=True).click()
    button(page.get_by_role("listitem").filter(has=page.get_by_label(f"Transformation of {target}", exact=True)), "Delete").click()


def test_the_mapping_editor_does_what_is_pressed_meanwhile(page: Page, showcase: Showcase) -> None:
    new_mapping(page, showcase)
    answers = HeldAnswers(page)
    page.locator("#new-target").fill("Title")
    with answers.request():
        button(page, "Add").click()
    button(page, "Paste a sample JSON").click()
    answers.let_go()
    expect(page.get_by_label("Sample JSON")).to_be_visible()
    expect(page.get_by_label("Transformation of Title", exact=True)).to_be_visible()


def test_the_mapping_editor_deletes_the_row_that_was_meant(page: Page, showcase: Showcase) -> None:
    new_mapping(page, showcase, "First", "Second", "Third", "Fourth")
    answers = HeldAnswers(page)
    with answers.request():
        deletes(page, "First")
    deletes(page, "Third")
    answers.let_go()
    expect(page.get_by_label(re.compile("^Transformation of"))).to_have_count(2)
    expect(page.get_by_label("Transformation of Second", exact=True)).to_be_visible()
    expect(page.get_by_label("Transformation of Fourth", exact=True)).to_be_visible()


def test_a_row_that_is_pressed_while_a_search_is_under_way_opens(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/registrations/")
    row = page.locator("table.regs tbody tr").last
    link = row.get_by_role("link").first
    path = link.get_attribute("href") or ""
    answers = HeldAnswers(page)
    with answers.request():
        page.get_by_role("searchbox", name="Search registrations").press_sequentially(link.inner_text().split()[0])
    page.mouse.move(*middle(link))
    page.mouse.down()
    with page.expect_event("requestfinished", lambda request: request.resource_type == "fetch"):
        answers.let_go()
    page.mouse.up()
    page.wait_for_url(f"**{path}**")


def test_ticks_and_the_focus_outlast_a_search(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/retry/")
    box = page.get_by_role("checkbox", name="Select S26-").first
    same = page.locator(f'td.row-tick input[value="{box.input_value()}"]')
    answers = HeldAnswers(page)
    with answers.request():
        page.get_by_role("main").get_by_role("searchbox").press_sequentially("S26")
    box.focus()
    page.keyboard.press("Space")
    answers.let_go()
    page.wait_for_url("**=S26*")
    expect(same).to_be_checked()
    expect(same).to_be_focused()


def test_a_result_of_the_search_that_is_pressed_opens(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/signal/flows/")
    page.keyboard.press("Control+k")
    option = page.get_by_role("group", name="Do", exact=True).get_by_role("option").first
    path = option.get_attribute("href") or ""
    answers = HeldAnswers(page)
    with answers.request():
        page.keyboard.type("zzz")
    page.mouse.move(*middle(option))
    page.mouse.down()
    with page.expect_event("requestfinished", lambda request: request.resource_type == "fetch"):
        answers.let_go()
    page.mouse.up()
    page.wait_for_url(f"**{path}")


def test_a_status_that_is_chosen_while_the_fields_of_an_event_come_stays(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.goto(f"{showcase.url}/registrations/add/")
    event, status = (page.get_by_label(label, exact=True) for label in ("Event", "Status"))
    answers = HeldAnswers(page)
    with answers.answered():
        with answers.request():
            event.select_option("SUMMIT-26")
        status.select_option(label="Attended")
        answers.let_go()
    expect(status.locator("option:checked")).to_have_text("Attended")


def test_the_focus_outlasts_what_the_page_asks_for_by_itself(signed_in: Page, showcase: Showcase) -> None:
    page = signed_in
    page.clock.install()
    page.goto(f"{showcase.url}/signal/overview/")
    link = page.locator("#overview").get_by_role("link").last
    text = link.inner_text()
    assert link.get_attribute("id") is None
    link.focus()
    page.evaluate("() => { window.replaced = document.getElementById('overview'); }")
    page.clock.run_for(31_000)
    page.wait_for_function("() => !window.replaced.isConnected")
    expect(page.locator("#overview a:focus")).to_have_text(text)
