"""The list of an account's registrations: searched, filtered, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from heliograph.deliveries.registration_deliveries import DeliveryFilter, delivery_condition, registrations_in
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import RegistrationState
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.recording.contents import read_state
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database, Row
from heliograph.store.instants import from_micros, to_micros
from heliograph.store.like import contains_words
from heliograph.store.registrations import folded
from heliograph.store.search_index import few_with
from heliograph.store.walk import Key, Walk, WalkedRows
from heliograph.store.where import Where
from heliograph.web.cursor import ROWS, Cursor, ListPage, walk_from, walked
from heliograph.web.field_names import standard_name
from heliograph.web.list_count import ListCount

MOST = 10_000
"""Counting stops here: "more than 10,000"."""
SCAN_LIMIT: Final = 30_000
"""Registrations that one page or one count reads at most."""
SCAN_LIMIT_OF_DELIVERIES: Final = 10_000
"""SCAN_LIMIT if the deliveries of each registration are looked at, too."""
SCAN_LIMIT_OF_INDEX: Final = 300_000
"""SCAN_LIMIT for databases that read the covering index alone, which is ten times as fast."""
NAMED: Final = 20_000
"""Up to this many registrations with the search words are read by their ids. If there are more, a walk from the newest on soon fills a page."""
MOST_NAMES = 500
"""Choices offered by a filter; of events, the newest."""
_SELECT: Final = (
    "SELECT r.id, r.code, r.name, r.organization, r.event_id, r.status_id, r.attendee_type_id, r.is_test, r.is_active, r.modified"
)


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
    delivery: DeliveryFilter | None = None
    """Only those that stand like this at their destinations."""

    def as_json(self) -> dict[str, object]:
        """For a job's parameters."""
        return {
            "text": self.text,
            "event": self.event,
            "status": self.status,
            "type": self.type,
            "kind": self.kind.value,
            "delivery": self.delivery and self.delivery.value,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RegistrationFilter:
        """Reads what `as_json` returned."""
        return cls(
            stored["text"],
            stored["event"],
            stored["status"],
            stored["type"],
            ListScope(stored["kind"]),
            DeliveryFilter(state) if (state := stored.get("delivery")) else None,
        )

    @property
    def narrows(self) -> bool:
        """True if it selects less than everything."""
        return self != RegistrationFilter()

    @property
    def looks_at_each(self) -> bool:
        """True if each registration's deliveries are looked at, which no index has."""
        return self.delivery is not None and self.delivery.item_state is None

    def fitting_sort(self, sort: RegistrationSort) -> RegistrationSort:
        """The order that a list with these filters can have: by code or name it would look at every registration."""
        return RegistrationSort.MODIFIED if self.looks_at_each else sort


@dataclass(frozen=True, slots=True)
class ListedRegistration:
    """A registration in the list."""

    id: int
    code: str
    name: str
    organization: str
    event: str
    status: str
    """Its current name."""
    type: str
    """Its current name."""
    test: bool
    active: bool
    modified: datetime
    micros: int
    """`modified` in microseconds."""
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
    """A registration whose status may be set in bulk."""

    id: int
    event: int
    event_code: str
    code: str
    version: int
    status: str
    status_modified: int
    """In microseconds."""


@dataclass
class Registrations:
    """The registrations of one account."""

    db: Database
    account: int
    scan_limit: int | None = None
    """How many registrations a page or a count reads at most; None for SCAN_LIMIT or SCAN_LIMIT_OF_INDEX."""

    def __post_init__(self) -> None:
        self.provider = Committed(self.db)
        self.config: AccountConfig = self.provider.account(self.account)
        self._known: dict[int, EventConfig] = {}

    def events(self, chosen: int | None = None) -> list[tuple[int, str]]:
        """Id and code of the newest events, and of one that is chosen already, by code."""
        newest = f"SELECT id FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {MOST_NAMES}"
        sql = f"SELECT id, code FROM event WHERE account_id = :account AND (id = :chosen OR id IN ({newest}))"
        rows = self.db.all(sql, {"account": self.account, "chosen": chosen or 0})
        return sorted(((int(id), code) for id, code in rows), key=lambda event: event[1])

    def event_of_code(self, code: str) -> int | None:
        """The id of the event with this code."""
        rows = self.db.all("SELECT id FROM event WHERE account_id = :account AND code = :code", {"account": self.account, "code": code})
        return int(rows[0][0]) if rows else None

    def has_event(self, id: int) -> bool:
        """Whether the account has an event with this id."""
        return bool(self.db.all("SELECT 1 FROM event WHERE account_id = :account AND id = :id", {"account": self.account, "id": id}))

    def _know(self, events: Iterable[int]) -> None:
        """Loads the configuration of events by one query."""
        if unknown := set(events) - self._known.keys():
            self._known |= self.provider.events(unknown)

    def page(
        self, filters: RegistrationFilter, sort: RegistrationSort, cursor: Cursor | None, *, size: int = ROWS, whole: bool = False
    ) -> ListPage[ListedRegistration]:
        """One page of the list.

        whole: True if the states are read too
        sort: one that fits the filters (`RegistrationFilter.fitting_sort`)
        """
        where, are_few = self._narrowed(filters)
        is_by_time = sort is RegistrationSort.MODIFIED
        scan_limit = self._scan_limit_of(filters) if is_by_time and filters.narrows and not are_few else None
        if filters.narrows and not are_few and not is_by_time and self.db.covering_index_suffices:
            # Only the index by `modified` covers the filters: sorted by code or name, every row would be read until enough of them match.
            matching = self._of_account() & where
            where = Where(f"+r.id IN (SELECT r.id FROM registration r WHERE {matching.sql})", **matching.params)
        select = f"{_SELECT}{', r.state' if whole else ''} FROM registration r"

        def fetch(at: Cursor | None, limit: int) -> WalkedRows[ListedRegistration]:
            rows = self._walk(sort, at, are_few=are_few).page(self.db, select, where, limit, scan_limit=scan_limit)
            return WalkedRows(self._listed(rows.rows), rows.scan_end)

        def key(row: ListedRegistration) -> Key:
            return (row.micros if is_by_time else row.code if sort is RegistrationSort.CODE else row.name, row.id)

        return walked(fetch, key, cursor, size=size)

    def places(self, filters: RegistrationFilter, cursor: Cursor | None, limit: int) -> WalkedRows[tuple[int, int]]:
        """(modified in microseconds, id) of registrations from the cursor on, read from the covering index alone."""
        where, are_few = self._narrowed(filters)
        walk = self._walk(RegistrationSort.MODIFIED, cursor, are_few=are_few)
        rows = walk.page(
            self.db,
            "SELECT r.modified, r.id FROM registration r",
            where,
            limit,
            scan_limit=None if are_few else self._scan_limit_of(filters),
        )
        return WalkedRows([(modified, id) for modified, id in rows.rows], rows.scan_end)

    def serials(self, filters: RegistrationFilter, after: int, limit: int, scan_limit: int) -> WalkedRows[tuple[int, int]]:
        """(serial, id) of registrations in the order in which they were created.

        after: the serial after which the walk begins
        limit: registrations that are returned at most
        scan_limit: registrations that are read at most
        """
        where, are_few = self._narrowed(filters)
        walk = Walk("registration r", self._of_account(by_id=are_few), ("r.serial",), (after,), ascends=True)
        rows = walk.page(self.db, "SELECT r.serial, r.id FROM registration r", where, limit, scan_limit=None if are_few else scan_limit)
        return WalkedRows([(serial, id) for serial, id in rows.rows], rows.scan_end)

    def serial_of(self, id: int) -> int | None:
        """The serial of a registration of the account; None if there is none."""
        rows = self.db.all("SELECT serial FROM registration WHERE id = :id AND account_id = :account", {"id": id, "account": self.account})
        return int(rows[0][0]) if rows else None

    def some(self, ids: Sequence[int]) -> list[ListedRegistration]:
        """Registrations of the account by their ids, with their states, those modified last first."""
        walk = self._walk(RegistrationSort.MODIFIED, None, are_few=True)
        where = Where("r.version > 0", self.db.member("r.id", "ids"), ids=list(ids))
        return self._listed(walk.read(self.db, f"{_SELECT}, r.state FROM registration r", where, len(ids))) if ids else []

    def count(self, filters: RegistrationFilter) -> ListCount:
        """How many registrations match, counted up to MOST, among the newest that the scan limit allows."""
        where, are_few = self._narrowed(filters)
        walk = self._walk(RegistrationSort.MODIFIED, None, are_few=are_few)
        end = None if are_few or not filters.narrows else walk.end(self.db, self._scan_limit_of(filters))
        count = walk.count(self.db, "registration r", where, MOST + 1, end=end)
        return ListCount(min(count, MOST), is_more=count > MOST or end is not None or self.finds_more(filters))

    def finds_more(self, filters: RegistrationFilter) -> bool:
        """Whether more registrations may match than the list can find: those of items of the Retry Queue that are too old to be read."""
        state = filters.delivery.item_state if filters.delivery is not None else None
        return state is not None and registrations_in(self.db, self.account, state).is_more

    def _scan_limit_of(self, filters: RegistrationFilter) -> int:
        if filters.looks_at_each:
            return min(self.scan_limit or SCAN_LIMIT_OF_DELIVERIES, SCAN_LIMIT_OF_DELIVERIES)
        return self.scan_limit or (SCAN_LIMIT_OF_INDEX if self.db.covering_index_suffices else SCAN_LIMIT)

    def _walk(self, sort: RegistrationSort, cursor: Cursor | None, *, are_few: bool) -> Walk:
        """The walk through the list.

        are_few: True if the condition names few registrations by their ids, so that no index is walked
        """
        column = {RegistrationSort.MODIFIED: "r.modified", RegistrationSort.CODE: "r.code", RegistrationSort.NAME: "r.name"}[sort]
        where, ascends = self._of_account(by_id=are_few), sort is not RegistrationSort.MODIFIED
        return walk_from(cursor, "registration r", where, (column, "r.id"), ascends=ascends)

    def count_by_status(self, filters: RegistrationFilter) -> list[StatusCount]:
        """The number of registrations per event and status."""
        where = self.conditions(filters)
        rows = self.db.all(
            f"SELECT r.event_id, r.status_id, count(*) FROM registration r WHERE {where.sql} GROUP BY r.event_id, r.status_id", where.params
        )
        self._know(event for event, _, _ in rows)
        return [StatusCount(event, self._status(status, event), int(n)) for event, status, n in rows]

    def walk(self, filters: RegistrationFilter, after: int, limit: int) -> list[RegistrationRow]:
        """The next registrations by id, after the given one."""
        # Walk all ids in order and skip other accounts: otherwise the account's rows would be sorted for each chunk.
        return self._read_rows(self._of_account(by_id=True) & self._narrowed(filters)[0], limit, after)

    def picked(self, picked: Sequence[tuple[str, str]]) -> list[RegistrationRow]:
        """Registrations by their events' and their own codes; missing ones are omitted."""
        codes, events = {code for _, code in picked}, {event for event, _ in picked}
        members = (self.db.member("r.code", "codes"), self.db.member("e.code", "events"))
        where = self._of_account() & Where("r.version > 0", *members, codes=sorted(codes), events=sorted(events))
        rows = {(row.event_code, row.code): row for row in self._read_rows(where, len(codes) * len(events) or 1)}
        return [rows[pair] for pair in dict.fromkeys(picked) if pair in rows]

    def _read_rows(self, where: Where, limit: int, after: int | None = None) -> list[RegistrationRow]:
        walk = Walk("registration r", where, ("r.id",), None if after is None else (after,), ascends=True)
        select = (
            "SELECT r.id, r.event_id, e.code, r.code, r.version, r.status_id, r.state FROM registration r JOIN event e ON e.id = r.event_id"
        )
        rows = walk.read(self.db, select, Where(), limit)
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

    def conditions(self, filters: RegistrationFilter) -> Where:
        """The condition that a registration `r` of the account matches."""
        where, are_few = self._narrowed(filters)
        return self._of_account(by_id=are_few) & where

    def _of_account(self, *, by_id: bool = False) -> Where:
        """The condition that a registration `r` belongs to the account.

        by_id: True if registrations are read by their ids; then no index of the account is used
        """
        return Where("+r.account_id = :account" if by_id else "r.account_id = :account", account=self.account)

    def _narrowed(self, filters: RegistrationFilter) -> tuple[Where, bool]:
        """The filters' conditions on a registration `r`; and True if they name the few registrations with the search words by id."""
        # A row without a version is just being created. Only an erased one has no words to search, not even a code.
        where = Where("r.version > 0", "r.search <> ''", account=self.account)
        words = folded(filters.text).split()
        few = few_with(self.db, self.account, words, NAMED) if words else None
        if filters.delivery is not None and filters.delivery.item_state is None:
            where &= Where(delivery_condition(filters.delivery))
        elif filters.delivery is not None and filters.delivery.item_state is not None:
            of_queue = list(registrations_in(self.db, self.account, filters.delivery.item_state).ids)
            few = of_queue if few is None else sorted(set(few) & set(of_queue))
        if few is not None:
            where &= Where(self.db.member("r.id", "few"), few=few)
        where &= contains_words("r.search", words)
        if filters.event is not None:
            where &= Where("r.event_id = :event", event=filters.event)
        if filters.status:
            standard_ids = [status.id for status in self.config.statuses.values() if status.name == filters.status] or [0]
            custom = "r.status_id IN (SELECT id FROM registration_status WHERE account_id = :account AND event_id > 0 AND name = :status)"
            where &= Where(f"({self.db.member('r.status_id', 'statuses')} OR {custom})", statuses=standard_ids, status=filters.status)
        if filters.type:
            where &= Where(
                "r.attendee_type_id IN (SELECT id FROM attendee_type WHERE account_id = :account AND name = :type)", type=filters.type
            )
        if filters.kind is ListScope.INACTIVE:
            where &= Where("NOT r.is_active")
        elif filters.kind is not ListScope.ALL:
            # Live and Test as flows treat them (F3): everything in a Testing event is Test.
            testing = [id for id in self.config.event_statuses if self.config.is_test_event(id)] or [0]
            member = f"r.event_id IN (SELECT id FROM event WHERE account_id = :account AND {self.db.member('status_id', 'testing')})"
            where &= Where(
                f"(r.is_test OR {member})" if filters.kind is ListScope.TEST else f"NOT r.is_test AND NOT ({member})", testing=testing
            )
        return where, few is not None

    def _listed(self, rows: Sequence[Row]) -> list[ListedRegistration]:
        self._know(row[4] for row in rows)
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> ListedRegistration:
        id, code, name, organization, event_id, status, kind, test, active, at = row[:10]
        event = self._known[event_id]
        whole = read_state(row[10]) if len(row) > 10 and row[10] else None
        named: dict[int, str] = {id: standard_name(name) for id, name in STANDARD_PROPERTY_NAMES.items()}
        named |= {p.id: p.name for p in event.properties.values()}
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
