"""Decides what a reader of a REST list asks next, so that nothing is lost whatever happens to the list while it is read (S3).

    mark        the newest change that is known, but never later than the server's clock said when that reading began
    reading     begins at mark - overlap: what was committed late, or dated a little wrong, is seen by the next reading
    ordered     after each page the list is asked anew from the time of its last item, so no item can slip between two pages. Only while a
                page has one single time is the next page asked for; and such a series is repeated until it brings nothing new.
    unordered   page after page; a reading of more than one page is repeated until it brings nothing new. A list that is said to be ordered and
                is not, or that ignores the time it is asked for, is read like this from the first page that shows it.

Everything here is data and pure: a caller saves the progress in the transaction that stores the page, so a kill repeats a page and skips none.
All instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.source.list_page import ListPage
from heliograph.domain.source.rest_list import Place, RestList
from heliograph.domain.source.source_times import DAY, SECOND, SinceFormat

MOST_PASSES: Final = 5
"""Times that the same pages are read for what slipped between them; a busy list brings something new each time."""
HOUR: Final = 3_600 * SECOND
_INSTANT: Final = 2**62


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading under way: from a time on, or a sweep of the whole list."""

    since: int | None = None
    """The time that the current pages are asked for; None for the whole list."""
    start: int | None = None
    """The first such time of this reading."""
    is_unordered: bool = False
    """The list turned out not to be in the order of changes, or to ignore the time it is asked for."""
    place: Place = field(default_factory=Place)
    began: int | None = None
    """The server's time at its first answer; None before that."""
    newest: int | None = None
    """The latest time of change so far."""
    fingerprint: str = ""
    """Of the page before (`ListPage.fingerprint`)."""
    passes: int = 0
    """Times that these pages were read before."""
    has_news: bool = False
    """This pass brought something new that the next pass may complete."""
    pages: int = 0
    """Answers so far."""
    items: int = 0
    """Items so far, repeated ones too."""
    is_over: bool = False
    """There is no further page."""

    def to_body(self) -> dict[str, Any]:
        """The reading as JSON."""
        return {
            "since": self.since,
            "start": self.start,
            "unordered": self.is_unordered,
            "page": self.place.page,
            "before": self.place.items,
            "next": self.place.next,
            "began": self.began,
            "newest": self.newest,
            "fingerprint": self.fingerprint,
            "passes": self.passes,
            "news": self.has_news,
            "pages": self.pages,
            "items": self.items,
        }

    @classmethod
    def from_body(cls, value: object, where: str = "") -> Reading:
        """Reads a saved reading. Raises BodyError."""
        body = Body(value, where)

        def count(key: str) -> int:
            return body.number(key, least=0, most=_INSTANT) or 0

        return cls(
            since=body.number("since", least=-_INSTANT, most=_INSTANT),
            start=body.number("start", least=-_INSTANT, most=_INSTANT),
            is_unordered=body.flag("unordered"),
            place=Place(count("page"), count("before"), body.text("next", longest=4_000)),
            began=body.number("began", least=-_INSTANT, most=_INSTANT),
            newest=body.number("newest", least=-_INSTANT, most=_INSTANT),
            fingerprint=body.text("fingerprint"),
            passes=count("passes"),
            has_news=body.flag("news"),
            pages=count("pages"),
            items=count("items"),
        )


def first_reading(description: RestList, mark: int | None) -> Reading:
    """A reading that begins now. mark: None if none was completed yet: everything is read."""
    if mark is None or not description.takes_since:
        return Reading()
    since = max(mark - description.overlap, 0)
    return Reading(since=since, start=since)


def after_page(description: RestList, reading: Reading, page: ListPage, new_keys: Collection[str], our_clock: int) -> Reading:
    """The reading after an answer.

    new_keys: the keys of items that were not known, or were known with another content
    our_clock: our own time before the request. It counts only for a server that tells no time.
    """
    began = reading.began if reading.began is not None else page.clock if page.clock is not None else our_clock
    times = [item.modified for item in page.items if item.modified is not None]
    reading = replace(
        reading,
        began=began,
        newest=max([*times, *([] if reading.newest is None else [reading.newest])], default=None),
        pages=reading.pages + 1,
        items=reading.items + len(page.items),
    )
    repeats_last_page = bool(page.items) and not reading.place.is_first and page.fingerprint == reading.fingerprint
    following = None if repeats_last_page or not page.items else page.next
    if description.is_ordered and times and not repeats_last_page and not reading.is_unordered:
        if not _is_in_order(description, reading, times):
            return replace(_from(reading, reading.start), is_unordered=True)
        return _after_ordered_page(description, reading, page, new_keys, following)
    has_news = reading.has_news or bool(new_keys)
    if following is not None:
        return replace(reading, place=following, fingerprint=page.fingerprint, has_news=has_news)
    if has_news and reading.place.page and reading.passes + 1 < MOST_PASSES:
        return replace(reading, place=Place(), fingerprint="", has_news=False, passes=reading.passes + 1)
    return replace(reading, is_over=True)


def _after_ordered_page(
    description: RestList, reading: Reading, page: ListPage, new_keys: Collection[str], following: Place | None
) -> Reading:
    """The keyset: goes on from the last time of the page, or through the pages of one single time."""
    last = max(item.modified for item in page.items if item.modified is not None)
    since_text = None if reading.since is None else description.since_text(reading.since)
    is_one_time = since_text is not None and reading.since is not None and description.since_text(last) == since_text
    moves_on = since_text is None or (last > (reading.since or 0) and not is_one_time)
    tied_news = reading.has_news or any(
        item.key in new_keys for item in page.items if item.modified is not None and since_text == description.since_text(item.modified)
    )
    if following is None and reading.place.is_first:
        return replace(reading, is_over=True)  # the server says that this one page was all
    if not moves_on and following is not None:  # the page ends with the time asked for, or before it
        return replace(reading, place=following, fingerprint=page.fingerprint, has_news=tied_news)
    if reading.place.is_first:
        return _from(reading, last)
    if tied_news and reading.passes + 1 < MOST_PASSES:
        return replace(reading, place=Place(), fingerprint="", has_news=False, passes=reading.passes + 1)
    if following is None and not moves_on:
        return replace(reading, is_over=True)
    # the series of one time is complete; what follows it is asked for anew, since it may have moved between the pages of the series
    return _from(reading, _just_after(description, reading.since or 0))


def _is_in_order(description: RestList, reading: Reading, times: Sequence[int]) -> bool:
    """Whether a page is sorted, and begins with the time that it was asked for."""
    is_local = description.since_format in (SinceFormat.LOCAL, SinceFormat.LOCAL_T)  # an hour occurs twice in autumn
    tolerance = max(2 * description.since_format.unit, 2 * HOUR if is_local else 2 * SECOND)
    is_sorted = all(one <= other for one, other in pairwise(times))
    return is_sorted and (reading.since is None or times[0] >= reading.since - tolerance)


def _just_after(description: RestList, since: int) -> int:
    """The first time that is written differently. Days have 23 to 25 hours, so half days are enough and skip none."""
    unit = description.since_format.unit
    step = unit if unit < DAY else unit // 2
    following = since + step
    while description.since_text(following) == description.since_text(since):
        following += step
    return following


def _from(reading: Reading, since: int | None) -> Reading:
    return replace(reading, since=since, place=Place(), fingerprint="", has_news=False, passes=0)


def restarted(reading: Reading) -> Reading:
    """The reading from its current time on, after the server no longer knew the cursor or link of the next page."""
    return replace(reading, place=Place(), fingerprint="", has_news=True)


def next_mark(mark: int | None, reading: Reading) -> int | None:
    """The mark after a reading that is over. It goes back only if it is later than the server's clock was at the beginning of this reading:
    a date in the future, or a clock that was ahead once, must hide nothing."""
    times = [time for time in (mark, reading.newest) if time is not None]
    if not times:
        return None
    return max(times) if reading.began is None else min(max(times), reading.began)
