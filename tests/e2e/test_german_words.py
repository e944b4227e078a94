"""Pages in German on a phone: no word of a text is broken in two, unless with a hyphen at the end of a syllable (35.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.e2e.showcase import Showcase
from tests.e2e.states import STATES
from tests.e2e.visiting import State

PHONE = {"width": 390, "height": 844}
DATA = "bdi, code, kbd, pre, .raw, .json, ins, del, option, .visually-hidden, .folds > thead"
"""What people typed and what applications sent may be of any length; the rest is not seen."""
BROKEN = """data => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const broken = [];
  while (texts.nextNode()) {
    const text = texts.currentNode, parent = text.parentElement;
    if (!parent.checkVisibility({checkVisibilityCSS: true}) || parent.closest(data) || getComputedStyle(parent).hyphens === "auto") continue;
    for (const word of text.data.matchAll(/(?<!\\p{L})\\p{Script=Latin}{4,30}(?!\\p{L})/gu)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter(each => each.width > 0.5).map(each => Math.round(each.top)));
      if (lines.size > 1) broken.push(`${word[0]}: ${parent.tagName.toLowerCase()}.${parent.className} in “${text.data.trim().slice(0, 60)}”`);
    }
  }
  return broken;
}"""
"""The words that stand in more than one line, each with its element. Longer ones are names of people's things: no text has one of 31 letters."""


def _once(states: tuple[State, ...]) -> list[State]:
    """One state of each template that is opened by its address alone, and the pages of the longest texts."""
    chosen: dict[tuple[str, str], State] = {}
    for state in states:
        if state.then is None and state.status == 200:
            chosen.setdefault((state.template, state.who), state)
    return list(chosen.values())


@pytest.fixture(scope="module")
def german(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    with browser.new_context(**{**browser_context_args, "locale": "de-DE", "viewport": PHONE}) as made:
        yield made


@pytest.fixture
def phone(german: BrowserContext) -> Iterator[Page]:
    german.clear_cookies()
    page = german.new_page()
    yield page
    page.close()


@pytest.mark.once
@pytest.mark.parametrize("state", _once(STATES), ids=lambda state: state.name)
def test_35_10_no_german_word_is_broken_on_a_phone(state: State, showcase: Showcase, phone: Page) -> None:
    if state.who:
        phone.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions[state.who], "url": showcase.url}])
    phone.goto(f"{showcase.url}{state.path if isinstance(state.path, str) else state.path(showcase)}")
    assert phone.locator("html").get_attribute("lang") == "de"
    phone.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true })")
    assert phone.evaluate(BROKEN, DATA) == []
