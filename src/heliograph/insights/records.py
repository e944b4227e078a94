"""The records behind a number of Insights (guide: Account Insights; X3): exactly those that the figure counts.

Each kind says by which moment its records belong to a period, as `domain.figures` has it: a change and a run by the decision, an action by its
creation, an attempt by itself. States are those of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.database import AccountReader, RowPerson
from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.decision import Reason
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.insights.integrations import INTEGRATIONS, Integration, integrations_by_destination
from heliograph.insights.record_kinds import RecordFilter, RowKind, Sort
from heliograph.insights.record_sources import RecordSource, source_of
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, pages

PARTS = (int, int)
"""A cursor of a list: what it is sorted by, and the record's id."""
MOST_COUNTED: Final = 10_000
"""A count stops here: "more than 10,000"."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row. at: microseconds; changes: how many, of a registration or flow. What a kind does not have is None."""

    id: int
    at: int
    change_id: int
    change: Change | None
    event: EventConfig | None
    person: RowPerson | None
    flow: str = ""
    flow_id: int = 0
    connection: str = ""
    state: ActionState | None = None
    reason: Reason | None = None
    cause: Cause | None = None
    message: str = ""
    status: int | None = None
    action_id: int = 0
    changes: int = 0
    is_replay: bool = False
    integration: Integration | None = None


type _Row = tuple[int, int, int, int, int | None, int, int, int, str, str, str, int | None, int, int, int, int]


@dataclass
class Records:
    """The records of one account."""

    reading: AccountReader
    wanted: RecordFilter
    sort: Sort = Sort.NEWEST
    known: int | None = None
    """How many there are, where the figures tell: looking for the next one ends after the last."""

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[Record]:
        """One page."""
        found = pages(self._fetch, self._key_of, cursor, size=size)
        return ListPage(self._records(found.rows), found.newer, found.older)

    def walk(self, cursor: Cursor | None, limit: int) -> tuple[list[Record], Cursor | None]:
        """The next records from a cursor on, and the cursor after them, None at the end: for an export of all."""
        rows = self._fetch(cursor, limit)
        return self._records(rows), Cursor(self._key_of(rows[-1])) if len(rows) == limit else None

    def count(self) -> int:
        """How many there are; MOST_COUNTED + 1 stands for more, unless the figures tell."""
        if self.known is not None:
            return self.known
        source = self._source()
        inner = f"SELECT 1 FROM {source.tables} WHERE {source.where}{source.group} LIMIT {MOST_COUNTED + 1}"
        ((n,),) = self.reading.db.all(f"SELECT count(*) FROM ({inner}) found", source.params)
        return int(n)

    def _source(self) -> RecordSource:
        return source_of(self.reading, self.wanted, grouped=self.sort is Sort.MOST_CHANGES)

    def _key_of(self, row: _Row) -> Key:
        return (row[13] if self.sort is Sort.MOST_CHANGES else row[1]), row[0]

    def _fetch(self, cursor: Cursor | None, limit: int) -> Sequence[_Row]:
        limit = min(limit, self.known) if self.known is not None and cursor is None else limit
        if not limit:
            return []
        source = self._source()
        at = "count(*)" if self.sort is Sort.MOST_CHANGES else source.at
        back = cursor is not None and cursor.back
        ascends = back is not (self.sort is Sort.OLDEST)
        where, having, params = source.where, "", source.params
        if cursor is not None:
            params = params | {"beside_at": cursor.key[0], "beside_id": cursor.key[1]}
            place = f"({at}, {source.id}) {'>' if ascends else '<'} (:beside_at, :beside_id)"
            where, having = (where, f" HAVING {place}") if source.group else (f"{where} AND {place}", "")
        way = "ASC" if ascends else "DESC"
        rows: Sequence[_Row] = self.reading.db.all(
            f"SELECT {source.columns} FROM {source.tables} WHERE {where}{source.group}{having}"
            f" ORDER BY {at} {way}, {source.id} {way} LIMIT {int(limit)}",
            params,
        )
        return rows

    def _changes_of(self, rows: Sequence[_Row]) -> dict[int, int]:
        """How many changes each registration of a page had in the period."""
        ids = [row[4] for row in rows]
        if self.wanted.kind.subject is not RowKind.REGISTRATION or not ids:
            return {}
        source = source_of(self.reading, self.wanted, grouped=True)
        sql = f"SELECT c.registration_id, count(*) FROM {source.tables} WHERE {source.whole} AND {self.reading.db.member('c.registration_id', 'ids')}"
        return dict(self.reading.db.all(f"{sql} GROUP BY c.registration_id", {**source.params, "ids": ids}))

    def _records(self, rows: Sequence[_Row]) -> list[Record]:
        reading = self.reading
        changes = reading.changes([row[2] for row in rows])
        events = reading.events([row[3] for row in rows])
        people = reading.people(row[4] for row in rows)
        flows = reading.flow_names([row[5] for row in rows if row[5]])
        connections = reading.connection_names([row[6] for row in rows if row[6]])
        counts = self._changes_of(rows)
        integrations = integrations_by_destination(reading.config)
        return [
            Record(
                id=id,
                at=at,
                change_id=change,
                change=changes.get(change, (None, ()))[0],
                event=events.get(event),
                person=people.get(registration) if registration is not None else None,
                flow=flows.get(flow, ""),
                flow_id=flow,
                connection=connections.get(connection, ""),
                state=ActionState(state) if state else None,
                reason=Reason(reason) if reason else None,
                cause=Cause(cause) if cause else None,
                message=message,
                status=status,
                action_id=action,
                changes=counts.get(registration or 0, count),
                is_replay=origin == Origin.REPLAY,
                integration=integrations.get(destination, INTEGRATIONS[0]) if action else None,
            )
            for id, at, change, event, registration, flow, connection, state, reason, cause, message, status, action, count, origin, destination in rows
        ]
