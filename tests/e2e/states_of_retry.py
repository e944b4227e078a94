"""The states of the Retry Queue beyond its list: causes unfolded, questions, jobs, files, and items that can be sent again."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

LIST, ITEM, JOB, DOWNLOAD, READY = (
    "retry/retry.html",
    "retry/item.html",
    "job.html",
    "retry/download.html",
    "retry/download_ready.html",
)
QUESTION = "confirmation.html"


def _of(path: str, name: str) -> Callable[[Showcase], str]:
    return lambda of: f"/signal/retry/{path}/{of.ids[name]}/"


def _used_up(visit: Visit) -> None:
    visit.page.locator("details.used-up > summary").click()
    expect(visit.page.locator("details.used-up").get_by_role("button", name=re.compile("^Submit (it|all)"))).to_be_visible()
    expect(visit.page.get_by_text("Retries used up: sent again only if you submit them")).to_be_visible()


def _all(visit: Visit) -> None:
    visit.page.get_by_role("checkbox", name=re.compile("^All .* that match$")).check()


def _discard(visit: Visit) -> None:
    visit.follow(visit.page.get_by_role("link", name=re.compile("^Discard all ?: It was made in the flow’s other mode, Live or Test")))


def _curl(visit: Visit) -> None:
    visit.page.get_by_text("As curl").click()
    expect(visit.page.get_by_role("group", name="curl")).to_be_visible()


def _as_it_was(visit: Visit) -> None:
    visit.page.get_by_label("As it was").check()


STATES = (
    State("retry, used up", LIST, "Retry", "/signal/retry/", then=_used_up),
    State("retry, failed ones and all that match", LIST, "Retry", "/signal/retry/?status=waiting", "planner", then=_all),
    State("retry, discard a cause", QUESTION, re.compile("Discard .*"), "/signal/retry/", "planner", then=_discard),
    State("retry, a job is paused", JOB, "Submit to Retry Queue", _of("jobs", "retry-paused"), "planner", ("retry-job",)),
    State("retry, a job is paused, as a Viewer", JOB, "Submit to Retry Queue", _of("jobs", "retry-paused"), "viewer"),
    State("retry, a job is done", JOB, "Submit to Retry Queue", _of("jobs", "retry-done"), "planner"),
    State(
        "retry, download",
        DOWNLOAD,
        re.compile(r"Download \d+ rows"),
        "/signal/retry/download/?status=waiting",
        "planner",
        ("retry-download",),
    ),
    State(
        "retry, a file is there",
        READY,
        re.compile(r"\d+ rows"),
        _of("downloads", "retry-file"),
        "planner",
        ("retry-download-ready",),
    ),
    State("item, as curl", ITEM, re.compile("S26-2.*"), lambda of: f"/signal/retry/{of.items['waiting']}/", "planner", then=_curl),
    State(
        "item, sent as it was", ITEM, re.compile("S26-2.*"), lambda of: f"/signal/retry/{of.items['waiting']}/", "planner", then=_as_it_was
    ),
    State("item, resend", ITEM, re.compile("S26-7.*"), lambda of: f"/signal/retry/{of.items['done']}/", "planner", then=_as_it_was),
    State(
        "resend what was delivered",
        QUESTION,
        re.compile("Send it to .* again\\?"),
        lambda of: f"/signal/retry/{of.items['done']}/resend/",
        "planner",
        ("retry-resend",),
    ),
)

ACTIONS = {"retry-submit", "retry-discard", "retry-download-again", "retry-download-file"}
"""Addresses that only take a form, or give a file; retry-discard asks only about a cause, as above."""
