"""The states of the search, of the timeline, and of why / why not. Their account is that of tests/builders/signal_account.py."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e import longest
from tests.e2e.visiting import State, Visit

TIMELINE, FIND = "timeline/timeline.html", "timeline/find.html"
WHY, OTHERS, DECISIONS = "timeline/why.html", "timeline/others.html", "timeline/decisions.html"
JOE = "SUMMIT-26/S26-2/"
IFE = "/signal/registrations/SUMMIT-26/S26-4/"
ARABIC, (LONGEST, *_names) = longest.PEOPLE[0], longest.PEOPLE[-1]
LONGEST_NAME = " ".join(_names)


def why(path: str = "") -> Callable[[Visit], None]:
    def then(visit: Visit) -> None:
        visit.follow(visit.page.locator(".decisions li").filter(has_text="Slack").get_by_role("link", name="Why"))
        flow = visit.page.get_by_label("Flow", exact=True).last.input_value()
        change = visit.page.get_by_label("Change", exact=True).input_value()
        visit.goto(f"/signal/why/{change}/{flow}/{path}")

    return then


def _decisions(visit: Visit) -> None:
    visit.follow(
        visit.page.locator(".decisions li").filter(has_text="Slack").get_by_role("link", name="Cancellations to Slack", exact=True)
    )
    address = visit.page.url.rstrip("/") + "/decisions/"
    visit.page.goto(address)


def _numbered(visit: Visit) -> None:
    """By script, the number of the others stands there."""
    visit.follow(visit.page.locator(".decisions li").filter(has_text="Slack").get_by_role("link", name="Why"))
    expect(visit.page.get_by_text(re.compile("other.* stopped for the same reason in the last 7 days"))).to_be_visible()


STATES = (
    State("timeline", TIMELINE, "Joe Citizen", f"/signal/registrations/{JOE}", names=("timeline",)),
    State("timeline, as a Viewer, the longest names", TIMELINE, LONGEST_NAME, f"/signal/registrations/SUMMIT-26/{LONGEST}/", "viewer"),
    State("timeline, from right to left", TIMELINE, f"{ARABIC[1]} {ARABIC[2]}", "/signal/registrations/SUMMIT-26/S26-ar/"),
    State("timeline, of one without a tag", TIMELINE, "Ife Adeyemi", IFE, then=_numbered),
    State("timeline, nothing matches", TIMELINE, "Joe Citizen", f"/signal/registrations/{JOE}?flow=1"),
    State("find", FIND, re.compile("“ar”: .*registrations"), "/signal/find/?q=ar", names=("find",)),
    State("find, the longest names", FIND, re.compile("“ar”: .*registrations"), "/signal/find/?q=ar", "viewer"),
    State("find, nothing found", FIND, "“nobody at all”", "/signal/find/?q=nobody+at+all"),
    State("find, nothing typed", FIND, "Find a registration", "/signal/find/"),
    State("why, on a page of its own", WHY, "Why, or why not", IFE, names=("why",), then=why()),
    State("why, as a Viewer", WHY, "Why, or why not", IFE, "viewer", then=why()),
    State("others that stopped", OTHERS, re.compile("No other .*|\\d+ others? .*"), IFE, names=("why-others",), then=why("others/")),
    State("others that stopped, as a Viewer", OTHERS, re.compile("No other .*|\\d+ others? .*"), IFE, "viewer", then=why("others/")),
    State("decisions of a flow", DECISIONS, re.compile("Decisions of .*"), IFE, names=("flow-decisions",), then=_decisions),
)
