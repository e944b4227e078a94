"""The list of an account's registrations: searched, filtered, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.registration.change import RegistrationState
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.tags import STANDARD_PROPERTY_NAMES
from heliograph.recording.contents import read_state
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.moments import from_micros, to_micros
from heliograph.store.registrations import folded
from heliograph.store.search_index import few_with
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, WalkedRows, walked
from heliograph.web.list_count import ListCount

MOST = 10_000
"""Counting stops here: "more than 10,000"."""
SCAN_LIMITS: Final = {"sqlite": 300_000, "postgresql": 30_000}
"""Registrations that one page or one count reads at most, by vendor. SQLite may read more, because a covering index is enough."""
NAMED: Final = 20_000
"""Up to so many registrations with the words are read by their ids. If there are more, reading the list newest first soon fills a page."""
MOST_NAMES = 500
"""Choices offered by a filter; of events, the newest."""


class RegistrationSort(StrEnum):
    """The orders of the list: last modified first, or by code or name."""

    MODIFIED = ""
    CODE = "code"
    NAME = "name"

    @property
    def parts(self) -> tuple[type[int | str], ...]:
        """The types of its cursor's key."""
        return (int, int) if self is RegistrationSort.MODIFIED else (str, int)


class ListScope(StrEnum):
    """The scopes of the list: all, Live, Test, or inactive ones."""

    ALL = ""
    LIVE = "live"
    TEST = "test"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class RegistrationFilter:
    """The filters of the list."""

    text: str = ""
    event: int | None = None
    status: str = ""
    """By name, because custom statuses belong to their event."""
    type: str = ""
    """By name, because attendee types belong to their event."""
    kind: ListScope = ListScope.ALL

    def as_json(self) -> dict[str, object]:
        """For a job's parameters."""
        return {"text": self.text, "event": self.event, "status": self.status, "type": self.type, "kind": self.kind.value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RegistrationFilter:
        """Reads what `as_json` returned."""
        return cls(stored["text"], stored["event"], stored["status"], stored["type"], ListScope(stored["kind"]))

    @property
    def narrows(self) -> bool:
        """True if it selects less than everything."""
        return self != RegistrationFilter()


@dataclass(frozen=True, slots=True)
class ListedRegistration:
    """A registration in the list. status, type: their current names; micros: `modified` in microseconds."""

    id: int
    code: str
    name: str
    organization: str
    event: str
    status: str
    type: str
    test: bool
    active: bool
    modified: datetime
    micros: int
    state: RegistrationState | None = None  # only if a column shows it
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusCount:
    """The number of registrations of one event with one status."""

    event: int
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """A registration whose status may be set in bulk. status_modified: microseconds."""

    id: int
    event: int
    event_code: str
    code: str
    version: int
    status: str
    status_modified: int


@dataclass
class Registrations:
    """The registrations of one account. scan_limit: how many a page or a count reads at most, if not SCAN_LIMITS."""

    db: Database
    account: int
    scan_limit: int | None = None

    def __post_init__(self) -> None:
        self.source = Committed(self.db)
        self.config: AccountConfig = self.source.account(self.account)
        self._known: dict[int, EventConfig] = {}

    def events(self) -> list[tuple[int, str]]:
        """Id and code of the newest events, by code."""
        sql = f"SELECT id, code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {MOST_NAMES}"
        return sorted(((int(id), code) for id, code in self.db.all(sql, {"account": self.account})), key=lambda event: event[1])

    def event_of_code(self, code: str) -> int | None:
        """The id of the event with this code."""
        rows = self.db.all("SELECT id FROM event WHERE account_id = :account AND code = :code", {"account": self.account, "code": code})
        return int(rows[0][0]) if rows else None

    def _know(self, events: Iterable[int]) -> None:
        """Loads the configuration of events by one query."""
        if unknown := set(events) - self._known.keys():
            self._known |= self.source.events(unknown)

    def page(
        self, filters: RegistrationFilter, sort: RegistrationSort, cursor: Cursor | None, *, size: int = ROWS, whole: bool = False
    ) -> ListPage[ListedRegistration]:
        """One page of the list. whole: with the states."""
        where, params = self.conditions(filters)
        is_walk = filters.narrows and sort is RegistrationSort.MODIFIED and "few" not in params
        if filters.narrows and sort is not RegistrationSort.MODIFIED and self.db.vendor == "sqlite" and "few" not in params:
            # Only the index by `modified` covers the filters: sorted by code or name, every row would be read until enough of them match.
            where = [where[0], f"+r.id IN (SELECT r.id FROM registration r WHERE {' AND '.join(where)})"]

        def fetch(at: Cursor | None, limit: int) -> WalkedRows[ListedRegistration]:
            scan_end = self._scan_end(at) if is_walk else None
            return _up_to(scan_end, at, limit, self._fetch(*_within(where, params, scan_end, at), sort, at, limit, whole=whole))

        def key(row: ListedRegistration) -> Key:
            return (row.micros if sort is RegistrationSort.MODIFIED else row.code if sort is RegistrationSort.CODE else row.name, row.id)

        return walked(fetch, key, cursor, size=size)

    def places(self, filters: RegistrationFilter, cursor: Cursor | None, limit: int) -> WalkedRows[tuple[int, int]]:
        """When registrations were modified, and their ids, from the cursor on: read from the covering index alone."""
        where, params = self.conditions(filters)
        scan_end = None if "few" in params else self._scan_end(cursor)
        where, params = _within(where, params, scan_end, cursor)
        back = cursor is not None and cursor.back
        if cursor is not None:
            where.append(f"(r.modified, r.id) {'>' if back else '<'} (:one, :two)")
            params["one"], params["two"] = cursor.key
        way = "ASC" if back else "DESC"
        rows = self.db.all(
            f"SELECT r.modified, r.id FROM registration r WHERE {' AND '.join(where)} ORDER BY r.modified {way}, r.id {way} LIMIT {int(limit)}",
            params,
        )
        return _up_to(scan_end, cursor, limit, [(modified, id) for modified, id in rows])

    def some(self, ids: Sequence[int]) -> list[ListedRegistration]:
        """Registrations of the account by their ids, with their states, those modified last first."""
        where = ["+r.account_id = :account", "r.version > 0", self.db.member("r.id", "ids")]
        given: dict[str, object] = {"account": self.account, "ids": list(ids)}
        return self._fetch(where, given, RegistrationSort.MODIFIED, None, len(ids), whole=True) if ids else []

    def count(self, filters: RegistrationFilter) -> ListCount:
        """How many registrations match, counted up to MOST, among the newest SCAN_LIMITS."""
        where, params = self.conditions(filters)
        scan_end = None if "few" in params or not filters.narrows else self._scan_end(None)
        where, params = _within(where, params, scan_end, None)
        ((count,),) = self.db.all(
            f"SELECT count(*) FROM (SELECT 1 FROM registration r WHERE {' AND '.join(where)} LIMIT {MOST + 1}) found", params
        )
        return ListCount(min(int(count), MOST), is_more=count > MOST or scan_end is not None)

    def _scan_end(self, cursor: Cursor | None) -> int | None:
        """When the last registration was modified that a page or a count reads, in microseconds; None if it reads all."""
        back, place, given = cursor is not None and cursor.back, "", {"account": self.account}
        if cursor is not None:
            place = f" AND (modified, id) {'>' if back else '<'} (:one, :two)"
            given["one"], given["two"] = int(cursor.key[0]), int(cursor.key[1])
        way = "ASC" if back else "DESC"
        rows = self.db.all(
            f"SELECT modified FROM registration WHERE account_id = :account{place} ORDER BY modified {way}, id {way} LIMIT 1"
            f" OFFSET {self.scan_limit or SCAN_LIMITS[self.db.vendor]}",
            given,
        )
        return int(rows[0][0]) if rows else None

    def count_by_status(self, filters: RegistrationFilter) -> list[StatusCount]:
        """The number of registrations per event and status."""
        where, params = self.conditions(filters)
        rows = self.db.all(
            f"SELECT r.event_id, r.status_id, count(*) FROM registration r WHERE {' AND '.join(where)} GROUP BY r.event_id, r.status_id",
            params,
        )
        self._know(event for event, _, _ in rows)
        return [StatusCount(event, self._status(status, event), int(n)) for event, status, n in rows]

    def walk(self, filters: RegistrationFilter, after: int, limit: int) -> list[RegistrationRow]:
        """The next registrations by id, after the given one."""
        where, params = self.conditions(filters)
        # Walk all ids in order and skip other accounts: otherwise the account's rows would be sorted for each chunk.
        return self._read_rows([f"+{where[0].removeprefix('+')}", *where[1:], "r.id > :after"], params | {"after": after}, limit)

    def picked(self, picked: Sequence[tuple[str, str]]) -> list[RegistrationRow]:
        """Registrations by their events' and their own codes; missing ones are omitted."""
        codes, events = {code for _, code in picked}, {event for event, _ in picked}
        where = ["r.account_id = :account", "r.version > 0", self.db.member("r.code", "codes"), self.db.member("e.code", "events")]
        given = {"account": self.account, "codes": sorted(codes), "events": sorted(events)}
        rows = {(row.event_code, row.code): row for row in self._read_rows(where, given, len(codes) * len(events) or 1)}
        return [rows[pair] for pair in dict.fromkeys(picked) if pair in rows]

    def _read_rows(self, where: Sequence[str], params: Mapping[str, object], limit: int) -> list[RegistrationRow]:
        rows = self.db.all(
            "SELECT r.id, r.event_id, e.code, r.code, r.version, r.status_id, r.state FROM registration r JOIN event e ON e.id = r.event_id"
            f" WHERE {' AND '.join(where)} ORDER BY r.id LIMIT {int(limit)}",
            params,
        )
        self._know(row[1] for row in rows)
        return [
            RegistrationRow(id, event, event_code, code, version, self._status(status, event), to_micros(read_state(state).status_modified))
            for id, event, event_code, code, version, status, state in rows
        ]

    def _status(self, status: int, event: int) -> str:
        status_config = self.config.status(status, self._known[event])
        return status_config.name if status_config else ""

    def statuses(self) -> list[str]:
        """Names of statuses, standard ones first."""
        return [*(status.name for status in self.config.statuses.values()), *self._names("registration_status")]

    def types(self) -> list[str]:
        """Names of attendee types of all events."""
        return self._names("attendee_type")

    def _names(self, table: str) -> list[str]:
        rows = self.db.all(
            f"SELECT DISTINCT name FROM {table} WHERE account_id = :account AND event_id IS NOT NULL ORDER BY name LIMIT {MOST_NAMES}",
            {"account": self.account},
        )
        return [name for (name,) in rows]

    def conditions(self, filters: RegistrationFilter) -> tuple[list[str], dict[str, object]]:
        """The conditions on a registration `r`, the account's first, and their parameters."""
        # A row without a version is just being created.
        where = ["r.account_id = :account", "r.version > 0"]
        params: dict[str, object] = {"account": self.account}
        words = folded(filters.text).split()
        if words and (few := few_with(self.db, self.account, words, NAMED)) is not None:
            where = [f"+{where[0]}", *where[1:], self.db.member("r.id", "few")]
            params["few"] = few
        for number, word in enumerate(words):
            where.append(f"r.search LIKE :w{number} ESCAPE '!'")
            params[f"w{number}"] = f"%{word.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        if filters.event is not None:
            where.append("r.event_id = :event")
            params["event"] = filters.event
        if filters.status:
            custom = "r.status_id IN (SELECT id FROM registration_status WHERE account_id = :account AND event_id > 0 AND name = :status)"
            where.append(f"({self.db.member('r.status_id', 'statuses')} OR {custom})")
            params["statuses"] = [s.id for s in self.config.statuses.values() if s.name == filters.status] or [0]
            params["status"] = filters.status
        if filters.type:
            where.append("r.attendee_type_id IN (SELECT id FROM attendee_type WHERE account_id = :account AND name = :type)")
            params["type"] = filters.type
        if filters.kind is ListScope.INACTIVE:
            where.append("NOT r.is_active")
        elif filters.kind is not ListScope.ALL:
            # Live and Test as flows treat them (F3): everything in a Testing event is Test.
            testing = self.db.member("status_id", "testing")
            member = f"r.event_id IN (SELECT id FROM event WHERE account_id = :account AND {testing})"
            where.append(f"(r.is_test OR {member})" if filters.kind is ListScope.TEST else f"NOT r.is_test AND NOT ({member})")
            params["testing"] = [id for id in self.config.event_statuses if self.config.is_test_event(id)] or [0]
        return where, params

    def _fetch(
        self, where: list[str], params: dict[str, object], sort: RegistrationSort, cursor: Cursor | None, limit: int, *, whole: bool
    ) -> list[ListedRegistration]:
        column = {RegistrationSort.MODIFIED: "r.modified", RegistrationSort.CODE: "r.code", RegistrationSort.NAME: "r.name"}[sort]
        back = cursor is not None and cursor.back
        rising = (sort is not RegistrationSort.MODIFIED) != back
        conditions, given = list(where), dict(params)
        if cursor is not None:
            conditions.append(f"({column}, r.id) {'>' if rising else '<'} (:one, :two)")
            given["one"], given["two"] = cursor.key
        order = "ASC" if rising else "DESC"
        rows = self.db.all(
            "SELECT r.id, r.code, r.name, r.organization, r.event_id, r.status_id, r.attendee_type_id, r.is_test, r.is_active, r.modified"
            f"{', r.state' if whole else ''}"
            f" FROM registration r WHERE {' AND '.join(conditions)} ORDER BY {column} {order}, r.id {order} LIMIT {int(limit)}",
            given,
        )
        self._know(row[4] for row in rows)
        return [self._row(*row) for row in rows]

    def _row(
        self,
        id: int,
        code: str,
        name: str,
        organization: str,
        event_id: int,
        status: int,
        kind: int | None,
        test: bool,
        active: bool,
        at: int,
        state: str = "",
    ) -> ListedRegistration:
        event = self._known[event_id]
        whole = read_state(state) if state else None
        named = STANDARD_PROPERTY_NAMES | {p.id: p.name for p in event.properties.values()}
        status_config, type_config = self.config.status(status, event), event.types.get(kind or 0)
        return ListedRegistration(
            id,
            code,
            name,
            organization,
            event.code,
            status_config.name if status_config else "",
            type_config.name if type_config else "",
            bool(test) or self.config.is_test_event(event.state.status),
            bool(active),
            from_micros(at),
            at,
            whole,
            tuple(named[p] for p in whole.properties if p in named) if whole else (),
        )


def _within(
    where: Sequence[str], params: Mapping[str, object], scan_end: int | None, cursor: Cursor | None
) -> tuple[list[str], dict[str, object]]:
    """The conditions, bounded to registrations up to scan_end in the direction of the list."""
    if scan_end is None:
        return list(where), dict(params)
    return [*where, f"r.modified {'<=' if cursor is not None and cursor.back else '>='} :scan_end"], {**params, "scan_end": scan_end}


def _up_to[Row](scan_end: int | None, cursor: Cursor | None, limit: int, rows: Sequence[Row]) -> WalkedRows[Row]:
    """The rows, with the place where the next page continues if reading stopped at scan_end before the page was full."""
    if scan_end is None or len(rows) == limit:
        return WalkedRows(rows)
    return WalkedRows(rows, (scan_end, 2**62 if cursor is not None and cursor.back else 0))
