"""The list of an account's events, by words and status, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.setup.name_fields import folded
from heliograph.store.database import Database
from heliograph.web.cursor import ROWS, Cursor, ListPage, pages

type _EventRow = tuple[int, str, str, int]
"""Id, code, name, status."""


def list_events(
    db: Database, account: int, *, text: str = "", status: int | None = None, cursor: Cursor | None = None, size: int = ROWS
) -> tuple[ListPage[int], int]:
    """The ids of a page of the events, and how many match.

    text: each of its words is part of the code or the name, in any script
    status: of the event; None for any
    """
    # An account has hundreds of events, not hundreds of thousands.
    words = folded(text).split()
    rows: list[_EventRow] = [
        (id, code, name, at)
        for id, code, name, at in db.all(
            "SELECT id, code, name, status_id FROM event WHERE account_id = :account ORDER BY id DESC", {"account": account}
        )
        if status in (None, at) and all(word in folded(f"{code} {name}") for word in words)
    ]

    def fetch(at: Cursor | None, limit: int) -> Sequence[_EventRow]:
        if at is None:
            return rows[:limit]
        if at.back:
            return [row for row in reversed(rows) if row[0] > int(at.key[0])][:limit]
        return [row for row in rows if row[0] < int(at.key[0])][:limit]

    page = pages(fetch, lambda row: (row[0],), cursor, size=size)
    return page.with_rows([row[0] for row in page.rows]), len(rows)
