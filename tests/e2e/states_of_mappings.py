"""The states of the mapping pages. Their account is that of tests/builders/platform_account.py, their mappings those of tests/mapping_examples.py."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit, opened
from tests.mapping_examples import LONGEST

LIST, EDITOR, READER = "mappings/list.html", "mappings/mapping.html", "mappings/read.html"
QUESTION, VERSIONS = "confirmation.html", "setup/versions.html"


def _at(name: str, more: str = "") -> Callable[[Showcase], str]:
    return lambda of: f"/signal/mappings/{of.ids[name]}/{more}"


def _chip(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Country, 3 values mapped", exact=True).click()
    expect(visit.page.get_by_role("group", name="Country")).to_be_visible()
    expect(visit.page.get_by_role("textbox", name="From, row 1")).to_be_focused()


def _date(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Date Created, Date only", exact=True).click()
    expect(visit.page.get_by_role("radio", name="Date only")).to_be_checked()


def _text(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Text “  @ ”", exact=True).click()
    expect(visit.page.get_by_label("Text", exact=True)).to_have_value("  @ ")


def _fields(visit: Visit) -> None:
    visit.page.get_by_role("combobox", name="Add to Title").press_sequentially("co")
    expect(visit.page.get_by_role("option", name=re.compile("^Country (Czechia|empty)$"))).to_be_visible()


def _sample(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill('{"email": "x", "Score": 12, "billing": {"vat": "ATU0"}}')
    page.get_by_role("button", name="Show its rows").click()
    expect(page.get_by_role("checkbox", name="billing.vat Text")).to_be_checked()


def _doubtful_sample(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill('{"id": 12345678901234567890123, "half": "\\ud800", "more": {}}')
    page.get_by_label("Keep its values as typed text").check()
    page.get_by_role("button", name="Show its rows").click()
    expect(page.get_by_role("heading", name="Not everything in it was used")).to_be_visible()


def _long_query(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Query", exact=True).click()
    expect(page.get_by_label("Query", exact=True)).to_be_visible()  # the editor has been drawn again, so nothing closes the sample's box
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill('{"long": "' + "x" * 9_000 + '"}')
    page.get_by_label("Keep its values as typed text").check()
    page.get_by_role("button", name="Show its rows").click()
    page.get_by_role("button", name="Add 1 row").click()
    expect(page.get_by_text("URL is longer than 8,192 characters")).to_be_visible()


def _form(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Form", exact=True).click()
    expect(visit.page.get_by_label("Form", exact=True)).to_contain_text("&entry.123=")


def _refused(visit: Visit) -> None:
    visit.page.get_by_label("Target field 2").fill("email")
    visit.press(re.compile("^Save$"))
    assert visit.page.get_by_text("There is a row “email” already.").is_visible()


def _meanwhile(visit: Visit) -> None:
    other = visit.page.context.new_page()
    other.goto(visit.page.url)
    empty = other.get_by_label("If an optional field is empty")
    empty.select_option("empty" if empty.input_value() != "empty" else "leave out")
    with other.expect_navigation():
        other.locator(".savebar").get_by_role("button", name="Save").click()
    other.close()
    visit.follow(visit.page.locator(".savebar").get_by_role("button", name="Save"))
    assert visit.page.get_by_role("heading", name=re.compile("saved version [0-9]+ while you were writing")).is_visible()


STATES = (
    State("mappings", LIST, "Mappings", "/signal/mappings/", "setting-up", ("mapping-list",)),
    State("mappings, as a Viewer", LIST, "Mappings", "/signal/mappings/", "reading"),
    State("mappings, nothing matches", LIST, "Mappings", "/signal/mappings/?q=nowhere", "setting-up"),
    State("mappings, none", LIST, "Mappings", "/signal/mappings/", "nothing"),
    State("mapping, new", EDITOR, "New Mapping", "/signal/mappings/new/", "setting-up", ("mapping-new",)),
    State("mapping", EDITOR, "Lead mapping", _at("lead"), "setting-up", ("mapping",)),
    State("mapping, transformations of a field", EDITOR, "Lead mapping", _at("lead"), "setting-up", then=opened("Transformation of")),
    State("mapping, a chip", EDITOR, "Lead mapping", _at("lead"), "setting-up", then=_chip),
    State("mapping, a date", EDITOR, "Lead mapping", _at("lead"), "setting-up", then=_date),
    State("mapping, a text", EDITOR, "Lead mapping", _at("lead"), "setting-up", then=_text),
    State("mapping, the field list", EDITOR, "Lead mapping", _at("lead"), "setting-up", then=_fields),
    State("mapping, a sample", EDITOR, "Contact mapping", _at("contact"), "setting-up", then=_sample),
    State("mapping, a sample of which not everything is taken over", EDITOR, "New Mapping", "/signal/mappings/new/", "setting-up", then=_doubtful_sample),
    State("mapping, a query that is too long", EDITOR, "New Mapping", "/signal/mappings/new/", "setting-up", then=_long_query),
    State("mapping, as a form", EDITOR, "Contact mapping", _at("contact"), "setting-up", then=_form),
    State("mapping, the longest names, as a query", EDITOR, LONGEST[:100], _at("Longest mapping", "?preview_format=query"), "setting-up"),
    State("mapping, refused", EDITOR, "Contact mapping", _at("contact"), "setting-up", then=_refused, after=422),
    State("mapping, saved by two", EDITOR, "API version header", _at("header"), "setting-up", then=_meanwhile, after=409),
    State("mapping, of headers", EDITOR, "API version header", _at("header"), "setting-up"),
    State("mapping, as a Viewer", READER, "Lead mapping", _at("lead"), "reading"),
    State("mapping, copied", QUESTION, "Copy Lead mapping?", _at("lead", "copy/"), "setting-up", ("mapping-copy",)),
    State("mapping, deleted", QUESTION, "Delete Contact mapping?", _at("contact", "delete/"), "setting-up", ("mapping-delete",)),
    State("mapping, in use", QUESTION, "Lead mapping cannot be deleted yet", _at("lead", "delete/"), "setting-up"),
    State("versions of a mapping", VERSIONS, "Versions of Lead mapping", _at("lead", "versions/"), "setting-up", ("mapping-versions",)),
    State("versions of a mapping, restoring", VERSIONS, "Versions of Lead mapping", _at("lead", "versions/?version=3&restore=1"), "setting-up"),
    State("versions of a mapping, as a Viewer", VERSIONS, "Versions of Lead mapping", _at("lead", "versions/"), "reading"),
)  # fmt: skip
