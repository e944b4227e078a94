"""The tables behind each list of records, and the conditions that a filter adds (X3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.flow import Mode
from heliograph.insights.record_kinds import STATES_OF, Outcome, RecordFilter, RecordKind, RowKind, has_replays
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database

LOOKED: Final = 100_000
"""Rows that are looked at for a page in which few match."""
LOOKED_BESIDE: Final = 15_000
"""The same where each is looked up elsewhere too: its registration's name, or whether there is a newer change."""


@dataclass(frozen=True, slots=True)
class RecordSource:
    """Where rows of a list are. at, id: what they are sorted by; group: how rows become records, "" for one each; whole: the condition before
    rows of the same registration are told apart; counted: the tables that counting needs; wanted: what it is the source of.

    walk: the table and the condition of the index that is walked through time, "" where all rows are read and sorted; looked: how many of its rows
    are looked at for a page.
    """

    tables: str
    where: str
    whole: str
    group: str
    at: str
    id: str
    columns: str
    params: dict[str, object]
    counted: str
    wanted: RecordFilter
    walk: str
    looked: int

    def edge(self, db: Database, beside: tuple[int, int] | None, looked: int, *, ascends: bool) -> int | None:
        """The instant (microseconds) at which looking for a page ends, after so many rows; None for the end of the period. beside: the instant and the
        id of the row at which the page begins, None for the list's start."""
        if not self.walk:
            return None
        way = "ASC" if ascends else "DESC"
        at, id = beside or (0, 0)
        params = self.params | {"beside_at": at, "beside_id": id}
        place = ""
        if beside is not None:
            params |= {"since": max(at, self.wanted.since)} if ascends else {"until": min(at + 1, self.wanted.until)}
            place = f" AND (+{self.at}, {self.id}) {'>' if ascends else '<'} (:beside_at, :beside_id)"
        rows = db.all(
            f"SELECT {self.at} FROM {self.walk} AND {self.at} >= :since AND {self.at} < :until{place} ORDER BY {self.at} {way}, {self.id} {way}"
            f" LIMIT 1 OFFSET {int(looked)}",
            params,
        )
        return int(rows[0][0]) if rows else None

    def between(self, beside: int | None, edge: int | None, *, ascends: bool) -> Self:
        """The same from one instant on and with no row beyond another: an index follows one bound at each end, the first that it finds."""
        first, last = (beside, edge) if ascends else (edge, beside)
        where, params = self.where, self.params
        # Only the bounds of the walk: a newer change of a registration may lie beyond.
        if first is not None:
            where, params = where.replace(":since", ":first", 1), params | {"first": max(first, self.wanted.since)}
        if last is not None:
            where, params = where.replace(":until", ":last", 1), params | {"last": min(last + 1, self.wanted.until)}
        return replace(self, where=where, params=params)


def sources_of(reading: AccountReader, wanted: RecordFilter, *, grouped: bool = False) -> list[RecordSource]:
    """The sources whose rows together are the records that a filter wants: each is walked by an index of its own."""
    if reading.is_of_another("connection", wanted.connection):
        return []  # of another account: not even how far its records reach is to be seen
    kinds: tuple[RecordKind, ...] = _PARTS.get(wanted.kind, (wanted.kind,))
    if len(kinds) == 1:
        return [source_of(reading, wanted, grouped=grouped)]
    if wanted.outcome is not None:
        kinds = tuple(kind for kind in kinds if _OUTCOMES[kind] is wanted.outcome)
    if wanted.connection is not None or wanted.replays is ReplayShare.ONLY:  # a run that waits has no action yet
        kinds = tuple(kind for kind in kinds if not kind.is_stuck)
    return [source_of(reading, replace(wanted, kind=kind, outcome=None), grouped=grouped) for kind in kinds]


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


def source_of(reading: AccountReader, wanted: RecordFilter, *, grouped: bool = False) -> RecordSource:
    """The source of the records that a filter wants. grouped: registrations as groups of their changes, not each by its newest one."""
    shape, mode = _shape_of(wanted), mode_code(wanted.mode)
    mode_of = "a" if shape.subject is RowKind.ATTEMPT else shape.alias
    # The mode stands there as a number: an index of Test flows alone is then found.
    where = [f"{shape.alias}.account_id = :account", f"{mode_of}.mode = {mode}", f"{shape.at} >= :since", f"{shape.at} < :until"]
    where += [condition for condition in (_CONDITIONS.get(wanted.kind), _narrowed_state(wanted)) if condition]
    params: dict[str, object] = {
        "account": reading.account,
        "mode": mode,
        "since": wanted.since,
        "until": wanted.until,
        "general": Category.GENERAL.code,
        "category": wanted.category.code if wanted.category else 0,
        "event": wanted.event,
        "flow": wanted.flow,
        "connection": wanted.connection,
        "alike": wanted.alike,
        "seen": wanted.seen,
    }
    if wanted.facet is not None:
        where.append(f"(c.facets & {int(wanted.facet)}) <> 0")
    if wanted.category is not None:
        where.append(f"COALESCE(({_RETRIED_FOR}), :general) = :category")
    if wanted.event is not None:
        where.append(f"{shape.event} = :event")
    if wanted.flow is not None:
        where.append(shape.of_flow)
    if wanted.connection is not None and shape.of_connection:
        where.append(shape.of_connection)
    if has_replays(wanted.kind) and (share := wanted.replays.condition("a.origin")):
        where.append(share)
    if wanted.alike is not None and shape.subject is RowKind.ACTION:
        where.append(_ALIKE)
    if wanted.was is not None and wanted.seen is not None:
        where.append(moved_from(wanted.was, shape.subject))
    if (match := reading.match(wanted.text)) is not None:
        if match.ids is not None:  # of few registrations all records are read, and sorted
            where[0] = f"+{where[0]}"
        if match.ids is not None and shape.change:
            where.append(f"{shape.change} IN (SELECT id FROM change WHERE {match.condition(reading.db, 'registration_id')})")
        else:
            where.append(match.condition(reading.db, shape.registration))
        params |= match.params
    whole = " AND ".join(where)
    one = shape.subject is RowKind.REGISTRATION and not grouped
    if one:
        # A registration stands where its newest change is; so a page ends the walk through time, and no group is made of millions of changes.
        # Without the account, which all of its changes share: with it, SQLite would look through the whole period for each.
        newer = " AND ".join(_of_another(condition) for condition in where[1:])
        where.append(f"NOT EXISTS (SELECT 1 FROM change d WHERE d.registration_id = c.registration_id AND d.id > c.id AND {newer})")
    group = "" if one else {RowKind.REGISTRATION: " GROUP BY c.registration_id", RowKind.FLOW: " GROUP BY r.flow_id"}.get(shape.subject, "")
    at, id, columns = _COLUMNS[RowKind.CHANGE if one else shape.subject]
    if wanted.kind.is_stuck:
        at, id = "j.created", "j.id"
    counted = shape.tables if "l." in whole else shape.tables.replace(_LANE, "")
    is_walk = not group and not (match is not None and match.ids is not None)
    walk = f"{' '.join(shape.tables.split()[:2])} WHERE {_of_index(wanted, shape)}" if is_walk else ""
    looked = LOOKED_BESIDE if one or match is not None else LOOKED
    return RecordSource(shape.tables, " AND ".join(where), whole, group, at, id, columns, params, counted, wanted, walk, looked)


def _of_index(wanted: RecordFilter, shape: _Shape) -> str:
    """The condition of the index in the order of time that has all records of a list, and as little else as possible."""
    alias, mode = shape.alias, mode_code(wanted.mode)
    account, in_mode = f"{alias}.account_id = :account", f"{alias}.mode = {mode}"
    of_tests = f"{account} AND {in_mode}" if wanted.mode is Mode.TEST else account
    match shape.subject:
        case RowKind.RUN if wanted.kind.is_stuck:
            return f"{account} AND {in_mode} AND j.queue < 4"
        case RowKind.RUN:
            return f"{account} AND {in_mode} AND r.decision = 1"
        case RowKind.ATTEMPT if wanted.connection is not None:
            return "t.connection_id = :connection"
        case RowKind.ATTEMPT:
            return f"{account} AND {_NOT_FIRST}" if wanted.kind is not RecordKind.ATTEMPTS else account
        case RowKind.ACTION if _AMONG_FAILED in _CONDITIONS.get(wanted.kind, ""):
            return f"{account} AND {in_mode} AND {_AMONG_FAILED}"
        case RowKind.ACTION if wanted.kind in (RecordKind.LEADS_CREATED, RecordKind.LEADS_UPDATED):
            return f"{account} AND a.lead > 0"
        case RowKind.ACTION if wanted.replays is ReplayShare.ONLY:
            return f"{account} AND {wanted.replays.condition('a.origin')}"
        case _:
            return of_tests


def has_connection(kind: RecordKind) -> bool:
    """Whether a list can be filtered by a connection: what was not triggered has none."""
    return kind.subject not in (RowKind.RUN, RowKind.FLOW) and kind is not RecordKind.RECORDED


def moved_from(kind: RecordKind, subject: RowKind) -> str:
    """SQL: the record had left the list of this kind since the moment :seen."""
    if subject is RowKind.CHANGE:
        return "EXISTS (SELECT 1 FROM stuck_run j WHERE j.change_id = c.id AND j.ended >= :seen)"
    states = _listed(STATES_OF[kind])
    return (
        "(a.ended >= :seen OR EXISTS (SELECT 1 FROM attempt s WHERE s.action_id = a.id AND s.at >= :seen))"
        f" AND COALESCE(({_STATE_THEN}), {int(ActionState.PENDING)}) IN ({states}) AND a.state NOT IN ({states})"
    )


def arrived_in(kind: RecordKind) -> str:
    """SQL: the action has come into the list of this kind since the moment :seen."""
    states = _listed(STATES_OF[kind])
    return f"a.state IN ({states}) AND (a.created >= :seen OR COALESCE(({_STATE_THEN}), {int(ActionState.PENDING)}) NOT IN ({states}))"


_STATE_THEN: Final = "SELECT s.state FROM attempt s WHERE s.action_id = a.id AND s.at < :seen ORDER BY s.n DESC LIMIT 1"
"""The state that the last attempt before the moment left the action in."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a subject is found. alias: of the table with the account; event, registration: columns; of_flow, of_connection: conditions. change: the
    column with an index by which the records of a registration are found, "" where the registration itself has one."""

    subject: RowKind
    alias: str
    at: str
    tables: str
    event: str
    registration: str
    of_flow: str
    of_connection: str = ""
    change: str = ""


def _shape_of(wanted: RecordFilter) -> _Shape:
    if wanted.kind.is_stuck:
        tables = "stuck_run j CROSS JOIN run r CROSS JOIN change c"
        return _Shape(RowKind.RUN, "j", "j.created", tables, "j.event_id", "j.registration_id", "j.flow_id = :flow", change="j.change_id")
    return _SHAPES[wanted.kind.subject](wanted)


def _of_change(subject: RowKind) -> Callable[[RecordFilter], _Shape]:
    # Aliases that no other condition has: the condition is written anew for a newer change of the registration.
    return lambda _wanted: _Shape(
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
    return lambda _wanted: _Shape(
        subject, "r", "r.at", "run r JOIN change c ON c.id = r.change_id", "c.event_id", "c.registration_id", "r.flow_id = :flow"
    )


def _of_action(_wanted: RecordFilter) -> _Shape:
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


def _of_attempt(_wanted: RecordFilter) -> _Shape:
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


def _narrowed_state(wanted: RecordFilter) -> str:
    """The condition of an outcome."""
    if wanted.outcome is None:
        return ""
    state = wanted.outcome.state
    match wanted.kind.subject:
        case RowKind.CHANGE | RowKind.REGISTRATION if state is None:
            return "EXISTS (SELECT 1 FROM run z WHERE z.change_id = c.id AND z.decision = 1)"
        case RowKind.CHANGE | RowKind.REGISTRATION:
            return f"EXISTS (SELECT 1 FROM action z WHERE z.change_id = c.id AND z.state = {int(state or 0)})"
        case RowKind.ACTION if state is not None:
            return f"a.state = {int(state)}"
        case RowKind.ATTEMPT if state is not None:
            return f"t.state = {int(state)}"
        case _:
            return ""


def _of_another(condition: str) -> str:
    """A condition on a change, said of another one."""
    return condition.replace("c.", "d.")


def _listed(states: tuple[ActionState, ...]) -> str:
    return ", ".join(str(int(state)) for state in states)


_LANE: Final = " JOIN lane l ON l.id = a.lane_id"
# What is rare has an index of its own, which is found where its condition stands in the statement as it was declared.
_AMONG_FAILED: Final = "a.state IN (2, 11, 12)"
_NOT_FIRST: Final = "(t.kind > 1 OR t.state IN (11, 12))"
_STUCK: Final = "j.queue < 4 AND j.queue IN (1, 2) AND r.id = j.run_id AND c.id = j.change_id"

_CONDITIONS: Final = {
    RecordKind.SUCCESS: "a.state = 10",
    RecordKind.FAILURES: _AMONG_FAILED,
    RecordKind.QUEUED: f"{_AMONG_FAILED} AND a.state = 2",
    RecordKind.FAILED: f"{_AMONG_FAILED} AND a.state = 11",
    RecordKind.VALIDATION: f"{_AMONG_FAILED} AND a.state = 12",
    RecordKind.SUPERSEDED: "a.state = 13",
    RecordKind.PENDING: "a.state = 1",
    RecordKind.LEADS_CREATED: "a.lead > 0 AND a.lead = 1",
    RecordKind.LEADS_UPDATED: "a.lead > 0 AND a.lead = 2",
    RecordKind.NOT_TRIGGERED: "r.decision = 1",
    RecordKind.UNTAGGED: f"{_STUCK} AND j.cause <> 'exception'",
    RecordKind.UNDECIDED: f"{_STUCK} AND j.cause = 'exception'",
    RecordKind.RETRIES: f"{_NOT_FIRST} AND t.kind <> 1",
    RecordKind.ABANDONED: f"{_NOT_FIRST} AND t.kind <> 3 AND t.state = 11",
    RecordKind.VALIDATION_ERRORS: f"{_NOT_FIRST} AND t.state = 12",
    RecordKind.ATTEMPTS: "t.state IN (2, 10, 11)",
    RecordKind.CHANGES: "c.processed",
    RecordKind.REGISTRATIONS: "c.processed AND c.registration_id IS NOT NULL",
}

_ALIKE: Final = (
    "(a.cause, a.message, l.connection_id) = (SELECT e.cause, e.message, f.connection_id FROM action e JOIN lane f ON f.id = e.lane_id"
    " WHERE e.id = :alike AND e.account_id = :account)"
)

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
"""By subject: what it is sorted by, its id, and the columns of a row."""
