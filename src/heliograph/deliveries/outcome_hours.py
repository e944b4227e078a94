"""What became of the actions of a period: by hour, flow and connection for the sparklines of the Flow List, the Overview and the page of a
connection, and by column for the chart above the Activity Feed (X2, X4).

An action counts in the hour of its creation, by its state now, as in Insights. The numbers are sums of figures (docs/design/figures.md): reading
them costs the same however many deliveries there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import REPLAYED, Measure
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database
from heliograph.store.where import Where

HOUR: Final = 60 * MINUTE
"""Microseconds."""
_MINUTES: Final = 60
_OUTCOMES: Final = (Measure.SUCCESS, Measure.QUEUED, Measure.FAILED, Measure.VALIDATION)
_MEASURES: Final = {int(measure) + replayed: place for place, measure in enumerate(_OUTCOMES) for replayed in (0, REPLAYED)}
"""The place in _OUTCOMES of each measure, including those of replays."""


@dataclass(frozen=True, slots=True)
class OutcomeHours:
    """The actions of some hours, or other columns of a chart, by what became of them. One number for each hour, oldest first."""

    delivered: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    invalid: tuple[int, ...] = ()
    """Validation errors: nothing was sent."""

    @classmethod
    def nothing(cls, count: int) -> Self:
        """So many hours without any action."""
        return cls(*((0,) * count for _outcome in _OUTCOMES))

    @property
    def undelivered(self) -> list[int]:
        """By hour, how many were not delivered."""
        return [sum(each) for each in zip(self.waiting, self.failed, self.invalid, strict=True)]

    @property
    def sent(self) -> int:
        """How many were delivered."""
        return sum(self.delivered)

    @property
    def due(self) -> int:
        """How many were to be delivered: all but those on their way and those that newer data replaced."""
        return self.sent + sum(self.waiting) + sum(self.failed) + sum(self.invalid)

    @property
    def rate(self) -> float | None:
        """The share of what was due that was delivered, from 0 to 1; None if nothing was due."""
        return self.sent / self.due if self.due else None

    def __add__(self, other: OutcomeHours) -> OutcomeHours:
        def added(one: Sequence[int], two: Sequence[int]) -> tuple[int, ...]:
            return tuple(a + b for a, b in zip(one, two, strict=True))

        return OutcomeHours(
            added(self.delivered, other.delivered),
            added(self.waiting, other.waiting),
            added(self.failed, other.failed),
            added(self.invalid, other.invalid),
        )


@dataclass(frozen=True, slots=True)
class HoursOfPeriod:
    """The outcomes of a period, by (flow, connection)."""

    first: int
    """The first hour, counted from the epoch in UTC."""
    count: int
    """The number of hours that the period touches."""
    by_place: Mapping[tuple[int, int], OutcomeHours]

    @property
    def by_flow(self) -> dict[int, OutcomeHours]:
        """The outcomes of each flow that had an action."""
        return self._by(0)

    @property
    def by_connection(self) -> dict[int, OutcomeHours]:
        """The outcomes of each connection that had an action."""
        return self._by(1)

    @property
    def total(self) -> OutcomeHours:
        """The outcomes of all."""
        return _summed(self.by_place.values(), self.count)

    def flows_of(self, connection: int) -> list[int]:
        """The flows that had an action for a connection, by id."""
        return sorted(flow for flow, of_connection in self.by_place if of_connection == connection)

    def _by(self, part: int) -> dict[int, OutcomeHours]:
        groups: dict[int, list[OutcomeHours]] = {}
        for place, hours in self.by_place.items():
            groups.setdefault(place[part], []).append(hours)
        return {key: _summed(group, self.count) for key, group in groups.items() if key}


def _summed(group: Iterable[OutcomeHours], count: int) -> OutcomeHours:
    return sum(group, OutcomeHours.nothing(count))


def outcome_hours(db: Database, account: int, mode: Mode, since: int, until: int, *, flows: Iterable[int] | None = None) -> HoursOfPeriod:
    """The outcomes of the actions that were created in [since, until), microseconds in whole minutes.

    flows: only of these; None for all
    """
    where = Where("mode = :mode", mode=mode.code)
    if flows is not None:
        where &= Where(db.member("flow_id", "flows"), flows=sorted(flows))
    return _hours(db, account, where, since, until)


def outcome_hours_of_modes(db: Database, account: int, flows: Mapping[Mode, Iterable[int]], since: int, until: int) -> HoursOfPeriod:
    """The same of flows, of each in one mode, asked for at once.

    flows: at least one mode, each with its flows
    """
    of_modes = list[str]()
    ids = dict[str, list[int]]()
    for mode, of_mode in flows.items():
        name = f"flows_{mode.code}"
        of_modes.append(f"(mode = {mode.code:d} AND {db.member('flow_id', name)})")
        ids[name] = sorted(of_mode)
    return _hours(db, account, Where(f"({' OR '.join(of_modes)})", **ids), since, until)


def _hours(db: Database, account: int, where: Where, since: int, until: int) -> HoursOfPeriod:
    first, last = since // MINUTE, until // MINUTE
    begin, end = -(-first // _MINUTES), last // _MINUTES  # the whole hours
    of_account = Where("account_id = :account", account=account) & where
    of_account &= Where(f"measure IN ({', '.join(map(str, _MEASURES))})")
    columns = "flow_id, connection_id, measure, n"
    parts = [
        f"SELECT minute / 60 AS hour, {columns} FROM figure_delta WHERE minute >= :first AND minute < :last AND {of_account.sql}",
        f"SELECT hour, {columns} FROM figure_hour WHERE hour >= :begin AND hour < :end AND {of_account.sql}",
        # the parts of hours at both ends; an end may lie before the first whole hour
        f"SELECT minute / 60, {columns} FROM figure_sum WHERE minute >= :first AND minute < :head AND {of_account.sql}",
        f"SELECT minute / 60, {columns} FROM figure_sum WHERE minute >= :tail AND minute < :last AND {of_account.sql}",
    ]
    rows = db.all(
        f"SELECT hour, flow_id, connection_id, measure, SUM(n) FROM ({' UNION ALL '.join(parts)}) found GROUP BY 1, 2, 3, 4",
        {
            **of_account.params,
            "first": first,
            "last": last,
            "begin": begin,
            "end": end,
            "head": min(begin * _MINUTES, last),
            "tail": max(end, begin) * _MINUTES,
        },
    )
    start, count = first // _MINUTES, max(0, -(-last // _MINUTES) - first // _MINUTES)
    numbers: dict[tuple[int, int], list[list[int]]] = {}
    for hour, flow, connection, measure, number in rows:
        of_place = numbers.setdefault((flow, connection), [[0] * count for _outcome in _OUTCOMES])
        of_place[_MEASURES[measure]][hour - start] += int(number)
    return HoursOfPeriod(start, count, {place: OutcomeHours(*(tuple(each) for each in lists)) for place, lists in numbers.items()})


def outcome_columns(
    db: Database,
    account: int,
    mode: Mode,
    edges: Sequence[int],
    *,
    flow: int | None = None,
    connection: int | None = None,
    integration: int | None = None,
    replays: bool = True,
) -> OutcomeHours:
    """The outcomes of the actions that were created in each column of a chart. The statement groups them by column, so 400 days cost few rows.

    edges: the instants at which columns begin and end, microseconds in whole minutes
    flow, connection, integration: only actions of this one; None for all
    replays: whether actions of replays count
    """
    minutes = [end // MINUTE for end in edges]
    # An hour within one column is read as one row. Of an "odd" hour, which an edge cuts, the minutes are read.
    odd = sorted({minute // _MINUTES for minute in minutes if minute % _MINUTES})
    of_account = Where("account_id = :account", "mode = :mode", account=account, mode=mode.code)
    of_account &= Where(f"measure IN ({', '.join(str(number) for number in _MEASURES if replays or number < REPLAYED)})")
    if flow is not None:
        of_account &= Where("flow_id = :flow", flow=flow)
    if integration is not None:
        of_account &= Where("integration = :integration", integration=integration)
    if connection is not None:
        of_account &= Where("connection_id = :connection", connection=connection)
    hours = of_account & Where("hour >= :begin", "hour < :end", f"NOT {db.member('hour', 'odd')}" if odd else "")
    sources = [
        f"SELECT minute, measure, n FROM figure_delta WHERE minute >= :first AND minute < :last AND {of_account.sql}",
        f"SELECT hour * {_MINUTES}, measure, n FROM figure_hour WHERE {hours.sql}",
    ]
    if odd:  # the signs keep SQLite from reading the whole period once for each odd hour
        of_hour = Where("minute >= odd.hour * 60", "minute < odd.hour * 60 + 60", "+minute >= :first", "+minute < :last") & of_account
        sources.append(db.for_each(db.listed("odd", "odd", "hour"), "minute, measure, n", f"figure_sum WHERE {of_hour.sql}"))
    ends = {f"end_{column}": end for column, end in enumerate(minutes[1:-1])}
    cases = " ".join(f"WHEN minute < :{name} THEN {column}" for column, name in enumerate(ends))
    column_of = f"CASE {cases} ELSE {len(ends)} END" if ends else "0"
    rows = db.all(
        f"SELECT {column_of}, measure, SUM(n) FROM ({' UNION ALL '.join(sources)}) found GROUP BY 1, 2",
        {
            **of_account.params,
            **ends,
            "first": minutes[0],
            "last": minutes[-1],
            "begin": -(-minutes[0] // _MINUTES),
            "end": minutes[-1] // _MINUTES,
            **({"odd": odd} if odd else {}),
        },
    )
    numbers = [[0] * (len(minutes) - 1) for _outcome in _OUTCOMES]
    for column, measure, number in rows:
        numbers[_MEASURES[measure]][column] += int(number)
    return OutcomeHours(*map(tuple, numbers))
