"""The tables behind each list of records, and the conditions that a filter adds (X3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import connection_holds
from heliograph.deliveries.refusals import blamed_connection
from heliograph.domain.delivery.action import ActionState, AttemptKind
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.insights.record_kinds import STATES_OF, Outcome, RecordFilter, RecordKind, RowKind, has_replays
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.queue.action_rows import own_connection
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
from heliograph.store.walk import Key, Walk
from heliograph.store.where import Where

SCAN_LIMIT: Final = 100_000
"""The number of rows that are read for a page, at most. It matters if few match."""
SCAN_LIMIT_WITH_LOOKUP: Final = 15_000
"""The limit if each row needs a look-up in another table: its registration's name, or whether there is a newer change."""


@dataclass(frozen=True, slots=True)
class RecordSource:
    """The tables and conditions of a list's rows."""

    tables: str
    """The FROM clause."""
    where: Where
    """The conditions, with the period only if `group` is set; otherwise the walk adds it."""
    group: str
    """The GROUP BY clause; "" if each row is a record."""
    at: str
    """The column by which the list is sorted."""
    id: str
    """The column of the id, by which rows of one instant are sorted."""
    columns: str
    count_tables: str
    """The FROM clause for counting, which needs fewer tables."""
    record_filter: RecordFilter
    """The filter that it is the source of."""
    index: Where
    """The conditions of the index that is walked through time; none if all rows are read and sorted."""
    scan_limit: int
    """The number of rows that are read for a page, at most."""

    def walk(self, after: Key | None, *, ascends: bool) -> Walk:
        """The walk through the period from a place on."""
        table = " ".join(self.tables.split()[:2])
        return Walk(table, self.index, (self.at, self.id), after, ascends, self.record_filter.since, self.record_filter.until)


def sources_of(reader: AccountReader, record_filter: RecordFilter, *, grouped: bool = False) -> list[RecordSource]:
    """The sources of a filter's records. If they are several, each is walked along an index of its own."""
    if reader.is_of_another("connection", record_filter.connection):
        return []  # another account's: a scan would reveal how many records it has
    kinds: tuple[RecordKind, ...] = _KINDS_IN.get(record_filter.kind, (record_filter.kind,))
    if len(kinds) == 1:
        return [source_of(reader, record_filter, grouped=grouped)]
    if record_filter.outcome is not None:
        kinds = tuple(kind for kind in kinds if _OUTCOMES[kind] is record_filter.outcome)
    if record_filter.connection is not None or record_filter.replays is ReplayShare.ONLY:  # a run that waits has no action yet
        kinds = tuple(kind for kind in kinds if not kind.is_stuck)
    return [source_of(reader, replace(record_filter, kind=kind, outcome=None), grouped=grouped) for kind in kinds]


_KINDS_IN: Final = {
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
    shape = _STUCK_RUNS if record_filter.kind.is_stuck else _SHAPES[record_filter.kind.row_kind]
    match = reader.match(record_filter.text)
    are_few = match is not None and match.ids is not None  # then all their records are read and sorted
    # '+' keeps SQLite from the account's index
    where = Where(f"{'+' if are_few else ''}{shape.alias}.account_id = :account", account=reader.account)
    where &= _conditions(reader, record_filter, shape)
    if record_filter.kind is RecordKind.PEOPLE:
        where &= _has_no_newer_delivery(reader, record_filter)
    is_newest_change = shape.row_kind is RowKind.REGISTRATION and not grouped
    if is_newest_change:
        # A registration is listed at its newest change. So a walk through time ends with the page, and millions of changes need not be grouped.
        # The subquery has no condition on the account: SQLite would use that index and read the whole period for each change.
        newer = _period("d.at", record_filter) & _conditions(reader, record_filter, _change_shape(RowKind.REGISTRATION, "d"))
        exists = f"SELECT 1 FROM change d WHERE d.registration_id = c.registration_id AND d.id > c.id AND {newer.sql}"
        where &= Where(f"NOT EXISTS ({exists})", **newer.params)
    group = "" if is_newest_change else _GROUPS.get(shape.row_kind, "")
    if group:
        where &= _period(shape.at, record_filter)
    at, id, columns = _COLUMNS[RowKind.CHANGE if is_newest_change else shape.row_kind]
    if record_filter.kind.is_stuck:
        at, id, columns = _STUCK_COLUMNS
    is_told_by_connection = record_filter.kind in (RecordKind.PENDING, RecordKind.HELD)
    needs_lane = is_told_by_connection or record_filter.connection is not None or record_filter.alike is not None
    count_tables = "action a" if shape.row_kind is RowKind.ACTION and not needs_lane else shape.tables
    index = Where() if group or are_few else _index(reader, record_filter, shape)
    reads_attempts = shape.row_kind is RowKind.ACTION and _is_moved(reader, record_filter)
    has_lookup = is_newest_change or match is not None or record_filter.kind is RecordKind.PEOPLE or reads_attempts
    scan_limit = SCAN_LIMIT_WITH_LOOKUP if has_lookup else SCAN_LIMIT
    return RecordSource(shape.tables, where, group, at, id, columns, count_tables, record_filter, index, scan_limit)


def _is_moved(reader: AccountReader, record_filter: RecordFilter) -> bool:
    """Whether lanes were moved from or to the filter's connection, so that what was sent may have gone over another one."""
    return record_filter.connection is not None and record_filter.connection in reader.connections_with_moved_lanes


def _counted_at(reader: AccountReader, record_filter: RecordFilter, action: str, lane: str) -> str:
    """The condition that the filter's connection is an action's own (X2a)."""
    connection = own_connection(action, lane) if _is_moved(reader, record_filter) else f"{lane}.connection_id"
    return f"{connection} = :connection"


def _of_connection(reader: AccountReader, record_filter: RecordFilter, shape: _Shape) -> str:
    """The condition that a row is one of the filter's connection: an action or attempt that is, a change with such an action."""
    match shape.row_kind:
        case RowKind.ACTION:
            return _counted_at(reader, record_filter, "a", "l")
        case RowKind.ATTEMPT:
            return "t.connection_id = :connection"
        case _:
            of_action = _counted_at(reader, record_filter, "y", "l")
            return f"EXISTS (SELECT 1 FROM action y JOIN lane l ON l.id = y.lane_id WHERE y.change_id = {shape.alias}.id AND {of_action})"


def _has_no_newer_delivery(reader: AccountReader, record_filter: RecordFilter) -> Where:
    """The condition that an action is the newest in a list of deliveries that is of its registration, so that each registration is listed once."""
    newer = Where(
        "d.registration_id = a.registration_id",
        "b.change_id = d.id",
        "m.id = b.lane_id",
        f"b.state = {ActionState.SUCCESS}",
        f"b.mode = {record_filter.mode.code}",
        "(b.created > a.created OR (b.created = a.created AND b.id > a.id))",
        "b.flow_id = :flow" if record_filter.flow is not None else "",
        _counted_at(reader, record_filter, "b", "m") if record_filter.connection is not None else "",
        record_filter.replays.condition("b.origin"),
    ) & _period("b.created", record_filter)
    given = {"flow": record_filter.flow, "connection": record_filter.connection}
    exists = f"SELECT 1 FROM change d CROSS JOIN action b CROSS JOIN lane m WHERE {newer.sql}"
    return Where(f"NOT EXISTS ({exists})", **newer.params, **{name: id for name, id in given.items() if id is not None})


def changes_in_list(reader: AccountReader, record_filter: RecordFilter) -> Where:
    """The condition that a `change c` is one of the changes behind a list of registrations. No index of the account is used."""
    shape = _SHAPES[RowKind.REGISTRATION]
    of_account = Where("+c.account_id = :account", account=reader.account)
    return of_account & _period(shape.at, record_filter) & _conditions(reader, record_filter, shape)


def _period(at: str, record_filter: RecordFilter) -> Where:
    return Where(f"{at} >= :since", f"{at} < :until", since=record_filter.since, until=record_filter.until)


def _conditions(reader: AccountReader, record_filter: RecordFilter, shape: _Shape) -> Where:
    """The conditions of a filter, without its account and period."""
    # The mode is a literal, because a partial index (of Test flows) is used only for a literal.
    where = Where(f"{'a' if shape.row_kind is RowKind.ATTEMPT else shape.alias}.mode = {record_filter.mode.code}")
    where &= Where(*_CONDITIONS.get(record_filter.kind, ()), *shape.conditions, _outcome_condition(record_filter, shape))
    if record_filter.kind in (RecordKind.PENDING, RecordKind.HELD):
        of_holding = reader.db.member("l.connection_id", "holding")
        is_held = of_holding if record_filter.kind is RecordKind.HELD else f"NOT {of_holding}"
        where &= Where(is_held, holding=sorted(connection_holds(reader)))
    if record_filter.facet is not None:
        where &= Where(f"({shape.alias}.facets & {int(record_filter.facet)}) <> 0")
    if record_filter.category is not None:
        category, general = record_filter.category.code, Category.GENERAL.code
        where &= Where(f"COALESCE(({_RETRIED_FOR}), :general) = :category", category=category, general=general)
    if record_filter.event is not None:
        where &= Where(f"{shape.event} = :event", event=record_filter.event)
    if record_filter.flow is not None:
        where &= Where(shape.of_flow, flow=record_filter.flow)
    if record_filter.connection is not None:
        where &= Where(_of_connection(reader, record_filter, shape), connection=record_filter.connection)
    if has_replays(record_filter.kind):
        where &= Where(record_filter.replays.condition("a.origin"))
    if record_filter.alike is not None and shape.row_kind is RowKind.ACTION:
        where &= Where(_ALIKE, alike=record_filter.alike, account=reader.account)
    if record_filter.left_kind is not None and record_filter.left_since is not None:
        where &= Where(moved_from(record_filter.left_kind, shape.row_kind), seen=record_filter.left_since)
    match = reader.match(record_filter.text)
    if match is not None and match.ids is not None and shape.change:
        has_words = match.condition(reader.db, "registration_id")
        where &= Where(f"{shape.change} IN (SELECT id FROM change WHERE {has_words.sql})", **has_words.params)
    elif match is not None:
        where &= match.condition(reader.db, shape.registration)
    return where


def _index(reader: AccountReader, record_filter: RecordFilter, shape: _Shape) -> Where:
    """The conditions of an index in the order of time that contains all records of a list, and as few others as possible."""
    of_account = Where(f"{shape.alias}.account_id = :account", account=reader.account)
    in_mode = Where(f"{shape.alias}.mode = {record_filter.mode.code}")
    match shape.row_kind:
        case RowKind.RUN if record_filter.kind.is_stuck:
            return of_account & in_mode & Where(f"j.{STUCK_RUN_OPEN}")
        case RowKind.RUN:
            return of_account & in_mode & Where(f"r.{RUN_NOT_TRIGGERED}")
        case RowKind.ATTEMPT if record_filter.connection is not None:
            return Where(_of_connection(reader, record_filter, shape), connection=record_filter.connection)
        case RowKind.ATTEMPT:
            return of_account & Where(_AGAIN_OR_LAST if record_filter.kind is not RecordKind.ATTEMPTS else "")
        case RowKind.ACTION if _AMONG_FAILED in _CONDITIONS.get(record_filter.kind, ()):
            return of_account & in_mode & Where(_AMONG_FAILED)
        case RowKind.ACTION if record_filter.kind in (RecordKind.LEADS_CREATED, RecordKind.LEADS_UPDATED):
            return of_account & Where(f"a.{ACTION_LEAD}")
        case RowKind.ACTION if record_filter.replays is ReplayShare.ONLY:
            return of_account & Where(record_filter.replays.condition("a.origin"))
        case _:
            return of_account & in_mode if record_filter.mode is Mode.TEST else of_account


def has_connection(kind: RecordKind) -> bool:
    """Whether a list can be filtered by connection: not lists of runs and of flows, nor that of recorded changes."""
    return kind.row_kind not in (RowKind.RUN, RowKind.FLOW) and kind is not RecordKind.RECORDED


def moved_from(kind: RecordKind, row_kind: RowKind) -> str:
    """The SQL condition that a record has left the list of this kind since :seen."""
    if row_kind is RowKind.CHANGE:
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

    row_kind: RowKind
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
    change: str = ""
    """The column of the change, by which rows of few registrations are found; "" if they are found by `registration`."""
    conditions: tuple[str, ...] = ()
    """The conditions of all lists of these rows."""


def _change_shape(row_kind: RowKind, alias: str) -> _Shape:
    """The shape of lists of changes, and of lists of registrations, which are listed at a change."""
    return _Shape(
        row_kind=row_kind,
        alias=alias,
        at=f"{alias}.at",
        tables=f"change {alias}",
        event=f"{alias}.event_id",
        registration=f"{alias}.registration_id",
        of_flow=f"EXISTS (SELECT 1 FROM run x WHERE x.change_id = {alias}.id AND +x.flow_id = :flow)",
        conditions=(f"{alias}.processed", f"{alias}.registration_id IS NOT NULL") if row_kind is RowKind.REGISTRATION else (),
    )


def _run_shape(row_kind: RowKind) -> _Shape:
    return _Shape(
        row_kind=row_kind,
        alias="r",
        at="r.at",
        tables="run r JOIN change c ON c.id = r.change_id",
        event="c.event_id",
        registration="c.registration_id",
        of_flow="r.flow_id = :flow",
    )


_STUCK_RUNS: Final = _Shape(
    row_kind=RowKind.RUN,
    alias="j",
    at="j.created",
    tables="stuck_run j CROSS JOIN run r CROSS JOIN change c",
    event="j.event_id",
    registration="j.registration_id",
    of_flow="j.flow_id = :flow",
    change="j.change_id",
)
_SHAPES: Final = {
    RowKind.CHANGE: _change_shape(RowKind.CHANGE, "c"),
    RowKind.REGISTRATION: _change_shape(RowKind.REGISTRATION, "c"),
    RowKind.RUN: _run_shape(RowKind.RUN),
    RowKind.FLOW: _run_shape(RowKind.FLOW),
    RowKind.ACTION: _Shape(
        row_kind=RowKind.ACTION,
        alias="a",
        at="a.created",
        tables="action a JOIN lane l ON l.id = a.lane_id",
        event="a.event_id",
        registration="a.registration_id",
        of_flow="a.flow_id = :flow",
        change="a.change_id",
    ),
    RowKind.ATTEMPT: _Shape(
        row_kind=RowKind.ATTEMPT,
        alias="t",
        at="t.at",
        tables="attempt t JOIN action a ON a.id = t.action_id",
        event="a.event_id",
        registration="a.registration_id",
        of_flow="t.flow_id = :flow",
        change="a.change_id",
    ),
}
_GROUPS: Final = {RowKind.REGISTRATION: " GROUP BY c.registration_id", RowKind.FLOW: " GROUP BY r.flow_id"}


def _outcome_condition(record_filter: RecordFilter, shape: _Shape) -> str:
    """The condition of the filter's outcome; "" if there is none."""
    if record_filter.outcome is None:
        return ""
    state = record_filter.outcome.state
    match shape.row_kind:
        case RowKind.CHANGE | RowKind.REGISTRATION if state is None:
            return f"EXISTS (SELECT 1 FROM run z WHERE z.change_id = {shape.alias}.id AND z.{RUN_NOT_TRIGGERED})"
        case RowKind.CHANGE | RowKind.REGISTRATION:
            return f"EXISTS (SELECT 1 FROM action z WHERE z.change_id = {shape.alias}.id AND z.state = {int(state or 0)})"
        case RowKind.ACTION | RowKind.ATTEMPT if state is not None:
            return f"{shape.alias}.state = {int(state)}"
        case _:
            return ""


# Rare rows have partial indexes. The planner uses one only if the statement contains the condition as the index declares it.
_AMONG_FAILED: Final = f"a.{ACTION_FAILURE}"
"""An action that is queued, failed or validation."""
_AGAIN_OR_LAST: Final = f"(t.{ATTEMPT_AGAIN} OR t.{ATTEMPT_LAST})"
"""A retry, a manual attempt, or the last attempt of an action that failed for good."""
_STUCK: Final = (f"j.{STUCK_RUN_OPEN}", f"j.{ITEM_WAITING}", "r.id = j.run_id", "c.id = j.change_id")

_CONDITIONS: Final[Mapping[RecordKind, tuple[str, ...]]] = {
    RecordKind.SUCCESS: (f"a.state = {ActionState.SUCCESS}",),
    RecordKind.PEOPLE: (f"a.state = {ActionState.SUCCESS}", "a.registration_id IS NOT NULL"),
    RecordKind.FAILURES: (_AMONG_FAILED,),
    RecordKind.QUEUED: (_AMONG_FAILED, f"a.state = {ActionState.QUEUED}"),
    RecordKind.FAILED: (_AMONG_FAILED, f"a.state = {ActionState.FAILED}"),
    RecordKind.VALIDATION: (_AMONG_FAILED, f"a.state = {ActionState.VALIDATION}"),
    RecordKind.SUPERSEDED: (f"a.state = {ActionState.SUPERSEDED}",),
    RecordKind.PENDING: (f"a.state = {ActionState.PENDING}",),
    RecordKind.HELD: (f"a.state = {ActionState.PENDING}",),
    RecordKind.LEADS_CREATED: (f"a.{ACTION_LEAD}", f"a.lead = {Lead.CREATED.code}"),
    RecordKind.LEADS_UPDATED: (f"a.{ACTION_LEAD}", f"a.lead = {Lead.UPDATED.code}"),
    RecordKind.NOT_TRIGGERED: (f"r.{RUN_NOT_TRIGGERED}",),
    RecordKind.UNTAGGED: (*_STUCK, "j.cause <> 'exception'"),
    RecordKind.UNDECIDED: (*_STUCK, "j.cause = 'exception'"),
    RecordKind.RETRIES: (_AGAIN_OR_LAST, f"t.kind <> {AttemptKind.FIRST.code}"),
    RecordKind.ABANDONED: (_AGAIN_OR_LAST, f"t.kind <> {AttemptKind.MANUAL.code}", f"t.state = {ActionState.FAILED}"),
    RecordKind.VALIDATION_ERRORS: (_AGAIN_OR_LAST, f"t.state = {ActionState.VALIDATION}"),
    RecordKind.ATTEMPTS: (f"t.state IN ({listed((ActionState.QUEUED, ActionState.SUCCESS, ActionState.FAILED))})",),
    RecordKind.CHANGES: ("c.processed",),
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

_NO_COLUMNS: Final = {
    "id": "0",
    "at": "0",
    "change": "0",
    "event": "0",
    "registration": "NULL",
    "flow": "0",
    "connection": "0",
    "state": "0",
    "reason": "''",
    "cause": "''",
    "message": "''",
    "status": "NULL",
    "action": "0",
    "changes": "1",
    "origin": "0",
    "destination": "0",
    "waits_at": "0",
}
"""The columns of a record in their order (`records.RecordRow`), each with the value for rows that do not have it."""


def _columns(**columns: str) -> tuple[str, str, str]:
    """The column by which rows are sorted, that of the id, and all columns."""
    return columns["at"], columns["id"], ", ".join((_NO_COLUMNS | columns).values())


_COLUMNS: Final = {
    RowKind.CHANGE: _columns(id="c.id", at="c.at", change="c.id", event="c.event_id", registration="c.registration_id"),
    RowKind.REGISTRATION: _columns(
        id="c.registration_id",
        at="MAX(c.at)",
        change="MAX(c.id)",
        event="MAX(c.event_id)",
        registration="c.registration_id",
        changes="count(*)",
    ),
    RowKind.ACTION: _columns(
        id="a.id",
        at="a.created",
        change="a.change_id",
        event="a.event_id",
        registration="a.registration_id",
        flow="a.flow_id",
        connection=own_connection("a", "l"),
        state="a.state",
        cause="a.cause",
        message="a.message",
        action="a.id",
        origin="a.origin",
        destination="a.destination_id",
        waits_at="CASE WHEN a.ended IS NULL THEN l.connection_id ELSE 0 END",
    ),
    RowKind.RUN: _columns(
        id="r.id",
        at="r.at",
        change="r.change_id",
        event="c.event_id",
        registration="c.registration_id",
        flow="r.flow_id",
        reason="r.reason",
    ),
    RowKind.FLOW: _columns(id="r.flow_id", at="MAX(r.at)", change="MAX(r.change_id)", flow="r.flow_id", changes="count(*)"),
    RowKind.ATTEMPT: _columns(
        id="t.id",
        at="t.at",
        change="a.change_id",
        event="a.event_id",
        registration="a.registration_id",
        flow="t.flow_id",
        connection="t.connection_id",
        state="t.state",
        message="t.message",
        status="t.status",
        action="a.id",
        origin="a.origin",
        destination="a.destination_id",
    ),
}
"""By kind of row: the column by which it is sorted, its id, and all its columns."""
_STUCK_COLUMNS: Final = (
    "j.created",
    "j.id",
    _columns(
        id="r.id",
        at="r.at",
        change="r.change_id",
        event="c.event_id",
        registration="c.registration_id",
        flow="r.flow_id",
        reason="r.reason",
        message="j.message",
    )[2],
)
"""The same of the runs of `_STUCK_RUNS`."""
