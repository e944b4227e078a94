"""Every page in every state: axe in both colour schemes, wide and on a phone; by keyboard; and that none is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import get_resolver
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, Route
from tests import accessibility
from tests.conftest import PageErrors
from tests.e2e.showcase import Showcase
from tests.e2e.states import ACTIONS, STATES
from tests.e2e.visiting import State

SOURCE = Path(__file__).parents[2] / "src" / "heliograph"
# Frames that pages extend.
# And what test_first_start.py and test_openid.py show, since they need an installation without users, or a provider.
ELSEWHERE = {"administration/first_start.html", "administration/not_invited.html", "administration/openid_failed.html"}
FRAMES = {
    "base.html",
    "entry.html",
    "guide/guide.html",
    "message.html",
    "metrics.html",
    "notifications/frame.html",
    "platform.html",
    "signal.html",
    "sources/mapping_frame.html",
    "sources/pretix_frame.html",
}

ADDRESSES = """elements => elements.flatMap(e => ["href", "action", "formaction", "hx-get"].map(name => e.getAttribute(name) ?? ""))"""
"""The addresses of elements, as they are written."""


MOVED = (
    "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => { if (!entry.hadRecentInput) moved += entry.value; }))"
    ".observe({type: 'layout-shift', buffered: true});"
)
"""Sums up by how much the parts of a page move while it loads."""
MAY_MOVE = 0.02


@pytest.fixture(scope="module")
def window(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    """One for all states. In a page of its own each would find Chromium with nothing in its cache, and axe not yet compiled: half of its time."""
    with browser.new_context(**browser_context_args) as made:
        made.add_init_script(MOVED)
        yield made


@pytest.fixture(scope="module")
def picture(window: BrowserContext, showcase: Showcase) -> str:
    """The address of a picture of the installation: there at once, and of the same origin, so that the next state finds the same process."""
    page = window.new_page()
    page.goto(f"{showcase.url}/accounts/sign-in/")
    address = page.locator("link[rel=icon]").get_attribute("href")
    page.close()
    return f"{showcase.url}{address}"


@pytest.fixture
def context(window: BrowserContext) -> Iterator[BrowserContext]:
    """It, signed out."""
    yield window
    window.clear_cookies()


@pytest.fixture
def page(context: BrowserContext, picture: str) -> Iterator[Page]:
    """Its page, which shows nothing of the last state: no form half filled in, no route, no second page. One that fails is not used again."""
    page = context.pages[0] if context.pages else context.new_page()
    page.set_viewport_size(accessibility.WIDE)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    yield page
    page.unroute_all()
    for other in context.pages[1:]:
        other.close()
    context.clear_cookies()
    page.on("dialog", _leave)
    try:
        page.goto(picture)
        page.remove_listener("dialog", _leave)
    except Error:
        page.close()


def _leave(dialog: Dialog) -> None:
    """A page with changes asks whether it may be left."""
    dialog.accept()


def _nothing_new(route: Route) -> None:
    """What a page fetches again every second or two would take the focus away below axe and the keyboard: 204 leaves the page as it is."""
    if route.request.headers.get("hx-request"):
        route.fulfill(status=204)
    else:
        route.continue_()


def opened(state: State, page: Page, showcase: Showcase, errors: PageErrors) -> None:
    """The state, as its person sees it."""
    if state.who:
        page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions[state.who], "url": showcase.url}])
    for status in {state.status, state.after} - {0, 200}:
        errors.expect(f"the server responded with a status of {status}")
    state.open(page, showcase)


@pytest.mark.once
@pytest.mark.parametrize("state", [pytest.param(state, id=state.name) for state in STATES])
def test_a_page_keeps_nobody_out(state: State, page: Page, showcase: Showcase, page_errors: PageErrors) -> None:
    """By axe, and all of it by keyboard. Console errors and requests to elsewhere fail every test in a browser (tests/conftest.py)."""
    opened(state, page, showcase, page_errors)
    if not state.then:
        moved = page.evaluate("moved")
        assert moved < MAY_MOVE, f"parts of the page moved while it loaded: {moved:.3f}"
    assert not re.search(r"\(['\"]|<\w[\w.]* object|<QuerySet|&#x27;", page.locator("main").inner_text()), "a value of Python's, as it is"
    links = page.eval_on_selector_all("[href], [action], [formaction], [hx-get]", ADDRESSES)
    assert not [link for link in links if re.search(r"\s", link)], "an address is encoded"
    page.route("**", _nothing_new)
    accessibility.sweep(page)
    assert accessibility.walk(page)[0] == "a Skip to the content"


def test_every_address_is_opened_by_a_state() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    shown = {name for state in STATES for name in state.names}
    assert names - shown - ACTIONS == set(), "add your page to STATES in tests/e2e/states.py (or to ACTIONS there, if it only takes a form)"
    assert shown | ACTIONS <= names, "tests/e2e/states.py names addresses that are gone"


def test_every_template_of_a_page_is_shown_by_a_state() -> None:
    pages = {
        path.relative_to(folder).as_posix()
        for folder in SOURCE.glob("*/templates")
        for path in folder.rglob("*.html")
        if re.search(r"{% extends ", path.read_text("utf-8"))
    }
    shown = {state.template for state in STATES}
    assert pages - FRAMES - ELSEWHERE - shown == set(), "add your page to STATES in tests/e2e/states.py"
    assert shown <= pages, "tests/e2e/states.py names templates that are gone"
    assert len({state.name for state in STATES}) == len(STATES)
