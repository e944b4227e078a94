"""The guide's chapter "Mappings" in Chromium, by roles and labels alone: a new mapping from a sample JSON, its chips by keyboard only, and the same by form alone."""

from __future__ import annotations

import re
import uuid
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from tests.e2e.showcase import Showcase

pytestmark = pytest.mark.once
"""Milliseconds that an answer may take: the machine of the tests has more to do."""


def signed_in(page: Page, showcase: Showcase) -> Page:
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions["setting-up"], "url": showcase.url}])
    return page


def row(page: Page, target: str) -> Locator:
    """The row of a target field, by its own controls."""
    return page.get_by_role("listitem").filter(has=page.get_by_label(f"Transformation of {target}", exact=True))


def test_M1_a_mapping_from_a_sample_with_chips_by_keyboard_alone(page: Page, showcase: Showcase) -> None:
    page = signed_in(page, showcase)
    name = f"Journey {uuid.uuid4()}"
    page.goto(f"{showcase.url}/signal/flows/")
    page.get_by_role("navigation", name="Signal").get_by_role("link", name="Mappings").click()
    page.get_by_role("link", name="New Mapping").click()
    page.get_by_label("Mapping name").fill(name)
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill('{"Title": "Ms", "Email": "a@example.org", "address": {"city": "Wien"}}')
    page.get_by_role("button", name="Show its rows").click()
    page.get_by_role("button", name="Add 3 rows").click()
    title = page.get_by_role("combobox", name="Add to Title", exact=True)
    expect(title).to_be_visible()
    # Position, two spaces and @, Organization: the guide's own example, without a mouse.
    keys = page.keyboard
    title.focus()
    keys.type("posit")
    expect(page.get_by_role("option", name=re.compile("^Position")).first).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    keys.type("  @ ")
    keys.press("Enter")
    keys.type("organiz")
    keys.press("Enter")
    chips = row(page, "Title").get_by_role("button", name=re.compile("^(Position|Organization|Text “.*”)$"))
    expect(chips).to_have_count(3)
    expect(title).to_be_focused()
    # back over the chips: the text goes in front, and comes back; one is taken away and set again.
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    expect(row(page, "Title").get_by_role("button", name="Text “  @ ”", exact=True)).to_be_focused()
    keys.press("Alt+ArrowLeft")
    expect(chips.first).to_have_accessible_name("Text “  @ ”")
    keys.press("Alt+ArrowRight")
    expect(chips.nth(1)).to_have_accessible_name("Text “  @ ”")
    title.focus()
    keys.press("Backspace")
    expect(chips).to_have_count(2)
    keys.type("organiz")
    keys.press("Escape")
    expect(page.get_by_role("listbox", name="Fields")).to_be_hidden()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(chips).to_have_count(3)
    # what is typed and left is not lost
    page.get_by_role("combobox", name="Add to Email", exact=True).focus()
    keys.type("left behind")
    keys.press("Tab")
    expect(row(page, "Email").get_by_role("button", name="Text “left behind”", exact=True)).to_be_visible()
    # a chip's panel by keyboard: it takes the focus and gives it back
    row(page, "Title").get_by_role("button", name="Position", exact=True).focus()
    keys.press("Enter")
    expect(page.get_by_role("group", name="Position")).to_be_visible()
    expect(page.get_by_role("textbox", name="From, new row 1")).to_be_focused()
    page.get_by_label("Text if empty").fill("Guest")
    page.get_by_role("button", name="Close Position").focus()
    keys.press("Enter")
    with_text = row(page, "Title").get_by_role("button", name="Position, if empty: Guest", exact=True)
    expect(with_text).to_be_focused()
    page.get_by_label("Transformation of Title").click()
    row(page, "Title").get_by_role("radio", name="UPPER CASE").check()
    # the preview keeps up, with somebody found by search
    page.get_by_label("For registration").fill("hana oakline")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_label("JSON", exact=True)).to_contain_text('"Title": "HEAD OF EVENTS  @ OAKLINE"')
    expect(page.get_by_label("JSON", exact=True)).to_contain_text('"address": {')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    expect(row(page, "Title").get_by_role("button", name="Position, if empty: Guest", exact=True)).to_be_visible()
    expect(row(page, "Email").get_by_role("button", name="Text “left behind”", exact=True)).to_be_visible()


def test_M1_what_is_typed_while_an_answer_is_under_way_stays(page: Page, showcase: Showcase) -> None:
    """A button's answer takes the page's place: what somebody went on typing is in it, at its row, wherever that stands by then."""
    page = signed_in(page, showcase)
    page.goto(f"{showcase.url}/signal/mappings/new/")
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill('{"One": "1", "Two": "2", "Three": "3"}')
    page.get_by_role("button", name="Show its rows").click()
    page.get_by_role("button", name="Add 3 rows").click()
    expect(page.get_by_label("Target field 3")).to_have_value("Three")
    held: list[Route] = []
    holds = "do=remove:0"

    def hold(route: Route) -> None:
        body = unquote_plus(route.request.post_data or "")
        held.append(route) if holds in body and not held else route.continue_()

    page.route("**/signal/mappings/new/", hold)
    page.get_by_label("More for One").click()
    with page.expect_request(lambda request: "remove" in (request.post_data or "")):
        page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_label("Mapping name").fill("Typed meanwhile")
    page.get_by_label("Target field 3").fill("Third")
    row(page, "Two").get_by_label("Required: Two").check()
    line = page.get_by_role("combobox", name="Add to Two", exact=True)
    line.focus()
    page.keyboard.type("kept ")
    page.keyboard.press("Enter")
    page.keyboard.type("half a wo")
    assert held
    for route in held:
        route.continue_()
    expect(page.get_by_label("Target field 3")).to_have_count(0)
    expect(page.get_by_label("Target field 1")).to_have_value("Two")
    expect(page.get_by_label("Target field 2")).to_have_value("Third")
    expect(page.get_by_label("Mapping name")).to_have_value("Typed meanwhile")
    expect(page.get_by_label("Required: Two")).to_be_checked()
    expect(row(page, "Two").get_by_role("button", name="Text “kept ”", exact=True)).to_be_visible()
    expect(line).to_have_value("half a wo")
    expect(line).to_be_focused()
    # so does what is typed into a chip's panel while the answer that closes it is under way
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    expect(row(page, "Two").get_by_role("button", name="Text “half a wo”", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.get_by_label("Text", exact=True)
    expect(panel).to_be_focused()
    held.clear()
    holds = "do=close"
    with page.expect_request(lambda request: "do=close" in (request.post_data or "")):
        panel.press("Escape")
    panel.press("End")
    page.keyboard.type("rd")
    (late,) = held
    late.continue_()
    expect(row(page, "Two").get_by_role("button", name="Text “half a word”", exact=True)).to_be_focused()
    expect(panel).to_be_hidden()
    # the text box and its + button have names of their own
    expect(row(page, "Two").get_by_label("Add to Two", exact=True)).to_have_count(1)
    expect(row(page, "Two").get_by_role("button", name="Choose a field for Two", exact=True)).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Typed meanwhile", exact=True)).to_be_visible()
    expect(page.get_by_label("Target field 2")).to_have_value("Third")


def test_M7_a_preview_that_a_button_has_overtaken_is_not_shown_and_no_error(page: Page, showcase: Showcase) -> None:
    """The console stays empty (PageErrors), and the row that was added stays."""
    page = signed_in(page, showcase)
    page.goto(f"{showcase.url}/signal/mappings/new/")
    page.get_by_label("First target field").fill("First")
    page.get_by_role("button", name="Add", exact=True).click()
    first = page.get_by_role("combobox", name="Add to First", exact=True)
    expect(first).to_be_focused()
    held: list[Route] = []

    def hold(route: Route) -> None:
        previews = "do=preview" in (route.request.post_data or "") and not held
        if previews:
            held.append(route)
        else:
            route.continue_()

    page.route("**/signal/mappings/new/", hold)
    with page.expect_request(lambda request: "do=preview" in (request.post_data or "")) as preview:
        first.press_sequentially("Hello")
        first.press("Enter")
    page.get_by_label("Add a target field").fill("Second")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(row(page, "Second")).to_be_visible()
    (late,) = held
    late.continue_()
    assert preview.value.response() is not None
    expect(page.get_by_label("JSON", exact=True)).to_contain_text('"Second"')
    page.unroute("**/signal/mappings/new/")


def test_M1_the_same_without_script(browser: Browser, showcase: Showcase) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = signed_in(context.new_page(), showcase)
        page.goto(f"{showcase.url}/signal/mappings/new/")
        name = f"By form {uuid.uuid4()}"
        page.get_by_label("Mapping name").fill(name)
        page.get_by_label("First target field").fill("State")
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_label("Source of State, as text").fill("{registration.status} text {First Name")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("is not closed")).to_be_visible()
        page.get_by_label("Source of State, as text").fill("{registration.status} text {First Name}")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        line = page.get_by_label("Source of State, as text")
        expect(line).to_have_value("{registration.status} text {profile.first_name}")
        page.get_by_role("button", name="Remove Registration Status").click()
        expect(line).to_have_value(" text {profile.first_name}")
        page.get_by_role("button", name="Preview Mapping").click()
        expect(page.get_by_label("JSON", exact=True)).to_contain_text('"State": " text ')
    finally:
        context.close()


def test_C5_A14_a_credential_in_a_header_is_typed_once_and_seen_no_more(page: Page, showcase: Showcase) -> None:
    page = signed_in(page, showcase)
    name, secret = f"Headers {uuid.uuid4()}", "Bearer j0urney-s3cr3t"
    page.goto(f"{showcase.url}/signal/mappings/new/?kind=header")
    page.get_by_label("Mapping name").fill(name)
    page.get_by_label("First target field").fill("Authorization")
    page.get_by_role("button", name="Add", exact=True).click()
    box = page.get_by_role("combobox", name="Add to Authorization", exact=True)
    expect(row(page, "Authorization").get_by_role("link", name="Connection Setup")).to_be_visible()
    box.focus()
    page.keyboard.type(secret)
    page.keyboard.press("Enter")
    page.get_by_label("Add a target field").fill("X-Version")  # a button posts the page, and it comes back without the text
    page.get_by_role("button", name="Add", exact=True).click()
    chip = row(page, "Authorization").get_by_role("button", name="Text “a secret”", exact=True)
    expect(chip).to_be_visible()
    assert secret not in page.content()
    chip.click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("…")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    expect(chip).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Save", exact=True).click()  # nobody types it again
    expect(page.get_by_text(f"The mapping {name} is saved.")).to_be_visible()
    assert secret not in page.content()
