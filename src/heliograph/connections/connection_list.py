"""The Connection List (guide: Adding a Connection; N2): each connection with its health, its last attempt and test, and the flows that use
it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.connections import release_job
from heliograph.connections.services import oauth_grant as access
from heliograph.connections.services.save_and_test import last_reports
from heliograph.deliveries.prospects import hold_of
from heliograph.deliveries.refusals import TRIED_CAUSES, blamed_connection
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.connection_health import AttemptEvidence, Health, HealthFacts, health_of
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.natural_order import natural_order
from heliograph.jobs.models import Job
from heliograph.store import configuration_versions, connection_states, oauth_token_store
from heliograph.store.config_cache import Committed
from heliograph.store.connection_states import StoredConnectionState
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ATTEMPT_COLUMNS, StoredAttempt, attempt_of, own_connection, prefixed
from heliograph.store.registrations import folded
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.row_states import ACTION_IN_QUEUE
from heliograph.web.list_count import ListCount

COUNTED = 50_000
"""Most items of the Retry Queue that are counted for the list, over all connections: the newest."""
REMEMBERED = 500
"""Audit entries that are searched for the user who paused a connection."""
MOST_HELD = 10_000
"""Most held actions of a connection that are counted."""
MOST_UNTRIED = 1_000
"""The newest attempts of a connection that are searched for one that tried its target."""
MOST_FLOW_VERSIONS = 500
"""Most versions of flows that are read to learn which destinations have kept their connection; about 10 ms."""


@dataclass(frozen=True, slots=True)
class ConnectionListFilter:
    """The filters of the Connection List."""

    text: str = ""
    """Words of the connection's name, its host, or the names of the flows that use it."""
    auth: Auth | None = None
    health: Health | None = None


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The last attempt over a connection."""

    attempt: StoredAttempt

    @property
    def unanswered(self) -> bool:
        """Whether the target was not reached, or sent no answer. A 429 or 503 is an answer."""
        return self.attempt.category is Category.CONNECTION and self.attempt.status is None

    @property
    def blocked(self) -> bool:
        """Whether its address is one that requests must not reach (C6), so that the target was not asked."""
        return self.attempt.cause is Cause.BLOCKED


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause of a connection."""

    why: str
    by: str
    """Who paused it; "" if a 410 of the target did."""
    at: int
    """Since when, in microseconds; 0 if a 410 paused it."""


@dataclass(frozen=True, slots=True)
class RetryCounts:
    """A connection's items in the Retry Queue."""

    waiting: int = 0
    failed: int = 0

    def __add__(self, other: RetryCounts) -> RetryCounts:
        return RetryCounts(self.waiting + other.waiting, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class RetryCountsOfDestination:
    """The items in the Retry Queue of a destination whose own connection it is (X2a)."""

    connection: int
    flow: int
    destination: int
    counts: RetryCounts
    tried: int
    """The items that failed after they had been sent."""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection in the list, with its health and everything that explains it."""

    id: int
    connection: Connection
    health: Health
    state: StoredConnectionState
    attempt: LastAttempt | None
    evidence: LastAttempt | None
    """The last attempt that did not fail validation. An attempt that failed validation says nothing about the target, because nothing was sent."""
    tested: tuple[int, DiagnosisReport] | None
    """When it was last tested (microseconds), and the result."""
    flows: Sequence[tuple[int, str]]
    """The id and name of each flow that uses it."""
    waiting: int
    """Its items in the Retry Queue that wait."""
    failed: int
    """Its items in the Retry Queue that failed."""
    held_count: int
    """The actions that it holds (`prospects.connection_holds`); counted up to MOST_HELD + 1."""
    pause: Pause | None
    access: oauth_token_store.ShownAccess | None
    waiting_release: Job | None
    """The job of its release, while that waits in the queue of jobs."""
    is_more: bool = False
    """Whether it may have more items in the Retry Queue: no more than COUNTED of all connections were counted."""

    @property
    def waiting_count(self) -> ListCount:
        """Its items in the Retry Queue that wait, as pages show them."""
        return ListCount(self.waiting, self.is_more)

    @property
    def failed_count(self) -> ListCount:
        """Its items in the Retry Queue that failed, as pages show them."""
        return ListCount(self.failed, self.is_more)

    @property
    def is_decided_by_test(self) -> bool:
        """Whether the last test failed, and nothing was sent since."""
        if self.tested is None or self.tested[1].verdict is not DiagnosisVerdict.FAILED:
            return False
        return self.evidence is None or self.tested[0] > self.evidence.attempt.at

    @property
    def is_test_stale(self) -> bool:
        """Whether the last test failed, but since then a delivery succeeded or somebody connected."""
        if self.tested is None or self.tested[1].verdict is not DiagnosisVerdict.FAILED:
            return False
        delivered = self.evidence.attempt.at if self.evidence is not None and self.evidence.attempt.succeeded else 0
        return max(delivered, (self.access.connected_at or 0) if self.access else 0) >= self.tested[0]


@dataclass
class ConnectionList:
    """Reads the connections of one account. The number of SQL statements does not depend on the number of connections."""

    db: Database
    account: int

    def __post_init__(self) -> None:
        self.config: AccountConfig = Committed(self.db).account(self.account)
        self.unmoved: frozenset[int] = frozenset()
        """After rows were read: destinations of items in Retry whose connection has never changed."""
        self.is_more = False
        """After rows were read: whether Retry has more items than were counted."""

    def rows(self, filters: ConnectionListFilter) -> list[ConnectionRow]:
        """The matching connections, by name."""
        matching_rows = [row for row in self._rows() if self._matches(row, filters)]
        return sorted(matching_rows, key=lambda row: (natural_order(row.connection.name), row.id))

    def row(self, id: int) -> ConnectionRow | None:
        """One connection; None if the account has no such connection."""
        return next((row for row in self._rows(id) if row.id == id), None)

    def _rows(self, only: int | None = None) -> list[ConnectionRow]:
        states, tests = connection_states.states_of_account(self.db, self.account), last_reports(self.db, self.account)
        attempts = self._attempts(None if only is None else [only])
        untried = [
            id
            for id, last in attempts.items()
            if last.attempt.state is ActionState.VALIDATION or (last.attempt.category is Category.SYSTEM and last.attempt.status is None)
        ]
        evidences = {id: attempts[id] for id in attempts.keys() - set(untried)} | (self._attempts(untried, tried=True) if untried else {})
        used, accesses = self._flows(), oauth_token_store.shown_accesses(self.db, self.account)
        of_destinations = self._counts()
        counts: dict[int, RetryCounts] = {}
        for each in of_destinations:
            counts[each.connection] = counts.get(each.connection, RetryCounts()) + each.counts
        failed_over = self._failed_over(of_destinations)
        ids = [id for id in self.config.connections if only in (None, id)]
        paused = [id for id in ids if states.get(id, (StoredConnectionState(), ""))[0].paused]
        pauses = self._paused_by(paused)
        now = self.db.now()
        is_stopped = unreleased_copy(self.db, self.account) is not None
        holding = [id for id in ids if is_stopped or hold_of(states.get(id, (StoredConnectionState(), ""))[0], now) is not None]
        held_counts = connection_states.untried_actions(self.db, holding, MOST_HELD + 1)
        is_any_released = any(states[id][0].release_rate is not None for id in paused)
        releases = release_job.waiting_jobs(self.account) if is_any_released else {}
        rows = []
        for id in ids:
            connection = self.config.connections[id]
            state, why = states.get(id, (StoredConnectionState(), ""))
            about = accesses.get(id)
            of_retry = counts.get(id, RetryCounts())
            health = health_of(
                self._facts(connection, state, evidences.get(id), tests.get(id), about, of_retry if id in failed_over else None), now
            )
            by, at = pauses.get(id, ("", 0))
            pause = Pause(why, by, at) if state.paused else None
            rows.append(
                ConnectionRow(
                    id,
                    connection,
                    health,
                    state,
                    attempts.get(id),
                    evidences.get(id),
                    tests.get(id),
                    used.get(id, ()),
                    of_retry.waiting,
                    of_retry.failed,
                    held_counts.get(id, 0),
                    pause,
                    about,
                    releases.get(id) if state.release_rate is not None else None,
                    self.is_more,
                )
            )
        return rows

    @staticmethod
    def _facts(
        connection: Connection,
        state: StoredConnectionState,
        evidence: LastAttempt | None,
        tested: tuple[int, DiagnosisReport] | None,
        about: oauth_token_store.ShownAccess | None,
        failed_over: RetryCounts | None,
    ) -> HealthFacts:
        """failed_over: its items in Retry, if some of them failed over it"""
        return HealthFacts(
            is_paused=state.paused,
            is_released=state.release_rate is not None,
            is_incomplete=bool(set(connection.lacks) - {"connected"}),
            access=access.state_of(connection, about) if connection.needs_connecting else None,
            held_until=state.held_until,
            attempt=AttemptEvidence(evidence.attempt.at, evidence.attempt.succeeded, evidence.unanswered, evidence.blocked)
            if evidence
            else None,
            tested=tested,
            connected_at=(about.connected_at or 0) if about and connection.needs_connecting else 0,
            has_failures=failed_over is not None,
            is_awaited=failed_over is not None and failed_over.waiting > 0,
        )

    @staticmethod
    def _matches(row: ConnectionRow, filters: ConnectionListFilter) -> bool:
        if filters.auth not in (None, row.connection.auth) or filters.health not in (None, row.health):
            return False
        text = folded(" ".join([row.connection.name, row.connection.shown, *(name for _, name in row.flows)]))
        return all(word in text for word in folded(filters.text).split())

    def _attempts(self, ids: Sequence[int] | None, *, tried: bool = False) -> dict[int, LastAttempt]:
        """The last attempt of each connection: one index lookup each.

        ids: the ids of the connections; None for all
        tried: only attempts that tried the target, without failed validations and faults of our own
        """
        newest = f"SELECT at, state, category, status FROM attempt WHERE connection_id = c.id ORDER BY at DESC LIMIT {MOST_UNTRIED if tried else 1}"
        last = f"SELECT max(m.at) FROM ({newest}) m" + (f" WHERE {_tried('m')}" if tried else "")
        rows = self.db.all(
            f"SELECT {prefixed('t', ATTEMPT_COLUMNS)} FROM connection c"
            f" JOIN attempt t ON t.connection_id = c.id AND t.at = ({last})"
            " WHERE c.account_id = :account AND c.deleted_at IS NULL"
            + (f" AND {_tried('t')}" if tried else "")
            + ("" if ids is None else f" AND {self.db.member('c.id', 'ids')}"),
            {"account": self.account} | ({} if ids is None else {"ids": ids}),
        )
        return {attempt.connection: LastAttempt(attempt) for attempt in map(attempt_of, rows)}

    def _counts(self) -> list[RetryCountsOfDestination]:
        """Items in Retry by destination and by their own connection (X2a).

        A destination that has never had another connection tells the connection of its items. Only of the others the lanes are read: of
        50,000 items, reading their lanes would cost several times as much as counting them.
        """
        sums = (
            "i.flow_id, i.destination_id, sum(CASE WHEN i.queue = :failed THEN 0 ELSE 1 END),"
            f" sum(CASE WHEN i.queue = :failed THEN 1 ELSE 0 END), sum(CASE WHEN i.cause IN ({TRIED_CAUSES}) THEN 1 ELSE 0 END)"
        )
        params = {"account": self.account, "failed": QueueStatus.FAILED.code, "done": QueueStatus.DONE.code, "counted": COUNTED + 1}
        by_destination = self.db.all(f"SELECT {sums} FROM ({_COUNTED_ITEMS}) i GROUP BY i.flow_id, i.destination_id", params)
        self.is_more = sum(waiting + failed for _flow, _destination, waiting, failed, _tried in by_destination) > COUNTED
        connections = self._connections_of_destinations({flow for flow, *_more in by_destination})
        only = {id: next(iter(ever)) for id, ever in connections.items() if len(ever) == 1}
        rows = [(only[row[1]], *row) for row in by_destination if row[1] in only]
        moved = sorted({row[1] for row in by_destination} - only.keys())
        if moved:
            rows += self.db.all(
                f"SELECT {own_connection('i', 'l')}, {sums} FROM ({_COUNTED_ITEMS}) i JOIN lane l ON l.id = i.lane_id"
                f" WHERE {self.db.member('i.destination_id', 'moved')} GROUP BY 1, i.flow_id, i.destination_id",
                params | {"moved": moved},
            )
        self.unmoved = frozenset(row[1] for row in by_destination if row[1] in only)
        return [
            RetryCountsOfDestination(connection, flow, destination, RetryCounts(int(waiting), int(failed)), int(tried))
            for connection, flow, destination, waiting, failed, tried in rows
        ]

    def _failed_over(self, of_destinations: Sequence[RetryCountsOfDestination]) -> set[int]:
        """The connections that are to blame for an item in Retry (`blamed_connection`).

        Only the attempts of a destination that has changed its connection are read. All others went over the connection of their lane.
        With 50,000 items, reading their attempts would cost as much as counting them.
        """
        tried = [each for each in of_destinations if each.tried]
        failed_over = {each.connection for each in tried if each.destination in self.unmoved}
        changed = {each.destination for each in tried} - self.unmoved
        if changed:
            rows = self.db.all(
                f"SELECT DISTINCT {blamed_connection('i', 'l')} FROM ({_COUNTED_ITEMS}) i JOIN lane l ON l.id = i.lane_id"
                f" WHERE i.cause IN ({TRIED_CAUSES}) AND {self.db.member('i.destination_id', 'changed')}",
                {"account": self.account, "done": QueueStatus.DONE.code, "counted": COUNTED + 1, "changed": sorted(changed)},
            )
            failed_over |= {connection for (connection,) in rows}
        return failed_over

    def _connections_of_destinations(self, flows: Iterable[int]) -> dict[int, set[int]]:
        """By destination of the flows, the connections that it has ever had.

        The result is empty if the flows have more than MOST_FLOW_VERSIONS versions, because not all of them are read.
        """
        bodies = configuration_versions.bodies_of(self.db, self.account, "flow", flows, MOST_FLOW_VERSIONS + 1)
        connections: dict[int, set[int]] = {}
        for body in bodies if len(bodies) <= MOST_FLOW_VERSIONS else ():
            for destination in Flow.from_body(0, 0, body).destinations:
                if destination.connection is not None:
                    connections.setdefault(destination.id, set()).add(destination.connection)
        return connections

    def _flows(self) -> dict[int, list[tuple[int, str]]]:
        used: dict[int, dict[int, str]] = {}
        for flow in sorted(self.config.flows.values(), key=lambda flow: (natural_order(flow.name), flow.id)):
            for destination in flow.destinations:
                if destination.connection is not None:
                    used.setdefault(destination.connection, {})[flow.id] = flow.name
        return {id: list(flows.items()) for id, flows in used.items()}

    def _paused_by(self, paused: Sequence[int]) -> Mapping[int, tuple[str, int]]:
        """The user who paused each connection, and the time. A connection that a 410 paused is missing from the result."""
        if not paused:
            return {}
        rows = self.db.all(
            "SELECT object_id, by, at, CAST(after AS text) FROM audit_entry WHERE account_id = :account AND kind = 'connection'"
            f" AND {self.db.member('object_id', 'paused')} ORDER BY id DESC LIMIT {REMEMBERED}",
            {"account": self.account, "paused": list(paused)},
        )
        pauses: dict[int, tuple[str, int]] = {}
        for id, by, at, after in rows:
            if id not in pauses and (json.loads(after or "null") or {}).get("paused") is True:
                pauses[id] = by, at
        return pauses


_COUNTED_ITEMS: Final = (
    "SELECT id, lane_id, flow_id, destination_id, state, sent, queue, cause, connection_id, ended FROM action"
    f" WHERE account_id = :account AND {ACTION_IN_QUEUE} AND queue < :done ORDER BY id DESC LIMIT :counted"
)
"""The items in Retry that are counted."""


def _tried(alias: str) -> str:
    """The condition on an attempt that its target was tried."""
    is_ours = f"COALESCE({alias}.category, 0) = {Category.SYSTEM.code} AND {alias}.status IS NULL"
    return f"{alias}.state <> {int(ActionState.VALIDATION)} AND NOT ({is_ours})"
