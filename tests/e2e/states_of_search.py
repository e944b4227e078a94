"""The states of the search for everything: its page, and the palette over another page."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.e2e.visiting import State, Steps, Visit

FIND_ALL = "search/find_all.html"


def typed(text: str) -> Steps:
    """Opens the palette by its key, and waits for the results of a text."""

    def then(visit: Visit) -> None:
        visit.page.keyboard.press("Control+K")
        dialog = visit.page.get_by_role("dialog", name="Find anything")
        dialog.get_by_role("combobox").fill(text)
        if text:
            expect(dialog.get_by_role("status")).to_contain_text(re.compile(r"result|Nothing has"))
        else:
            expect(dialog.get_by_role("option").first).to_be_visible()

    return then


def sent(text: str) -> Steps:
    """Finds a text without the palette: the key Enter is faster than its results."""

    def then(visit: Visit) -> None:
        field = visit.page.locator("#find")
        field.fill(text)
        with visit.page.expect_navigation():
            field.press("Enter")

    return then


STATES = (
    State("find anything", FIND_ALL, re.compile("“ar”: .*results"), "/signal/flows/", names=("find-all", "find-results"), then=sent("ar")),
    State("find anything, the longest names", FIND_ALL, re.compile("“ar”: .*results"), "/signal/flows/", "viewer", then=sent("ar")),
    State("find anything, nothing found", FIND_ALL, "“nobody at all”", "/signal/flows/", then=sent("nobody at all")),
    State("find anything, nothing typed", FIND_ALL, "Find anything", "/find/"),
)
