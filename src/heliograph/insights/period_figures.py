"""The figures of a period as Insights shows them (X2; docs/design/figures.md): folded and unfolded deltas, read in one statement.

Unique registrations are a union of bitmaps: those of whole days and hours within the period, those that are not folded yet, and one made of the
changes in the parts of hours at its ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from pyroaring import BitMap

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.figures import REPLAYED, Delta, Figures, Measure, Period, total
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet
from heliograph.insights.period import Window

MINUTES, HOUR, DAY = 1, 60, 24 * 60


@dataclass(frozen=True, slots=True)
class ConnectionFigures:
    """The numbers of attempts over one connection."""

    delivered: tuple[int, ...]
    """By column of the chart."""
    failed: tuple[int, ...]
    """By column of the chart."""
    validation: int
    """Validation errors, which were found before anything was sent."""


@dataclass
class PeriodFigures:
    """The figures of one account and mode in a window, read from one snapshot of the database."""

    reader: AccountReader
    window: Window
    mode: Mode
    integration: int | None = None
    """Only actions of this integration are counted (`Delta.integration`); None for all. Registration Activity belongs to no integration, and is
    part of the figures of each."""
    replays: bool = True
    """Whether actions, attempts and retries of replays are counted."""

    @cached_property
    def tiles(self) -> Figures:
        """Every number of both tabs."""
        return replace(self.sums, unique=len(self._serials()))

    @cached_property
    def sums(self) -> Figures:
        """The numbers without Unique Registrations, which alone cost as much to read as all others."""
        period = Period(self.window.since, self.window.until, self.mode.code, self.replays)
        return total(period, (delta for _column, delta in self._deltas))

    @property
    def replayed(self) -> int:
        """How many actions of the period are replays, whether or not the figures count them."""
        return sum(delta.count for _column, delta in self._deltas if delta.measure == Measure.TRIGGERED + REPLAYED)

    def by_column(self, *measures: Measure, category: int | None = None, connection: int | None = None) -> tuple[int, ...]:
        """The sum of some measures in each column."""
        numbers = self._numbers(measures)
        sums: Counter[int] = Counter()
        for column, delta in self._deltas:
            if delta.measure in numbers and category in (None, delta.category) and connection in (None, delta.connection):
                sums[column] += delta.count
        return tuple(sums[column] for column in range(len(self.window.edges) - 1))

    def activity(self) -> dict[Facet, tuple[int, ...]]:
        """Registration Activity: recorded changes by facet, whether or not a flow took them."""
        return {facet: self.by_column(Measure.RECORDED, category=facet.value) for facet in Facet}

    def connections(self) -> dict[int, ConnectionFigures]:
        """Connection Activity, by the connection's id."""
        kinds = (Measure.ATTEMPTS_OK, Measure.ATTEMPTS_FAILED, Measure.VALIDATION_ERRORS)
        known = self._numbers(kinds)
        ids = sorted({delta.connection for _column, delta in self._deltas if delta.measure in known and delta.count})
        return {
            id: ConnectionFigures(
                self.by_column(Measure.ATTEMPTS_OK, connection=id),
                self.by_column(Measure.ATTEMPTS_FAILED, connection=id),
                sum(self.by_column(Measure.VALIDATION_ERRORS, connection=id)),
            )
            for id in ids
        }

    def runs_by_flow(self) -> dict[int, int]:
        """How many changes each active flow decided on."""
        sums: Counter[int] = Counter()
        for _column, delta in self._deltas:
            if delta.measure == Measure.RUNS:
                sums[delta.flow] += delta.count
        return dict(sums)

    def retried_by_category(self) -> dict[Category, int]:
        """The retries by category (Retry Processing Category). Each category is listed, also at 0."""
        retried = self.sums.retried_by_category
        return {category: retried.get(category, 0) for category in Category}

    def _numbers(self, measures: Iterable[Measure]) -> set[int]:
        """The numbers that measures have in deltas, with those of their replays if replays are counted."""
        of_replays = {measure + REPLAYED for measure in measures} if self.replays else set()
        return {int(measure) for measure in measures} | of_replays

    @cached_property
    def _deltas(self) -> list[tuple[int, Delta]]:
        """The sums by column, measure, flow (of runs), connection and category.

        In the statement, minutes are grouped by place: 0 before the second edge, then one for each unit of minutes (`Window.unit`).
        """
        since, until, unit = self.window.since // MINUTE, self.window.until // MINUTE, self.window.unit
        first = self.window.edges[1] // MINUTE
        integration_condition = "" if self.integration is None else " AND integration IN (0, :integration)"
        # An hour within one column is read as one row. Of an "odd" hour, which an edge cuts, the minutes are read.
        odd = sorted({end // MINUTE // HOUR for end in self.window.edges if end // MINUTE % HOUR}) if unit >= HOUR else None
        sources = (_DELTAS, _SUMS) if odd is None else (_DELTAS, _WHOLE_HOURS, _ODD_HOURS[self.reader.db.vendor])
        whole = f" AND NOT {self.reader.db.member('hour', 'odd')}" if odd else ""
        params: dict[str, object] = {
            **self._key, "since": since, "until": until, "unit": unit, "second": first, "runs": int(Measure.RUNS),
        } | ({"first": -(-since // HOUR), "last": until // HOUR, "odd": odd} if odd is not None else {})  # fmt: skip
        rows = self.reader.db.all(
            "SELECT CASE WHEN minute < :second THEN 0 ELSE 1 + (minute - :second) / :unit END, measure,"
            " CASE WHEN measure = :runs THEN flow_id ELSE 0 END, connection_id, category, SUM(n)"
            f" FROM ({' UNION ALL '.join(sources).format(whole=whole, integration=integration_condition)}) found GROUP BY 1, 2, 3, 4, 5",
            params,
        )
        column_of = [0]
        for column, (begin, end) in enumerate(pairwise(self.window.edges[1:]), 1):
            column_of += [column] * -(-(end - begin) // (unit * MINUTE))
        return [
            (
                column_of[place],
                Delta(self.reader.account, since, self.mode.code, measure, int(n), flow, connection, category),
            )
            for place, measure, flow, connection, category, n in rows
        ]

    def _serials(self) -> BitMap:
        """The serials of the registrations whose changes were processed."""
        since, until = self.window.since // MINUTE, self.window.until // MINUTE
        first, last = -(-since // HOUR) * HOUR, until // HOUR * HOUR
        if first >= last:
            return self._serials_of_rows(since, until)
        serials = self._serials_of_rows(since, first) | self._serials_of_rows(last, until) | self._unfolded(first, last)
        middle, end = -(-first // DAY) * DAY, last // DAY * DAY
        if middle < end:
            return serials | self._folded(HOUR, first, middle) | self._folded(DAY, middle, end) | self._folded(HOUR, end, last)
        return serials | self._folded(HOUR, first, last)

    def _folded(self, unit: int, first: int, last: int) -> BitMap:
        """The serials in the bitmaps of one unit: whole minutes, hours or days. The bounds are in minutes."""
        rows = self.reader.db.all(
            "SELECT bits FROM figure_bitmap WHERE account_id = :account AND unit = :unit AND mode = :mode AND bucket >= :first AND bucket < :last"
            + self._of_integration,
            self._key | {"unit": unit, "first": first // unit, "last": last // unit},
        )
        return BitMap.union(*(BitMap.deserialize(bytes(bits)) for (bits,) in rows)) if rows else BitMap()

    def _unfolded(self, first: int, last: int) -> BitMap:
        rows = self.reader.db.all(
            "SELECT serials FROM figure_delta WHERE account_id = :account AND mode = :mode AND minute >= :first AND minute < :last"
            " AND serials IS NOT NULL" + self._of_integration,
            self._key | {"first": first, "last": last},
        )
        return BitMap.union(*(BitMap.deserialize(bytes(bits)) for (bits,) in rows)) if rows else BitMap()

    def _serials_of_rows(self, first: int, last: int) -> BitMap:
        """The serials in a part of an hour, which has no bitmap. They are read from the changes, and from the bitmaps of removed changes (X6)."""
        if first >= last:
            return BitMap()
        removed = self._folded(MINUTES, first, last)
        rows = self.reader.db.all(
            "SELECT r.serial FROM registration r WHERE r.id IN (SELECT c.registration_id FROM change c"  # IN looks each registration up by its id, once
            " WHERE c.account_id = :account AND c.mode = :mode AND c.processed AND c.at >= :first AND c.at < :last)",
            {"account": self.reader.account, "mode": self.mode.code, "first": first * MINUTE, "last": last * MINUTE},
        )
        return removed | BitMap([serial for (serial,) in rows])

    @property
    def _of_integration(self) -> str:
        return "" if self.integration is None else " AND integration = :integration"

    @property
    def _key(self) -> dict[str, object]:
        integration_key = {} if self.integration is None else {"integration": self.integration}
        return {"account": self.reader.account, "mode": self.mode.code, **integration_key}


_COLUMNS = "measure, flow_id, connection_id, category, n"
_WITHIN = "account_id = :account AND mode = :mode AND minute >= :since AND minute < :until{integration}"
_DELTAS = f"SELECT minute, {_COLUMNS} FROM figure_delta WHERE {_WITHIN}"
_SUMS = f"SELECT minute, {_COLUMNS} FROM figure_sum WHERE {_WITHIN}"
_WHOLE_HOURS = f"SELECT hour * 60, {_COLUMNS} FROM figure_hour WHERE account_id = :account AND mode = :mode AND hour >= :first AND hour < :last{{whole}}{{integration}}"
# The signs keep SQLite from reading the whole period once for each odd hour: its planner uses only the first bound at each end.
_WITHIN_TOO = _WITHIN.replace("minute >=", "+minute >=").replace("minute <", "+minute <")
_OF_ODD_HOUR = f"FROM figure_sum WHERE {_WITHIN_TOO} AND minute >= odd.hour * 60 AND minute < odd.hour * 60 + 60"
_ODD_HOURS = {
    "sqlite": f"SELECT minute, {_COLUMNS} {_OF_ODD_HOUR.replace('FROM', 'FROM (SELECT value AS hour FROM json_each(:odd)) odd CROSS JOIN', 1)}",
    # OFFSET keeps PostgreSQL from reading the whole table first, and searching all of it for each hour.
    "postgresql": f"SELECT f.* FROM unnest(:odd::bigint[]) odd(hour) CROSS JOIN LATERAL (SELECT minute, {_COLUMNS} {_OF_ODD_HOUR} OFFSET 0) f",
}
