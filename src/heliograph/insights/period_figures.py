"""The figures of a period as Insights shows them (X2; docs/design/figures.md): folded and unfolded deltas, read in one statement.

Unique registrations are a union of three kinds of bitmaps: of whole days and hours within the period, of minutes that are not folded yet, and one
made of the changes in the parts of hours at the ends of the period.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from pyroaring import BitMap

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import connection_holds
from heliograph.domain.connection.response_rule import counts_leads
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.figures import REPLAYED, Delta, Figures, Measure, Period, total
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet
from heliograph.insights.period import Window
from heliograph.insights.replay_share import ReplayShare
from heliograph.store import connection_states
from heliograph.store.where import Where

MINUTES, HOUR, DAY = 1, 60, 24 * 60
MOST_READ: Final = 50_000
"""The held actions that are read where figures do not know them; more count as being sent."""


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
        return total(period, (delta for _column, delta in self._deltas), sum(self.held_by_connection.values()))

    @cached_property
    def held_by_connection(self) -> dict[int, int]:
        """How many of the actions each connection holds, by its id. Connections that hold nothing are absent.

        Older releases left figures at the former connection of a lane. So where a destination was ever moved, its lanes are read.
        """
        untried = Counter[int]()
        numbers = self._numbers([Measure.PENDING])
        for _column, delta in self._deltas:
            if delta.measure in numbers:
                untried[delta.connection] += delta.count
        holds = connection_holds(self.reader) if any(untried.values()) else {}
        moved = self.reader.connections_with_moved_lanes & holds.keys() if holds else set[int]()
        held_counts = Counter({connection: untried[connection] for connection in holds.keys() - moved})
        if moved:
            among = Where("a.mode = :mode", "a.created >= :since", "a.created < :until")
            among &= Where("" if self.replays else ReplayShare.WITHOUT.condition("a.origin"))
            among &= Where(mode=self.mode.code, since=self.window.since, until=self.window.until)
            held_counts.update(connection_states.untried_actions(self.reader.db, sorted(moved), MOST_READ, among))
        return dict(+held_counts)

    @property
    def replayed(self) -> int:
        """How many actions of the period are replays, whether or not the figures count them."""
        return sum(delta.count for _column, delta in self._deltas if delta.measure == Measure.TRIGGERED + REPLAYED)

    @property
    def reports_leads(self) -> bool:
        """Whether the response rule of any connection says which answers mean a created or updated lead."""
        return any(counts_leads(connection.rule) for connection in self.reader.config.connections.values())

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
        ids = self.connections_of(Measure.ATTEMPTS_OK, Measure.ATTEMPTS_FAILED, Measure.VALIDATION_ERRORS)
        return {
            id: ConnectionFigures(
                self.by_column(Measure.ATTEMPTS_OK, connection=id),
                self.by_column(Measure.ATTEMPTS_FAILED, connection=id),
                sum(self.by_column(Measure.VALIDATION_ERRORS, connection=id)),
            )
            for id in ids
        }

    def connections_of(self, *measures: Measure) -> list[int]:
        """The connections that any of some measures counts something of, by id."""
        numbers = self._numbers(measures)
        return sorted({delta.connection for _column, delta in self._deltas if delta.measure in numbers and delta.count})

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
        # An hour within one column is read as one row. Of an "odd" hour, which an edge cuts, the minutes are read.
        odd = sorted({end // MINUTE // HOUR for end in self.window.edges if end // MINUTE % HOUR}) if unit >= HOUR else None
        db, of_account = self.reader.db, self._of_account
        if self.integration is not None:
            of_account &= Where("integration IN (0, :integration)", integration=self.integration)
        within = of_account & Where("minute >= :since", "minute < :until", since=since, until=until)
        params: dict[str, object] = {**within.params, "unit": unit, "second": first, "runs": int(Measure.RUNS)}
        sources = [f"SELECT minute, {_COLUMNS} FROM figure_delta WHERE {within.sql}"]
        if odd is None:
            sources.append(f"SELECT minute, {_COLUMNS} FROM figure_sum WHERE {within.sql}")
        else:
            hours = of_account & Where("hour >= :first", "hour < :last", f"NOT {db.member('hour', 'odd')}" if odd else "")
            sources.append(f"SELECT hour * 60, {_COLUMNS} FROM figure_hour WHERE {hours.sql}")
            # The signs keep SQLite from reading the whole period once for each odd hour: its planner uses only the first bound at each end.
            minutes = of_account & Where("+minute >= :since", "+minute < :until", "minute >= odd.hour * 60", "minute < odd.hour * 60 + 60")
            sources.append(db.for_each(db.listed("odd", "odd", "hour"), f"minute, {_COLUMNS}", f"figure_sum WHERE {minutes.sql}"))
            params |= {"first": -(-since // HOUR), "last": until // HOUR, "odd": odd}
        rows = db.all(
            "SELECT CASE WHEN minute < :second THEN 0 ELSE 1 + (minute - :second) / :unit END, measure,"
            " CASE WHEN measure = :runs THEN flow_id ELSE 0 END, connection_id, category, SUM(n)"
            f" FROM ({' UNION ALL '.join(sources)}) found GROUP BY 1, 2, 3, 4, 5",
            params,
        )
        column_of = [0]
        for column, (begin, end) in enumerate(pairwise(self.window.edges[1:]), 1):
            column_of += [column] * -(-(end - begin) // (unit * MINUTE))
        return [
            (
                column_of[place],
                Delta(self.reader.account, since, self.mode.code, measure, int(count), flow, connection, category),
            )
            for place, measure, flow, connection, category, count in rows
        ]

    def _serials(self) -> BitMap:
        """The serials of the registrations whose changes were processed."""
        since, until = self.window.since // MINUTE, self.window.until // MINUTE
        if self.reader.db.now() < self.window.until:  # nothing is recorded after now: the bitmap of this hour has no others
            until = -(-until // HOUR) * HOUR
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
        where = self._of_account & Where("unit = :unit", unit=unit) & self._of_integration
        where &= Where("bucket >= :first", "bucket < :last", first=first // unit, last=last // unit)
        rows = self.reader.db.all(f"SELECT bits FROM figure_bitmap WHERE {where.sql}", where.params)
        return BitMap.union(*(BitMap.deserialize(bytes(bits)) for (bits,) in rows)) if rows else BitMap()

    def _unfolded(self, first: int, last: int) -> BitMap:
        where = self._of_account & Where("minute >= :first", "minute < :last", "serials IS NOT NULL", first=first, last=last)
        where &= self._of_integration
        rows = self.reader.db.all(f"SELECT serials FROM figure_delta WHERE {where.sql}", where.params)
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
    def _of_account(self) -> Where:
        return Where("account_id = :account", "mode = :mode", account=self.reader.account, mode=self.mode.code)

    @property
    def _of_integration(self) -> Where:
        return Where() if self.integration is None else Where("integration = :integration", integration=self.integration)


_COLUMNS = "measure, flow_id, connection_id, category, n"
