"""A person at a browser, whose clicks and fields are counted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect


@dataclass
class Hand:
    """What a person does: every click, every field and every choice counts as one."""

    page: Page
    done: list[str]

    def click(self, role: str, name: str, *, within: Locator | None = None, exact: bool = True) -> None:
        (within or self.page).get_by_role(role, name=name, exact=exact).click()
        self.done.append(f"{role} {name}")

    def fill(self, label: str, text: str, *, press: str = "") -> None:
        field = self.page.get_by_label(label, exact=True)
        field.fill(text)
        if press:
            field.press(press)
        self.done.append(f"field {label}")

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)
        self.done.append(f"field {label}")

    def tick(self, option: str) -> None:
        """A choice that explains itself behind its name."""
        self.page.get_by_role("radio", name=re.compile(f"^{option}")).check()
        self.done.append(f"option {option}")

    def took_at_most(self, *, clicks: int, fields: int) -> None:
        """Compares what was done with a bound. A choice counts as a click unless it is made in a field."""
        filled = [each for each in self.done if each.startswith("field ")]
        assert len(filled) <= fields, self.done
        assert len(self.done) - len(filled) <= clicks, self.done

    def is_at(self, heading: str | re.Pattern[str]) -> None:
        """Looks; that costs nothing."""
        expect(self.page.get_by_role("heading", name=heading, level=1)).to_be_visible()
