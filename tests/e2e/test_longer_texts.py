"""Pages in a language whose texts are two fifths longer than English: nothing is cut off, and no text of a page is left in English (35.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from tests.databases import Databases
from tests.e2e import showcase as showcases
from tests.e2e.showcase import Showcase

PAGES = (
    "/registrations/",
    "/registrations/import/",
    "/events/",
    "/settings/users/",
    "/settings/audit/",
    "/settings/sources/",
    "/settings/retention/",
    "/accounts/me/",
    "/signal/overview/",
    "/signal/flows/",
    "/signal/flows/new/",
    "/signal/connections/",
    "/signal/mappings/",
    "/signal/recipes/",
    "/signal/retry/",
    "/signal/metrics/",
    "/signal/metrics/troubleshooting/",
    "/signal/metrics/feed/",
    "/signal/notifications/",
)
TOO_WIDE = """() => {
  const cut = [...document.querySelectorAll("main button, main .button")].filter(
    (e) => e.checkVisibility() && !e.matches(".visually-hidden") && e.scrollWidth > e.clientWidth + 2);
  const room = document.documentElement.clientWidth;
  const beyondRoom = (e) => e.getBoundingClientRect().left + Math.max(e.clientWidth, e.scrollWidth, e.getBoundingClientRect().width) > room + 1;
  const beyond = document.documentElement.scrollWidth > room + 1
    ? [...document.querySelectorAll("body *")].filter((e) => beyondRoom(e) && ![...e.children].some(beyondRoom)) : [];
  return [...beyond, ...cut].map((e) => `${e.tagName}.${e.getAttribute("class")} ${e.textContent.trim()}`);
}"""
"""What reaches beyond the window of a page that has to be scrolled sideways, and the buttons whose text is cut off."""
IN_ENGLISH = """() => [...document.querySelectorAll("main h2, main th, main .button, main label.label, .panel a, .band .links a")]
  .filter((e) => e.checkVisibility() && !e.querySelector("bdi") && /[a-z]{2}/i.test(e.innerText) && !e.innerText.includes("⟦"))
  .map((e) => e.innerText.trim())"""
"""Headings, buttons, labels and places without a marked text."""
DATA = frozenset({"English", "Deutsch", "Français"})


@pytest.fixture(scope="module")
def longer(databases: Databases) -> Iterator[Showcase]:
    with databases.migrated() as facts, showcases.showcase(facts, settings="tests.longer_texts") as shown:
        yield shown


@pytest.fixture(scope="module")
def german(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    with browser.new_context(**{**browser_context_args, "locale": "de-DE"}) as made:
        yield made


@pytest.mark.once
@pytest.mark.parametrize("path", ["/accounts/sign-in/", *PAGES])
def test_a_page_has_room_for_longer_texts_and_none_is_left_in_english(path: str, longer: Showcase, german: BrowserContext) -> None:
    german.clear_cookies()
    if path in PAGES:
        german.add_cookies([{"name": "heliograph_session", "value": longer.sessions["administrator"], "url": longer.url}])
    page = german.new_page()
    page.goto(f"{longer.url}{path}")
    assert page.locator("html").get_attribute("lang") == "de"
    assert set(page.evaluate(IN_ENGLISH)) - DATA == set()
    for width in (1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TOO_WIDE) == [], f"{width} pixels"
    page.close()
