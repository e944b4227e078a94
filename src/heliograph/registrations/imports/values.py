"""Cells as values of the registration document: booleans in several languages, lists, dates in the usual orders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.sentence_template import gettext_noop
from heliograph.registrations.imports.column_words import NO, YES


class DateOrder(StrEnum):
    """How dates with slashes, dots or dashes are read. ISO 8601 is always accepted."""

    DAY_FIRST = gettext_noop("day first")
    MONTH_FIRST = gettext_noop("month first")


_DATE: Final = re.compile(
    r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})\.?(?:[ T,]+(\d{1,2})(?::(\d{2}))(?::(\d{2}))?(?:\.\d{1,6})?\s*([AaPp])?\.?[Mm]?\.?)?", re.ASCII
)
_YEAR_FIRST: Final = re.compile(r"\d{4}[/.-]\d{1,2}[/.-]\d{1,2}(?!\d)", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
_FEWEST: Final = 5
"""At least one in this many dates must show whether day or month comes first. Of a year's dates more than half do, so a smaller share suggests
typing errors."""
_CENTURY_TURNS: Final = 69
"""Years of two digits up to 68 are after 2000, 69 to 99 before (POSIX strptime, %y)."""
DATE_EXAMPLES: Final = ("2026-02-28", "2026-02-28T09:30")


def zone(name: str) -> tzinfo:
    """The time zone with this name; UTC if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC


def flag(cell: str) -> bool | str:
    """A boolean in the usual words; any other text stays unchanged, and is refused when resolved."""
    word = cell.strip().casefold()
    return True if word in YES else False if word in NO else cell


def is_email(text: str) -> bool:
    """Whether it looks like an e-mail address: something before and after one @, without spaces. Whether mail arrives there only mail can say."""
    return _EMAIL.fullmatch(text.strip()) is not None


def begins_with_year(cell: str) -> bool:
    """Whether it is a date that can be read in one order only, because its year comes first, as in ISO 8601."""
    return _YEAR_FIRST.match(cell.strip()) is not None


def parts(cell: str, separator: str, options: Iterable[str] = ()) -> list[str]:
    """The answers in a cell. A cell that is exactly one option is not split."""
    if not cell.strip():
        return []
    if not separator or cell.strip() in set(options):
        return [cell]
    return [part.strip() for part in cell.split(separator) if part.strip()]


def moment(text: str, order: DateOrder, zone: tzinfo) -> datetime | None:
    """The instant in a cell; without an offset it is local to `zone`. None if it is not an instant."""
    clean = text.strip()
    try:
        instant = datetime.fromisoformat(clean)
    except ValueError:
        parsed = _written(clean, order)
        if parsed is None:
            return None
        instant = parsed
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def day(text: str, order: DateOrder) -> date | None:
    """The date in a cell, without its time."""
    clean = text.strip()
    try:
        return datetime.fromisoformat(clean).date()
    except ValueError:
        written = _written(clean, order)
        return written.date() if written else None


@dataclass(slots=True)
class DateSigns:
    """What the dates of a column show about their order."""

    day_first: int = 0
    """Dates that can only be read day first."""
    month_first: int = 0
    """Dates that can only be read month first."""
    dotted: int = 0
    """Ambiguous dates with dots."""
    slashed: int = 0
    """Ambiguous dates with slashes or dashes."""
    twelve_hours: int = 0
    """Dates with slashes and a time with AM or PM."""

    def add(self, cell: str) -> None:
        """Counts one cell; cells that are not numeric dates, and ISO 8601, are ignored."""
        match = _DATE.fullmatch(cell.strip())
        if match is None or len(match[1]) > 2:
            return
        first, second = int(match[1]), int(match[3])
        if first > 12 or second > 12:
            self.day_first += first > 12
            self.month_first += first <= 12
        elif match[2] == ".":
            self.dotted += 1
        else:
            self.slashed += 1
        self.twelve_hours += match[2] == "/" and match[8] is not None

    @property
    def order(self) -> DateOrder:
        """The order of most unambiguous dates; if there is none, the usual order for this spelling."""
        if self.day_first != self.month_first:
            return DateOrder.DAY_FIRST if self.day_first > self.month_first else DateOrder.MONTH_FIRST
        return DateOrder.MONTH_FIRST if self.twelve_hours and not self.dotted else DateOrder.DAY_FIRST

    @property
    def sure(self) -> bool:
        """Whether the order is certain: not if the dates disagree, nor if too few of them show an order (`_FEWEST`)."""
        if self.day_first and self.month_first:
            return False
        if self.votes:
            return self.votes * _FEWEST >= self.dates or bool(self.day_first and not self.slashed)  # dates with dots have the day first
        return not self.slashed or bool(self.dotted)

    @property
    def votes(self) -> int:
        """Dates that can be read in one order only."""
        return self.day_first + self.month_first

    @property
    def dates(self) -> int:
        """All numeric dates."""
        return self.votes + self.dotted + self.slashed


def _written(text: str, order: DateOrder) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        year, month, number = first, second, third
    elif len(match[4]) in (2, 4):
        number, month = (first, second) if order is DateOrder.DAY_FIRST else (second, first)
        year = third if len(match[4]) == 4 else third + (2000 if third < _CENTURY_TURNS else 1900)
    else:
        return None
    hour = int(match[5] or 0)
    if match[8]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[8].casefold() == "p" else 0)
    try:
        return datetime.combine(date(year, month, number), time(hour, int(match[6] or 0), int(match[7] or 0)))
    except ValueError:
        return None
