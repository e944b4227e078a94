"""The minutes in which the records of a list lie, as the figures tell them: so that few among very many are found without looking at all.

Figures are exact by minute (docs/design/figures.md). Where a list has no filter but what figures know, the next page's records lie in the
nearest minutes that count some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import REPLAYED, Measure, mode_code
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.replay_share import ReplayShare

HOUR: Final = 60
_DENSE: Final = 2
"""Hours: if they hold a page, a walk finds it as soon."""
_MEASURES: Final = {
    RecordKind.QUEUED: Measure.QUEUED,
    RecordKind.FAILED: Measure.FAILED,
    RecordKind.VALIDATION: Measure.VALIDATION,
    RecordKind.SUPERSEDED: Measure.SUPERSEDED,
    RecordKind.PENDING: Measure.PENDING,
    RecordKind.SUCCESS: Measure.SUCCESS,
    RecordKind.TRIGGERED: Measure.TRIGGERED,
    RecordKind.LEADS_CREATED: Measure.LEADS_CREATED,
    RecordKind.LEADS_UPDATED: Measure.LEADS_UPDATED,
    RecordKind.RECORDED: Measure.RECORDED,
    RecordKind.NOT_TRIGGERED: Measure.NOT_TRIGGERED,
    RecordKind.RETRIES: Measure.RETRIED,
    RecordKind.ABANDONED: Measure.ABANDONED,
    RecordKind.VALIDATION_ERRORS: Measure.VALIDATION_ERRORS,
}
"""What counts the records of a list, each in the minute by which it is sorted."""


@dataclass
class RecordMinutes:
    """Where the records of a filter lie."""

    reading: AccountReader
    wanted: RecordFilter

    @property
    def are_known(self) -> bool:
        """Whether figures count exactly what the filter wants."""
        wanted = self.wanted
        if not are_whole_minutes(wanted):
            return False
        if wanted.kind not in _MEASURES or (wanted.kind is RecordKind.RECORDED) is not (wanted.facet is not None):
            return False
        if wanted.kind is RecordKind.RECORDED and wanted.flow is not None:
            return False
        # A retry after a check that sent nothing counts under the check's category, which no attempt has: so no category here.
        narrowed = (wanted.event, wanted.connection, wanted.category, wanted.alike, wanted.outcome, wanted.was)
        return not wanted.text and not any(each is not None for each in narrowed)

    def nearest(self, at: int | None, records: int, *, ascends: bool) -> list[int] | None:
        """The minutes (microseconds) with the next so many records from a moment on, nearest first; None where a walk through time is as good."""
        if not self.are_known:
            return None
        since, until = self.wanted.since // MINUTE, self.wanted.until // MINUTE
        if at is not None:
            since, until = (max(since, at // MINUTE), until) if ascends else (since, min(until, at // MINUTE + 1))
        unfolded = Counter[int]()
        for minute, n in self._counted("figure_delta", "minute", since, until):
            unfolded[minute] += n
        hours = Counter[int]()
        for hour, n in [
            *self._counted("figure_hour", "hour", since // HOUR, -(-until // HOUR)),
            *((m // HOUR, n) for m, n in unfolded.items()),
        ]:
            hours[hour] += n
        chosen = _chosen(hours, records, ascends=ascends)
        if 0 < len(chosen) <= _DENSE:
            return None
        minutes = Counter({minute: n for minute, n in unfolded.items() if minute // HOUR in chosen})
        for hour in chosen:
            for minute, n in self._counted("figure_sum", "minute", max(since, hour * HOUR), min(until, hour * HOUR + HOUR)):
                minutes[minute] += n
        return [minute * MINUTE for minute in _chosen(minutes, records, ascends=ascends)]

    def count(self) -> int:
        """How many records there are: whole hours, and minutes where the period cuts one."""
        since, until = self.wanted.since // MINUTE, self.wanted.until // MINUTE
        first, last = -(-since // HOUR), until // HOUR
        parts = [("figure_delta", "minute", since, until)]
        if first < last:
            parts += [
                ("figure_hour", "hour", first, last),
                ("figure_sum", "minute", since, first * HOUR),
                ("figure_sum", "minute", last * HOUR, until),
            ]
        else:
            parts += [("figure_sum", "minute", since, until)]
        return sum(n for part in parts if part[2] < part[3] for _unit, n in self._counted(*part))

    def _counted(self, table: str, unit: str, first: int, last: int) -> Iterable[tuple[int, int]]:
        wanted = self.wanted
        recorded = int(_MEASURES[wanted.kind])
        replayed = recorded + REPLAYED
        conditions = [
            f"account_id = :account AND mode = :mode AND {unit} >= :first AND {unit} < :last AND measure IN (:measure, :replayed)"
        ]
        conditions += ["flow_id = :flow"] if wanted.flow is not None else []
        conditions += ["category = :facet"] if wanted.facet is not None else []
        rows = self.reading.db.all(
            f"SELECT {unit}, SUM(n) FROM {table} WHERE {' AND '.join(conditions)} GROUP BY {unit}",
            {
                "account": self.reading.account,
                "mode": mode_code(wanted.mode),
                "first": first,
                "last": last,
                "measure": replayed if wanted.replays is ReplayShare.ONLY else recorded,
                "replayed": recorded if wanted.replays is ReplayShare.WITHOUT else replayed,
                "flow": wanted.flow,
                "facet": int(wanted.facet or 0),
            },
        )
        return [(int(at), int(n)) for at, n in rows]  # a sum of PostgreSQL is a Decimal


def are_whole_minutes(wanted: RecordFilter) -> bool:
    """Whether figures, which go by the minute, can tell anything of the period."""
    return not (wanted.since % MINUTE or wanted.until % MINUTE) and wanted.since < wanted.until


def _chosen(counts: Counter[int], records: int, *, ascends: bool) -> list[int]:
    """The nearest units that hold so many. The first may lie partly behind, so its own do not count."""
    found: list[int] = []
    met = 0
    for unit in sorted((unit for unit, n in counts.items() if n > 0), reverse=not ascends):
        if found and met >= records:
            break
        met += counts[unit] if found else 0
        found.append(unit)
    return found
