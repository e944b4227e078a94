"""The Retry Queue as pages show it (guide: The Retry Queue; D6-D8): failed actions, and runs that could not be decided.

Open items come first, then failed ones, then those that are Done: delivered, superseded, not selected, or no longer possible (D6). Within each
status the newest come first; in a narrowed list, the newest of each stretch that is read at once. Two tables form one list, so a cursor contains
the position in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ENDS_RUN, OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id
from heliograph.retry.item_names import ItemNames
from heliograph.retry.retry_conditions import SOURCES, QueueTable, conditions, counted_tables, of_status
from heliograph.retry.retry_items import RetryFilter, RetryItem, StuckItem, is_in_group, parts_of
from heliograph.store.database import Row
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, action_columns, action_of
from heliograph.store.row_states import ACTION_IN_QUEUE, STUCK_RUN_UNTAGGED, STUCK_RUN_WAITING, STUCK_RUN_WAITS_FOR_FLOW
from heliograph.store.walk import Key, Walk
from heliograph.store.where import Where
from heliograph.web.cursor import ROWS, Cursor, ListPage
from heliograph.web.list_count import MOST, ListCount

PARTS = (int, int, int)
"""The parts of a cursor of the queue: status, id of the last action and id of the last run on the page."""
TABLES: Final[tuple[QueueTable, ...]] = ("action", "stuck_run")
_AT_ONCE: Final = 500
_ALL: Final = 1 << 40
_RUN = "q.id, q.change_id, q.flow_id, q.registration_id, q.event_id, q.mode, q.queue, q.category, q.cause, q.tries, q.due_at, q.message, q.created, q.ended"


@dataclass(frozen=True, slots=True)
class QueueEnd:
    """The newest action and run at an instant. A job over all matching items stops there, so that later items are not part of it."""

    action: int
    run: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The items of a status that are read at once."""

    count: int
    """How many they are."""
    ends: Mapping[QueueTable, Key | None]
    """The end of each table's walk; None for no bound."""

    @property
    def is_broken_off(self) -> bool:
        """True if there may be more items behind the stretch."""
        return any(self.ends.values())

    @property
    def next_ids(self) -> tuple[int, int]:
        """The ids of an action and a run below which the next stretch begins. No id is below 1."""
        action, run = (int(end[0]) if end else 1 for end in (self.ends["action"], self.ends["stuck_run"]))
        return action, run


@dataclass(frozen=True, slots=True)
class Undecided:
    """The runs that wait for a decision, by what they wait for."""

    untagged: ListCount
    """They wait for a tag."""
    stopped: ListCount
    """They wait for their flow (`item_state_of`)."""


_RETRIED: Final = (
    *(f"action WHERE account_id = :account AND {ACTION_IN_QUEUE} AND queue = {status.code}" for status in OPEN_STATUSES),
    f"stuck_run WHERE account_id = :account AND {STUCK_RUN_WAITING} AND due_at >= 0 AND cause = '{Cause.EXCEPTION.value}'",
)
_NOT_BOUNDED: Final = _Stretch(0, dict.fromkeys(TABLES))


@dataclass
class RetryQueue:
    """The queue of one account."""

    reader: AccountReader
    scan_limit: int | None = None
    """How many items are read for a page or a count of a narrowed list; None: as many as the filter demands."""
    _known: dict[tuple[object, ...], int] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Counts that were made already, because the numbers of a page are sums of the same parts."""

    @property
    def names(self) -> ItemNames:
        return ItemNames(self.reader)

    # --- the list

    def page(self, retry_filter: RetryFilter, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[RetryItem]:
        """One page, starting at the cursor. It offers no link to the previous page, only to the first.

        If few items match, reading is broken off at the scan limit, and the page says where it goes on.
        """
        cursor_status, action, run = cursor.key if cursor else (0, 0, 0)
        page_rows: list[StoredAction | StuckItem] = []
        scan_left, goes_on_at = self._scan_limit(retry_filter), None
        for status in QueueStatus:
            if (
                status.code < int(cursor_status)
                or (retry_filter.statuses and status not in retry_filter.statuses)
                or len(page_rows) > size
                or goes_on_at
            ):
                continue
            if scan_left is not None and scan_left <= 0:
                goes_on_at = (status.code, 0, 0)
                continue
            has_cursor, rows_left = status.code == int(cursor_status), size + 1 - len(page_rows)
            before: dict[QueueTable, int] = {"action": int(action) if has_cursor else 0, "stuck_run": int(run) if has_cursor else 0}
            stretch = _NOT_BOUNDED if scan_left is None else self._stretch(status, before, scan_left)
            newest: list[StoredAction | StuckItem] = []
            for table in TABLES:
                walk = self._walk(table, status, before[table])
                newest += self._rows(walk, table, retry_filter, status, rows_left, stretch.ends[table])
            page_rows += sorted(newest, key=attrgetter("created"), reverse=True)[:rows_left]
            scan_left = None if scan_left is None else scan_left - stretch.count
            if stretch.is_broken_off:
                goes_on_at = (status.code, *stretch.next_ids)
        rows, more = page_rows[:size], len(page_rows) > size
        older = str(Cursor(self._reached(rows, cursor))) if more else ""
        items = self.names.items_of_rows(rows)
        matching_items = [item for item in items if not retry_filter.cause or is_in_group(item, retry_filter.cause)]
        return ListPage(matching_items, "", older, *((goes_on_at, str(Cursor(goes_on_at))) if goes_on_at and not more else ()))

    def find(self, key: str) -> RetryItem | None:
        """An item, or any other action, by its key; None if the account has none of this key."""
        kind, id = key[:1], read_id(key[1:])
        if kind not in ("a", "r") or id is None:
            return None
        params = {"account": self.reader.account, "id": id}
        row: StoredAction | StuckItem | None
        if kind == "a":
            rows = self.reader.db.all(
                f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE a.account_id = :account AND a.id = :id", params
            )
            row = action_of(rows[0]) if rows else None
        else:
            rows = self.reader.db.all(f"SELECT {_RUN} FROM stuck_run q WHERE q.account_id = :account AND q.id = :id", params)
            row = _run_of(rows[0]) if rows else None
        return None if row is None else self.names.items_of_rows([row])[0]

    def actions_of_keys(self, keys: Sequence[str]) -> list[RetryItem]:
        """The actions of the account that have these keys. Keys of runs are left out."""
        ids = [id for key in keys if key[:1] == "a" and (id := read_id(key[1:])) is not None]
        if not ids:
            return []
        rows = self.reader.db.all(
            f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE a.account_id = :account AND {self.reader.db.member('a.id', 'ids')} ORDER BY a.id",
            {"account": self.reader.account, "ids": ids},
        )
        return self.names.items_of_rows([action_of(row) for row in rows])

    @staticmethod
    def _reached(rows: Sequence[StoredAction | StuckItem], cursor: Cursor | None) -> tuple[int, int, int]:
        """The cursor after these rows."""
        status = rows[-1].queue.code if rows[-1].queue else 0
        is_in_same_status = cursor is not None and cursor.key[0] == status
        action, run = (int(cursor.key[1]), int(cursor.key[2])) if is_in_same_status and cursor else (0, 0)
        for row in rows:
            if row.queue and row.queue.code == status:
                action, run = (row.id, run) if isinstance(row, StoredAction) else (action, row.id)
        return status, action, run

    def _walk(self, table: QueueTable, status: QueueStatus, after: int = 0, *, ascends: bool = False) -> Walk:
        """The items of a status by id.

        after: the walk begins behind this id; 0 for the start
        """
        where = of_status(self.reader.account, table, status)
        return Walk(f"{table} q", where, ("q.id",), (after,) if after else None, ascends)

    def _rows(
        self, walk: Walk, table: QueueTable, retry_filter: RetryFilter, status: QueueStatus, limit: int, end: Key | None
    ) -> list[StoredAction | StuckItem]:
        select = f"SELECT {action_columns('q') if table == 'action' else _RUN} FROM {SOURCES[table]}"
        rows = walk.read(self.reader.db, select, conditions(retry_filter, table, status), limit, end=end)
        return [action_of(row) if table == "action" else _run_of(row) for row in rows]

    # --- all that match

    def end(self) -> QueueEnd:
        """The newest action in the Retry Queue and the newest run."""
        ((action, run),) = self.reader.db.all(
            f"SELECT (SELECT max(id) FROM action WHERE account_id = :account AND {ACTION_IN_QUEUE}), (SELECT max(id) FROM stuck_run WHERE account_id = :account)",
            {"account": self.reader.account},
        )
        return QueueEnd(action or 0, run or 0)

    def walk(
        self, retry_filter: RetryFilter, table: QueueTable, after: int, upto: int, limit: int = _AT_ONCE
    ) -> tuple[list[RetryItem], int | None]:
        """The next items of a table that match, and the last id that was read; None at the end.

        The order is by id and not by status, so that an item that changes its status during the walk is read once.

        after: the walk begins behind this id
        upto: the last id
        """
        candidates: list[StoredAction | StuckItem] = []
        for status in retry_filter.statuses or tuple(QueueStatus):
            candidates += self._rows(self._walk(table, status, after, ascends=True), table, retry_filter, status, limit, (upto,))
        rows = sorted(candidates, key=attrgetter("id"))[:limit]
        items = [item for item in self.names.items_of_rows(rows) if not retry_filter.cause or is_in_group(item, retry_filter.cause)]
        return items, rows[-1].id if len(rows) == limit else None

    def all_of(self, retry_filter: RetryFilter, limit: int = MOST) -> Iterator[RetryItem]:
        """Up to `limit` items that match: actions by id, then runs by id."""
        end, met = self.end(), 0
        for table, upto in zip(TABLES, (end.action, end.run), strict=True):
            after: int | None = 0
            while after is not None and met < limit:
                items, after = self.walk(retry_filter, table, after, upto, min(_AT_ONCE, limit - met))
                met += len(items)
                yield from items

    def count(self, retry_filter: RetryFilter, *, most: int | None = MOST) -> ListCount:
        """How many items match.

        most: counting stops there; None counts all of them
        """
        limit, total = (_ALL if most is None else most + 1), 0
        scan_left, is_more = self._scan_limit(retry_filter) if most is not None else None, False
        # No column says what has no tag, so the items of such a group are read one by one.
        is_named_by_item = bool(retry_filter.cause) and not parts_of(retry_filter.cause).flow
        for status in retry_filter.statuses or tuple(QueueStatus):
            if scan_left is not None and scan_left <= 0:
                is_more = True
                break
            stretch = _NOT_BOUNDED if scan_left is None else self._stretch(status, {"action": 0, "stuck_run": 0}, scan_left)
            for table in ("action",) if is_named_by_item else TABLES:
                key = (table, replace(retry_filter, statuses=()), status, stretch.ends[table], limit)
                if key not in self._known:
                    tables, where = counted_tables(table, retry_filter), conditions(retry_filter, table, status)
                    self._known[key] = self._walk(table, status).count(self.reader.db, tables, where, limit, end=stretch.ends[table])
                total += self._known[key]
            scan_left = None if scan_left is None else scan_left - stretch.count
            is_more = is_more or stretch.is_broken_off
        if is_named_by_item and not total and parts_of(retry_filter.cause).is_of_runs:
            total, is_more = sum(1 for _item in self.all_of(retry_filter, limit)), False
        return ListCount(limit - 1, is_more=True) if total >= limit else ListCount(total, is_more)

    def _scan_limit(self, retry_filter: RetryFilter) -> int | None:
        of_filter, of_queue = retry_filter.scan_limit, self.scan_limit
        return of_filter if None in (of_filter, of_queue) else of_queue

    def _stretch(self, status: QueueStatus, before: Mapping[QueueTable, int], limit: int) -> _Stretch:
        """The next items of a status: up to `limit` of each table.

        before: the stretch begins below this id of each table; 0 for the newest
        """
        total, ends = 0, dict[QueueTable, Key | None]()
        for table in TABLES:
            walk = self._walk(table, status, before[table])
            count = walk.count(self.reader.db, walk.table, Where(), limit)
            ends[table] = walk.end(self.reader.db, limit - 1) if count == limit else None
            total += count
        return _Stretch(total, ends)

    def counts(self) -> dict[QueueStatus, ListCount]:
        """How many items each status has."""
        return {status: self.count(RetryFilter(statuses=(status,))) for status in QueueStatus}

    def retried(self) -> ListCount:
        """How many items are tried again by time: actions, and runs whose decision raised. With `undecided().stopped` it is all that waits and
        lacks no tag (`ItemState.WAITING`). Each count has an index that contains few other rows."""
        parts = [f"(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {MOST + 1}) q{number})" for number, rows in enumerate(_RETRIED)]
        ((count,),) = self.reader.db.all(f"SELECT {' + '.join(parts)}", {"account": self.reader.account})
        return ListCount(min(int(count), MOST), count > MOST)

    def undecided(self) -> Undecided:
        """How many runs wait for a tag, and how many for their flow. One walk counts both, so each is only a part if there are very many."""
        ((total, stopped),) = self.reader.db.all(
            "SELECT count(*), coalesce(sum(CASE WHEN message <> '' THEN 1 ELSE 0 END), 0) FROM (SELECT message FROM stuck_run WHERE account_id = :account"
            f" AND queue = {QueueStatus.RETRY.code} AND cause = '{Cause.UNTAGGED.value}' LIMIT {MOST + 1}) runs",
            {"account": self.reader.account},
        )
        is_more = total > MOST
        return Undecided(ListCount(min(total - stopped, MOST), is_more), ListCount(min(int(stopped), MOST), is_more))

    def newest_runs(self, statuses: Iterable[QueueStatus], limit: int) -> list[StuckItem]:
        """The newest runs of these statuses, up to `limit` of each status.

        If the newest that wait all wait for their flow, or none of them does, the newest of the other kind follow them, as far as they are among
        the next MOST runs: a flow that was off for long hides no missing tag.
        """
        each = "q.account_id = :account AND q.queue = :queue ORDER BY q.id DESC"
        newest: list[StuckItem] = []
        for status in statuses:
            runs = self._runs(each, {"queue": status.code}, limit)
            newest += runs
            kinds = {run.waits_for_flow for run in runs}
            if status in OPEN_STATUSES and len(runs) == limit and len(kinds) == 1:
                other = STUCK_RUN_UNTAGGED if kinds == {True} else STUCK_RUN_WAITS_FOR_FLOW
                further = (
                    f"SELECT * FROM stuck_run WHERE account_id = :account AND queue = :queue AND id < :last ORDER BY id DESC LIMIT {MOST}"
                )
                newest += self._runs(
                    f"{other} ORDER BY q.id DESC", {"queue": status.code, "last": runs[-1].id}, limit, source=f"({further}) q"
                )
        return newest

    def done_runs(self, since: int, limit: int) -> list[StuckItem]:
        """The runs that were judged again since an instant (microseconds), the last judged first. Runs that could not be judged any more ended
        without it (ENDS_RUN): they are left out."""
        could_be_judged = f"q.cause NOT IN ({', '.join(f"'{cause.value}'" for cause in sorted(ENDS_RUN))})"
        return self._runs(
            f"q.account_id = :account AND q.queue = {QueueStatus.DONE.code} AND q.ended >= :since AND {could_be_judged} ORDER BY q.ended DESC",
            {"since": since},
            limit,
        )

    def _runs(self, where: str, params: dict[str, object], limit: int, source: str = SOURCES["stuck_run"]) -> list[StuckItem]:
        rows = self.reader.db.all(
            f"SELECT {_RUN} FROM {source} WHERE {where} LIMIT {int(limit)}", {"account": self.reader.account} | params
        )
        return [_run_of(row) for row in rows]


def _run_of(row: Row) -> StuckItem:
    id, change, flow, registration, event, mode, queue, category, cause, tries, due, message, created, ended = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckItem(id, change, flow, registration, event, mode, status, kind, Cause(cause), tries, due, message, created, ended)
