"""Answers that a page waits for until a test lets them go: what a person does meanwhile is done for certain while they are under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Request, Route

ANSWERED = """() => { window.answered = new Promise((done) => {
  document.addEventListener("htmx:beforeSend", (e) => e.detail.xhr.addEventListener("loadend", done), { once: true });
}); }"""


class HeldAnswers:
    """Holds back every answer to a request of the page's scripts, until `let_go`. Pages, styles and scripts come as ever."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._held: list[Route] = []
        self._is_open = False
        page.route("**/*", self._take)

    def _take(self, route: Route) -> None:
        if self._is_open or route.request.resource_type not in {"xhr", "fetch"}:
            route.continue_()
        else:
            self._held.append(route)

    @contextmanager
    def request(self, fits: Callable[[Request], bool] = lambda request: True) -> Iterator[None]:
        """What is done in it makes the page ask its server; the answer is held back."""
        with self._page.expect_request(lambda request: request.resource_type in {"xhr", "fetch"} and fits(request)):
            yield

    def let_go(self) -> None:
        """Lets every answer come, those to later requests at once."""
        self._is_open = True
        for route in self._held:
            route.continue_()
        self._held.clear()

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Ends once the page has had the answer to the first request that is sent in it, or after it; its own scripts have then heard of it."""
        self._page.evaluate(ANSWERED)
        yield
        self._page.evaluate("() => window.answered")
