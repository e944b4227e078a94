"""The states of the flow editor, its test panel and the questions about a flow.

Their account is that of tests/builders/platform_account.py, or that of tests/builders/signal_account.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e.longest import LONG
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit, opened

LIST, EDITOR, QUESTION = "flows/list.html", "flows/editor.html", "confirmation.html"
VERSIONS = "setup/versions.html"
SEND = "flows/send.html"


def _flow(path: str = "") -> Callable[[Showcase], str]:
    def at(of: Showcase) -> str:
        return f"/signal/flows/{of.ids['Leads']}/{path}"

    return at


def _longest(of: Showcase) -> str:
    return f"/signal/flows/{of.ids['Longest']}/"


def _save(visit: Visit) -> None:
    visit.follow(visit.page.get_by_role("button", name="Save", exact=True).last)


def _chosen(visit: Visit) -> None:
    """A watch is chosen, a filter and a destination are added: by script, without a new page."""
    page = visit.page
    page.get_by_label("Session Registration Status Change").check()
    expect(page.get_by_label("Session Registration Statuses", exact=True)).to_be_visible()
    statuses = page.get_by_label(re.compile("^Registration Statuses"))
    # It is a chip input now; the plain one that came with the answer would stay hidden.
    expect(statuses).to_have_attribute("autocomplete", "off")
    statuses.fill("Regis")
    statuses.press("Enter")  # the only one that begins like this
    expect(page.get_by_role("button", name="Remove Registered")).to_be_visible()
    statuses.fill("Nowhere")
    statuses.press("Tab")
    expect(page.get_by_text("There is no Nowhere to choose")).to_be_visible()
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Field, row 1").select_option(label="Attendee Type Tags")
    page.get_by_role("button", name="Add a destination").click()
    expect(page.get_by_label("Destination name")).to_be_visible()


def _refused(visit: Visit) -> None:
    """What no list has: typed as without script."""
    visit.page.get_by_label("Name", exact=True).fill("x" * 201)
    _save(visit)
    expect(visit.page.get_by_role("heading", name="Not saved")).to_be_visible()


def _saved(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill("Leads")
    _save(visit)
    expect(visit.page.get_by_role("status").get_by_text("Saved. It acts on changes from now on.")).to_be_visible()


def _tried(visit: Visit) -> None:
    visit.page.get_by_label("With a registration").fill("R1")
    visit.page.get_by_role("button", name="Test", exact=True).click()
    expect(visit.page.get_by_role("link", name="Send this one now")).to_be_visible()


def _tried_by_reader(visit: Visit) -> None:
    visit.page.get_by_label("With a registration").fill("R1")
    visit.page.get_by_role("button", name="Test", exact=True).click()
    expect(visit.page.get_by_text("It would be sent to CRM.")).to_be_visible()


def _counted(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Count last week’s changes").click()
    expect(visit.page.get_by_text("of the last 7 days")).to_be_visible()


def _tried_on_past(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Try the last 1,000 changes").click()
    expect(visit.page.get_by_text(re.compile("Of the last .* that it watches for, this rule would send"))).to_be_visible()


def _asked_to_send(visit: Visit) -> None:
    _tried(visit)
    visit.follow(visit.page.get_by_role("link", name="Send this one now"))


def _asked(visit: Visit) -> None:
    visit.page.get_by_label("Payload mapping").select_option("")
    _save(visit)


def _gone_live(visit: Visit) -> None:
    visit.page.get_by_role("switch", name="Live").press("Space")
    _save(visit)


def _conflict(visit: Visit) -> None:
    """Somebody else saves the flow while its form is open."""
    other = visit.page.context.new_page()
    other.goto(visit.page.url)
    for page, mode in ((other, "adds"), (visit.page, "updates")):
        page.get_by_label("Posts a new message each time (chat, sheet)" if mode == "adds" else "Updates the same record (CRM)").check()
        if mode == "updates":
            page.get_by_label("Destination name").fill("The CRM")
        with page.expect_navigation():
            page.locator(".savebar").get_by_role("button", name="Save").click()
    other.get_by_label("Updates the same record (CRM)").check()
    with other.expect_navigation():
        other.locator(".savebar").get_by_role("button", name="Save").click()
    other.close()


STATES = (
    State("a new flow", EDITOR, "New flow", "/signal/flows/new/", "setting-up", ("flow-new",)),
    State("a new flow, being filled", EDITOR, "New flow", "/signal/flows/new/", "setting-up", then=_chosen),
    State("flow", EDITOR, "Leads", _flow(), "setting-up", ("flow", "flow-test")),
    State("flows, the menu of a row", LIST, "Flow List", "/signal/flows/", "setting-up", then=opened("More for")),
    State("flow, refused", EDITOR, "Leads", _flow(), "setting-up", then=_refused, after=422),
    State("flow, saved", EDITOR, "Leads", _flow(), "setting-up", then=_saved),
    State("flow, tried", EDITOR, "Leads", _flow(), "setting-up", then=_tried),
    State("flow, counted", EDITOR, "Leads", _flow(), "setting-up", then=_counted),
    State("flow, tried on the past", EDITOR, "Leads", _flow(), "setting-up", then=_tried_on_past),
    State("flow, tried on the past, the longest names", EDITOR, LONG * 2, _longest, "setting-up", then=_tried_on_past),
    State("flow, the longest names", EDITOR, LONG * 2, _longest, "setting-up"),
    State("flow, as a Planner, the longest names", EDITOR, LONG * 2, _longest, "planning"),
    State("flow, as a Viewer, tried", EDITOR, "Leads", _flow(), "reading", then=_tried_by_reader),
    State("flow, incomplete", EDITOR, "Unfinished", lambda of: f"/signal/flows/{of.ids['Unfinished']}/", "setting-up"),
    State("flow, saved by two", EDITOR, "Leads", _flow(), "setting-up", then=_conflict, after=409),
    State("a running flow would stop", QUESTION, "Stop Leads?", _flow(), "setting-up", then=_asked),
    State("a flow would go live", QUESTION, "Take Leads Live?", _flow(), "setting-up", then=_gone_live),
    State("a change is sent by hand", SEND, re.compile("Send R1.* now\\?"), _flow(), "setting-up", ("flow-send",), then=_asked_to_send),
    State("a flow is copied", QUESTION, "Copy Leads", _flow("copy/"), "setting-up", ("flow-copy",)),
    State("a flow is deleted", QUESTION, "Delete Leads?", _flow("delete/"), "setting-up", ("flow-delete",)),
    State("versions of a flow", VERSIONS, "Versions of Leads", _flow("versions/"), "setting-up", ("flow-versions",)),
    State("versions of a flow, as a Viewer", VERSIONS, "Versions of Leads", _flow("versions/?version=1"), "reading"),
    State("a version is restored", VERSIONS, "Versions of Leads", _flow("versions/?version=1&restore=1"), "setting-up"),
)
