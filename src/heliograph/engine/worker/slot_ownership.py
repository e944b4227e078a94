"""Which slots this worker owns, and for how long it may still start requests (docs/design/queue.md, section 3; ARCHITECTURE.md, rule 7).

Each turn renews the lease (a slot that is not renewed was lost), then claims up to the fair share, or chooses slots above it to drain and free.

A lease is measured on the monotonic clock from before the renewal was sent, so it ends here before it ends in the database.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from heliograph import failpoints
from heliograph.domain.delivery import slots as rules
from heliograph.store.database import Database
from heliograph.store.queue import slot_leases as table

log = structlog.get_logger(__name__)

SECOND = 1_000_000
EXPECTED_FOR = 15.0
"""Seconds for which a worker with less than a new share expects the others to free the rest: they notice at their next renewal. Shares are
rounded up, so some workers stay below theirs."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long slots are owned and how often they are renewed; seconds. `verify` uses shorter times."""

    length: float = 30.0
    renewal: float = 5.0


class Ownership(Protocol):
    """The slots of one worker. Methods that take a database run on the settling thread, all others on any thread."""

    def own(self, db: Database, report: Mapping[str, object]) -> bool:
        """Renews and claims slots, and stores this worker's report. True if slots were won or lost.

        report: JSON, for `heliograph status`
        """

    def free_idle(self, db: Database, busy: Collection[int]) -> None:
        """Frees slots that are to be given up and have nothing left in memory."""

    def give_up(self, db: Database) -> None:
        """Stops claiming slots and leaves its share to other workers. `free_idle` then frees its slots as they become idle."""

    def leave(self, db: Database) -> None:
        """Frees everything at once, at a clean end."""

    def sees_free(self, db: Database) -> bool:
        """True if there are slots without an owner: another worker has freed them, or its lease has expired."""

    def epoch(self, slot: int) -> int | None:
        """The epoch under which the slot may be read, None if it may not."""

    def settling_epoch(self, slot: int) -> int | None:
        """The epoch under which the slot's outcomes are settled, None if the slot is not ours."""

    def time_left(self, slot: int) -> float:
        """Seconds for which the slot is certainly still ours."""

    @property
    def owned(self) -> frozenset[int]:
        """The owned slots, including those being given up."""

    @property
    def expects_more(self) -> bool:
        """True if other workers are about to free slots for this one."""

    @property
    def is_freeing(self) -> bool:
        """True if it owns slots that `free_idle` is to free."""


class SharedSlots:
    """On PostgreSQL: several workers, each with its fair share of the slots."""

    def __init__(self, me: str, lease: Lease | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._me = me
        self._lease = lease or Lease()
        self._clock = clock
        self._epochs: dict[int, int] = {}
        self._freeing: frozenset[int] = frozenset()
        self._deadline = 0.0
        self._leaving = False
        self._share, self._share_since = 0, 0.0

    def own(self, db: Database, report: Mapping[str, object]) -> bool:
        began = self._clock()
        before = set(self._epochs)
        epochs = table.renew(db, self._me, round(self._lease.length * SECOND))
        failpoints.reach(failpoints.Instant.LEASE_RENEWED)
        lost = before - set(epochs)
        if lost:
            log.warning("slots_lost", slots=len(lost), seconds_too_late=round(began - self._deadline, 1))
        if self._leaving:
            self._freeing = frozenset(epochs)
        else:
            epochs |= self._share_out(db, epochs, began, json.dumps(report))
        self._epochs, self._deadline = epochs, began + self._lease.length
        return set(epochs) != before

    def _share_out(self, db: Database, epochs: Mapping[int, int], now: float, report: str) -> dict[int, int]:
        """Writes the worker's report, then claims slots up to the fair share, or chooses the slots beyond it to free.

        epochs: the slots that were renewed.
        now: seconds of this object's clock.
        report: JSON.
        Returns the claimed slots with their epochs.
        """
        length = round(self._lease.length * SECOND)
        alive = table.report(db, self._me, length, report)
        if (share := rules.fair_share(alive)) != self._share:
            self._share, self._share_since = share, now
        more = rules.claimable(epochs, alive)
        if more:
            claimed = table.claim(db, self._me, length, more)
            self._freeing = frozenset()
            return claimed
        still_freeing = self._freeing & set(epochs)
        superfluous = random.sample(sorted(set(epochs) - still_freeing), rules.superfluous(epochs, still_freeing, alive))
        self._freeing = still_freeing | frozenset(superfluous)
        return {}

    def free_idle(self, db: Database, busy: Collection[int]) -> None:
        idle = {slot: self._epochs[slot] for slot in self._freeing if slot in self._epochs and slot not in busy}
        if idle:
            table.free(db, idle)
            self._epochs = {slot: epoch for slot, epoch in self._epochs.items() if slot not in idle}
            self._freeing -= set(idle)

    def give_up(self, db: Database) -> None:
        self._leaving = True
        self._freeing = frozenset(self._epochs)
        table.give_up(db, self._me)

    def leave(self, db: Database) -> None:
        self._leaving = True
        self._epochs, self._freeing = {}, frozenset()
        table.leave(db, self._me)

    def sees_free(self, db: Database) -> bool:
        return not self._leaving and table.is_any_free(db)

    def epoch(self, slot: int) -> int | None:
        return None if slot in self._freeing else self._epochs.get(slot)

    def settling_epoch(self, slot: int) -> int | None:
        return self._epochs.get(slot)

    def time_left(self, slot: int) -> float:
        return self._deadline - self._clock() if slot in self._epochs else 0.0

    @property
    def owned(self) -> frozenset[int]:
        return frozenset(self._epochs)

    @property
    def expects_more(self) -> bool:
        return len(self._epochs) < self._share and not self._leaving and self._clock() - self._share_since < EXPECTED_FOR

    @property
    def is_freeing(self) -> bool:
        return bool(self._freeing)


class AllSlots:
    """On SQLite one worker owns all slots, because it holds the folder's lock. Nothing is renewed; the report is stored from time to time."""

    def __init__(self, me: str, lease: Lease | None = None) -> None:
        self._me = me
        self._lease = lease or Lease()
        self._epochs: dict[int, int] = {}

    def own(self, db: Database, report: Mapping[str, object]) -> bool:
        won = not self._epochs
        with db.transaction():  # every write goes through the write lock
            epochs = table.take_all(db, self._me) if won else self._epochs
            table.report(db, self._me, round(self._lease.length * SECOND), json.dumps(report))
            failpoints.reach(failpoints.Instant.LEASE_RENEWED)
        self._epochs = epochs
        return won

    def free_idle(self, db: Database, busy: Collection[int]) -> None:
        return

    def give_up(self, db: Database) -> None:
        return

    def leave(self, db: Database) -> None:
        self._epochs = {}
        with db.transaction():
            table.leave(db, self._me)

    def sees_free(self, db: Database) -> bool:
        return False

    def epoch(self, slot: int) -> int | None:
        return self._epochs.get(slot)

    def settling_epoch(self, slot: int) -> int | None:
        return self._epochs.get(slot)

    def time_left(self, slot: int) -> float:
        return math.inf if slot in self._epochs else 0.0

    @property
    def owned(self) -> frozenset[int]:
        return frozenset(self._epochs)

    @property
    def expects_more(self) -> bool:
        return False

    @property
    def is_freeing(self) -> bool:
        return False
