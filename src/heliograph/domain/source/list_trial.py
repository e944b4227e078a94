"""Judges the answers of a trial of a REST list: whether pages follow each other, and whether the list obeys the time it is asked for (S3).

Many servers ignore a parameter that they do not know. A list that is asked "what changed since" and answers as always looks right for as long
as it has one page; so the answers with and without the time are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Final

from heliograph.domain.source.list_page import KEYLESS, ListPage
from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.source_times import read_time

MOSTLY: Final = 0.9
"""The share of the same items from which on two answers are the same: the list may be edited between the two requests."""


class Effect(StrEnum):
    """What the time does that a list is asked for."""

    WORKS = "works"
    IGNORED = "ignored"
    """The same items come as without it, older ones among them."""
    UNCLEAR = "unclear"


class Doubt(StrEnum):
    """Why an effect is unclear."""

    NO_ITEMS = "no items"
    """The list is empty, or its items have no times."""
    ONE_TIME = "one time"
    """All items of the page have the same time, so that no time divides them."""
    EMPTY = "empty"
    """Nothing came, although items of the page changed since then: the time is not understood, most likely."""
    OLDER = "older"
    """Other items came, but older ones among them."""


@dataclass(frozen=True, slots=True)
class SinceTrial:
    """What a list did with the time it was asked for."""

    effect: Effect
    doubt: Doubt | None = None
    from_time: int | None = None
    """The time that the list was asked for."""
    newer: int = 0
    """Items of the page without the time that changed since then."""
    items: int = 0
    """Items that came."""
    older: int = 0
    """Of these, those that had changed before the time."""
    is_exclusive: bool | None = None
    """Items of exactly that time are left out; None if it is not known."""


class Turn(StrEnum):
    """How a second page follows the first."""

    NONE = "none"
    """The first page says that it is the last."""
    FOUND = "found"
    """It has other items."""
    END = "end"
    """It is empty: the first page was the whole list."""
    SAME = "same"
    """It has the items of the first page again."""


def time_to_ask(description: RestList, page: ListPage) -> int | None:
    """A time that divides the items of a page into older and newer ones, as the list's format can say it; else one after all of them.

    None if no item has a time.
    """
    times = sorted({item.modified for item in page.items if item.modified is not None})
    if not times:
        return None
    plain = replace(description, is_inclusive=True)

    def sayable(at: int) -> int:
        return read_time(plain.since_text(at), description.zone) or 0

    dividing = sorted({at for each in times if times[0] < (at := sayable(each)) <= times[-1]})
    return dividing[len(dividing) // 2] if dividing else sayable(times[-1] + description.since_format.unit)


def judge_since(page: ListPage, changed: ListPage, from_time: int | None) -> SinceTrial:
    """Compares the first page of the whole list with the first of what changed since `from_time`."""
    if from_time is None or not page.items:
        return SinceTrial(Effect.UNCLEAR, Doubt.NO_ITEMS)
    newer = sum(item.modified is not None and item.modified >= from_time for item in page.items)
    older_before = {item.key for item in page.items if item.modified is not None and item.modified < from_time}
    older = [item.key for item in changed.items if item.modified is not None and item.modified < from_time]
    trial = SinceTrial(Effect.UNCLEAR, from_time=from_time, newer=newer, items=len(changed.items), older=len(older))
    if not changed.items:
        return replace(trial, doubt=Doubt.EMPTY if newer else Doubt.ONE_TIME)
    if older:
        is_same = len(older_before & set(older)) >= MOSTLY * len(older_before) and bool(older_before)
        return replace(trial, effect=Effect.IGNORED) if is_same else replace(trial, doubt=Doubt.OLDER)
    if all(item.modified is None for item in changed.items):
        return replace(trial, doubt=Doubt.NO_ITEMS)
    if not older_before:
        return replace(trial, doubt=Doubt.ONE_TIME)
    boundary = {item.key for item in page.items if item.modified == from_time}
    is_known = boundary and changed.next is None
    return replace(trial, effect=Effect.WORKS, is_exclusive=not boundary & {item.key for item in changed.items} if is_known else None)


def judge_turn(first: ListPage, second: ListPage | None) -> Turn:
    """How the second page follows the first. second: None if the first names none"""
    if second is None:
        return Turn.NONE
    if not second.items:
        return Turn.END
    keys = {item.key for item in first.items}
    repeated = sum(item.key in keys for item in second.items)
    return Turn.SAME if repeated >= MOSTLY * len(second.items) else Turn.FOUND


def keys_twice(page: ListPage) -> int:
    """Items of a page whose key another item before them has."""
    return len(page.items) - len({item.key for item in page.items})


def keyless(page: ListPage) -> int:
    """Items of a page without a key."""
    return sum(item.key.startswith(KEYLESS) for item in page.items)


def is_unsorted(page: ListPage) -> bool:
    """Whether an item of a page has an older time than the one before it."""
    times = [item.modified for item in page.items if item.modified is not None]
    return any(one > two for one, two in pairwise(times))


def is_sorted(page: ListPage) -> bool:
    """Whether the items of a page come by their times, the oldest first, and have at least three."""
    times = [item.modified for item in page.items]
    return len(set(times)) > 2 and all(one is not None and two is not None and one <= two for one, two in pairwise(times))
