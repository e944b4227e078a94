"""The states of the page Retention, and of pages whose content or records are gone. Their account is one of tests/e2e/showcase.py."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

PAGE, QUESTION, PATH = "administration/retention.html", "confirmation.html", "/settings/retention/"


COPY = "/settings/restored-copy/"


def _long_ago(path: str) -> str:
    """A period whose records are gone: it ends before the oldest that is kept."""
    now = datetime.now(UTC)
    return f"{path}?from={(now - timedelta(days=800)).date()}&to={(now - timedelta(days=450)).date()}"


def _too_long(visit: Visit) -> None:
    visit.page.get_by_label("Content, in days").fill("999")
    visit.press(re.compile("^Save$"))
    expect(visit.page.get_by_text("A whole number of days from 1 to 180 is needed")).to_be_visible()


def _shorter(visit: Visit) -> None:
    visit.page.get_by_label("Content, in days").fill("30")
    visit.press(re.compile("^Save$"))
    expect(visit.page.get_by_text(re.compile(r"Contents: \d+"))).to_be_visible()


def _begin(visit: Visit) -> None:
    visit.press("Start the removal now")
    expect(visit.page.get_by_text(re.compile(r"Contents: \d+"))).to_be_visible()


def _unsure(visit: Visit) -> None:
    expect(
        visit.page.get_by_text("There is too much old data to check all of it: more may be removed than is counted here.")
    ).to_be_visible()


def _says_that_nothing_is_sent(visit: Visit) -> None:
    expect(visit.page.get_by_role("complementary", name="Restored copy")).to_contain_text("nothing is sent")


def _item(of: Showcase) -> str:
    return f"/signal/retry/{of.items['without-content']}/"


def _why_gone(of: Showcase) -> str:
    return f"/signal/why/{of.ids['unexplained']}/{of.ids['unexplained flow']}/"


STATES = (
    State("retention", PAGE, "Retention", PATH, "aging", ("retention",)),
    State("retention, nothing goes", PAGE, "Retention", PATH, "nothing"),
    State("retention, more is old than is looked at", PAGE, "Retention", PATH, "unmoved", then=_unsure),
    State("retention, as a Viewer", PAGE, "Retention", PATH, "longest-reading"),
    State("retention, refused", PAGE, "Retention", PATH, "aging", then=_too_long, after=422),
    State("retention, a shorter term", QUESTION, "Keep less, and remove what is older?", PATH, "aging", then=_shorter),
    State("retention, started", QUESTION, "Remove it now?", PATH, "aging", then=_begin),
    State("restored copy", QUESTION, "Let this restored copy send?", COPY, "restored", ("restored-copy",)),
    State("restored copy, as a Viewer", QUESTION, "Let this restored copy send?", COPY, "restored-reading"),
    State("banner of a restored copy", "flows/list.html", "Flow List", "/signal/flows/", "restored", then=_says_that_nothing_is_sent),
    State("timeline, content removed", "timeline/timeline.html", "Ada Marin", "/signal/registrations/SUMMIT-26/S25-1/", "aging"),
    State("timeline, records removed", "timeline/timeline.html", "Ada Marin", "/signal/registrations/SUMMIT-26/S16-1/", "aging"),
    State("feed, records removed", "insights/feed.html", "Account Insights", "/signal/metrics/feed/", "aging"),
    State("why, content removed", "timeline/why_gone.html", "Why, or why not", _why_gone, "aging"),
    State("item, content removed", "retry/item.html", re.compile("S25-1.*"), _item, "aging"),
    State("item, records removed", "retry/no_item.html", "Not found", f"/signal/retry/a{2**60}/", "aging", status=404),
    State("insights, records removed", "insights/summary.html", "Account Insights", lambda _of: _long_ago("/signal/metrics/"), "aging"),
    State(
        "troubleshooting, records removed",
        "insights/troubleshooting.html",
        "Account Insights",
        lambda _of: _long_ago("/signal/metrics/troubleshooting/"),
        "aging",
    ),
)
