"""The states of the pages of sources."""

from __future__ import annotations

import re
from typing import Final

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

PATH: Final = "/settings/sources/"
LIST, PAGE, PROOF, LISTED = "sources/list.html", "sources/source.html", "sources/proof.html", "sources/rest_list.html"


def _of(name: str, more: str = ""):
    def address(of: Showcase) -> str:
        return f"{PATH}{of.ids[f'source {name}']}/{more}"

    return address


def _unnamed(visit: Visit) -> None:
    visit.page.get_by_label("Name").fill("Works")
    visit.press("Add it")
    expect(visit.page.get_by_text("There is a source of this name already.")).to_be_visible()


def _makes_a_secret(visit: Visit) -> None:
    visit.press("Make a secret")
    expect(visit.page.get_by_text("Copy it now: it is shown only once")).to_be_visible()


def _from_parts(visit: Visit) -> None:
    visit.page.get_by_label("Built from parts").check()
    expect(visit.page.get_by_label("Signed text")).to_be_visible()
    visit.press("Save")
    expect(visit.page.get_by_text("The header that proves the sender is missing.")).to_be_visible()


def _of_call(name: str):
    def address(of: Showcase) -> str:
        return f"{PATH}{of.ids[f'source {name}']}/calls/{of.ids[f'call of {name}']}/"

    return address


def _tried(visit: Visit) -> None:
    visit.press("Try it on the last calls")
    expect(visit.page.get_by_text("Looking records and sends nothing.")).to_be_visible()


def _no_address(visit: Visit) -> None:
    visit.page.get_by_label("Address of the list").fill("ftp://platform.example/list")
    visit.page.get_by_role("textbox", name="Key").fill("id")
    visit.press("Save and close")
    expect(visit.page.locator("[aria-invalid=true]").first).to_be_visible()


def _sampled(visit: Visit) -> None:
    visit.page.get_by_label("Address of the list").fill("https://platform.example/list?per_page=50")
    visit.page.get_by_text("Paste one instead").click()
    visit.page.get_by_label("An answer, as JSON").fill('{"page": 1, "people": [{"id": "a81f", "changed_at": "2026-10-14T12:30:00Z"}]}')
    visit.press("Show its fields")
    expect(visit.page.get_by_role("textbox", name="Modified")).to_have_value("changed_at")
    visit.press("Choose Key")


def _unconnected(visit: Visit) -> None:
    visit.press("Connect")
    expect(visit.page.get_by_text("Give the address of your pretix.")).to_be_visible()


def _no_event(visit: Visit) -> None:
    for box in visit.page.locator("td.row-tick input").all():
        box.uncheck()
    visit.press("Next: match")
    expect(visit.page.get_by_text("Choose at least one event.")).to_be_visible()


def _address(visit: Visit) -> None:
    visit.press(re.compile("^Make"))
    expect(visit.page.get_by_label("Target URL")).to_be_visible()


def _no_event_of_files(visit: Visit) -> None:
    visit.page.get_by_label("Event", exact=True).select_option("")
    visit.press("Save")
    expect(visit.page.get_by_text("Choose the event, because no column of these files names it.").first).to_be_visible()


STATES: Final = (
    State("sources", LIST, "Sources", PATH, names=("sources",)),
    State("sources, as a Viewer", LIST, "Sources", PATH, "viewer"),
    State("sources, none", LIST, "Sources", PATH, "aging"),
    State("add a source", "sources/new.html", "Add a source", f"{PATH}new/", names=("source-new",)),
    State("add a source of a platform", "setup/form.html", "Add a source: Tito", f"{PATH}new/tito/", names=("source-add",)),
    State("add a source, refused", "setup/form.html", "Add a source: Tito", f"{PATH}new/tito/", then=_unnamed, after=422),
    State("a source", PAGE, "Works", _of("Works"), names=("source",)),
    State("a source, nothing matches", PAGE, "Takes any call", lambda of: f"{_of('Takes any call')(of)}?show=changed"),
    State("a source that refuses calls", PAGE, "Refuses calls", _of("Refuses calls"), "viewer"),
    State("a source that cannot be read", PAGE, "Cannot be read", _of("Cannot be read")),
    State("a source, renamed", "setup/form.html", "Rename the source", _of("Works", "name/"), names=("source-name",)),
    State("a source, address and secret", PROOF, "Address and secret", _of("Works", "proof/"), names=("source-proof",)),
    State("a source, any call is taken", PROOF, "Address and secret", _of("Takes any call", "proof/")),
    State("a source, calls refused", PROOF, "Address and secret", _of("Refuses calls", "proof/")),
    State("a source, a secret made", PROOF, "Address and secret", _of("Works", "proof/"), then=_makes_a_secret),
    State("a source, from parts", PROOF, "Address and secret", _of("Works", "proof/"), then=_from_parts, after=422),
    State("a source’s mapping, no call yet", "sources/mapping.html", "Works: mapping", _of("Works", "mapping/"), names=("source-mapping",)),
    State("a source’s mapping", "sources/mapping.html", "Forum shop: mapping", _of("Forum shop", "mapping/")),
    State("a source’s mapping, values", "sources/mapping.html", "Forum shop: mapping", _of("Forum shop", "mapping/?fix=status")),
    State("a source’s mapping, tried", "sources/mapping_trial.html", "Forum shop: mapping", _of("Forum shop", "mapping/"), then=_tried),
    State("source items", "sources/items.html", "Source items", _of("Ticket desk", "items/"), names=("source-items",)),
    State("source items, none", "sources/items.html", "Source items", _of("Is paused", "items/"), "viewer"),
    State("a call of a source", "sources/call.html", "F-1-7, F-1-8", _of_call("Ticket desk"), names=("source-call",)),
    State("the event at Certain", "setup/form.html", "The event at Certain", _of("Reads Certain", "certain/"), names=("source-certain",)),
    State(
        "the event at Eventbrite",
        "setup/form.html",
        "The event at Eventbrite",
        _of("Reads Eventbrite", "eventbrite/"),
        names=("source-eventbrite",),
    ),
    State("the list that is read", LISTED, "The list that is read", _of("Asks", "list/"), names=("source-list-form",)),
    State("the list that is read, refused", LISTED, "The list that is read", _of("Asks", "list/"), then=_no_address, after=422),
    State("the list that is read, a sample", LISTED, "The list that is read", _of("Asks", "list/"), then=_sampled),
    State("a source that runs a program", PAGE, "Members", _of("Members")),
    State("the program", "setup/form.html", "The program", _of("Members", "command/"), names=("source-command",)),
    State("a watched folder", PAGE, "Drop box", _of("Drop box")),
    State("the columns of the files", "setup/form.html", "Columns of the files", _of("Drop box", "folder/"), names=("source-folder",)),
    State(
        "the columns of the files, refused",
        "setup/form.html",
        "Columns of the files",
        _of("Drop box", "folder/"),
        then=_no_event_of_files,
        after=422,
    ),
    State("a source that asks", PAGE, "Asks", _of("Asks")),
    State(
        "a source that asks, its question",
        "confirmation.html",
        "120 of 800 registrations are missing at the platform",
        _of("Asks", "missing/"),
        names=("source-missing",),
    ),
    State("pretix, new", "sources/pretix_connect.html", "pretix: connect", f"{PATH}new/pretix/"),
    State("pretix, nothing given", "sources/pretix_connect.html", "pretix: connect", f"{PATH}new/pretix/", then=_unconnected, after=422),
    State(
        "pretix, refused",
        "sources/pretix_connect.html",
        "pretix: connect",
        _of("pretix refused", "pretix/"),
        "setting-up",
        names=("source-pretix",),
    ),
    State(
        "pretix, its events",
        "sources/pretix_events.html",
        "pretix: choose events",
        _of("pretix events", "pretix/events/"),
        "setting-up",
        names=("source-pretix-events",),
    ),
    State(
        "pretix, no event chosen",
        "sources/pretix_events.html",
        "pretix: choose events",
        _of("pretix events", "pretix/events/"),
        "setting-up",
        then=_no_event,
        after=422,
    ),
    State(
        "pretix, match",
        "sources/pretix_match.html",
        "pretix: match",
        _of("pretix match", "pretix/match/"),
        "setting-up",
        names=("source-pretix-match",),
    ),
    State(
        "pretix, first read",
        "sources/pretix_start.html",
        "pretix: first read",
        _of("pretix start", "pretix/start/"),
        "setting-up",
        names=("source-pretix-start",),
    ),
    State("pretix, being read", "sources/pretix_start.html", "pretix: first read", _of("pretix reading", "pretix/start/"), "setting-up"),
    State(
        "pretix, an address made",
        "sources/pretix_start.html",
        "pretix: first read",
        _of("pretix reading", "pretix/start/"),
        "setting-up",
        then=_address,
    ),
    State("the ledger", "sources/ledger.html", "Sources", f"{PATH}ledger/", names=("ledger",)),
    State("the ledger, nothing to compare", "sources/ledger.html", "Sources", f"{PATH}ledger/", "aging"),
    State(
        "the ledger of an event",
        "sources/ledger_event.html",
        "Ledger of SUMMIT-26",
        f"{PATH}ledger/event/?event=SUMMIT-26",
        names=("ledger-event",),
    ),
    State(
        "the ledger of an event, as a Viewer",
        "sources/ledger_event.html",
        "Ledger of SUMMIT-26",
        f"{PATH}ledger/event/?event=SUMMIT-26",
        "viewer",
    ),
    State(
        "the ledger of an event, all of a kind",
        "sources/ledger_event.html",
        "Ledger of SUMMIT-26",
        f"{PATH}ledger/event/?event=SUMMIT-26&kind=missing",
    ),
    State(
        "gaps are repaired",
        "confirmation.html",
        "Repair 3 gaps of SUMMIT-26?",
        f"{PATH}ledger/repair-all/?event=SUMMIT-26&kind=missing",
        names=("ledger-repair-all",),
    ),
    State(
        "the ledger of an event that can’t be read",
        "sources/ledger_event.html",
        "Ledger of an event that can’t be read",
        f"{PATH}ledger/event/?event=",
    ),
    State(
        "a file is left out of the ledger",
        "confirmation.html",
        "Leave this file out?",
        lambda of: f"{PATH}ledger/leave-out/?event=&gap=f{of.ids['refused row']}",
        names=("ledger-leave-out",),
    ),
    State("a source, removed", "confirmation.html", "Remove “Works”?", _of("Works", "remove/"), names=("source-remove",)),
)

ACTIONS: Final = {
    "ledger-compare",
    "ledger-gaps-file",
    "ledger-repair",
    "source-again",
    "source-first-file",
    "source-pause",
    "source-read",
    "source-resume",
    "source-run",
}
"""Addresses that only take a form."""
