"""Everything about one registration (X5): its changes and those of its sessions, what flows decided, and every attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import Prospect, prospects, stop_of_run
from heliograph.deliveries.removed_content import removed_content, removed_records
from heliograph.domain.delivery.action import OPEN_STATUSES, ActionState, QueueStatus
from heliograph.domain.errors import NotInAccount
from heliograph.domain.flow.decision import FlowVerdict, Reason
from heliograph.domain.registration.change import Change, Facet, RegistrationState, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change, read_state
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, StoredAttempt, action_columns, action_of, attempts_of
from heliograph.store.row_states import STUCK_RUN_OPEN, listed
from heliograph.store.where import Where
from heliograph.web.cursor import Cursor, ListPage, pages, walk_from

PARTS = (int,)
"""The type of a cursor: the id of a change. Ids of one subject rise with its versions."""
CHANGES = 20
"""Changes per page."""


class Show(StrEnum):
    """The parts of the timeline that can be selected."""

    ALL = ""
    SENT = "sent"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class TimelineRegistration:
    """The registration in its current state."""

    id: int
    code: str
    name: str
    version: int
    state: RegistrationState
    event: EventConfig
    event_id: int
    created: int


@dataclass(frozen=True, slots=True)
class TimelineCounts:
    """The numbers of stored changes, decisions and attempts of a registration."""

    changes: int
    decisions: int
    attempts: int
    since: int
    """When its history began, in microseconds."""


@dataclass(frozen=True, slots=True)
class TimelineDelivery:
    """An action of a decision, with its attempts in order."""

    action: StoredAction
    connection: str
    """The name of the connection of its last attempt; before the first attempt, of its destination's connection."""
    attempts: Sequence[StoredAttempt]
    tried: Sequence[str]
    """The name of the connection of each attempt."""
    prospect: Prospect
    """The prospect of the action when it is due."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One flow's decision on a change."""

    flow: int
    flow_name: str
    reason: Reason | None
    """The reason why it was not triggered; None if it was."""
    queue: QueueStatus | None
    """The status of a stuck run."""
    due: int | None
    run: int | None
    deliveries: Sequence[TimelineDelivery] = ()
    stop: str = ""
    """The message of a stuck run that waits for its flow."""

    @property
    def waits(self) -> bool:
        """Whether its run waits in the Retry Queue, so that there is no action yet."""
        return self.queue in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class Entry:
    """One change on the page. change None: its content is no longer stored (X6)."""

    id: int
    at: int
    by: str
    quiet: bool
    change: Change | None
    account_version: int
    event_version: int
    kind: SubjectKind
    version: int
    """Of its subject."""
    facets: Facet
    decisions: Sequence[Decision] = ()


@dataclass
class Timeline:
    """The timeline of one registration."""

    reader: AccountReader
    registration: TimelineRegistration
    flow: int | None = None
    show: Show = Show.ALL

    @classmethod
    def load(cls, reader: AccountReader, event: str, code: str, *, flow: int | None = None, show: Show = Show.ALL) -> Timeline | None:
        """The timeline of a registration, by its event's code and its own; None if the account has no such registration."""
        where = Where("e.account_id = :account", "e.code = :event", "r.code = :code", account=reader.account, event=event, code=code)
        return cls._load(reader, where, flow, show)

    @classmethod
    def of_id(cls, reader: AccountReader, registration: int, *, flow: int | None = None, show: Show = Show.ALL) -> Timeline:
        """The timeline of a registration, by its id. Raises NotInAccount."""
        timeline = cls._load(reader, Where("r.id = :id", id=registration), flow, show)
        if timeline is None:
            raise NotInAccount(f"There is no registration {registration}.")
        return timeline

    @classmethod
    def _load(cls, reader: AccountReader, where: Where, flow: int | None, show: Show) -> Timeline | None:
        own = where & Where("+r.account_id = :account", account=reader.account)
        rows = reader.db.all(
            "SELECT r.id, r.code, r.name, r.version, r.state, r.event_id, r.created FROM registration r JOIN event e ON e.id = r.event_id"
            f" WHERE {own.sql}",
            own.params,
        )
        if not rows or not rows[0][4]:
            return None
        id, known, name, version, state, event_id, created = rows[0]
        config = reader.provider.event(event_id)
        return cls(reader, TimelineRegistration(id, known, name, version, read_state(state), config, event_id, created), flow, show)

    def page(self, cursor: Cursor | None, *, size: int = CHANGES) -> ListPage[Entry]:
        """One page of changes, newest first."""
        entries = self.changes(cursor, size=size)
        return entries.with_rows(self._decided(entries.rows))

    def changes(self, cursor: Cursor | None, *, size: int = CHANGES) -> ListPage[Entry]:
        """One page of changes without what flows decided, newest first."""
        return pages(self._changes, lambda entry: (entry.id,), cursor, size=size)

    def removed(self, entry: Entry) -> str:
        """The sentence that says when the content of a change was removed, or the old values of the newest change (X6); "" if they were not."""
        if entry.change and entry.change.before:
            return ""
        ended = max((d.action.ended or 0 for decision in entry.decisions for d in decision.deliveries), default=0)
        return removed_content(self.reader, entry.at, ended)

    def is_undecided(self, entry: Entry) -> bool:
        """True if no flow took the change: none of their decisions is stored, and none was removed."""
        return not entry.decisions and not entry.quiet and not removed_records(self.reader, entry.at)

    def change(self, id: int) -> tuple[Change, int, int] | None:
        """One of its changes by id, with the versions of account and event then in force; None if it cannot be shown."""
        rows = self.reader.db.all(
            f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE c.account_id = :account AND c.registration_id = :registration AND c.id = :id",
            {"account": self.reader.account, "registration": self.registration.id, "id": id},
        )
        change = read_change(rows[0]) if rows else None
        return (change, rows[0][12], rows[0][13]) if change else None

    def time_of(self, change: int) -> int | None:
        """When one of its changes was recorded, in microseconds; None if no such change is stored."""
        rows = self.reader.db.all(
            "SELECT at FROM change WHERE account_id = :account AND registration_id = :registration AND id = :id",
            {"account": self.reader.account, "registration": self.registration.id, "id": change},
        )
        return int(rows[0][0]) if rows else None

    @staticmethod
    def cursor_at(change: int) -> str:
        """The cursor of the page that begins with a change."""
        return str(Cursor((change + 1,)))

    def counts(self) -> TimelineCounts:
        """The number of its changes, decisions and attempts, over all pages."""
        ((changes, decisions, attempts, oldest),) = self.reader.db.all(
            "WITH own AS (SELECT id, at FROM change WHERE registration_id = :registration AND +account_id = :account)"
            " SELECT (SELECT count(*) FROM own), (SELECT count(*) FROM run WHERE change_id IN (SELECT id FROM own)),"
            " (SELECT count(*) FROM attempt WHERE action_id IN (SELECT id FROM action WHERE change_id IN (SELECT id FROM own))),"
            " (SELECT MIN(at) FROM own)",
            {"account": self.reader.account, "registration": self.registration.id},
        )
        created = self.registration.created
        return TimelineCounts(changes, decisions, attempts, created if oldest is None else min(created, oldest))

    def _changes(self, cursor: Cursor | None, limit: int) -> list[Entry]:
        where = Where("c.account_id = :account", account=self.reader.account)
        where &= Where("c.registration_id = :registration", registration=self.registration.id)
        of_flow = Where("+d.flow_id = :flow", flow=self.flow) if self.flow is not None else Where()

        def exists(table: str, condition: str = "") -> str:
            return f"EXISTS (SELECT 1 FROM {table} d WHERE {(Where('d.change_id = c.id', condition) & of_flow).sql})"

        if self.show is Show.SENT:
            where &= Where(exists("action", "d.sent > 0"))
        elif self.show is Show.TROUBLE:
            troubled = f"d.state IN ({listed(_TROUBLED)})"
            where &= Where(f"({exists('action', troubled)} OR {exists('stuck_run', f'd.{STUCK_RUN_OPEN}')})")
        elif self.flow is not None:  # sync now and replay send by a flow that may have no run
            where &= Where(f"({exists('run')} OR {exists('action')})")
        where &= Where(**of_flow.params)
        walk = walk_from(cursor, "change c", where, ("c.id",))
        rows = walk.read(self.reader.db, f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE}", Where(), limit)
        return [
            Entry(row[0], row[5], row[6], bool(row[7]), read_change(row), row[12], row[13], SubjectKind(row[1]), row[3], Facet(row[4]))
            for row in rows
        ]

    def _decided(self, entries: Sequence[Entry]) -> list[Entry]:
        reader, ids = self.reader, [entry.id for entry in entries]
        if not ids:
            return []
        params = {"account": reader.account, "ids": ids}
        runs = reader.db.all(
            "SELECT r.change_id, r.id, r.flow_id, r.decision, r.reason, j.queue, j.due_at, COALESCE(j.message, '') FROM run r LEFT JOIN stuck_run j ON j.run_id = r.id"
            f" WHERE +r.account_id = :account AND {reader.db.member('r.change_id', 'ids')} ORDER BY r.id",
            params,
        )
        rows = reader.db.all(
            f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE +a.account_id = :account AND {reader.db.member('a.change_id', 'ids')} ORDER BY a.id",
            params,
        )
        actions = [action_of(row) for row in rows]
        attempts = attempts_of(reader.db, reader.account, [action.id for action in actions])
        connections = reader.connection_names(
            {action.connection for action in actions} | {tried.connection for each in attempts.values() for tried in each}
        )
        flows = reader.flow_names({run[2] for run in runs} | {action.flow for action in actions})
        prospects_of = prospects(reader, actions)
        deliveries: dict[tuple[int, int], list[TimelineDelivery]] = {}
        for action in actions:
            tries = attempts.get(action.id, [])
            tried = [connections.get(each.connection, "") for each in tries]
            name = connections.get(action.connection, "")
            deliveries.setdefault((action.change, action.flow), []).append(
                TimelineDelivery(action, name, tries, tried, prospects_of[action.id])
            )
        decisions: dict[int, list[Decision]] = {}
        for change, run, flow, decision, reason, queue, due, message in runs:
            flow_deliveries, status = deliveries.pop((change, flow), []), QueueStatus.of_code(queue or 0)
            decisions.setdefault(change, []).append(
                Decision(
                    flow,
                    flows.get(flow, ""),
                    None if decision == FlowVerdict.TRIGGERED.code else Reason(reason),
                    status,
                    due if status in OPEN_STATUSES else None,
                    run,
                    flow_deliveries,
                    stop_of_run(Reason(reason), status, message) if reason else "",
                )
            )
        # sync now and replay may send by a flow that did not accept the change at the time
        for (change, flow), flow_deliveries in deliveries.items():
            decisions.setdefault(change, []).append(Decision(flow, flows.get(flow, ""), None, None, None, None, flow_deliveries))
        return [replace(entry, decisions=self._filter_decisions(decisions.get(entry.id, []))) for entry in entries]

    def _filter_decisions(self, decisions: list[Decision]) -> list[Decision]:
        flow_decisions = [d for d in decisions if self.flow is None or d.flow == self.flow]
        if self.show is Show.SENT:
            return [d for d in flow_decisions if any(each.attempts for each in d.deliveries)]
        if self.show is Show.TROUBLE:
            return [
                decision
                for decision in flow_decisions
                if decision.queue not in (None, QueueStatus.DONE) or any(each.action.state in _TROUBLED for each in decision.deliveries)
            ]
        return flow_decisions


_TROUBLED = (ActionState.PENDING, ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION)
