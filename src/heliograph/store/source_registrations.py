"""Which registrations came by a source: what the history of their changes says (S1).

A registration is a source's if its first change was recorded by the source, and nobody but the source and people changed it since. One that
another source, a file or a program changed as well belongs to those, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.store.database import Database

MOST_COUNTED: Final = 100_000
"""Registrations of the account that a page looks through."""
_BY_SOURCE: Final = "EXISTS (SELECT 1 FROM change c WHERE c.subject_id = r.id AND c.version = 1 AND c.by = :source)"
_BY_OTHERS: Final = "EXISTS (SELECT 1 FROM change c WHERE c.registration_id = r.id AND c.by <> :source AND c.by NOT LIKE 'user:%')"
_BY_HAND: Final = "EXISTS (SELECT 1 FROM change c WHERE c.registration_id = r.id AND c.by LIKE 'user:%')"
_WALKED: Final = (
    "SELECT r.id, r.serial, r.event_id, r.code, r.version, r.is_active FROM registration r"
    " WHERE r.account_id = :account AND r.serial > :after AND r.version > 0 AND r.erased_at IS NULL ORDER BY r.serial LIMIT :most"
)
_COUNT: Final = (
    "SELECT count(*), sum(CASE WHEN x.came = 1 AND x.others = 0 THEN 1 ELSE 0 END),"
    " sum(CASE WHEN x.came = 1 AND x.others = 0 AND x.hand = 1 THEN 1 ELSE 0 END), sum(CASE WHEN x.came = 1 AND x.others = 1 THEN 1 ELSE 0 END)"
    f" FROM (SELECT CASE WHEN r.is_active AND {_BY_SOURCE} THEN 1 ELSE 0 END AS came, CASE WHEN r.is_active AND {_BY_SOURCE} AND {_BY_OTHERS} THEN 1 ELSE 0 END AS others,"
    f" CASE WHEN r.is_active AND {_BY_SOURCE} AND {_BY_HAND} THEN 1 ELSE 0 END AS hand FROM ({_WALKED}) r) x"
)
_CHUNK: Final = (
    f"SELECT r.id, r.serial, e.code, r.code, r.version, CASE WHEN r.is_active AND {_BY_SOURCE} AND NOT {_BY_OTHERS} THEN 1 ELSE 0 END"
    f" FROM ({_WALKED}) r JOIN event e ON e.id = r.event_id ORDER BY r.serial"
)


@dataclass(frozen=True, slots=True)
class SourceCount:
    """Active registrations that came by a source."""

    own: int
    by_hand: int
    """Of these, those that people changed since."""
    shared: int
    """Those that others changed as well."""
    is_whole: bool
    """False if the account has more registrations than were looked through."""


@dataclass(frozen=True, slots=True)
class WalkedRegistration:
    """A registration of the account, and whether it came only by the source and is active."""

    id: int
    serial: int
    event: str
    code: str
    version: int
    is_own: bool


def count_registrations(db: Database, account: int, source: int) -> SourceCount:
    """Counts what came by a source, among the first MOST_COUNTED registrations of the account."""
    ((scanned, own, by_hand, shared),) = db.all(
        _COUNT, {"account": account, "source": f"source:{source}", "after": 0, "most": MOST_COUNTED}
    )
    return SourceCount(int(own or 0), int(by_hand or 0), int(shared or 0), int(scanned) < MOST_COUNTED)


def walk_registrations(db: Database, account: int, source: int, after: int, most: int) -> list[WalkedRegistration]:
    """The next registrations of the account by serial, the source's and others."""
    rows = db.all(_CHUNK, {"account": account, "source": f"source:{source}", "after": after, "most": most})
    return [WalkedRegistration(id, serial, event, code, version, own == 1) for id, serial, event, code, version, own in rows]
