"""The versions of a flow, mapping or connection page by page, and what one of them is compared with (F10)."""

from __future__ import annotations

from typing import Final

from heliograph.setup.services.versions import Version, history, number_of, version
from heliograph.setup.setup_errors import NotThere
from heliograph.store.database import Database
from heliograph.web.cursor import Cursor, ListPage, pages

MOST_LOOKED_UP: Final = 20
"""Most past versions of the account's set-up that are read to find the names of deleted things."""


def version_page(db: Database, account: int, kind: str, id: int, cursor: Cursor | None, *, size: int) -> ListPage[Version]:
    """One page of versions, the newest first. The key of a cursor is a version's number."""

    def fetch(at: Cursor | None, limit: int) -> list[Version]:
        bound = int(at.key[0]) if at else None
        versions = history(db, account, kind, id, **({"above": bound} if at and at.back else {"below": bound}), most=limit)
        return versions[::-1] if at and at.back else versions

    return pages(fetch, lambda each: (each.number,), cursor, size=size)


def version_of(db: Database, account: int, kind: str, id: int, number: int) -> Version:
    """One version. Raises NotThere, also for the one that deleted the thing."""
    chosen = version(db, account, kind, id, number)
    if not chosen.body:
        raise NotThere(f"There is no version {number} of this {kind}.")
    return chosen


def compared_with(db: Database, account: int, kind: str, id: int, chosen: Version, other: int | None) -> Version | None:
    """The version with which another one is compared; None if there is none.

    other: its number. None for the version in force; the version in force itself is compared with the one before it.
    Raises NotThere.
    """
    if other is not None:
        return version_of(db, account, kind, id, other)
    newest = number_of(db, account, kind, id)
    if chosen.number != newest:
        return version_of(db, account, kind, id, newest)
    return next(iter(history(db, account, kind, id, below=newest, most=1)), None)


def version_pair(db: Database, account: int, kind: str, id: int, number: int, other: int | None) -> tuple[Version | None, Version]:
    """A version and the one with which it is compared, the older one first; (None, version) if there is no other one.

    other: as in `compared_with`

    Raises NotThere.
    """
    chosen = version_of(db, account, kind, id, number)
    beside = compared_with(db, account, kind, id, chosen, other)
    if beside is None:
        return None, chosen
    older, newer = sorted((chosen, beside), key=lambda each: each.number)
    return older, newer
