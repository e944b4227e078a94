"""The states of Metrics: Account Insights, the page of an integration, the lists behind numbers and their exports, the Activity Feed."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.e2e.visiting import State, Visit

SUMMARY, TROUBLE, RECORDS = "insights/summary.html", "insights/troubleshooting.html", "insights/records.html"
FEED, JOB = "insights/feed.html", "job.html"
INSIGHTS, POSTS = "/signal/metrics/", "/signal/metrics/posts/webhooks/"
NEVER = "from=2001-01-01&to=2001-01-02"


def _unfold(visit: Visit) -> None:
    visit.page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")


def _other_periods(visit: Visit) -> None:
    visit.page.evaluate("document.querySelectorAll('.period details').forEach(d => d.open = true)")
    expect(visit.page.get_by_label("A number of days")).to_be_visible()


def _export(visit: Visit) -> None:
    """The showcase has no runner of jobs, so the export waits."""
    visit.page.get_by_label("Kind of CSV").select_option(label="Exact")
    visit.press("Export CSV")
    expect(visit.page.get_by_text(re.compile(r"It starts in a moment|goe?s? first|next in this account"))).to_be_visible()


def _jump(visit: Visit) -> None:
    visit.page.get_by_text("More filters").click()
    visit.page.get_by_label("Jump to").fill("2026-01-02T03:04")
    expect(visit.page.get_by_text("From 2 Jan 2026, 03:04 back.")).to_be_visible()


def _sampled(visit: Visit) -> None:
    expect(visit.page.get_by_text(re.compile(r"Showing 20 of \d+ new changes"))).to_be_visible()


def _looked_back(visit: Visit) -> None:
    expect(visit.page.get_by_text("Checked back to")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Check further back")).to_be_visible()


def _without_replays(visit: Visit) -> None:
    expect(visit.page.get_by_role("link", name="Count them in")).to_be_visible()


def _any_event(visit: Visit) -> None:
    expect(visit.page.get_by_role("textbox", name="Code of another event")).to_be_visible()


STATES = (
    State("insights", SUMMARY, "Account Insights", INSIGHTS, names=("insights",)),
    State("insights, of whole days", SUMMARY, "Account Insights", f"{INSIGHTS}?from=2026-10-01&to=2026-12-31", then=_unfold),
    State(
        "insights, a period that does not exist",
        "insights/wrong_period.html",
        "Account Insights",
        f"{INSIGHTS}?from=2026-02-31&to=2026-01-01",
        status=422,
    ),
    State("insights, of Test flows", SUMMARY, "Account Insights", f"{INSIGHTS}?mode=test"),
    State("insights, nothing yet", SUMMARY, "Account Insights", f"{INSIGHTS}?{NEVER}", "beginner"),
    State("insights, without replays", SUMMARY, "Account Insights", f"{INSIGHTS}?replays=without", then=_without_replays),
    State("insights, as a Viewer", SUMMARY, "Account Insights", INSIGHTS, "viewer"),
    State("troubleshooting", TROUBLE, "Account Insights", f"{INSIGHTS}troubleshooting/", names=("troubleshooting",)),
    State("troubleshooting, calm", TROUBLE, "Account Insights", f"{INSIGHTS}troubleshooting/", "beginner"),
    State("posts", SUMMARY, "Webhook Posts", POSTS, names=("posts",)),
    State("posts, troubleshooting", TROUBLE, "Webhook Posts", f"{POSTS}troubleshooting/", names=("posts-troubleshooting",)),
    State("posts, feed", FEED, "Webhook Posts", f"{POSTS}feed/", names=("posts-feed",)),
    State("records", RECORDS, re.compile(r"Failures: \d+"), f"{INSIGHTS}records/failures/", names=("records",)),
    State("records, of registrations", RECORDS, re.compile(r"Unique Registrations: \d+"), f"{INSIGHTS}records/registrations/?sort=changes"),
    State("records, of flows", RECORDS, re.compile(r"Active Flows: \d+"), f"{INSIGHTS}records/flows/"),
    State("records, moved since", RECORDS, re.compile(r"Actions in the Retry Queue: \d+"), f"{INSIGHTS}records/queued/?n=99&seen=1"),
    State("records, narrowed", RECORDS, re.compile(r"Actions Triggered: \d+"), f"{INSIGHTS}records/triggered/?outcome=success&sort=oldest"),
    State("records, as a Viewer", RECORDS, re.compile(r"Failures: \d+"), f"{INSIGHTS}records/failures/", "viewer"),
    State("records, nothing matches", RECORDS, "Actions Triggered: 0", f"{INSIGHTS}records/triggered/?q=nobody"),
    State("records, of any event", RECORDS, "Failures: 0", f"{INSIGHTS}records/failures/?event-code=OLD-7", "busy", then=_any_event),
    State("records, exported", JOB, "Export of Failures", f"{INSIGHTS}records/failures/", then=_export),
    State("feed", FEED, "Account Insights", f"{INSIGHTS}feed/", names=("feed",)),
    State("feed, of a week", FEED, "Account Insights", f"{INSIGHTS}feed/?period=7d", then=_other_periods),
    State("feed, of today", FEED, "Account Insights", f"{INSIGHTS}feed/?period=today&result=failure"),
    State("feed, of a period without anything", FEED, "Account Insights", f"{INSIGHTS}feed/?{NEVER}"),
    State(
        "feed, a period that does not exist",
        "insights/wrong_period.html",
        "Account Insights",
        f"{INSIGHTS}feed/?from=2026-02-31&to=2026-01-01&result=failure",
        status=422,
    ),
    State("feed, a day that there is not", FEED, "Account Insights", f"{INSIGHTS}feed/?date=2026-02-31&jump=x", status=422),
    State("feed, paused", FEED, "Account Insights", f"{INSIGHTS}feed/?paused=4102444800000000"),
    State("feed, from a time back", FEED, "Account Insights", f"{INSIGHTS}feed/", then=_jump),
    State("feed, more than one can read", FEED, "Account Insights", f"{INSIGHTS}feed/", "busy", then=_sampled),
    State("feed, looked back", FEED, "Account Insights", f"{INSIGHTS}feed/?connection=999999999", "busy", then=_looked_back),
    State("feed, of Test flows", FEED, "Account Insights", f"{INSIGHTS}feed/?mode=test"),
    State("feed, nothing matches", FEED, "Account Insights", f"{INSIGHTS}feed/?q=nobody"),
    State("feed, nothing yet", FEED, "Account Insights", f"{INSIGHTS}feed/", "beginner"),
)

ACTIONS = {"records-export", "records-download"}
"""Addresses that only take a form, or give a file."""
