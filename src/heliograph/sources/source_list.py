"""The sources of an account, each with what it brought, refused and keeps waiting in the last 24 hours (S1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.read_failure import is_visible
from heliograph.domain.source.silence import Doorbell
from heliograph.domain.source.source_health import WAVE_LASTS, SourceFacts, SourceHealth, health_of
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.domain.source.verification import Proof
from heliograph.domain.source.watched_folder import FolderProgress
from heliograph.sources.models import Source
from heliograph.sources.source_ledger import doorbell
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

DAY: Final = 24 * 3_600 * 1_000_000
HOUR: Final = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Calls that were refused for one reason."""

    reason: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What a source did in the last 24 hours. waiting: calls that wait now, of any age."""

    calls: int = 0
    changed: int = 0
    the_same: int = 0
    """Calls that brought nothing new."""
    waiting: int = 0
    stored: int = 0
    """Calls that are kept and not recorded yet, of any age."""
    refusals: Sequence[RefusalCount] = field(default=())

    @property
    def refused(self) -> int:
        """Calls that were refused."""
        return sum(each.count for each in self.refusals)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source in the list, or on its own page."""

    source: Source
    health: SourceHealth
    day: DayCounts
    broken_since: datetime | None = None
    """Since when reading finds changes that no call announces."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its settings, as JSON."""
        return settings_of(self.source)


def settings_of(source: Source) -> Mapping[str, Any]:
    """The settings of a source, as JSON."""
    read: Mapping[str, Any] = json.loads(source.settings or "{}")
    return read


def progress_of(source: Source) -> SourceProgress:
    """Where the reading of a source stands."""
    return SourceProgress.from_body(json.loads(source.cursor or "{}"))


def source_rows(db: Database, sources: Iterable[Source]) -> list[SourceRow]:
    """The sources with their counts, in their order."""
    listed = list(sources)
    ids = [source.pk for source in listed]
    now = db.now()
    days = _days(db, ids, now) if ids else {}
    return [_row(source, days.get(source.pk, DayCounts()), doorbell(db, source, now), from_micros(now)) for source in listed]


def _row(source: Source, day: DayCounts, rings: Doorbell | None, now: datetime) -> SourceRow:
    broken_since = from_micros(rings.broken_since) if rings is not None and rings.broken_since is not None else None
    lately = [each for each in day.refusals if now - each.last_at <= WAVE_LASTS]
    facts = SourceFacts(
        is_on=source.state == SourceState.ON,
        is_paused=source.state == SourceState.PAUSED,
        is_open=json.loads(source.settings).get("verification", {}).get("proof") == Proof.NONE,
        failing_since=source.failing_since if is_visible(source.failures) else None,
        asks=progress_of(source).missing > 0,
        refused=sum(each.count for each in lately),
        refused_at=max((each.last_at for each in lately), default=None),
        taken_at=source.last_call_at,
        file_failed=source.platform == FOLDER and FolderProgress.from_body(json.loads(source.cursor or "{}")).failed is not None,
        broken_since=broken_since,
    )
    return SourceRow(source, health_of(facts, now), day, broken_since)


def _days(db: Database, ids: Sequence[int], now: int) -> dict[int, DayCounts]:
    params = {"ids": list(ids), "since": now - DAY, "stored": CallState.STORED.value, "waiting": CallState.WAITING.value}
    of_these = db.member("source_id", "ids")
    counts = {
        source: (calls, changed, the_same)
        for source, calls, changed, the_same in db.all(
            "SELECT source_id, count(*), sum(changed), sum(CASE WHEN changed = 0 AND state NOT IN (:stored, :waiting) THEN 1 ELSE 0 END)"
            f" FROM source_call WHERE {of_these} AND at >= :since GROUP BY source_id",
            params,
        )
    }
    waiting = _counted(db, ids, CallState.WAITING)
    stored = _counted(db, ids, CallState.STORED)
    refusals: dict[int, list[RefusalCount]] = {}
    for source, reason, count, first_at, last_at in db.all(
        "SELECT source_id, reason, sum(count), min(first_at), max(last_at) FROM source_refusal"
        f" WHERE {of_these} AND hour >= :since GROUP BY source_id, reason ORDER BY source_id, reason",
        {"ids": list(ids), "since": now - DAY},
    ):
        refusals.setdefault(source, []).append(RefusalCount(reason, int(count), from_micros(first_at), from_micros(last_at)))
    days = {}
    for id in ids:
        calls, changed, the_same = (int(number) for number in counts.get(id, (0, 0, 0)))
        days[id] = DayCounts(calls, changed, the_same, waiting.get(id, 0), stored.get(id, 0), tuple(refusals.get(id, ())))
    return days


def _counted(db: Database, ids: Sequence[int], state: CallState) -> dict[int, int]:
    """Calls in a state, by source. Each state has a partial index, so it is written as a literal."""
    rows = db.all(
        f"SELECT source_id, count(*) FROM source_call WHERE {db.member('source_id', 'ids')} AND state = {state.value} GROUP BY source_id",
        {"ids": list(ids)},
    )
    return dict(rows)
