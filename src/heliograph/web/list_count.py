"""The number of rows of a list, which may be counted only up to a limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

MOST: Final = 10_000
"""Where most counts stop: "more than 10,000"."""


@dataclass(frozen=True, slots=True)
class ListCount:
    """The number of rows of a list."""

    number: int = 0
    is_more: bool = False
    """True if there are more than `number`, or if there may be, because not all rows were read."""

    @property
    def is_none(self) -> bool:
        """Whether there is certainly no row."""
        return not self.number and not self.is_more

    def at_least(self, rows: int) -> ListCount:
        """Counts the rows that a page shows, if they are more than were counted before counting was broken off."""
        return replace(self, number=max(self.number, rows)) if self.is_more else self

    def __add__(self, other: ListCount) -> ListCount:
        return ListCount(self.number + other.number, self.is_more or other.is_more)


def many(count: int | ListCount) -> str:
    """A number in words: "more than 10,000" from MOST on, "at least 12" if counting was broken off."""
    number, is_more = (count.number, count.is_more) if isinstance(count, ListCount) else (count, count > MOST)
    if is_more and not number:
        return _("none found yet")
    if is_more:
        return _("more than %(n)s") % {"n": intcomma(MOST)} if number >= MOST else _("at least %(n)s") % {"n": intcomma(number)}
    return intcomma(number)
