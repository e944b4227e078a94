"""The states of Account Settings and of an event's pages. Their account is that of tests/builders/platform_account.py."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit, opened

TAGS, ROWS, FORM, DIALOG = "setup/tags.html", "setup/rows.html", "setup/form.html", "confirmation.html"
UPLOAD = "registrations/import_upload.html"
EVENT, EVENTS = "setup/event.html", "setup/events.html"

# Lists of the account and of an event: address, heading.
OF_ACCOUNT = {
    "registration-statuses": "Registration Statuses",
    "session-registration-statuses": "Session Registration Statuses",
    "event-statuses": "Event Statuses",
    "event-data": "Event Data",
    "profile-data": "Profile Data",
}
OF_EVENT = {
    "custom-statuses": "Custom Statuses",
    "attendee-types": "Attendee Types",
    "questions": "Questions",
    "sessions": "Sessions",
    "configure": "Configure",
}
LONGEST = {"custom-statuses", "questions"}
"""Of these those of the account with the longest names."""
FIELDS = ("event-data", "profile-data")
EDITED = {
    "custom-statuses": "Invited by partner",
    "attendee-types": "Guest",
    "questions": "Dietary needs",
    "sessions": "KEYNOTE",
    "configure": "VIP guest",
}


def _at(path: str, name: str) -> Callable[[Showcase], str]:
    """The address of something that is set up; path has {} for its id."""
    return lambda of: path.format(of.ids[name])


def _answered_late(visit: Visit) -> None:
    """The answer to a question that said something else."""
    visit.page.evaluate("document.querySelector('input[name=promise]').value = '0'.repeat(32)")
    visit.press("Delete the tag")


def _nameless(visit: Visit) -> None:
    """A form is sent with a name that is in use: the refusal stands beside its field."""
    visit.page.get_by_label("Name", exact=True).last.fill("Registered")
    visit.press(re.compile("^Add"))
    assert visit.page.locator("[aria-invalid=true]").count()


def _twice(visit: Visit) -> None:
    visit.page.get_by_label("Code", exact=True).fill("SUMMIT-26")
    visit.page.get_by_label("Name", exact=True).fill("Again")
    visit.press("Add the event")
    assert visit.page.locator("[aria-invalid=true]").count()


def _by_two(visit: Visit) -> None:
    """Somebody else saves the same field while the form is open."""
    other = visit.page.context.new_page()
    other.goto(visit.page.url)
    for page, whose in ((other, "theirs"), (visit.page, "mine")):
        page.get_by_label("Location").fill(f"{whose} {uuid.uuid4()}")
        with page.expect_navigation():
            page.get_by_role("button", name="Save", exact=True).last.click()
    other.close()
    assert visit.page.get_by_text("Somebody made this “theirs").first.is_visible()


ROWS_OF_A_FILE = (
    "Code,First Name,Last Name,E-mail,Status\nI-1,Zoë,Marin,zoe@example.org,New\nI-2,Joe,Citizen,joe@example.org,Invited by aunt\n"
)


def _upload(visit: Visit) -> None:
    visit.page.get_by_label("File").set_input_files({"name": "guests.csv", "mimeType": "text/csv", "buffer": ROWS_OF_A_FILE.encode()})
    visit.page.get_by_label("Event").select_option("SUMMIT-26")
    visit.press("Next: match columns")


def dry_run(visit: Visit) -> None:
    _upload(visit)
    visit.press("Next: dry run")
    expect(visit.page.get_by_role("heading", name="What is sent")).to_be_visible()


def _new_rows(visit: Visit) -> None:
    dry_run(visit)
    visit.page.get_by_role("link", name="New", exact=True).click()
    expect(visit.page.get_by_role("heading", name="would be new")).to_be_visible()


def _import(visit: Visit) -> None:
    dry_run(visit)
    visit.page.get_by_label("Record without sending").check()
    visit.press(re.compile("^Import"))


def _empty_handed(visit: Visit) -> None:
    visit.page.get_by_label("File").evaluate("(field) => field.removeAttribute('required')")
    visit.press("Next: match columns")


STATES = (
    State("tag coverage", "setup/coverage.html", "Tag coverage", "/settings/tags/coverage/", "setting-up", ("tag-coverage",)),
    State("tag coverage, as a Viewer", "setup/coverage.html", "Tag coverage", "/settings/tags/coverage/", "longest-reading"),
    State("import", UPLOAD, "Import", "/import/", "planning", ("import",)),
    State("import, refused", UPLOAD, "Import", "/import/", "planning", then=_empty_handed, after=422),
    State("import, columns", "registrations/import_columns.html", "Import", "/import/", "planning", ("import-columns",), then=_upload),
    State("import, dry run", "registrations/import_dry_run.html", "Import", "/import/", "planning", ("import-dry-run",), then=dry_run),
    State("import, dry run, its new rows", "registrations/import_dry_run.html", "Import", "/import/", "planning", then=_new_rows),
    State("import, begun", "job.html", re.compile(".+"), "/import/", "planning", ("job",), then=_import),
    State(
        "registration, added",
        "registrations/registration.html",
        re.compile(".+"),
        "/registrations/add/?event=SUMMIT-26",
        "planning",
        ("registration-add",),
    ),
    State(
        "registrations, a status for all",
        DIALOG,
        re.compile(".+"),
        "/registrations/set-status/?of=all&to=New",
        "planning",
        ("registrations-status",),
    ),
    State("tags", TAGS, "Tags", "/settings/", "setting-up", ("settings", "tags")),
    State("tags, the menu of a row", TAGS, "Tags", "/settings/tags/", "setting-up", then=opened("More for")),
    State("tags, as a Viewer", TAGS, "Tags", "/settings/tags/", "longest-reading"),
    State("tags, refused", TAGS, "Tags", "/settings/tags/", "setting-up", then=_nameless, after=422),
    State("tags, nothing matches", TAGS, "Tags", "/settings/tags/?q=nowhere", "setting-up"),
    State("tags, none", TAGS, "Tags", "/settings/tags/", "nothing"),
    State("tag", FORM, "Tag “Registered”", lambda of: f"/settings/tags/{of.ids['Registered']}/", "setting-up", ("tag",)),
    State("tag, as a Viewer", FORM, "Tag “Registered”", lambda of: f"/settings/tags/{of.ids['Registered']}/", "reading"),
    State(
        "tag, merged into another",
        DIALOG,
        "Merge the tag “Registered”",
        lambda of: f"/settings/tags/{of.ids['Registered']}/merge/?into={of.ids['VIP']}",
        "setting-up",
        ("tag-merge",),
    ),
    State(
        "tag, deleted, changed meanwhile",
        DIALOG,
        "Delete the tag “VIP”?",
        lambda of: f"/settings/tags/{of.ids['VIP']}/delete/",
        "setting-up",
        then=_answered_late,
        after=409,
    ),
    State(
        "tag, deleted",
        DIALOG,
        re.compile("Delete the tag “Registered”.|The tag “Registered” cannot be deleted yet"),
        lambda of: f"/settings/tags/{of.ids['Registered']}/delete/",
        "setting-up",
        ("tag-delete",),
    ),
    State("retry intervals", FORM, "Retry Intervals", "/settings/retry/", "setting-up", ("retry-intervals",)),
    State("account", FORM, "Account", "/settings/account/", "setting-up", ("account-settings",)),
    State("account, as a Viewer", FORM, "Account", "/settings/account/", "reading"),
    *(State(here, ROWS, heading, f"/settings/{here}/", "setting-up", (here,)) for here, heading in OF_ACCOUNT.items()),
    *(State(f"{here}, as a Viewer", ROWS, heading, f"/settings/{here}/", "longest-reading") for here, heading in OF_ACCOUNT.items()),
    *(
        State(
            f"{here}, one",
            FORM,
            re.compile(".+"),
            _at(f"/settings/{here}/{{}}/", here),
            "setting-up",
            (f"{here}-edit",),
        )
        for here in FIELDS
    ),
    *(
        State(
            f"{here}, one deleted",
            DIALOG,
            re.compile("Delete “.+”.|“.+” is in use"),
            _at(f"/settings/{here}/{{}}/delete/", here),
            "setting-up",
            (f"{here}-delete",),
        )
        for here in FIELDS
    ),
    State("profile-data, none", ROWS, "Profile Data", "/settings/profile-data/", "nothing"),
    State("events", EVENTS, "Events", "/events/", "setting-up", ("events",)),
    State("events, as a Viewer", EVENTS, "Events", "/events/", "longest-reading"),
    State("events, nothing matches", EVENTS, "Events", "/events/?q=nowhere", "setting-up"),
    State("events, none", EVENTS, "Events", "/events/", "nothing"),
    State("event, added", FORM, "Add an event", "/events/add/", "planning", ("event-add",)),
    State("event, added and refused", FORM, "Add an event", "/events/add/", "planning", then=_twice, after=422),
    State("event", EVENT, "Summit", "/events/SUMMIT-26/details/", "planning", ("event-details",)),
    State("event, saved by two", EVENT, "Summit", "/events/SUMMIT-26/details/", "planning", then=_by_two, after=422),
    State("event, as a Viewer", EVENT, "Summit", "/events/SUMMIT-26/details/", "reading"),
    State("event, its marking failed", EVENT, "Stuck", "/events/STUCK/details/", "planning"),
    State(
        "event, leaves Testing",
        DIALOG,
        re.compile("Take REHEARSAL from Testing to Live."),
        lambda of: f"/events/REHEARSAL/leave-testing/?to={of.ids['Live']}",
        "planning",
        ("event-leave-testing",),
    ),
    State("event, copied", DIALOG, "Copy SUMMIT-26", "/events/SUMMIT-26/copy/", "planning", ("event-copy",)),
    *(
        State(here, ROWS, heading, f"/events/SUMMIT-26/{here}/", "longest" if here in LONGEST else "planning", (here,))
        for here, heading in OF_EVENT.items()
    ),
    *(State(f"{here}, none", ROWS, heading, f"/events/REHEARSAL/{here}/", "planning") for here, heading in OF_EVENT.items()),
    *(State(f"{here}, as a Viewer", ROWS, heading, f"/events/SUMMIT-26/{here}/", "longest-reading") for here, heading in OF_EVENT.items()),
    *(
        State(
            f"{here}, one",
            FORM,
            re.compile(".+"),
            _at(f"/events/SUMMIT-26/{here}/{{}}/", name),
            "planning",
            (f"{here}-edit",),
        )
        for here, name in EDITED.items()
    ),
    *(
        State(
            f"{here}, one deleted",
            DIALOG,
            re.compile("Delete “.+”.|“.+” is in use"),
            _at(f"/events/SUMMIT-26/{here}/{{}}/delete/", name),
            "planning",
            (f"{here}-delete",),
        )
        for here, name in EDITED.items()
    ),
)
