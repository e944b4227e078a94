"""Counts the saves of an account, so that a page never overwrites another person's save that it has not seen (P14).

A page compares the values that it showed with the stored ones, and then saves. Between the two another save may commit. So each request that
posts notes the account's count of saves when it begins. A save that finds another count, once it holds its locks, raises SavedSince, and
AccountMiddleware runs the view again. Jobs and commands note nothing and are never refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from heliograph.store import configuration_versions
from heliograph.store.database import Database

TRIES: Final = 5
"""How often a request is run again because another save came first. Then it fails."""

_seen: ContextVar[int | None] = ContextVar("saves_seen", default=None)


class SavedSince(Exception):
    """Somebody else saved after this request had begun. Nothing of the request is stored."""


@contextmanager
def judged_from(db: Database, account: int) -> Iterator[None]:
    """Within this context a save of the account raises SavedSince if another one came first."""
    token = _seen.set(configuration_versions.count_of_saves(db, account))
    try:
        yield
    finally:
        _seen.reset(token)


def check(db: Database, account: int) -> None:
    """Raises SavedSince if another save came first. The caller holds the locks of what it saves."""
    seen = _seen.get()
    if seen is not None and configuration_versions.count_of_saves(db, account) != seen:
        raise SavedSince


def count(db: Database, account: int) -> None:
    """Counts a save, in its transaction. Later saves of the same request go on from it."""
    now = configuration_versions.count_save(db, account)
    if _seen.get() is not None:
        _seen.set(now)


@contextmanager
def undone() -> Iterator[None]:
    """Within this context, saves are tried and rolled back: later saves of the same request go on from the count before them."""
    seen = _seen.get()
    try:
        yield
    finally:
        _seen.set(seen)
