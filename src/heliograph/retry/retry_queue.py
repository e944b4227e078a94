"""The Retry Queue as pages show it (guide: The Retry Queue; D6-D8): failed actions, and runs that could not be decided, by cause.

Open items come first, then failed ones, then solved ones; within each, newest first. Two tables form one list: a cursor contains the
position in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter

from heliograph.deliveries.actions import COLUMNS, FROM, Action, action_of
from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.exchanges import exchanges
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id
from heliograph.domain.registration.change import Change, SubjectKind
from heliograph.retry.cure_words import said_by_target
from heliograph.retry.retry_items import OPEN, CauseGroup, RetryFilter, RetryItem, StuckItem, group_key, group_of, parts_of
from heliograph.store.database import Row
from heliograph.store.like import escaped
from heliograph.web.cursor import ROWS, Cursor, ListPage

PARTS = (int, int, int)
"""A cursor of the queue: status, id of the last action and id of the last run shown."""
MOST = 10_000
"""Counts stop here: "more than 10,000"."""
GROUPED = 2_000
"""The newest open items, which are grouped by cause."""
SHOWN_GROUPS = 12


@dataclass
class RetryQueue:
    """The queue of one account."""

    reading: AccountReader

    # --- the list

    def page(self, wanted: RetryFilter, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[RetryItem]:
        """One page, starting at the cursor; the only way back is to the start."""
        status, action, run = cursor.key if cursor else (0, 0, 0)
        registrations = self.reading.registrations_with(wanted.text)
        found: list[Action | StuckItem] = []
        for queue in QueueStatus:
            if queue.code < int(status) or (wanted.statuses and queue not in wanted.statuses) or len(found) > size:
                continue
            same = queue.code == int(status)
            room = size + 1 - len(found)
            both: list[Action | StuckItem] = [
                *self._actions(wanted, queue, int(action) if same else 0, room, registrations),
                *self._runs(wanted, queue, int(run) if same else 0, room, registrations),
            ]
            found += sorted(both, key=attrgetter("created"), reverse=True)[:room]
        rows, more = found[:size], len(found) > size
        older = str(Cursor(self._reached(rows, cursor))) if more else ""
        items = self._items(rows)
        return ListPage([item for item in items if not wanted.cause or group_key(item) == wanted.cause], "", older)

    def find(self, key: str) -> RetryItem | None:
        """One item, or any other action, by its key; None for what is none, or none of this account."""
        kind, number = key[:1], key[1:]
        id = read_id(number)
        if kind not in ("a", "r") or id is None:
            return None
        params = {"account": self.reading.account, "id": id}
        row: Action | StuckItem | None
        if kind == "a":
            rows = self.reading.db.all(f"SELECT {COLUMNS} FROM {FROM} WHERE a.account_id = :account AND a.id = :id", params)
            row = action_of(rows[0]) if rows else None
        else:
            rows = self.reading.db.all(f"SELECT {_RUN} FROM judgement j WHERE j.account_id = :account AND j.id = :id", params)
            row = _run_of(rows[0]) if rows else None
        return None if row is None else self._items([row])[0]

    @staticmethod
    def _reached(rows: Sequence[Action | StuckItem], cursor: Cursor | None) -> tuple[int, int, int]:
        status = rows[-1].queue.code if rows[-1].queue else 0
        same = cursor is not None and cursor.key[0] == status
        action, run = (int(cursor.key[1]), int(cursor.key[2])) if same and cursor else (0, 0)
        for row in rows:
            if row.queue and row.queue.code == status:
                action, run = (row.id, run) if isinstance(row, Action) else (action, row.id)
        return status, action, run

    def _actions(self, wanted: RetryFilter, queue: QueueStatus, before: int, limit: int, registrations: list[int] | None) -> list[Action]:
        where, params = self._where("a", wanted, queue, before, registrations)
        if wanted.connection is not None:
            where.append("l.connection_id = :connection")
            params["connection"] = wanted.connection
        rows = self.reading.db.all(
            f"SELECT {COLUMNS} FROM {FROM} WHERE a.queue > 0 AND {' AND '.join(where)} ORDER BY a.id DESC LIMIT {int(limit)}", params
        )
        return [action_of(row) for row in rows]

    def _runs(self, wanted: RetryFilter, queue: QueueStatus, before: int, limit: int, registrations: list[int] | None) -> list[StuckItem]:
        if wanted.connection is not None:
            return []
        where, params = self._where("j", wanted, queue, before, registrations)
        rows = self.reading.db.all(
            f"SELECT {_RUN} FROM judgement j WHERE {' AND '.join(where)} ORDER BY j.id DESC LIMIT {int(limit)}", params
        )
        return [_run_of(row) for row in rows]

    def _where(
        self, alias: str, wanted: RetryFilter, queue: QueueStatus, before: int, registrations: list[int] | None
    ) -> tuple[list[str], dict[str, object]]:
        where = [f"{alias}.account_id = :account", f"{alias}.queue = :queue"]
        params: dict[str, object] = {"account": self.reading.account, "queue": queue.code}
        if before:
            where.append(f"{alias}.id < :before")
            params["before"] = before
        if wanted.category is not None:
            where.append(f"{alias}.category = :category")
            params["category"] = wanted.category.code
        if wanted.flow is not None:
            where.append(f"{alias}.flow_id = :flow")
            params["flow"] = wanted.flow
        if wanted.event is not None:
            where.append(f"{alias}.event_id = :event")
            params["event"] = wanted.event
        if wanted.cause:
            parts = parts_of(wanted.cause)
            where.append(f"{alias}.cause = :cause")
            params["cause"] = parts.cause
            if alias == "a" and parts.flow:
                where.append("a.flow_id = :of")
                params["of"] = parts.flow
            elif alias == "a":
                where.append("l.connection_id = :of")
                params["of"] = parts.connection or 0
                if parts.answered is not None or parts.message:
                    where.append(f"{alias}.message = :message")
                    params["message"] = parts.message
            elif parts.connection or parts.flow:
                where.append("1 = 0")
            else:
                where.append("j.event_id = :of")
                params["of"] = parts.event
        if registrations is not None:
            member = self.reading.db.member(f"{alias}.registration_id", "registrations")
            where.append(f"({member} OR lower({alias}.message) LIKE :text ESCAPE '!')")
            params |= {"registrations": registrations, "text": f"%{escaped(wanted.text.strip().lower())}%"}
        return where, params

    # --- counts

    def counts(self) -> dict[QueueStatus, int]:
        """How many items each status has; MOST + 1 means more."""
        limit = MOST + 1
        out: dict[QueueStatus, int] = {}
        for status in QueueStatus:
            params = {"account": self.reading.account, "queue": status.code}
            ((actions, runs),) = self.reading.db.all(
                "SELECT (SELECT count(*) FROM (SELECT 1 FROM action WHERE account_id = :account AND queue > 0 AND queue = :queue"
                f" LIMIT {limit}) a), (SELECT count(*) FROM (SELECT 1 FROM judgement WHERE account_id = :account AND queue = :queue LIMIT {limit}) j)",
                params,
            )
            out[status] = min(actions + runs, limit)
        return out

    # --- causes

    def groups(self, statuses: Iterable[QueueStatus]) -> list[CauseGroup]:
        """Items of these statuses by cause, the largest groups first."""
        rows: list[Action | StuckItem] = []
        for status in statuses:
            rows += self._actions(RetryFilter(), status, 0, GROUPED, None)
            rows += self._runs(RetryFilter(), status, 0, GROUPED, None)
        found: dict[str, list[RetryItem]] = {}
        for item in self._items(rows):
            found.setdefault(group_key(item), []).append(item)
        groups = [group_of(key, items) for key, items in found.items()]
        return self._with_words(sorted(groups, key=lambda group: (-group.n, group.key))[:SHOWN_GROUPS])

    def _with_words(self, groups: list[CauseGroup]) -> list[CauseGroup]:
        """The groups with what their targets said of it."""
        refused = {group.newest for group in groups if group.cause is Cause.ANSWER and group.newest is not None}
        kept = exchanges(self.reading.db, self.reading.account, refused)
        last = {action: found for (action, _), found in sorted(kept.items(), key=itemgetter(0))}
        return [replace(group, said=said_by_target(last.get(group.newest or 0))) for group in groups]

    def count_of(self, cause: str) -> int:
        """How many waiting or failed items a cause has, at most 1,001; for runs, those of its event."""
        total = 0
        for status in (*OPEN, QueueStatus.FAILED):
            for alias, source in (("a", FROM), ("j", "judgement j")):
                where, params = self._where(alias, RetryFilter(cause=cause), status, 0, None)
                if alias == "a":
                    where.append("a.queue > 0")
                ((n,),) = self.reading.db.all(
                    f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {' AND '.join(where)} LIMIT 1001) found", params
                )
                total += n
        return min(total, 1001)

    def keys_of(self, cause: str, limit: int) -> list[str]:
        """Keys of the items with one cause that can be submitted, oldest first."""
        out: list[RetryItem] = []
        for status in (*OPEN, QueueStatus.FAILED):
            wanted = RetryFilter(cause=cause)
            rows: list[Action | StuckItem] = [
                *self._actions(wanted, status, 0, GROUPED, None),
                *self._runs(wanted, status, 0, GROUPED, None),
            ]
            out += [item for item in self._items(rows) if group_key(item) == cause]
        return [item.key for item in sorted(out, key=lambda item: item.of.created)][:limit]

    # --- names

    def _items(self, rows: Sequence[Action | StuckItem]) -> list[RetryItem]:
        reading = self.reading
        people = reading.people(row.registration for row in rows)
        events = reading.events([row.event for row in rows])
        flows = reading.flow_names([row.flow for row in rows])
        actions = [row for row in rows if isinstance(row, Action)]
        connections = reading.connection_names([a.connection for a in actions])
        answered = self._answered([a.id for a in actions if a.cause is Cause.ANSWER])
        paused = self._paused({a.connection for a in actions})
        lacks = self._lacks([row for row in rows if isinstance(row, StuckItem)])
        out = []
        for row in rows:
            event = events.get(row.event)
            item = RetryItem(
                None,
                None,
                people.get(row.registration) if row.registration is not None else None,
                event.code if event else "",
                flows.get(row.flow, ""),
            )
            if isinstance(row, Action):
                item = replace(
                    item,
                    action=row,
                    connection=connections.get(row.connection, ""),
                    answered=answered.get(row.id),
                    paused=row.connection in paused,
                )
            else:
                item = replace(item, run=row, lacks=lacks.get(row.id, ""))
            out.append(item)
        return out

    def _paused(self, connections: set[int]) -> set[int]:
        """Those of these connections that send nothing until somebody releases them."""
        if not connections:
            return set()
        rows = self.reading.db.all(
            f"SELECT connection_id FROM connection_state WHERE account_id = :account AND paused AND {self.reading.db.member('connection_id', 'ids')}",
            {"account": self.reading.account, "ids": sorted(connections)},
        )
        return {id for (id,) in rows}

    def _answered(self, actions: Sequence[int]) -> dict[int, int]:
        """The status of each action's last answer."""
        if not actions:
            return {}
        rows = self.reading.db.all(
            "SELECT action_id, status FROM attempt WHERE +account_id = :account AND status IS NOT NULL"
            f" AND {self.reading.db.member('action_id', 'ids')} ORDER BY action_id, n",
            {"account": self.reading.account, "ids": list(actions)},
        )
        return dict(rows)

    def _lacks(self, runs: Sequence[StuckItem]) -> dict[int, str]:
        """What has no tag, by run: the name of a status or property."""
        changes = self.reading.changes(run.change for run in runs)
        events = self.reading.events([run.event for run in runs])
        out = {}
        for run in runs:
            change, event = changes.get(run.change, (None, ()))[0], events.get(run.event)
            if change is not None and event is not None:
                out[run.id] = self._untagged(change, event)
        return out

    def _untagged(self, change: Change, event: object) -> str:
        config = self.reading.config
        if change.kind is SubjectKind.EVENT and change.event_state:
            status = config.event_statuses.get(change.event_state.status)
            return status.name if status else ""
        if change.session is not None:
            found = config.session_statuses.get(change.session.status)
            if found is not None and not found.tags:
                return found.name
        if change.registration is None:
            return ""
        of_registration = config.status(change.registration.status, event)  # type: ignore[arg-type]
        if of_registration is not None and not of_registration.tags:
            return of_registration.name
        properties = [event.properties.get(id) for id in change.registration.properties]  # type: ignore[attr-defined]
        untagged = [p.name for p in properties if p is not None and not p.tags]
        return untagged[0] if untagged else (of_registration.name if of_registration else "")


_RUN = "j.id, j.change_id, j.flow_id, j.registration_id, j.event_id, j.mode, j.queue, j.category, j.cause, j.tries, j.due_at, j.message, j.created"


def _run_of(row: Row) -> StuckItem:
    id, change, flow, registration, event, mode, queue, category, cause, tries, due, message, created = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckItem(id, change, flow, registration, event, mode, status, kind, Cause(cause), tries, due, message, created)
