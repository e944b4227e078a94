"""The dates of pretix's event series, each as an event of the catalogue (S4). pretix calls them subevents.

Many series give all their dates one name, and each date a number that says nothing to people. So a date is told apart by its day, and by its time
where a day has several:

    dates of “City Tour” (tour)         name here                       code proposed here
    2027-05-03 09:00                    City Tour, 2027-05-03 09:00     TOUR-2027-05-03-09-00
    2027-05-03 14:00                    City Tour, 2027-05-03 14:00     TOUR-2027-05-03-14-00
    2027-05-04 09:00                    City Tour, 2027-05-04           TOUR-2027-05-04
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.source.pretix_catalogue import CatalogueEvent, read_listed_dates

MOST_DATES: Final = 500
"""Dates of all series of an organizer that are offered: those that begin last."""


def with_dates(events: Iterable[CatalogueEvent], entries: Iterable[object]) -> tuple[CatalogueEvent, ...]:
    """The events, each series followed by its dates, the earliest first. A series goes from the first date to the last: what pretix says of it is
    what somebody once entered. Dates that are not on sale are among them.

    entries: decoded JSON of /subevents/
    Raises NotPretix.
    """
    listed = read_listed_dates(entries, MOST_DATES)
    result: list[CatalogueEvent] = []
    for event in events:
        dates = _told_apart(event, [date for date in listed if date.slug == event.slug]) if event.is_series else []
        ends = [date.ends or date.starts for date in dates]
        result += [replace(event, starts=dates[0].starts, ends=max(ends, key=_instant)) if dates else event, *dates]
    return tuple(result)


def _instant(text: str) -> float:
    """Seconds since 1970; before everything else for what is no time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return float("-inf")


def _told_apart(series: CatalogueEvent, dates: Sequence[CatalogueEvent]) -> list[CatalogueEvent]:
    """The dates with a `moment` that no other date of the series has, and a name that says it where names are equal."""
    dates = [replace(date, zone=series.zone, name=date.name or series.name, is_test=series.is_test) for date in dates]
    days = Counter(_local(date, "%Y-%m-%d") for date in dates)
    ordered = sorted(dates, key=lambda date: (_local(date, "%Y-%m-%d %H:%M"), date.date))
    names = Counter(date.name for date in dates)
    result = []
    for _, same_minute in groupby(ordered, key=lambda date: _local(date, "%Y-%m-%d %H:%M")):
        for number, date in enumerate(same_minute, 1):
            moment = _local(date, "%Y-%m-%d") if days[_local(date, "%Y-%m-%d")] == 1 else _local(date, "%Y-%m-%d %H:%M")
            moment = moment if number == 1 else f"{moment} {number}"
            name = f"{date.name}, {moment}" if names[date.name] > 1 or date.name == series.name else date.name
            result.append(replace(date, moment=moment, name=name))
    return result


def _local(date: CatalogueEvent, form: str) -> str:
    """When a date begins, in the zone of its series; its number if pretix gives no time."""
    try:
        start = datetime.fromisoformat(date.starts)
        return (start.astimezone(ZoneInfo(date.zone)) if start.tzinfo else start).strftime(form)
    except (ValueError, OSError, OverflowError):  # ZoneInfo knows neither every name nor every path
        return str(date.date)
