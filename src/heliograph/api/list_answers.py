"""Lists page by page: a request has `limit` and `cursor`, an answer `items` and `next`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from heliograph.web.cursor import Cursor, ListPage

MOST_ROWS: Final = 200
"""Items of an answer, at most."""
USUAL_ROWS: Final = 50
"""Items of an answer without `limit`."""


class ListQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameters of every list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS, description="The most items of one answer.")] = USUAL_ROWS
    cursor: Annotated[str, msgspec.Meta(max_length=2_000, description="Where to go on: from `next` of the answer before.")] = ""

    def cursor_of(self, *parts: type[int | str]) -> Cursor | None:
        """The cursor of a list whose key has these types. Raises CursorError."""
        return Cursor.read(self.cursor, parts=parts)


class Items[Item](msgspec.Struct, kw_only=True):
    """One page of a list. If few rows match the filters, a page may have few items, or none, and be followed by another one."""

    items: list[Item]
    next: Annotated[str | None, msgspec.Meta(description="The address of the next page; null at the end.")]


def items_of[Row, Item](request: HttpRequest, page: ListPage[Row], item: Callable[[Row], Item]) -> Items[Item]:
    """The answer with a page that a service has read.

    item: makes the document of a row
    """
    return Items(items=[item(row) for row in page.rows], next=_next(request, page.further or page.older))


def rows_by_id[M: Model, Item](request: HttpRequest, queryset: QuerySet[M], query: ListQuery, item: Callable[[M], Item]) -> Items[Item]:
    """The answer with a page of a queryset, in the order of ids. Raises CursorError."""
    cursor = query.cursor_of(int)
    rows = list((queryset.filter(pk__gt=cursor.key[0]) if cursor else queryset).order_by("pk")[: query.limit + 1])
    return _by_id(request, rows, query, item)


def sequence_by_id[Row, Item](
    request: HttpRequest, rows: Iterable[Row], query: ListQuery, item: Callable[[Row], Item], *, id: str = "pk"
) -> Items[Item]:
    """The answer with a page of rows that are all in memory, in the order of ids. Raises CursorError.

    id: the name of the attribute with the id
    """
    cursor, id_of = query.cursor_of(int), attrgetter(id)
    in_order = sorted((row for row in rows if cursor is None or id_of(row) > cursor.key[0]), key=id_of)
    return _by_id(request, in_order, query, item, id)


def _by_id[Row, Item](
    request: HttpRequest, rows: Sequence[Row], query: ListQuery, item: Callable[[Row], Item], id: str = "pk"
) -> Items[Item]:
    """The answer with the first `limit` of these rows. If there are more of them, it has a next page."""
    following = str(Cursor((getattr(rows[query.limit - 1], id),))) if len(rows) > query.limit else ""
    return Items(items=[item(row) for row in rows[: query.limit]], next=_next(request, following))


def all_of[Row, Item](rows: Iterable[Row], item: Callable[[Row], Item]) -> Items[Item]:
    """The answer with a whole list, whose length is bounded."""
    return Items(items=[item(row) for row in rows], next=None)


def _next(request: HttpRequest, cursor: str) -> str | None:
    """The address of the next page: that of the request with this cursor; None without one."""
    if not cursor:
        return None
    query: list[tuple[str, Any]] = [(name, value) for name, value in request.GET.items() if name != "cursor"]
    return f"{request.path}?{urlencode([*query, ('cursor', cursor)])}"
