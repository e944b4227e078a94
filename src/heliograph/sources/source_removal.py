"""Removing a source with what is to become of its registrations: they stay, or a job sets those that came only by it inactive (S1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from django.db import connections

from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.registrations.active_change import flows_acting
from heliograph.registrations.draft import opened_many
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.sources.services.sources import remove
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.source_registrations import SourceCount, WalkedRegistration, count_registrations, walk_registrations

KIND: Final = "set-inactive"
CHUNK: Final = 500
MOST_TRIED: Final = 200
"""Registrations of which a page says what flows would do."""
SETTING: Final = "setting"


class Afterwards(StrEnum):
    """What becomes of the registrations of a source that is removed."""

    KEEP = "keep"
    INACTIVE = "inactive"
    """Those that came only by it become inactive, and flows act on those changes."""
    QUIET = "inactive quietly"
    """They become inactive, and no flow acts (P9)."""


@dataclass(frozen=True, slots=True)
class RemovalPreview:
    """What a removal would do."""

    count: SourceCount
    tried: int = 0
    """Registrations of which flows were asked what they would do."""
    acts: Counter[str] = field(default_factory=Counter)
    """How many of them each flow would act on, by its name."""


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, SettingInactive)


def preview(db: Database, account: int, source: int) -> RemovalPreview:
    """Counts what came by a source, and asks the flows about the first of them."""
    count = count_registrations(db, account, source)
    if not count.own:
        return RemovalPreview(count)
    ids: list[int] = []
    after, scanned = 0, CHUNK
    while len(ids) < MOST_TRIED and scanned == CHUNK:
        rows = walk_registrations(db, account, source, after, CHUNK)
        ids += [row.id for row in rows if row.is_own]
        after, scanned = rows[-1].serial if rows else after, len(rows)
    registrations = opened_many(db, account, list(islice(ids, MOST_TRIED)))
    acts = Counter(flow.name for each in registrations.values() for flow in flows_acting(each))
    return RemovalPreview(count, len(registrations), acts)


def remove_source(transaction: SetupTransaction, id: int, afterwards: Afterwards, total: int) -> Job | None:
    """Removes a source. Returns the job that sets its registrations inactive; None if they stay. Raises NotThere, TooMuchWork.

    total: how many they are, as far as it was counted
    """
    remove(transaction, id)
    if afterwards is Afterwards.KEEP:
        return None
    parameters = {"source": id, "quiet": afterwards is Afterwards.QUIET, "total": total, "by": transaction.by}
    return control.create(KIND, transaction.account, parameters, by=transaction.by)


class SettingInactive:
    """One run of the job. Its cursor is the serial of the last registration that it scanned at."""

    def __init__(self, job: Job) -> None:
        self._account: int = job.account_id
        self._parameters: Mapping[str, Any] = job.parameters
        self._last = int(job.cursor.get("last", 0))
        self._done = int(job.done)
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})

    def read(self) -> list[WalkedRegistration]:
        """Looks at the next registrations of the account."""
        db = of_django(connections["default"])
        return walk_registrations(db, self._account, int(self._parameters["source"]), self._last, CHUNK)

    def write(self, db: Database, chunk: list[WalkedRegistration]) -> ChunkResult:
        """Records that the source's own are not active any more."""
        own = [row for row in chunk if row.is_own]
        items = [
            RecordItem(
                self._account,
                {"event": row.event, "code": row.code, "active": False},
                str(self._parameters["by"]),
                quiet=bool(self._parameters["quiet"]),
                by_hand=True,
                expected=row.version,
            )
            for row in own
        ]
        for result in record(db, items, Committed(db)) if items else []:
            self._counts["changed" if result.outcome is ItemOutcome.UPDATED else "refused"] += 1
        self._done += len(own)
        self._last = chunk[-1].serial if chunk else self._last
        total = max(int(self._parameters["total"]), self._done)
        cursor = {"last": self._last}
        return ChunkResult(cursor, self._done, total, dict(self._counts), phase=SETTING, finished=len(chunk) < CHUNK)

    def close(self) -> None:
        """Does nothing: nothing is open."""
