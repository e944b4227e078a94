"""The minutes that contain records of a list, read from the figures, so that few records among very many are found without reading all rows.

Figures are exact by minute (docs/design/figures.md). If the figures know everything by which a list is filtered, the records of the next page are
in the nearest minutes whose figure is not 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import connection_holds
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import REPLAYED, Measure
from heliograph.insights.record_kinds import RecordFilter, RecordKind, RowKind
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.row_states import listed
from heliograph.store.where import Where

HOUR: Final = 60
_DENSE: Final = 2
"""If the records of a page are in at most this many hours, a walk through time is as fast, and the minutes are not read."""
_MEASURES: Final = {
    RecordKind.QUEUED: (Measure.QUEUED,),
    RecordKind.FAILED: (Measure.FAILED,),
    RecordKind.VALIDATION: (Measure.VALIDATION,),
    RecordKind.FAILURES: (Measure.QUEUED, Measure.FAILED, Measure.VALIDATION),
    RecordKind.SUPERSEDED: (Measure.SUPERSEDED,),
    RecordKind.PENDING: (Measure.PENDING,),
    RecordKind.HELD: (Measure.PENDING,),
    RecordKind.SUCCESS: (Measure.SUCCESS,),
    RecordKind.TRIGGERED: (Measure.TRIGGERED,),
    RecordKind.LEADS_CREATED: (Measure.LEADS_CREATED,),
    RecordKind.LEADS_UPDATED: (Measure.LEADS_UPDATED,),
    RecordKind.RECORDED: (Measure.RECORDED,),
    RecordKind.NOT_TRIGGERED: (Measure.NOT_TRIGGERED,),
    RecordKind.RETRIES: (Measure.RETRIED,),
    RecordKind.ABANDONED: (Measure.ABANDONED,),
    RecordKind.VALIDATION_ERRORS: (Measure.VALIDATION_ERRORS,),
}
"""The measures that count the records of a list, in the minute by which the list sorts them."""


@dataclass
class RecordMinutes:
    """The minutes that contain records of one filter."""

    reader: AccountReader
    record_filter: RecordFilter

    @property
    def are_known(self) -> bool:
        """Whether a figure counts exactly the records of the filter."""
        record_filter = self.record_filter
        if not are_whole_minutes(record_filter):
            return False
        # RECORDED is counted by facet, and only RECORDED
        if not self._measures or (record_filter.kind is RecordKind.RECORDED) is not (record_filter.facet is not None):
            return False
        if record_filter.kind is RecordKind.RECORDED and record_filter.flow is not None:
            return False
        if not self._is_connection_known:
            return False
        # A retry after a check that sent nothing counts under the check's category, which no attempt has: so no category here.
        narrowed = (
            record_filter.event,
            record_filter.category,
            record_filter.alike,
            record_filter.outcome,
            record_filter.left_kind,
        )
        return not record_filter.text and not any(each is not None for each in narrowed)

    @property
    def _measures(self) -> tuple[Measure, ...]:
        """The measures that count the records of the list; () if none do."""
        if self.record_filter.kind is RecordKind.IN_RETRY_QUEUE and self.record_filter.connection is not None:
            return (Measure.QUEUED,)  # a run that waits has no connection yet
        return _MEASURES.get(self.record_filter.kind, ())

    @property
    def _is_connection_known(self) -> bool:
        """Whether figures count the records of the filter's connection. Attempts are listed under the connection that they went over, like
        their figures. An action of an older release that ended unsent is listed under the present connection of its lane."""
        connections = set(self._holding)
        if self.record_filter.connection is not None and self.record_filter.kind.row_kind is not RowKind.ATTEMPT:
            connections.add(self.record_filter.connection)
        return not connections or connections.isdisjoint(self.reader.connections_with_moved_lanes)

    @cached_property
    def _holding(self) -> list[int]:
        """The connections that hold their actions, for the lists that this tells apart."""
        return sorted(connection_holds(self.reader)) if self.record_filter.kind in (RecordKind.PENDING, RecordKind.HELD) else []

    def nearest(self, at: int | None, records: int, *, ascends: bool) -> list[int] | None:
        """The minutes (microseconds) that contain the next records, nearest first; None if a walk through time is as fast.

        at: the instant of the cursor (microseconds); None for the start of the list
        records: how many records are needed
        """
        if not self.are_known:
            return None
        first, last = self.record_filter.since // MINUTE, self.record_filter.until // MINUTE
        if at is not None:
            first, last = (max(first, at // MINUTE), last) if ascends else (first, min(last, at // MINUTE + 1))
        unfolded = Counter[int]()
        for minute, count in self._counted("figure_delta", "minute", first, last):
            unfolded[minute] += count
        hours = Counter(dict(self._counted("figure_hour", "hour", first // HOUR, -(-last // HOUR))))
        for minute, count in unfolded.items():
            hours[minute // HOUR] += count
        chosen = _nearest_units(hours, records, ascends=ascends)
        if 0 < len(chosen) <= _DENSE:
            return None
        minutes = Counter({minute: n for minute, n in unfolded.items() if minute // HOUR in chosen})
        for hour in chosen:
            for minute, count in self._counted("figure_sum", "minute", max(first, hour * HOUR), min(last, hour * HOUR + HOUR)):
                minutes[minute] += count
        return [minute * MINUTE for minute in _nearest_units(minutes, records, ascends=ascends)]

    def count(self) -> int:
        """The number of records, if `are_known`: the sum of whole hours, of the minutes of hours that the period cuts, and of what is not folded yet."""
        first, last = self.record_filter.since // MINUTE, self.record_filter.until // MINUTE
        first_hour, last_hour = -(-first // HOUR), last // HOUR
        parts = [("figure_delta", "minute", first, last)]
        if first_hour < last_hour:
            parts += [
                ("figure_hour", "hour", first_hour, last_hour),
                ("figure_sum", "minute", first, first_hour * HOUR),
                ("figure_sum", "minute", last_hour * HOUR, last),
            ]
        else:
            parts += [("figure_sum", "minute", first, last)]
        return sum(n for part in parts if part[2] < part[3] for _unit, n in self._counted(*part))

    def _counted(self, table: str, unit: str, first: int, last: int) -> Iterable[tuple[int, int]]:
        record_filter = self.record_filter
        firsts = [int(measure) for measure in self._measures]
        replays = [measure + REPLAYED for measure in firsts]
        measures = {ReplayShare.ALL: firsts + replays, ReplayShare.ONLY: replays, ReplayShare.WITHOUT: firsts}[record_filter.replays]
        where = Where("account_id = :account", "mode = :mode", account=self.reader.account, mode=record_filter.mode.code)
        where &= Where(f"{unit} >= :first", f"{unit} < :last", first=first, last=last)
        where &= Where(f"measure IN ({listed(measures)})")
        if record_filter.flow is not None:
            where &= Where("flow_id = :flow", flow=record_filter.flow)
        if record_filter.connection is not None:
            where &= Where("connection_id = :connection", connection=record_filter.connection)
        if record_filter.kind is RecordKind.HELD:
            where &= Where(self.reader.db.member("connection_id", "holding"), holding=self._holding)
        elif self._holding:
            where &= Where(f"NOT {self.reader.db.member('connection_id', 'holding')}", holding=self._holding)
        if record_filter.facet is not None:  # RECORDED has its facet as the category
            where &= Where("category = :facet", facet=int(record_filter.facet))
        rows = self.reader.db.all(f"SELECT {unit}, SUM(n) FROM {table} WHERE {where.sql} GROUP BY {unit}", where.params)
        return [(int(at), int(n)) for at, n in rows]  # a sum of PostgreSQL is a Decimal


def are_whole_minutes(record_filter: RecordFilter) -> bool:
    """Whether the period has whole minutes, as figures need it."""
    return not (record_filter.since % MINUTE or record_filter.until % MINUTE) and record_filter.since < record_filter.until


def _nearest_units(counts: Counter[int], records: int, *, ascends: bool) -> list[int]:
    """The nearest units that together contain this many records. Records of the first unit do not count, because the cursor may be in the
    middle of it."""
    units: list[int] = []
    met = 0
    for unit in sorted((unit for unit, n in counts.items() if n > 0), reverse=not ascends):
        if units and met >= records:
            break
        met += counts[unit] if units else 0
        units.append(unit)
    return units
