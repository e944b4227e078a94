"""A state of a page, and how one gets there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, Response, expect
from tests.e2e.showcase import Showcase

type Steps = Callable[[Visit], None]


@dataclass(slots=True)
class Visit:
    """A browser's page on its way to a state."""

    page: Page
    of: Showcase

    def goto(self, path: str) -> Response | None:
        return self.page.goto(f"{self.of.url}{path}")

    def press(self, name: str | re.Pattern[str]) -> None:
        """The first button with this name, and the page that it leads to."""
        self.follow(self.page.get_by_role("button", name=name).first)

    def follow(self, link: Locator) -> None:
        """A link or a button, and the page that it leads to: a click alone returns before that page is read."""
        with self.page.expect_navigation():
            link.click()

    def sign_in(self, who: str, password: str = "") -> None:
        self.goto("/accounts/sign-in/")
        self.page.get_by_label("E-mail").fill(self.of.people[who])
        self.page.get_by_label("Password").fill(password or self.of.password)
        self.press("Sign in")


@dataclass(frozen=True, slots=True)
class State:
    """A state of a page: how it is called, which template shows it, its heading, who sees it ("": nobody signed in), and how one gets there.

    path: its address, or the first one of the way. names: addresses by name (urls.py) that it opens. status: of the answer. then: further steps.
    """

    name: str
    template: str
    heading: str | re.Pattern[str]
    path: str | Callable[[Showcase], str]
    who: str = "administrator"
    names: tuple[str, ...] = ()
    status: int = 200
    then: Steps | None = None
    after: int = 0
    """The status of the last answer, where it is not that of the first."""

    def open(self, page: Page, of: Showcase) -> None:
        """Leads a signed-in page there, and looks that it is there."""
        answers: list[int] = []

        def answered(answer: Response) -> None:
            if answer.request.is_navigation_request():
                answers.append(answer.status)

        page.on("response", answered)
        visit = Visit(page, of)
        first = visit.goto(self.path if isinstance(self.path, str) else self.path(of))
        assert first is not None
        assert first.status == self.status, f"{first.url} answered {first.status}"
        if self.then:
            self.then(visit)
        page.remove_listener("response", answered)
        assert answers[-1] == (self.after or self.status)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        said = page.get_by_role("heading", level=1).inner_text()
        assert re.fullmatch(self.heading if isinstance(self.heading, re.Pattern) else re.escape(self.heading), said), said


def opened(name: str) -> Steps:
    """Opens the last menu whose name begins like this: what hangs over the page is looked at as well."""

    def then(visit: Visit) -> None:
        summary = visit.page.get_by_label(re.compile(f"^{name}")).last
        summary.click()
        assert summary.evaluate("(summary) => summary.parentElement.open")

    return then
