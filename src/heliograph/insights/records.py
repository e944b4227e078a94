"""The records behind a number of Insights (guide: Account Insights; X3): exactly those that the figure counts.

A record belongs to a period by one instant, as in `domain.figures`: a change and a run by the decision, an action by its creation, an attempt by
its own time. States are the present ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from heliograph.deliveries.account_reader import AccountReader, RowPerson
from heliograph.deliveries.prospects import connection_holds
from heliograph.deliveries.refusals import last_failures
from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.outcomes import Cause, was_tried
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.decision import Reason
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.insights.integrations import INTEGRATIONS, Integration, integrations_by_destination
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordFilter, RecordKind, RecordSort, RowKind
from heliograph.insights.record_minutes import RecordMinutes, are_whole_minutes
from heliograph.insights.record_sources import RecordSource, changes_in_list, sources_of
from heliograph.store.walk import Key, Walk, WalkedRows
from heliograph.store.where import Where
from heliograph.web.cursor import ROWS, Cursor, ListPage, walked

PARTS = (int, int)
"""The parts of a list's cursor: the value by which the list is sorted, and the record's id."""
MOST_COUNTED: Final = 10_000
"""A count stops here: "more than 10,000"."""
MOST_NARROWED: Final = 500
"""A count stops here if a person has narrowed the list, so that no figure counts it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a list. Fields that its kind does not have are empty."""

    id: int
    at: int
    """Microseconds."""
    change_id: int
    change: Change | None
    event: EventConfig | None
    person: RowPerson | None
    flow: str = ""
    flow_id: int = 0
    connection: str = ""
    connection_id: int = 0
    blamed: str = ""
    """The name of the connection that its last failed attempt went over. The flow may have another one by now."""
    state: ActionState | None = None
    is_held: bool = False
    """Whether its connection holds it, if it was never tried."""
    reason: Reason | None = None
    cause: Cause | None = None
    message: str = ""
    status: int | None = None
    action_id: int = 0
    changes: int = 0
    """The number of changes in the period, of a registration or flow."""
    is_replay: bool = False
    integration: Integration | None = None


class RecordRow(NamedTuple):
    """A row of a record's columns, in the order of `RecordSource.columns`. Columns that its kind does not have are 0, "" or None."""

    id: int
    at: int
    change: int
    event: int
    registration: int | None
    flow: int
    connection: int
    state: int
    reason: str
    cause: str
    message: str
    status: int | None
    action: int
    changes: int
    origin: int
    destination: int
    waits_at: int

    @property
    def has_failed_attempt(self) -> bool:
        """True if the cause of its action is that of a failed attempt, whatever has become of the action since (`blamed_connection`)."""
        return bool(self.cause) and was_tried(Cause(self.cause))


@dataclass(frozen=True, slots=True)
class RecordCount:
    """The number of records of a list."""

    number: int
    is_more: bool = False
    """True if there are more than `number`."""
    broken_off_at: int | None = None
    """The instant (microseconds) at which counting was broken off, because few rows match; None if it was not."""

    @property
    def is_exact(self) -> bool:
        return not self.is_more and self.broken_off_at is None

    def at_least(self, number: int) -> RecordCount:
        """The count, raised to the number of records on a page, which may be more than were counted before counting was broken off."""
        return self if self.is_exact else replace(self, number=max(self.number, number))


@dataclass
class Records:
    """The records of one account."""

    reader: AccountReader
    record_filter: RecordFilter
    sort: RecordSort = RecordSort.NEWEST
    known: int | None = None
    """The number of records, if it is known from figures. Then reading stops after that many."""
    scan_limit: int | None = None
    """The number of rows that are read for a page, at most; None for the limit of the source."""

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[Record]:
        """One page. Reading is broken off if few records match."""
        walked_rows = walked(self._nearest, self._key_of, cursor, size=size)
        return walked_rows.with_rows(self._records(walked_rows.rows))

    def walk(self, cursor: Cursor | None, limit: int) -> tuple[list[Record], Cursor | None]:
        """The next records behind a cursor, for an export, and the cursor of those that follow; None at the end."""
        walked_rows = self._next(cursor, limit)
        if len(walked_rows.rows) == limit:
            return self._records(walked_rows.rows), Cursor(self._key_of(walked_rows.rows[-1]))
        return self._records(walked_rows.rows), None if walked_rows.scan_end is None else Cursor(walked_rows.scan_end)

    @property
    def most(self) -> int:
        """The number at which a count stops. A connection narrows no further: figures count its records, or an index finds them."""
        whole = replace(self.record_filter.whole, connection=self.record_filter.connection)
        return MOST_COUNTED if self.record_filter == whole else MOST_NARROWED

    def count(self, most: int | None = None, *, kept_since: int | None = None) -> RecordCount:
        """The number of records.

        most: the number at which counting stops; None for the usual one
        kept_since: the instant (microseconds) since which no records were removed, so that figures and records agree
        """
        most = self.most if most is None else most
        if self.known is not None:
            return RecordCount(self.known)
        if self._are_flows_alone:
            return RecordCount(len(self._flows_beside(None, MOST_COUNTED)))
        minutes = RecordMinutes(self.reader, self.record_filter)
        if minutes.are_known and kept_since is not None and self.record_filter.since >= kept_since:
            return RecordCount(minutes.count())
        db, ascends, total = self.reader.db, self._ascends(None), 0
        sources = self._sources()
        scan_end = self._scan_end(sources, None)
        for source in sources:
            most_left = most + 1 - total
            if source.group:
                groups = f"SELECT 1 FROM {source.tables} WHERE {source.where.sql}{source.group} LIMIT {most_left}"
                ((count,),) = db.all(f"SELECT count(*) FROM ({groups}) counted", source.where.params)
                total += int(count)
            else:
                end = self._key_in(source, scan_end, ascends=ascends)
                total += self._walk(source, None).count(db, source.count_tables, source.where, most_left, end=end)
        if total > most:
            return RecordCount(most, is_more=True)
        return RecordCount(total, broken_off_at=None if scan_end is None else int(scan_end[0]))

    @property
    def _are_flows_alone(self) -> bool:
        """Whether it is a list of active flows that the figures alone can give."""
        record_filter = self.record_filter
        return (
            record_filter.kind is RecordKind.FLOWS
            and record_filter.event is None
            and not record_filter.text
            and are_whole_minutes(record_filter)
        )

    def _sources(self) -> list[RecordSource]:
        return sources_of(self.reader, self.record_filter, grouped=self.sort is RecordSort.MOST_CHANGES)

    def _key_of(self, row: RecordRow) -> Key:
        return (row.changes if self.sort is RecordSort.MOST_CHANGES else row.at), row.id

    def _nearest(self, cursor: Cursor | None, limit: int) -> WalkedRows[RecordRow]:
        """The rows of a page. Rows that are few among many are read from the minutes that the figures name."""
        if self.sort is RecordSort.MOST_CHANGES or self._are_flows_alone:
            return self._next(cursor, limit)
        limit = min(limit, self.known) if self.known is not None and cursor is None else limit
        near_rows: list[RecordRow] = []
        further: list[RecordSource] = []
        for source in self._sources():
            at = None if cursor is None else int(cursor.key[0])
            minutes = RecordMinutes(self.reader, source.record_filter).nearest(at, limit, ascends=self._ascends(cursor))
            rows = self._rows(source, cursor, limit, minutes=minutes) if minutes else []
            # If they are fewer than a page, they are the last ones, or retention has removed records of these minutes (X6).
            if len(rows) == limit or minutes == []:
                near_rows += rows
            else:
                further.append(source)
        return self._read_on(further, cursor, limit, near_rows)

    def _next(self, cursor: Cursor | None, limit: int) -> WalkedRows[RecordRow]:
        if self._are_flows_alone:
            return WalkedRows(self._flows_beside(cursor, limit))
        limit = min(limit, self.known) if self.known is not None and cursor is None else limit
        return self._read_on(self._sources(), cursor, limit, []) if limit else WalkedRows([])

    def _read_on(
        self, sources: Sequence[RecordSource], cursor: Cursor | None, limit: int, beside: Sequence[RecordRow]
    ) -> WalkedRows[RecordRow]:
        """The rows of a page from sources that are walked through time. It goes only as far as each of the walks does.

        beside: rows of other sources, which are merged in
        """
        scan_end, ascends = self._scan_end(sources, cursor), self._ascends(cursor)
        rows = [row for row in beside if scan_end is None or (self._key_of(row) <= scan_end if ascends else self._key_of(row) >= scan_end)]
        for source in sources:
            rows += self._rows(source, cursor, limit, end=scan_end)
        page_rows = self._together(rows, cursor, limit)
        return WalkedRows(page_rows, None if len(page_rows) == limit else scan_end)

    def _scan_end(self, sources: Sequence[RecordSource], cursor: Cursor | None) -> Key | None:
        """The place in the list at which reading ends, which is the nearest end of its sources; None for the end of the period."""
        ascends, ends = self._ascends(cursor), list[Key]()
        for source in sources:
            end = (
                self._walk(source, cursor).end(self.reader.db, self.scan_limit or source.scan_limit // len(sources))
                if source.index.parts
                else None
            )
            if end is not None:
                ends.append((end[0], self._listed_id(source, int(end[1]))))
        return (min if ascends else max)(ends, default=None)

    def _together(self, rows: list[RecordRow], cursor: Cursor | None, limit: int) -> Sequence[RecordRow]:
        return sorted(rows, key=self._key_of, reverse=not self._ascends(cursor))[:limit]

    def _ascends(self, cursor: Cursor | None) -> bool:
        back = cursor is not None and cursor.back
        return back is not (self.sort is RecordSort.OLDEST)

    def _walk(self, source: RecordSource, cursor: Cursor | None) -> Walk:
        ascends = self._ascends(cursor)
        return source.walk(None if cursor is None else self._key_in(source, cursor.key, ascends=ascends), ascends=ascends)

    def _listed_id(self, source: RecordSource, id: int) -> int:
        """The id of a source's row in the list. A list of the Retry Queue has rows of two tables, which may have equal ids."""
        return id * 2 + source.record_filter.kind.is_stuck if self.record_filter.kind is RecordKind.IN_RETRY_QUEUE else id

    def _key_in(self, source: RecordSource, key: Key | None, *, ascends: bool) -> Key | None:
        """The place in a source of a place in the list: the nearest one that is not before it."""
        if key is None or self.record_filter.kind is not RecordKind.IN_RETRY_QUEUE:
            return key
        return key[0], (int(key[1]) - source.record_filter.kind.is_stuck + (not ascends)) // 2

    def _flows(self) -> list[RecordRow]:
        """The active flows, each with its newest run. The figures count their changes."""
        record_filter, db = self.record_filter, self.reader.db
        counts = PeriodFigures(self.reader, fixed_window(record_filter.since, record_filter.until), record_filter.mode).runs_by_flow()
        newest = (
            f"SELECT n.id FROM run n WHERE n.flow_id = f.id AND +n.account_id = :account AND n.mode = {record_filter.mode.code}"
            " AND n.at >= :since AND n.at < :until ORDER BY n.at DESC, n.id DESC LIMIT 1"
        )
        rows = db.all(
            f"SELECT r.flow_id, r.at, r.change_id FROM {db.listed('flows', 'f', 'id')} CROSS JOIN run r WHERE r.id = ({newest})",
            {"account": self.reader.account, "since": record_filter.since, "until": record_filter.until, "flows": sorted(counts)},
        )
        return [RecordRow(flow, at, change, 0, None, flow, 0, 0, "", "", "", None, 0, counts[flow], 0, 0, 0) for flow, at, change in rows]

    def _flows_beside(self, cursor: Cursor | None, limit: int) -> list[RecordRow]:
        rows = [row for row in self._flows() if self.record_filter.flow in (None, row.flow)]
        if cursor is not None:
            beside, ascends = (cursor.key[0], cursor.key[1]), self._ascends(cursor)
            rows = [row for row in rows if (self._key_of(row) > beside if ascends else self._key_of(row) < beside)]
        return list(self._together(rows, cursor, limit))

    def _rows(
        self, source: RecordSource, cursor: Cursor | None, limit: int, *, end: Key | None = None, minutes: list[int] | None = None
    ) -> list[RecordRow]:
        """The rows of one source behind the cursor, with their ids in the list.

        end: the last place in the list; None for the end of the period
        minutes: only rows of these minutes (microseconds), which are read one after the other; None for all
        """
        db, ascends = self.reader.db, self._ascends(cursor)
        walk = self._walk(source, cursor)
        select = f"SELECT {source.columns} FROM"
        if source.group:
            walk = replace(walk, columns=("count(*)" if self.sort is RecordSort.MOST_CHANGES else source.at, source.id))
            having = f" HAVING {walk.behind.sql}" if walk.after else ""
            rows = db.all(
                f"{select} {source.tables} WHERE {source.where.sql}{source.group}{having} ORDER BY {walk.order} LIMIT {int(limit)}",
                {**source.where.params, **walk.behind.params},
            )
        elif minutes is None:
            own_end = self._key_in(source, end, ascends=ascends)
            rows = walk.read(db, f"{select} {source.tables}", source.where, limit, end=own_end)
        else:
            within = Where(f"{source.at} >= m.began", f"{source.at} < m.began + {MINUTE}", minutes=minutes) & source.where & walk.behind
            tables = f"{db.listed('minutes', 'm', 'began')} CROSS JOIN {source.tables}"
            rows = db.all(f"{select} {tables} WHERE {within.sql} ORDER BY {walk.order} LIMIT {int(limit)}", within.params)
        return [RecordRow(self._listed_id(source, id), *columns) for id, *columns in rows]

    def _changes_of(self, rows: Sequence[RecordRow]) -> dict[int, int]:
        """The number of changes of each registration of a page in the period."""
        ids = [row.registration for row in rows]
        if self.record_filter.kind.row_kind is not RowKind.REGISTRATION or not ids:
            return {}
        where = changes_in_list(self.reader, self.record_filter) & Where(self.reader.db.member("c.registration_id", "ids"), ids=ids)
        counts = f"SELECT c.registration_id, count(*) FROM change c WHERE {where.sql} GROUP BY c.registration_id"
        return dict(self.reader.db.all(counts, where.params))

    def _records(self, rows: Sequence[RecordRow]) -> list[Record]:
        reader = self.reader
        changes = reader.changes([row.change for row in rows])
        events = reader.events([row.event for row in rows])
        people = reader.people(row.registration for row in rows)
        flows = reader.flow_names([row.flow for row in rows if row.flow])
        are_attempts = self.record_filter.kind.row_kind is RowKind.ATTEMPT
        failures = {} if are_attempts else last_failures(reader, [row.action for row in rows if row.has_failed_attempt])
        connections = reader.connection_names(
            {id for row in rows for id in (row.connection, row.waits_at) if id} | {each.connection for each in failures.values()}
        )
        counts = self._changes_of(rows)
        integrations = integrations_by_destination(reader.config)
        holds = connection_holds(reader) if any(row.state == ActionState.PENDING for row in rows) else {}
        return [
            Record(
                id=row.id,
                at=row.at,
                change_id=row.change,
                change=changes.get(row.change, (None, ()))[0],
                event=events.get(row.event),
                person=people.get(row.registration) if row.registration is not None else None,
                flow=flows.get(row.flow, ""),
                flow_id=row.flow,
                connection=connections.get(row.connection, ""),
                connection_id=row.connection,
                blamed=connections.get(failures[row.action].connection if row.action in failures else row.waits_at or row.connection, ""),
                state=ActionState(row.state) if row.state else None,
                is_held=row.state == ActionState.PENDING and row.connection in holds,
                reason=Reason(row.reason) if row.reason else None,
                cause=Cause(row.cause) if row.cause else None,
                message=row.message,
                status=row.status,
                action_id=row.action,
                changes=counts.get(row.registration or 0, row.changes),
                is_replay=row.origin == Origin.REPLAY,
                integration=integrations.get(row.destination, INTEGRATIONS[0]) if row.action else None,
            )
            for row in rows
        ]
