"""Slots and workers: which process owns which connections (docs/design/queue.md, section 3).

A connection belongs to slot `connection % 64`, and a slot to one worker until its lease runs out, by the database's clock. The epoch rises
with each change of owner; outcomes of requests sent under an older epoch are never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from heliograph.store.database import Database

FOREVER: Final = 2**62


def renew(db: Database, me: str, lease: int) -> dict[int, int]:
    """Renews the slots that this worker still owns, for `lease` microseconds: slot -> epoch. A missing slot was lost."""
    now = db.now()
    rows = db.all(
        "UPDATE slot SET until = :until WHERE owner = :me AND until > :now RETURNING id, epoch",
        {"until": now + lease, "me": me, "now": now},
    )
    return dict(rows)


def claim(db: Database, me: str, lease: int, count: int) -> dict[int, int]:
    """Claims up to `count` slots whose lease has run out: slot -> new epoch."""
    now = db.now()
    skip = " FOR UPDATE SKIP LOCKED" if db.vendor == "postgresql" else ""
    rows = db.all(
        "UPDATE slot SET owner = :me, epoch = epoch + 1, until = :until"
        f" WHERE id IN (SELECT id FROM slot WHERE until < :now ORDER BY id LIMIT :count{skip}) RETURNING id, epoch",
        {"me": me, "until": now + lease, "now": now, "count": count},
    )
    return dict(rows)


def is_any_free(db: Database) -> bool:
    """True if a slot has no owner, or its owner's lease has run out."""
    return bool(db.all("SELECT 1 FROM slot WHERE until < :now LIMIT 1", {"now": db.now()}))


def take_all(db: Database, me: str) -> dict[int, int]:
    """Claims all slots forever: on SQLite there is one worker, which holds the folder's lock."""
    return dict(db.all("UPDATE slot SET owner = :me, epoch = epoch + 1, until = :until RETURNING id, epoch", {"me": me, "until": FOREVER}))


def free(db: Database, slots: Mapping[int, int]) -> None:
    """Releases the slots that still have these epochs."""
    db.many(
        "UPDATE slot SET owner = NULL, until = 0 WHERE id = :slot AND epoch = :epoch",
        [{"slot": slot, "epoch": epoch} for slot, epoch in sorted(slots.items())],
    )


def fence(db: Database, slots: Iterable[int]) -> dict[int, int]:
    """The epochs of these slots, locked until the transaction ends."""
    return ask_fence(db, slots)()


def ask_fence(db: Database, slots: Iterable[int]) -> Callable[[], dict[int, int]]:
    """Like `fence`, but returns a function that waits for the result (`Database.ask`)."""
    share = " FOR SHARE" if db.vendor == "postgresql" else ""
    fetch = db.ask(f"SELECT id, epoch FROM slot WHERE {db.member('id', 'slots')} ORDER BY id{share}", {"slots": sorted(set(slots))})
    return lambda: dict(fetch())


def report(db: Database, me: str, lease: int, own_report: str) -> int:
    """Records that this worker is alive, with its status as JSON. Returns how many workers are alive."""
    now = db.now()
    db.run(
        "INSERT INTO worker (id, until, said) VALUES (:me, :until, :said)"
        " ON CONFLICT (id) DO UPDATE SET until = excluded.until, said = excluded.said",
        {"me": me, "until": now + lease, "said": own_report},
    )
    ((alive,),) = db.all("SELECT count(*) FROM worker WHERE until > :now", {"now": now})
    return int(alive)


def give_up(db: Database, me: str) -> None:
    """Removes a worker that drains: the shares of the others grow."""
    db.run("DELETE FROM worker WHERE id = :me", {"me": me})


def leave(db: Database, me: str) -> None:
    """Removes a worker that has ended and frees its slots at once."""
    db.run("UPDATE slot SET owner = NULL, until = 0 WHERE owner = :me", {"me": me})
    give_up(db, me)
