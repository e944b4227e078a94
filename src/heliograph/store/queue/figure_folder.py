"""Folds figures while the product runs (docs/design/figures.md, section 3): one folder per account at a time, in short transactions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

import structlog

from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.queue.figure_deltas import FOLD_ROWS, accounts_to_fold, fold

log = structlog.get_logger(__name__)

EVERY: Final = 5.0
PAUSE: Final = 0.1


def fold_all(db: Database, stop: threading.Event) -> int:
    """Folds all unfolded rows of every account. Returns how many rows."""
    total = 0
    for account in accounts_to_fold(db):
        taken = FOLD_ROWS
        while taken == FOLD_ROWS and not stop.wait(PAUSE if total else 0):
            with db.transaction():
                taken = fold(db, account)
            total += taken
    return total


def care(connect: Callable[[], Database], stop: threading.Event) -> None:
    """Folds until `stop` is set. After a database error it tries again on a new connection."""
    while not stop.wait(EVERY):
        try:
            with contextlib.closing(connect()) as db:
                while not stop.wait(EVERY):
                    fold_all(db, stop)
        except driver_errors.all_errors() as error:
            log.warning("figure_folding_failed", error=type(error).__name__, message=str(error)[:200])
