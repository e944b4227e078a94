"""The records behind a number of Insights (guide: Account Insights; X3): exactly those that the figure counts.

Each kind says by which moment its records belong to a period, as `domain.figures` has it: a change and a run by the decision, an action by its
creation, an attempt by itself. States are those of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.deliveries.database import AccountReader, RowPerson
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.decision import Reason
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Change, Facet
from heliograph.domain.setup.configuration import EventConfig
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, pages

PARTS = (int, int)
"""A cursor of a list: when, and the record's id."""
MOST_COUNTED: Final = 10_000
"""A count stops here: "more than 10,000"."""


class RecordKind(StrEnum):
    """The kinds of lists, one for each figure that links to its records."""

    CHANGES = "changes"
    REGISTRATIONS = "registrations"
    RECORDED = "recorded"
    TRIGGERED = "triggered"
    SUCCESS = "success"
    FAILURES = "failures"
    QUEUED = "queued"
    FAILED = "failed"
    VALIDATION = "validation"
    SUPERSEDED = "superseded"
    PENDING = "pending"
    LEADS_CREATED = "leads-created"
    LEADS_UPDATED = "leads-updated"
    NOT_TRIGGERED = "not-triggered"
    STUCK = "untagged"
    FLOWS = "flows"
    IN_RETRY_QUEUE = "in-retry-queue"
    RETRIES = "retries"
    ABANDONED = "abandoned"
    VALIDATION_ERRORS = "validation-errors"
    ATTEMPTS = "attempts"

    @property
    def subject(self) -> Subject:
        """What a row of the list is."""
        return _SUBJECTS.get(self, Subject.ACTION)


class Subject(StrEnum):
    """What a row of a list can be."""

    CHANGE = "change"
    REGISTRATION = "registration"
    ACTION = "action"
    RUN = "run"
    ATTEMPT = "attempt"
    FLOW = "flow"
    ITEM = "item"
    """An action or a run that waits in the Retry Queue."""


_SUBJECTS: Final = {
    RecordKind.CHANGES: Subject.CHANGE,
    RecordKind.RECORDED: Subject.CHANGE,
    RecordKind.REGISTRATIONS: Subject.REGISTRATION,
    RecordKind.NOT_TRIGGERED: Subject.RUN,
    RecordKind.STUCK: Subject.RUN,
    RecordKind.FLOWS: Subject.FLOW,
    RecordKind.IN_RETRY_QUEUE: Subject.ITEM,
    RecordKind.RETRIES: Subject.ATTEMPT,
    RecordKind.ABANDONED: Subject.ATTEMPT,
    RecordKind.VALIDATION_ERRORS: Subject.ATTEMPT,
    RecordKind.ATTEMPTS: Subject.ATTEMPT,
}

_IS_STUCK: Final = "EXISTS (SELECT 1 FROM judgement j WHERE j.run_id = r.id AND j.queue IN (1, 2))"
_STATES: Final = {
    RecordKind.SUCCESS: "a.state = 10",
    RecordKind.FAILURES: "a.state IN (2, 11, 12)",
    RecordKind.QUEUED: "a.state = 2",
    RecordKind.FAILED: "a.state = 11",
    RecordKind.VALIDATION: "a.state = 12",
    RecordKind.SUPERSEDED: "a.state = 13",
    RecordKind.PENDING: "a.state = 1",
    RecordKind.LEADS_CREATED: "a.lead = 1",
    RecordKind.LEADS_UPDATED: "a.lead = 2",
    RecordKind.NOT_TRIGGERED: "r.decision = 1",
    RecordKind.STUCK: _IS_STUCK,
    RecordKind.RETRIES: "t.kind <> 1",
    RecordKind.ABANDONED: "t.kind <> 3 AND t.state = 11",
    RecordKind.VALIDATION_ERRORS: "t.state = 12",
    RecordKind.ATTEMPTS: "t.state IN (2, 10, 11)",
    RecordKind.CHANGES: "c.processed",
    RecordKind.REGISTRATIONS: "c.processed AND c.registration_id IS NOT NULL",
}


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records are wanted. since, until: microseconds; facet: of RECORDED; category: that a retry was made for; text: of a code or name."""

    kind: RecordKind
    since: int
    until: int
    mode: Mode = Mode.LIVE
    text: str = ""
    event: int | None = None
    flow: int | None = None
    connection: int | None = None
    facet: Facet | None = None
    category: Category | None = None
    alike: int | None = None
    """An action: only those that failed like it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row. at: microseconds; changes: how many, of a registration. What a kind does not have is None."""

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


type _Row = tuple[int, int, int, int, int | None, int, int, int, str, str, str, int | None, int, int]


@dataclass
class Records:
    """The records of one account."""

    reading: AccountReader
    wanted: RecordFilter

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[Record]:
        """One page, newest first."""
        found = pages(self._fetch, _key_of, cursor, size=size)
        return ListPage(self._records(found.rows), found.newer, found.older)

    def count(self) -> int:
        """How many there are; MOST_COUNTED + 1 stands for more."""
        source, where, params = self._source()
        inner = f"SELECT 1 FROM {source} WHERE {where}{self._group} LIMIT {MOST_COUNTED + 1}"
        ((n,),) = self.reading.db.all(f"SELECT count(*) FROM ({inner}) found", params)
        return int(n)

    @property
    def _subject(self) -> Subject:
        return self.wanted.kind.subject

    @property
    def _group(self) -> str:
        return {Subject.REGISTRATION: " GROUP BY c.registration_id", Subject.FLOW: " GROUP BY r.flow_id"}.get(self._subject, "")

    def _fetch(self, cursor: Cursor | None, limit: int) -> Sequence[_Row]:
        source, where, params = self._source()
        at, id, columns = _COLUMNS[self._subject]
        back = cursor is not None and cursor.back
        place = ""
        if cursor is not None:
            params["at"], params["id"] = cursor.key
            place = f"({at}, {id}) {'>' if back else '<'} (:at, :id)"
        having = f" HAVING {place}" if place and self._group else ""
        where += f" AND {place}" if place and not self._group else ""
        way = "ASC" if back else "DESC"
        return self.reading.db.all(
            f"SELECT {columns} FROM {source} WHERE {where}{self._group}{having} ORDER BY {at} {way}, {id} {way} LIMIT {int(limit)}",
            params,
        )

    def _source(self) -> tuple[str, str, dict[str, object]]:
        """The tables, the condition and its values."""
        wanted, subject = self.wanted, self._subject
        alias, at, source, event = _SOURCES[subject]
        walks = "+" if wanted.text else ""
        mode = "a" if subject is Subject.ATTEMPT else alias
        where = [f"{walks}{alias}.account_id = :account", f"{mode}.mode = :mode", f"{at} >= :since", f"{at} < :until"]
        params: dict[str, object] = {
            "account": self.reading.account,
            "mode": mode_code(wanted.mode),
            "since": wanted.since,
            "until": wanted.until,
        }
        if condition := _STATES.get(wanted.kind):
            where.append(condition)
        if wanted.facet is not None:
            where.append(f"(c.facets & {int(wanted.facet)}) <> 0")
        if wanted.category is not None:
            where.append(f"COALESCE(({_RETRIED_FOR}), :general) = :category")
            params |= {"category": wanted.category.code, "general": Category.GENERAL.code}
        if wanted.event is not None:
            where.append(f"{event} = :event")
            params["event"] = wanted.event
        if wanted.flow is not None:
            has_flow = subject in (Subject.CHANGE, Subject.REGISTRATION)
            where.append(
                "EXISTS (SELECT 1 FROM run r WHERE r.change_id = c.id AND r.flow_id = :flow)" if has_flow else f"{alias}.flow_id = :flow"
            )
            params["flow"] = wanted.flow
        if wanted.connection is not None and (of := {Subject.ATTEMPT: "t", Subject.ITEM: "u", Subject.ACTION: "l"}.get(subject)):
            where.append(f"{of}.connection_id = :connection")
            params["connection"] = wanted.connection
        if wanted.alike is not None and subject is Subject.ACTION:
            where.append(
                "(a.cause, a.message, l.connection_id) = (SELECT e.cause, e.message, f.connection_id FROM action e JOIN lane f ON f.id = e.lane_id"
                " WHERE e.id = :alike AND e.account_id = :account)"
            )
            params["alike"] = wanted.alike
        found = self.reading.registrations_with(wanted.text)
        if found is not None:
            of = {Subject.ACTION: "a.change_id", Subject.ATTEMPT: "a.change_id", Subject.ITEM: "u.change_id"}.get(subject, "c.id")
            # By their changes: actions have no index by registration.
            where.append(f"{of} IN (SELECT id FROM change WHERE {self.reading.db.member('registration_id', 'registrations')})")
            params["registrations"] = found
        return source, " AND ".join(where), params

    def _records(self, rows: Sequence[_Row]) -> list[Record]:
        reading = self.reading
        changes = reading.changes([row[2] for row in rows])
        events = reading.events([row[3] for row in rows])
        people = reading.people(row[4] for row in rows)
        flows = reading.flow_names([row[5] for row in rows if row[5]])
        connections = reading.connection_names([row[6] for row in rows if row[6]])
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
                changes=count,
            )
            for id, at, change, event, registration, flow, connection, state, reason, cause, message, status, action, count in rows
        ]


def _key_of(row: _Row) -> Key:
    return row[1], row[0]


_ITEMS: Final = (
    "SELECT a.id * 2 AS id, a.created AS at, a.account_id, a.mode, a.change_id, a.event_id, a.registration_id, a.flow_id, l.connection_id,"
    " a.state, '' AS reason, a.cause, a.message, a.id AS action_id FROM action a JOIN lane l ON l.id = a.lane_id"
    " WHERE a.account_id = :account AND a.mode = :mode AND a.created >= :since AND a.created < :until AND a.state = 2"
    " UNION ALL SELECT r.id * 2 + 1, r.at, r.account_id, r.mode, r.change_id, c.event_id, c.registration_id, r.flow_id, 0, 0, r.reason, '', '', 0"
    " FROM run r JOIN change c ON c.id = r.change_id"
    f" WHERE r.account_id = :account AND r.mode = :mode AND r.at >= :since AND r.at < :until AND {_IS_STUCK}"
)
"""What waits in the Retry Queue: actions by their creation, runs by their decision (`Figures.in_retry_queue`). Ids of both kinds stay apart."""

_RETRIED_FOR: Final = (
    "SELECT p.category FROM attempt p WHERE p.action_id = t.action_id AND p.n < t.n AND p.category IS NOT NULL ORDER BY p.n DESC LIMIT 1"
)
"""The category of the failure that an attempt is a retry of."""

_SOURCES: Final = {
    Subject.CHANGE: ("c", "c.at", "change c", "c.event_id"),
    Subject.REGISTRATION: ("c", "c.at", "change c", "c.event_id"),
    Subject.ACTION: ("a", "a.created", "action a JOIN lane l ON l.id = a.lane_id", "a.event_id"),
    Subject.RUN: ("r", "r.at", "run r JOIN change c ON c.id = r.change_id", "c.event_id"),
    Subject.FLOW: ("r", "r.at", "run r JOIN change c ON c.id = r.change_id", "c.event_id"),
    Subject.ITEM: ("u", "u.at", f"({_ITEMS}) u", "u.event_id"),
    Subject.ATTEMPT: ("t", "t.at", "attempt t JOIN action a ON a.id = t.action_id", "a.event_id"),
}
"""By subject: the alias of its table, the moment that counts, the tables, and the event."""

_COLUMNS: Final = {
    Subject.CHANGE: ("c.at", "c.id", "c.id, c.at, c.id, c.event_id, c.registration_id, 0, 0, 0, '', '', '', NULL, 0, 1"),
    Subject.REGISTRATION: (
        "MAX(c.at)",
        "c.registration_id",
        "c.registration_id, MAX(c.at), MAX(c.id), MAX(c.event_id), c.registration_id, 0, 0, 0, '', '', '', NULL, 0, count(*)",
    ),
    Subject.ACTION: (
        "a.created",
        "a.id",
        "a.id, a.created, a.change_id, a.event_id, a.registration_id, a.flow_id, l.connection_id, a.state, '', a.cause, a.message, NULL, a.id, 1",
    ),
    Subject.RUN: ("r.at", "r.id", "r.id, r.at, r.change_id, c.event_id, c.registration_id, r.flow_id, 0, 0, r.reason, '', '', NULL, 0, 1"),
    Subject.FLOW: (
        "MAX(r.at)",
        "r.flow_id",
        "r.flow_id, MAX(r.at), MAX(r.change_id), 0, NULL, r.flow_id, 0, 0, '', '', '', NULL, 0, count(*)",
    ),
    Subject.ITEM: (
        "u.at",
        "u.id",
        "u.id, u.at, u.change_id, u.event_id, u.registration_id, u.flow_id, u.connection_id, u.state, u.reason, u.cause, u.message, NULL, action_id, 1",
    ),
    Subject.ATTEMPT: (
        "t.at",
        "t.id",
        "t.id, t.at, a.change_id, a.event_id, a.registration_id, t.flow_id, t.connection_id, t.state, '', '', t.message, t.status, a.id, 1",
    ),
}
"""By subject: what it is sorted by, and the columns of a row."""
