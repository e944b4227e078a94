"""The states of the pages on which a person is erased (B7). Their account is one of tests/e2e/showcase.py."""

from __future__ import annotations

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

PAGE, PATH = "registrations/erase.html", "/settings/erase/"
PERSON, QUESTION, REPORT = "registrations/erase_person.html", "confirmation.html", "registrations/erase_done.html"
FOUND = f"{PATH}?q=marin"


def _person(visit: Visit) -> None:
    visit.follow(visit.page.get_by_role("link", name="See what is known").first)
    expect(visit.page.get_by_role("heading", name="What other applications got")).to_be_visible()


def _next(visit: Visit) -> None:
    _person(visit)
    visit.page.get_by_label("Why").select_option("The person asked")
    visit.press("Next: confirm")
    expect(visit.page.get_by_text("You can’t undo this.")).to_be_visible()


def _mistyped(visit: Visit) -> None:
    _next(visit)
    visit.page.get_by_label("Type the").fill("somebody else")
    visit.press("Erase")
    expect(visit.page.get_by_text("This is not")).to_be_visible()


def _done(of: Showcase) -> str:
    return f"{PATH}{of.ids['erasure']}/"


def _stopped(of: Showcase) -> str:
    return f"{PATH}{of.ids['stopped erasure']}/"


STATES = (
    State("erase a person", PAGE, "Erase a person", PATH, "aging", ("erase",)),
    State("erase a person, found", PAGE, "Erase a person", FOUND, "aging"),
    State("erase a person, nobody", PAGE, "Erase a person", f"{PATH}?q=nobody-at-all", "aging"),
    State("erase a person, what is known", PERSON, "Ada Marin", FOUND, "aging", ("erase-person",), then=_person),
    State("erase a person, asked", QUESTION, "Erase Ada Marin?", FOUND, "aging", ("erase-confirm",), then=_next),
    State("erase a person, mistyped", QUESTION, "Erase Ada Marin?", FOUND, "aging", then=_mistyped, after=422),
    State("erasure, done", REPORT, "Erased: DSR-2026-118", _done, "aging", ("erase-done",)),
    State("erasure, stopped", REPORT, "Being erased: DSR-2026-119", _stopped, "aging"),
    State(
        "erased at the source",
        "registrations/erase_proposed.html",
        "Erased at the source",
        f"{PATH}proposed/",
        "aging",
        ("erase-proposed",),
    ),
    State("erased at the source, nobody", "registrations/erase_proposed.html", "Erased at the source", f"{PATH}proposed/", "nothing"),
)
ACTIONS = {"erase-told", "erase-resume", "erase-report"}
