"""The Retry Queue as pages show it (guide: The Retry Queue; D6-D8): failed actions, and runs that could not be decided.

Open items come first, then failed ones, then solved ones; within each, newest first (in a narrowed list, of those that are looked at at once).
Two tables form one list: a cursor contains the position in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final

from heliograph.deliveries.actions import COLUMNS, FROM, Action, action_of
from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id
from heliograph.retry.item_names import ItemNames
from heliograph.retry.retry_conditions import SOURCES, QueueTable, conditions
from heliograph.retry.retry_items import OPEN, RetryFilter, RetryItem, StuckItem, group_key, parts_of
from heliograph.store.database import Row
from heliograph.web.cursor import ROWS, Cursor, ListPage
from heliograph.web.list_count import ListCount

PARTS = (int, int, int)
"""A cursor of the queue: status, id of the last action and id of the last run shown."""
MOST = 10_000
"""Counts stop here: "more than 10,000"."""
SUBMITTABLE: Final = (*OPEN, QueueStatus.FAILED)
"""What can be submitted: not what is Done."""
TABLES: Final[tuple[QueueTable, ...]] = ("action", "stuck_run")
_AT_ONCE: Final = 500
_ALL: Final = 1 << 40
_ACTION = ", ".join(name.replace("a.", "q.", 1) for name in COLUMNS.split(", "))
_RUN = "q.id, q.change_id, q.flow_id, q.registration_id, q.event_id, q.mode, q.queue, q.category, q.cause, q.tries, q.due_at, q.message, q.created, q.ended"


@dataclass(frozen=True, slots=True)
class QueueEnd:
    """The newest action and run at an instant: what came later is not part of what was asked for then."""

    action: int
    run: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Items of a status that are looked at. looked: how many; down_to: the last id of each table, 0 for no bound; is_broken_off: there are more."""

    looked: int
    down_to: Mapping[QueueTable, int]
    is_broken_off: bool


_NOT_BOUNDED: Final = _Stretch(0, {"action": 0, "stuck_run": 0}, is_broken_off=False)


@dataclass
class RetryQueue:
    """The queue of one account. looked: how many items are looked at for a page or a count, if not as many as the filter says."""

    reading: AccountReader
    looked: int | None = None
    _known: dict[tuple[object, ...], int] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was counted already: the numbers of a page are sums of the same parts."""

    @property
    def names(self) -> ItemNames:
        return ItemNames(self.reading)

    # --- the list

    def page(self, wanted: RetryFilter, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[RetryItem]:
        """One page, starting at the cursor; the only way back is to the start. Looking is broken off where few items match."""
        status, action, run = cursor.key if cursor else (0, 0, 0)
        found: list[Action | StuckItem] = []
        looked, edge = self._looked(wanted), None
        for queue in QueueStatus:
            if queue.code < int(status) or (wanted.statuses and queue not in wanted.statuses) or len(found) > size or edge:
                continue
            if looked is not None and looked <= 0:
                edge = (queue.code, 0, 0)
                continue
            same, room = queue.code == int(status), size + 1 - len(found)
            before: dict[QueueTable, int] = {"action": int(action) if same else 0, "stuck_run": int(run) if same else 0}
            stretch = _NOT_BOUNDED if looked is None else self._stretch(queue, before, looked)
            both: list[Action | StuckItem] = []
            for table in TABLES:
                both += self._newest(table, wanted, queue, room, before=before[table], down_to=stretch.down_to[table])
            found += sorted(both, key=attrgetter("created"), reverse=True)[:room]
            looked = None if looked is None else looked - stretch.looked
            if stretch.is_broken_off:
                edge = (queue.code, stretch.down_to["action"], stretch.down_to["stuck_run"])
        rows, more = found[:size], len(found) > size
        older = str(Cursor(self._reached(rows, cursor))) if more else ""
        items = self.names.items(rows)
        shown = [item for item in items if not wanted.cause or group_key(item) == wanted.cause]
        return ListPage(shown, "", older, *((edge, str(Cursor(edge))) if edge and not more else ()))

    def find(self, key: str) -> RetryItem | None:
        """One item, or any other action, by its key; None for what is none, or none of this account."""
        kind, id = key[:1], read_id(key[1:])
        if kind not in ("a", "r") or id is None:
            return None
        params = {"account": self.reading.account, "id": id}
        row: Action | StuckItem | None
        if kind == "a":
            rows = self.reading.db.all(f"SELECT {COLUMNS} FROM {FROM} WHERE a.account_id = :account AND a.id = :id", params)
            row = action_of(rows[0]) if rows else None
        else:
            rows = self.reading.db.all(f"SELECT {_RUN} FROM stuck_run q WHERE q.account_id = :account AND q.id = :id", params)
            row = _run_of(rows[0]) if rows else None
        return None if row is None else self.names.items([row])[0]

    def of_keys(self, keys: Sequence[str]) -> list[RetryItem]:
        """Those of these items that are actions of the account."""
        ids = [id for key in keys if key[:1] == "a" and (id := read_id(key[1:])) is not None]
        if not ids:
            return []
        rows = self.reading.db.all(
            f"SELECT {COLUMNS} FROM {FROM} WHERE a.account_id = :account AND {self.reading.db.member('a.id', 'ids')} ORDER BY a.id",
            {"account": self.reading.account, "ids": ids},
        )
        return self.names.items([action_of(row) for row in rows])

    @staticmethod
    def _reached(rows: Sequence[Action | StuckItem], cursor: Cursor | None) -> tuple[int, int, int]:
        status = rows[-1].queue.code if rows[-1].queue else 0
        same = cursor is not None and cursor.key[0] == status
        action, run = (int(cursor.key[1]), int(cursor.key[2])) if same and cursor else (0, 0)
        for row in rows:
            if row.queue and row.queue.code == status:
                action, run = (row.id, run) if isinstance(row, Action) else (action, row.id)
        return status, action, run

    def _newest(
        self, table: QueueTable, wanted: RetryFilter, status: QueueStatus, limit: int, *, before: int = 0, down_to: int = 0
    ) -> list[Action | StuckItem]:
        where, params = conditions(self.reading.account, wanted, table, status)
        if before:
            where, params = f"{where} AND q.id < :before", params | {"before": before}
        if down_to:
            where, params = f"{where} AND q.id >= :down_to", params | {"down_to": down_to}
        return self._rows(table, f"{where} ORDER BY q.id DESC LIMIT {int(limit)}", params)

    def _rows(self, table: QueueTable, where: str, params: dict[str, object]) -> list[Action | StuckItem]:
        columns = _ACTION if table == "action" else _RUN
        rows = self.reading.db.all(f"SELECT {columns} FROM {SOURCES[table]} WHERE {where}", params)
        return [action_of(row) if table == "action" else _run_of(row) for row in rows]

    # --- all that match

    def end(self) -> QueueEnd:
        """The newest items as of now."""
        ((action, run),) = self.reading.db.all(
            "SELECT (SELECT max(id) FROM action WHERE account_id = :account AND queue > 0), (SELECT max(id) FROM stuck_run WHERE account_id = :account)",
            {"account": self.reading.account},
        )
        return QueueEnd(action or 0, run or 0)

    def walk(
        self, wanted: RetryFilter, table: QueueTable, after: int, upto: int, limit: int = _AT_ONCE
    ) -> tuple[list[RetryItem], int | None]:
        """The next items that match, by id, and the id that was reached; None at the end.

        By id and not by status, so that each is met once, whatever becomes of it meanwhile.
        """
        found: list[Action | StuckItem] = []
        for status in wanted.statuses or tuple(QueueStatus):
            where, params = conditions(self.reading.account, wanted, table, status)
            where = f"{where} AND q.id > :after AND q.id <= :upto ORDER BY q.id LIMIT {int(limit)}"
            found += self._rows(table, where, params | {"after": after, "upto": upto})
        rows = sorted(found, key=attrgetter("id"))[:limit]
        items = [item for item in self.names.items(rows) if not wanted.cause or group_key(item) == wanted.cause]
        return items, rows[-1].id if len(rows) == limit else None

    def all_of(self, wanted: RetryFilter, limit: int = MOST) -> Iterator[RetryItem]:
        """Up to `limit` items that match, by id: actions, then runs."""
        end, met = self.end(), 0
        for table, upto in zip(TABLES, (end.action, end.run), strict=True):
            after: int | None = 0
            while after is not None and met < limit:
                items, after = self.walk(wanted, table, after, upto, min(_AT_ONCE, limit - met))
                met += len(items)
                yield from items

    def count(self, wanted: RetryFilter, *, most: int | None = MOST) -> ListCount:
        """How many items match. most: where counting stops; None: all of them, however many."""
        limit, total = (_ALL if most is None else most + 1), 0
        looked, is_more = self._looked(wanted) if most is not None else None, False
        for status in wanted.statuses or tuple(QueueStatus):
            if looked is not None and looked <= 0:
                is_more = True
                break
            stretch = _NOT_BOUNDED if looked is None else self._stretch(status, {"action": 0, "stuck_run": 0}, looked)
            for table in ("action",) if wanted.cause else TABLES:
                total += self._counted(table, wanted, status, stretch.down_to[table], limit)
            looked = None if looked is None else looked - stretch.looked
            is_more = is_more or stretch.is_broken_off
        if wanted.cause and not total and parts_of(wanted.cause).is_of_runs:  # what lacks a tag is in no column
            total, is_more = sum(1 for _item in self.all_of(wanted, limit)), False
        return ListCount(limit - 1, is_more=True) if total >= limit else ListCount(total, is_more)

    def _counted(self, table: QueueTable, wanted: RetryFilter, status: QueueStatus, down_to: int, limit: int) -> int:
        of = (table, replace(wanted, statuses=()), status, down_to, limit)
        if of not in self._known:
            self._known[of] = self._count(table, wanted, status, down_to, limit)
        return self._known[of]

    def _count(self, table: QueueTable, wanted: RetryFilter, status: QueueStatus, down_to: int, limit: int) -> int:
        where, params = conditions(self.reading.account, wanted, table, status)
        if down_to:
            where, params = f"{where} AND q.id >= :down_to", params | {"down_to": down_to}
        source = SOURCES[table] if "l." in where else f"{table} q"  # counting reads the index alone, if the connection is not asked for
        ((n,),) = self.reading.db.all(f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {where} LIMIT {int(limit)}) found", params)
        return int(n)

    def _looked(self, wanted: RetryFilter) -> int | None:
        return wanted.looked if wanted.looked is None or self.looked is None else self.looked

    def _stretch(self, status: QueueStatus, before: Mapping[QueueTable, int], looked: int) -> _Stretch:
        """How far the next `looked` actions and runs of a status reach."""
        met, down_to, is_broken_off = 0, dict(_NOT_BOUNDED.down_to), False
        for table in TABLES:
            among = "q.account_id = :account AND q.queue = :queue" + (" AND q.queue > 0" if table == "action" else "")
            among += " AND q.id < :before" if before[table] else ""
            ((n, last),) = self.reading.db.all(
                f"SELECT count(*), min(id) FROM (SELECT q.id FROM {table} q WHERE {among} ORDER BY q.id DESC LIMIT {int(looked)}) newest",
                {"account": self.reading.account, "queue": status.code, "before": before[table]},
            )
            met += n
            down_to[table] = int(last) if n == looked else 1  # no further one is to be read, where all were met
            is_broken_off = is_broken_off or n == looked
        return _Stretch(met, down_to, is_broken_off)

    def counts(self) -> dict[QueueStatus, ListCount]:
        """How many items each status has."""
        return {status: self.count(RetryFilter(statuses=(status,))) for status in QueueStatus}

    def newest_runs(self, statuses: Iterable[QueueStatus], limit: int) -> list[StuckItem]:
        """The newest runs of these statuses."""
        each = "q.account_id = :account AND q.queue = :queue ORDER BY q.id DESC"
        return [run for status in statuses for run in self._runs(each, {"queue": status.code}, limit)]

    def done_runs(self, since: int, limit: int) -> list[StuckItem]:
        """The runs that were judged again since then, the newest first. since: microseconds."""
        return self._runs("q.account_id = :account AND q.queue = 4 AND q.ended >= :since ORDER BY q.ended DESC", {"since": since}, limit)

    def _runs(self, where: str, params: dict[str, object], limit: int) -> list[StuckItem]:
        rows = self.reading.db.all(
            f"SELECT {_RUN} FROM {SOURCES['stuck_run']} WHERE {where} LIMIT {int(limit)}", {"account": self.reading.account} | params
        )
        return [_run_of(row) for row in rows]


def _run_of(row: Row) -> StuckItem:
    id, change, flow, registration, event, mode, queue, category, cause, tries, due, message, created, ended = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckItem(id, change, flow, registration, event, mode, status, kind, Cause(cause), tries, due, message, created, ended)
