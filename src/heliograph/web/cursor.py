"""Long lists by keyset pages: "Older" begins after the last row of the page, however many rows were added above it.

A cursor is the sort key of a row and a direction, in an opaque spelling. It is neither secret nor signed, because it only names a place in a
list that the person may see anyway. An unreadable one is refused.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

from django.db.models import Field, Model, Q, QuerySet
from django.http import Http404, HttpRequest

from heliograph.domain.errors import HeliographError
from heliograph.store.instants import from_micros
from heliograph.store.walk import Key, Walk, WalkedRows
from heliograph.store.where import Where

ROWS = 25
"""Rows per page."""


class CursorError(HeliographError):
    """This page of the list cannot be found. Begin at its start."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position next to the row with this key: after it (older), or with `back` before it (newer)."""

    key: Key
    back: bool = False

    def __str__(self) -> str:
        text = json.dumps([int(self.back), *self.key], separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")

    @classmethod
    def read(cls, text: str, *, parts: tuple[type[int | str], ...]) -> Self | None:
        """Parses the cursor of a URL; None for "". Raises CursorError.

        parts: the types of its key
        """
        if not text:
            return None
        try:
            back, *key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise CursorError from None
        if (
            type(back) is not int
            or back not in {0, 1}
            or tuple(type(part) for part in key) != parts
            or any(_out_of_range(part) for part in key)
        ):
            raise CursorError
        return cls(tuple(key), bool(back))


def _out_of_range(part: int | str) -> bool:
    """True for a value that the database would refuse: an integer over 64 bits, or a text with NUL or a lone surrogate."""
    if isinstance(part, int):
        return not -(2**63) <= part < 2**63
    return "\0" in part or any("\ud800" <= letter <= "\udfff" for letter in part)


def walk_from(cursor: Cursor | None, table: str, where: Where, columns: tuple[str, ...], *, ascends: bool = False) -> Walk:
    """The walk of a list from a cursor on, in the cursor's direction.

    ascends: True if the list begins with the least values
    """
    is_back, after = (False, None) if cursor is None else (cursor.back, cursor.key)
    return Walk(table, where, columns, after, ascends is not is_back)


@dataclass(frozen=True, slots=True)
class ListPage[Row]:
    """One page of a list."""

    rows: Sequence[Row]
    newer: str = ""
    older: str = ""
    """Cursors of the neighbouring pages, "" at the ends."""
    scan_end: Key | None = None
    """Where the search for further rows was stopped, because few match; None if it was not."""
    further: str = ""
    """The cursor that continues at `scan_end`."""

    def with_rows[Other](self, rows: Sequence[Other]) -> ListPage[Other]:
        """The same page with other rows, such as the objects of its ids."""
        return ListPage(rows, self.newer, self.older, self.scan_end, self.further)


def pages[Row](
    fetch: Callable[[Cursor | None, int], Sequence[Row]], key: Callable[[Row], Key], cursor: Cursor | None, *, size: int = ROWS
) -> ListPage[Row]:
    """One page by `fetch(cursor, limit)`, which returns rows from the cursor on in its direction; for `back` the nearest first.

    One extra row is fetched, to know whether there is another page.
    """
    return walked(lambda at, limit: WalkedRows(fetch(at, limit)), key, cursor, size=size)


def walked[Row](
    fetch: Callable[[Cursor | None, int], WalkedRows[Row]], key: Callable[[Row], Key], cursor: Cursor | None, *, size: int = ROWS
) -> ListPage[Row]:
    """One page of a list in which few rows may match. `fetch` may stop before it has `limit` rows, and then says where (`scan_end`)."""
    walked_rows = fetch(cursor, size + 1)
    more, rows, back = len(walked_rows.rows) > size, list(walked_rows.rows[:size]), cursor is not None and cursor.back
    scan_end = None if more else walked_rows.scan_end
    further = "" if scan_end is None else str(Cursor(scan_end, back=back))
    if back:
        rows.reverse()
    if not rows:
        return ListPage(rows, scan_end=scan_end, further=further)
    before, after = (more, True) if back else (cursor is not None, more)
    newer, older = str(Cursor(key(rows[0]), back=True)), str(Cursor(key(rows[-1])))
    return ListPage(rows, newer if before else "", older if after else "", scan_end, further)


def keyset[M: Model](queryset: QuerySet[M], first: str, last: str, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[M]:
    """A page of a queryset, descending by two fields (`first`, and `last`, which is unique); an index on both supports it."""

    def fetch(at: Cursor | None, limit: int) -> Sequence[M]:
        rows, sign = queryset, "" if at and at.back else "-"
        if at:
            one, two = at.key
            side = "gt" if at.back else "lt"
            rows = rows.filter(Q(**{f"{first}__{side}e": one}) & (Q(**{f"{first}__{side}": one}) | Q(**{f"{last}__{side}": two})))
        return list(rows.order_by(f"{sign}{first}", f"{sign}{last}")[:limit])

    field = cast("Field[Any, Any]", queryset.model._meta.get_field(first))

    def key(row: M) -> Key:
        return (field.get_prep_value(getattr(row, first)), getattr(row, last))

    return pages(fetch, key, cursor, size=size)


def read_cursor(request: HttpRequest, parts: tuple[type[int | str], ...], name: str = "at") -> Cursor | None:
    """The cursor in a page's URL. Raises Http404 for an invalid one."""
    try:
        return Cursor.read(request.GET.get(name, ""), parts=parts)
    except CursorError as error:
        raise Http404(str(error)) from None


def address(request: HttpRequest, **changed: Any) -> str:
    """This page's URL with parts of its query changed; None removes a part. A changed filter drops the cursor."""
    query = request.GET.copy()
    for name, value in changed.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else request.path


@dataclass(frozen=True, slots=True)
class Pager:
    """The foot of a list (components/pagination.html)."""

    text: str
    newer: str = ""
    """The address of the page before this one; "" at the beginning."""
    older: str = ""
    """The address of the page after this one; "" at the end."""
    by_time: bool = True
    """True if the links say Newer and Older; otherwise Previous and Next."""

    @classmethod
    def from_page(cls, request: HttpRequest, page: ListPage[Any], text: str, *, by_time: bool = True) -> Self:
        """The foot of this page of a list."""
        newer, older = (address(request, at=cursor) if cursor else "" for cursor in (page.newer, page.older))
        return cls(text, newer, older, by_time)

    @property
    def leads_on(self) -> bool:
        """Whether there is another page."""
        return bool(self.newer or self.older)


@dataclass(frozen=True, slots=True)
class LookingEnd:
    """The end of a bounded search for the rows of a page (components/looked.html)."""

    at: datetime.datetime
    href: str
    """Continues the search."""
    is_ahead: bool = False
    """True if the search goes to newer rows, not to older ones."""

    @classmethod
    def from_page(
        cls, request: HttpRequest, page: ListPage[Any], cursor: Cursor | None, *, ascends: bool = False, **changed: Any
    ) -> Self | None:
        """For a page that is sorted by time; None if the list was searched to its end.

        ascends: True if the list begins with the oldest rows
        """
        if page.scan_end is None:
            return None
        back = cursor is not None and cursor.back
        return cls(from_micros(int(page.scan_end[0])), address(request, at=page.further, **changed), back is not ascends)
