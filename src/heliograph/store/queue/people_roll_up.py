"""Renews the roll-ups of people sent to each connection while the product runs (docs/design/figures.md, section 2)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

import structlog

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.queue.people_sent import HOUR, SLOT, renew, renew_slots
from heliograph.store.retention_record import accounts, records_kept_since

log = structlog.get_logger(__name__)

FIRST: Final = 15.0
EVERY: Final = 60.0
"""Seconds between two looks at the slots of this hour."""
HOURS: Final = 5
"""Every so many rounds, the hours that are over are looked at, too."""
RECENT: Final = 48
"""The hours that are looked at each time. A delivery that belongs to an older hour, such as one that waited for days, is found by the next whole round."""
WHOLE: Final = 1440
"""Every so many rounds, once a day, all hours are looked at."""
STRETCH: Final = 30 * 24
"""The hours that are looked at together."""


def renew_account(db: Database, account: int, stop: threading.Event, *, recent: bool) -> int:
    """Renews the roll-ups of an account, those of the last hours first. Returns how many hours were renewed.

    recent: only of the last RECENT hours
    """
    now = db.now() // MINUTE // HOUR
    kept_since = records_kept_since(db, account)
    ((oldest,),) = db.all("SELECT MIN(hour) FROM figure_hour WHERE account_id = :account", {"account": account})
    if oldest is None:
        return 0
    first, last, renewed = max(oldest, now // 24 * 24 - RECENT if recent else 0), now, 0
    while last > first and not stop.is_set():
        begin = max(first, last - STRETCH) // 24 * 24
        renewed += renew(db, account, begin, last, kept_since, stop)
        last = begin
    return renewed


def renew_present(db: Database, account: int, stop: threading.Event) -> int:
    """Renews the roll-ups of the slots of the present hour that are over. Returns how many were renewed."""
    now = db.now() // MINUTE
    return renew_slots(db, account, now // HOUR * HOUR // SLOT, now // SLOT, records_kept_since(db, account), stop)


def care(connect: Callable[[], Database], stop: threading.Event) -> None:
    """Renews until `stop` is set. After a database error it goes on with a new connection."""
    rounds, pause = 0, FIRST
    while not stop.wait(pause):
        try:
            with contextlib.closing(connect()) as db:
                for account in accounts(db):
                    if rounds % HOURS == 0:
                        renew_account(db, account, stop, recent=rounds % WHOLE != 0)
                    renew_present(db, account, stop)
            rounds += 1
        except driver_errors.all_errors() as error:
            log.warning("people_roll_up_failed", error=type(error).__name__, message=str(error)[:200])
        pause = EVERY
