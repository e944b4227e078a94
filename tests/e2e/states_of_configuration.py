"""The states of the page Configuration File. Their account is one of tests/e2e/showcase.py."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.e2e.visiting import State, Visit

PAGE, FILE, SECRETS, PLAN = (f"api/configuration{more}.html" for more in ("", "_file", "_secrets", "_plan"))
PATH, PLAN_PATH = "/settings/configuration/", "/settings/configuration/plan/"
PLANNED = """
tags:
  - {name: Exhibitor, kinds: [attendee_type]}
retry_intervals: {connection: [1, 5, 40]}
flows: []
"""
CONNECTION = "connections:\n  - {name: Chat, auth: Open / No Auth, url: {env: HELIOGRAPH_SECRET_CHAT_URL}}\n"


def _sent(visit: Visit, text: str) -> None:
    visit.page.get_by_label("Or paste it").fill(text)
    visit.press("Plan it")


def _opened(visit: Visit) -> None:
    for summary in visit.page.locator("main summary").all():
        summary.click()
    expect(visit.page.get_by_text("name: By hand")).to_be_visible()


def _nothing_chosen(visit: Visit) -> None:
    visit.press("Plan it")
    expect(visit.page.get_by_text("Choose a file, or paste it below.")).to_be_visible()


def _refused(visit: Visit) -> None:
    _sent(visit, "tagz: []\nflows:\n  - {name: Leads, statuses: [Nowhere]}\n")
    expect(visit.page.get_by_text("tagz: There is no such section.")).to_be_visible()


def _pruned(visit: Visit) -> None:
    _sent(visit, "flows: []")
    visit.page.get_by_role("checkbox", name=re.compile("^Also delete")).check()
    visit.press(re.compile("^Apply"))
    expect(visit.page.get_by_text("Stops a flow").first).to_be_visible()


def _in_use(visit: Visit) -> None:
    _sent(visit, "mappings: []")
    visit.page.get_by_role("checkbox", name=re.compile("^Also delete")).check()
    visit.press(re.compile("^Apply"))
    expect(visit.page.get_by_text("Nothing was applied")).to_be_visible()


def _put_back(visit: Visit) -> None:
    visit.press(re.compile("^Put back.*: Leads"))


def _deleted(visit: Visit) -> None:
    visit.press(re.compile("^Delete it here.*: By hand"))


STATES = (
    State("no configuration file", PAGE, "Configuration File", PATH, "nothing"),
    State("configuration file, drift", PAGE, "Configuration File", PATH, "managing", ("configuration",)),
    State("configuration file, drift opened", PAGE, "Configuration File", PATH, "managing", then=_opened),
    State(
        "configuration file, applied earlier",
        PAGE,
        "Configuration File",
        PATH,
        "managing",
        then=lambda v: v.follow(v.page.get_by_role("link", name="Older")),
    ),
    State("a file to plan", FILE, "Plan a file", PLAN_PATH, "managing", ("configuration-plan",)),
    State("a file to plan, none chosen", FILE, "Plan a file", PLAN_PATH, "managing", then=_nothing_chosen, after=422),
    State("a file to plan, refused", FILE, "Plan a file", PLAN_PATH, "managing", then=_refused, after=422),
    State("secrets of a file", SECRETS, "Secrets of the file", PLAN_PATH, "managing", then=lambda v: _sent(v, CONNECTION)),
    State("plan", PLAN, re.compile("Plan: .*"), PLAN_PATH, "managing", then=lambda v: _sent(v, PLANNED)),
    State("plan, not allowed", PLAN, re.compile("Plan: .*"), PLAN_PATH, "managing", then=_pruned, after=409),
    State("plan, what is in use stays", PLAN, "No changes", PLAN_PATH, "managing", then=_in_use, after=409),
    State("plan, no changes", PLAN, "No changes", PLAN_PATH, "managing", then=lambda v: _sent(v, "account: {}")),
    State("put back, a flow acts on more", "confirmation.html", "Put Leads back?", PATH, "managing", then=_put_back),
    State("put back, deleted", "confirmation.html", "Delete By hand?", PATH, "managing", then=_deleted),
    State("no longer managed", "confirmation.html", "Stop managing by a file?", f"{PATH}stop/", "managing", ("configuration-stop",)),
)

ACTIONS = {"configuration-put-back", "configuration-yaml", "configuration-json", "configuration-applied"}
