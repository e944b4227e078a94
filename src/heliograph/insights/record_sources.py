"""The tables behind each list of records, and the conditions that a filter adds (X3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.refusals import blamed_connection
from heliograph.domain.delivery.action import ActionState, AttemptKind
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.insights.record_kinds import STATES_OF, Outcome, RecordFilter, RecordKind, RowKind, has_replays
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database
from heliograph.store.row_states import (
    ACTION_FAILURE,
    ACTION_LEAD,
    ATTEMPT_AGAIN,
    ATTEMPT_LAST,
    ITEM_WAITING,
    RUN_NOT_TRIGGERED,
    STUCK_RUN_OPEN,
    listed,
)

SCAN_LIMIT: Final = 100_000
"""The number of rows that are read for a page, at most. It matters if few match."""
SCAN_LIMIT_WITH_LOOKUP: Final = 15_000
"""The limit if each row needs a look-up in another table: its registration's name, or whether there is a newer change."""


@dataclass(frozen=True, slots=True)
class RecordSource:
    """The tables and conditions of a list's rows."""

    tables: str
    """The FROM clause."""
    where: str
    """The WHERE clause."""
    whole: str
    """The WHERE clause without "newest change per registration"."""
    group: str
    """The GROUP BY clause; "" if each row is a record."""
    at: str
    """The column by which the list is sorted."""
    id: str
    """The column of the id, by which rows of one instant are sorted."""
    columns: str
    params: dict[str, object]
    counted: str
    """The FROM clause for counting, which needs fewer tables."""
    record_filter: RecordFilter
    """The filter that it is the source of."""
    walk: str
    """Table and condition of the index that is walked through time; "" if all rows are read and sorted."""
    scan_limit: int
    """The number of rows that are read for a page, at most."""

    def scan_end(self, db: Database, beside: tuple[int, int] | None, scan_limit: int, *, ascends: bool) -> int | None:
        """The instant (microseconds) at which reading for a page ends; None for the end of the period.

        beside: instant and id of the row behind which the page begins; None for the start of the list
        scan_limit: the number of rows to read
        """
        if not self.walk:
            return None
        way = "ASC" if ascends else "DESC"
        at, id = beside or (0, 0)
        params = self.params | {"beside_at": at, "beside_id": id}
        place = ""
        if beside is not None:
            params |= {"since": max(at, self.record_filter.since)} if ascends else {"until": min(at + 1, self.record_filter.until)}
            place = f" AND (+{self.at}, {self.id}) {'>' if ascends else '<'} (:beside_at, :beside_id)"
        rows = db.all(
            f"SELECT {self.at} FROM {self.walk} AND {self.at} >= :since AND {self.at} < :until{place} ORDER BY {self.at} {way}, {self.id} {way}"
            f" LIMIT 1 OFFSET {int(scan_limit)}",
            params,
        )
        return int(rows[0][0]) if rows else None

    def between(self, beside: int | None, scan_end: int | None, *, ascends: bool) -> Self:
        """A copy that is bounded to [beside, scan_end]. The bounds replace the old ones, because the planner uses only the first bound at each end."""
        first, last = (beside, scan_end) if ascends else (scan_end, beside)
        where, params = self.where, self.params
        # Only the first bounds are replaced, those of the walk: a newer change of a registration may be outside of them.
        if first is not None:
            where, params = where.replace(":since", ":first", 1), params | {"first": max(first, self.record_filter.since)}
        if last is not None:
            where, params = where.replace(":until", ":last", 1), params | {"last": min(last + 1, self.record_filter.until)}
        return replace(self, where=where, params=params)


def sources_of(reader: AccountReader, record_filter: RecordFilter, *, grouped: bool = False) -> list[RecordSource]:
    """The sources of a filter's records. If they are several, each is walked along an index of its own."""
    if reader.is_of_another("connection", record_filter.connection):
        return []  # another account's: a scan would reveal how many records it has
    kinds: tuple[RecordKind, ...] = _PARTS.get(record_filter.kind, (record_filter.kind,))
    if len(kinds) == 1:
        return [source_of(reader, record_filter, grouped=grouped)]
    if record_filter.outcome is not None:
        kinds = tuple(kind for kind in kinds if _OUTCOMES[kind] is record_filter.outcome)
    if record_filter.connection is not None or record_filter.replays is ReplayShare.ONLY:  # a run that waits has no action yet
        kinds = tuple(kind for kind in kinds if not kind.is_stuck)
    return [source_of(reader, replace(record_filter, kind=kind, outcome=None), grouped=grouped) for kind in kinds]


_PARTS: Final = {
    RecordKind.FAILURES: (RecordKind.QUEUED, RecordKind.FAILED, RecordKind.VALIDATION),
    RecordKind.IN_RETRY_QUEUE: (RecordKind.QUEUED, RecordKind.UNTAGGED, RecordKind.UNDECIDED),
}
_OUTCOMES: Final = {
    RecordKind.QUEUED: Outcome.WAITING,
    RecordKind.FAILED: Outcome.FAILED,
    RecordKind.VALIDATION: Outcome.VALIDATION,
    RecordKind.UNTAGGED: Outcome.NOT_TRIGGERED,
    RecordKind.UNDECIDED: Outcome.NOT_TRIGGERED,
}


def source_of(reader: AccountReader, record_filter: RecordFilter, *, grouped: bool = False) -> RecordSource:
    """The source of a filter's records.

    grouped: True if a registration's record is made by grouping its changes; False if it is its newest change
    """
    shape, mode = _shape_of(record_filter), record_filter.mode.code
    mode_of = "a" if shape.subject is RowKind.ATTEMPT else shape.alias
    # The mode is a literal, because a partial index (of Test flows) is used only for a literal.
    where = [f"{shape.alias}.account_id = :account", f"{mode_of}.mode = {mode}", f"{shape.at} >= :since", f"{shape.at} < :until"]
    where += [condition for condition in (_CONDITIONS.get(record_filter.kind), _narrowed_state(record_filter)) if condition]
    params: dict[str, object] = {
        "account": reader.account,
        "mode": mode,
        "since": record_filter.since,
        "until": record_filter.until,
        "general": Category.GENERAL.code,
        "category": record_filter.category.code if record_filter.category else 0,
        "event": record_filter.event,
        "flow": record_filter.flow,
        "connection": record_filter.connection,
        "alike": record_filter.alike,
        "seen": record_filter.seen,
    }
    if record_filter.facet is not None:
        where.append(f"(c.facets & {int(record_filter.facet)}) <> 0")
    if record_filter.category is not None:
        where.append(f"COALESCE(({_RETRIED_FOR}), :general) = :category")
    if record_filter.event is not None:
        where.append(f"{shape.event} = :event")
    if record_filter.flow is not None:
        where.append(shape.of_flow)
    if record_filter.connection is not None and shape.of_connection:
        where.append(shape.of_connection)
    if has_replays(record_filter.kind) and (share := record_filter.replays.condition("a.origin")):
        where.append(share)
    if record_filter.alike is not None and shape.subject is RowKind.ACTION:
        where.append(_ALIKE)
    if record_filter.was is not None and record_filter.seen is not None:
        where.append(moved_from(record_filter.was, shape.subject))
    if (match := reader.match(record_filter.text)) is not None:
        if match.ids is not None:  # if few registrations match, all their records are read and sorted
            where[0] = f"+{where[0]}"
        is_by_change = match.ids is not None and shape.change
        has_words = match.condition(reader.db, "registration_id" if is_by_change else shape.registration)
        where.append(f"{shape.change} IN (SELECT id FROM change WHERE {has_words.sql})" if is_by_change else has_words.sql)
        params |= has_words.params
    whole = " AND ".join(where)
    one = shape.subject is RowKind.REGISTRATION and not grouped
    if one:
        # A registration is listed at its newest change. So a walk through time ends with the page, and millions of changes need not be grouped.
        # The condition leaves the account out, which all its changes share: with it, SQLite would read the whole period for each.
        newer = " AND ".join(_of_another(condition) for condition in where[1:])
        where.append(f"NOT EXISTS (SELECT 1 FROM change d WHERE d.registration_id = c.registration_id AND d.id > c.id AND {newer})")
    group = "" if one else {RowKind.REGISTRATION: " GROUP BY c.registration_id", RowKind.FLOW: " GROUP BY r.flow_id"}.get(shape.subject, "")
    at, id, columns = _COLUMNS[RowKind.CHANGE if one else shape.subject]
    if record_filter.kind.is_stuck:
        at, id = "j.created", "j.id"
    counted = shape.tables if "l." in whole else shape.tables.replace(_LANE, "")
    is_walk = not group and not (match is not None and match.ids is not None)
    walk = f"{' '.join(shape.tables.split()[:2])} WHERE {_of_index(record_filter, shape)}" if is_walk else ""
    scan_limit = SCAN_LIMIT_WITH_LOOKUP if one or match is not None else SCAN_LIMIT
    return RecordSource(shape.tables, " AND ".join(where), whole, group, at, id, columns, params, counted, record_filter, walk, scan_limit)


def _of_index(record_filter: RecordFilter, shape: _Shape) -> str:
    """The condition of an index in the order of time that contains all records of a list, and as few others as possible."""
    alias, mode = shape.alias, record_filter.mode.code
    account, in_mode = f"{alias}.account_id = :account", f"{alias}.mode = {mode}"
    of_tests = f"{account} AND {in_mode}" if record_filter.mode is Mode.TEST else account
    match shape.subject:
        case RowKind.RUN if record_filter.kind.is_stuck:
            return f"{account} AND {in_mode} AND j.{STUCK_RUN_OPEN}"
        case RowKind.RUN:
            return f"{account} AND {in_mode} AND r.{RUN_NOT_TRIGGERED}"
        case RowKind.ATTEMPT if record_filter.connection is not None:
            return "t.connection_id = :connection"
        case RowKind.ATTEMPT:
            return f"{account} AND {_NOT_FIRST}" if record_filter.kind is not RecordKind.ATTEMPTS else account
        case RowKind.ACTION if _AMONG_FAILED in _CONDITIONS.get(record_filter.kind, ""):
            return f"{account} AND {in_mode} AND {_AMONG_FAILED}"
        case RowKind.ACTION if record_filter.kind in (RecordKind.LEADS_CREATED, RecordKind.LEADS_UPDATED):
            return f"{account} AND a.{ACTION_LEAD}"
        case RowKind.ACTION if record_filter.replays is ReplayShare.ONLY:
            return f"{account} AND {record_filter.replays.condition('a.origin')}"
        case _:
            return of_tests


def has_connection(kind: RecordKind) -> bool:
    """Whether a list can be filtered by connection. Runs that were not triggered have none."""
    return kind.subject not in (RowKind.RUN, RowKind.FLOW) and kind is not RecordKind.RECORDED


def moved_from(kind: RecordKind, subject: RowKind) -> str:
    """The SQL condition that a record has left the list of this kind since :seen."""
    if subject is RowKind.CHANGE:
        return "EXISTS (SELECT 1 FROM stuck_run j WHERE j.change_id = c.id AND j.ended >= :seen)"
    states = listed(STATES_OF[kind])
    return (
        "(a.ended >= :seen OR EXISTS (SELECT 1 FROM attempt s WHERE s.action_id = a.id AND s.at >= :seen))"
        f" AND COALESCE(({_STATE_THEN}), {int(ActionState.PENDING)}) IN ({states}) AND a.state NOT IN ({states})"
    )


def arrived_in(kind: RecordKind) -> str:
    """The SQL condition that an action has joined the list of this kind since :seen."""
    states = listed(STATES_OF[kind])
    return f"a.state IN ({states}) AND (a.created >= :seen OR COALESCE(({_STATE_THEN}), {int(ActionState.PENDING)}) NOT IN ({states}))"


_STATE_THEN: Final = "SELECT s.state FROM attempt s WHERE s.action_id = a.id AND s.at < :seen ORDER BY s.n DESC LIMIT 1"
"""The state of the action after its last attempt before :seen."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The tables, columns and conditions of one kind of rows."""

    subject: RowKind
    alias: str
    """The alias of the table with the account."""
    at: str
    """The column of the instant."""
    tables: str
    """The FROM clause."""
    event: str
    """The column of the event."""
    registration: str
    """The column of the registration."""
    of_flow: str
    """The condition on the flow."""
    of_connection: str = ""
    """The condition on the connection; "" if rows have none."""
    change: str = ""
    """The indexed column of the change, for rows of few registrations; "" if the registration's column has an index."""


def _shape_of(record_filter: RecordFilter) -> _Shape:
    if record_filter.kind.is_stuck:
        tables = "stuck_run j CROSS JOIN run r CROSS JOIN change c"
        return _Shape(RowKind.RUN, "j", "j.created", tables, "j.event_id", "j.registration_id", "j.flow_id = :flow", change="j.change_id")
    return _SHAPES[record_filter.kind.subject](record_filter)


def _of_change(subject: RowKind) -> Callable[[RecordFilter], _Shape]:
    # The aliases x and y are in no other condition, because these conditions are repeated for a newer change of the registration.
    return lambda _record_filter: _Shape(
        subject,
        "c",
        "c.at",
        "change c",
        "c.event_id",
        "c.registration_id",
        "EXISTS (SELECT 1 FROM run x WHERE x.change_id = c.id AND +x.flow_id = :flow)",
        "EXISTS (SELECT 1 FROM action y JOIN lane l ON l.id = y.lane_id WHERE y.change_id = c.id AND l.connection_id = :connection)",
    )


def _of_run(subject: RowKind) -> Callable[[RecordFilter], _Shape]:
    return lambda _record_filter: _Shape(
        subject, "r", "r.at", "run r JOIN change c ON c.id = r.change_id", "c.event_id", "c.registration_id", "r.flow_id = :flow"
    )


def _of_action(_record_filter: RecordFilter) -> _Shape:
    return _Shape(
        RowKind.ACTION,
        "a",
        "a.created",
        f"action a{_LANE}",
        "a.event_id",
        "a.registration_id",
        "a.flow_id = :flow",
        "l.connection_id = :connection",
        "a.change_id",
    )


def _of_attempt(_record_filter: RecordFilter) -> _Shape:
    tables = "attempt t JOIN action a ON a.id = t.action_id"
    return _Shape(
        RowKind.ATTEMPT,
        "t",
        "t.at",
        tables,
        "a.event_id",
        "a.registration_id",
        "t.flow_id = :flow",
        "t.connection_id = :connection",
        "a.change_id",
    )


_SHAPES: Final[Mapping[RowKind, Callable[[RecordFilter], _Shape]]] = {
    RowKind.CHANGE: _of_change(RowKind.CHANGE),
    RowKind.REGISTRATION: _of_change(RowKind.REGISTRATION),
    RowKind.RUN: _of_run(RowKind.RUN),
    RowKind.FLOW: _of_run(RowKind.FLOW),
    RowKind.ACTION: _of_action,
    RowKind.ATTEMPT: _of_attempt,
}


def _narrowed_state(record_filter: RecordFilter) -> str:
    """The condition of the filter's outcome; "" if there is none."""
    if record_filter.outcome is None:
        return ""
    state = record_filter.outcome.state
    match record_filter.kind.subject:
        case RowKind.CHANGE | RowKind.REGISTRATION if state is None:
            return f"EXISTS (SELECT 1 FROM run z WHERE z.change_id = c.id AND z.{RUN_NOT_TRIGGERED})"
        case RowKind.CHANGE | RowKind.REGISTRATION:
            return f"EXISTS (SELECT 1 FROM action z WHERE z.change_id = c.id AND z.state = {int(state or 0)})"
        case RowKind.ACTION if state is not None:
            return f"a.state = {int(state)}"
        case RowKind.ATTEMPT if state is not None:
            return f"t.state = {int(state)}"
        case _:
            return ""


def _of_another(condition: str) -> str:
    """A condition on the change c, as a condition on the change d."""
    return condition.replace("c.", "d.")


_LANE: Final = " JOIN lane l ON l.id = a.lane_id"
# Rare rows have partial indexes. The planner uses one only if the statement contains the condition as the index declares it.
_AMONG_FAILED: Final = f"a.{ACTION_FAILURE}"
_NOT_FIRST: Final = f"(t.{ATTEMPT_AGAIN} OR t.{ATTEMPT_LAST})"
_STUCK: Final = f"j.{STUCK_RUN_OPEN} AND j.{ITEM_WAITING} AND r.id = j.run_id AND c.id = j.change_id"

_CONDITIONS: Final = {
    RecordKind.SUCCESS: f"a.state = {ActionState.SUCCESS}",
    RecordKind.FAILURES: _AMONG_FAILED,
    RecordKind.QUEUED: f"{_AMONG_FAILED} AND a.state = {ActionState.QUEUED}",
    RecordKind.FAILED: f"{_AMONG_FAILED} AND a.state = {ActionState.FAILED}",
    RecordKind.VALIDATION: f"{_AMONG_FAILED} AND a.state = {ActionState.VALIDATION}",
    RecordKind.SUPERSEDED: f"a.state = {ActionState.SUPERSEDED}",
    RecordKind.PENDING: f"a.state = {ActionState.PENDING}",
    RecordKind.LEADS_CREATED: f"a.{ACTION_LEAD} AND a.lead = {Lead.CREATED.code}",
    RecordKind.LEADS_UPDATED: f"a.{ACTION_LEAD} AND a.lead = {Lead.UPDATED.code}",
    RecordKind.NOT_TRIGGERED: f"r.{RUN_NOT_TRIGGERED}",
    RecordKind.UNTAGGED: f"{_STUCK} AND j.cause <> 'exception'",
    RecordKind.UNDECIDED: f"{_STUCK} AND j.cause = 'exception'",
    RecordKind.RETRIES: f"{_NOT_FIRST} AND t.kind <> {AttemptKind.FIRST.code}",
    RecordKind.ABANDONED: f"{_NOT_FIRST} AND t.kind <> {AttemptKind.MANUAL.code} AND t.state = {ActionState.FAILED}",
    RecordKind.VALIDATION_ERRORS: f"{_NOT_FIRST} AND t.state = {ActionState.VALIDATION}",
    RecordKind.ATTEMPTS: f"t.state IN ({listed((ActionState.QUEUED, ActionState.SUCCESS, ActionState.FAILED))})",
    RecordKind.CHANGES: "c.processed",
    RecordKind.REGISTRATIONS: "c.processed AND c.registration_id IS NOT NULL",
}

_ALIKE: Final = (
    f"(a.cause, a.message, {blamed_connection('a', 'l')}) = (SELECT e.cause, e.message, {blamed_connection('e', 'f')}"
    " FROM action e JOIN lane f ON f.id = e.lane_id WHERE e.id = :alike AND e.account_id = :account)"
)
"""The condition that an action has failed for the same reason as another, in agreement with `failure_reasons`."""

_RETRIED_FOR: Final = (
    "SELECT p.category FROM attempt p WHERE p.action_id = t.action_id AND p.n < t.n AND p.category IS NOT NULL ORDER BY p.n DESC LIMIT 1"
)
"""The category of the failure that an attempt is a retry of."""

_COLUMNS: Final = {
    RowKind.CHANGE: ("c.at", "c.id", "c.id, c.at, c.id, c.event_id, c.registration_id, 0, 0, 0, '', '', '', NULL, 0, 1, 0, 0"),
    RowKind.REGISTRATION: (
        "MAX(c.at)",
        "c.registration_id",
        "c.registration_id, MAX(c.at), MAX(c.id), MAX(c.event_id), c.registration_id, 0, 0, 0, '', '', '', NULL, 0, count(*), 0, 0",
    ),
    RowKind.ACTION: (
        "a.created",
        "a.id",
        (
            "a.id, a.created, a.change_id, a.event_id, a.registration_id, a.flow_id, l.connection_id, a.state, '', a.cause, a.message, NULL, a.id, 1, a.origin,"
            " a.destination_id"
        ),
    ),
    RowKind.RUN: (
        "r.at",
        "r.id",
        "r.id, r.at, r.change_id, c.event_id, c.registration_id, r.flow_id, 0, 0, r.reason, '', '', NULL, 0, 1, 0, 0",
    ),
    RowKind.FLOW: (
        "MAX(r.at)",
        "r.flow_id",
        "r.flow_id, MAX(r.at), MAX(r.change_id), 0, NULL, r.flow_id, 0, 0, '', '', '', NULL, 0, count(*), 0, 0",
    ),
    RowKind.ATTEMPT: (
        "t.at",
        "t.id",
        (
            "t.id, t.at, a.change_id, a.event_id, a.registration_id, t.flow_id, t.connection_id, t.state, '', '', t.message, t.status, a.id, 1,"
            " a.origin, a.destination_id"
        ),
    ),
}
"""By kind of row: the column by which it is sorted, its id, and all its columns."""
