"""The registrations of an account as a list: searched, filtered, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from heliograph.domain.snapshot import AccountConfig, EventConfig
from heliograph.recording.sources import Committed
from heliograph.store.database import Database
from heliograph.store.fields import from_micros
from heliograph.store.registrations import folded
from heliograph.web.cursor import ROWS, Cursor, Key, Rows, pages

MOST = 10_000
"""A count stops here: "more than 10,000"."""


class Sort(StrEnum):
    """How the list is sorted: last modified first, or by code or name."""

    MODIFIED = ""
    CODE = "code"
    NAME = "name"

    @property
    def parts(self) -> tuple[type[int | str], ...]:
        """What a cursor of it holds."""
        return (int, int) if self is Sort.MODIFIED else (str, int)


class Kind(StrEnum):
    """Which registrations: all, Live, Test, or those that are not active."""

    ALL = ""
    LIVE = "live"
    TEST = "test"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. status: its name, since custom ones are of their event; type: a name, too."""

    text: str = ""
    event: int | None = None
    status: str = ""
    type: str = ""
    kind: Kind = Kind.ALL

    @property
    def narrows(self) -> bool:
        """Whether it asks for less than everything."""
        return self != Wanted()


@dataclass(frozen=True, slots=True)
class Row:
    """One registration of the list. status and type: names of today."""

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


@dataclass
class Registrations:
    """The registrations of one account."""

    db: Database
    account: int

    def __post_init__(self) -> None:
        self.source = Committed(self.db)
        self.config: AccountConfig = self.source.account(self.account)
        self.events = self._events()

    def _events(self) -> dict[int, EventConfig]:
        rows = self.db.all("SELECT id FROM event WHERE account_id = :account ORDER BY id DESC LIMIT 500", {"account": self.account})
        return self.source.events({id for (id,) in rows})

    def page(self, wanted: Wanted, sort: Sort, cursor: Cursor | None, *, size: int = ROWS) -> Rows[Row]:
        """One page of it."""
        where, params = self._where(wanted)

        def fetch(at: Cursor | None, limit: int) -> Sequence[Row]:
            return self._fetch(where, params, sort, at, limit)

        def key(row: Row) -> Key:
            return (row.micros if sort is Sort.MODIFIED else row.code if sort is Sort.CODE else row.name, row.id)

        return pages(fetch, key, cursor, size=size)

    def count(self, wanted: Wanted) -> int:
        """How many there are, at most MOST + 1."""
        where, params = self._where(wanted)
        ((n,),) = self.db.all(
            f"SELECT count(*) FROM (SELECT 1 FROM registration r WHERE {' AND '.join(where)} LIMIT {MOST + 1}) found", params
        )
        return int(n)

    def statuses(self) -> list[str]:
        """Names of statuses, the standard ones first."""
        custom = {status.name for event in self.events.values() for status in event.statuses.values()}
        return [*(status.name for status in self.config.statuses.values()), *sorted(custom)]

    def types(self) -> list[str]:
        """Names of attendee types of all events."""
        return sorted({kind.name for event in self.events.values() for kind in event.types.values()})

    def _where(self, wanted: Wanted) -> tuple[list[str], dict[str, object]]:
        # A row without a version is one that is being made.
        where, params = ["r.account_id = :account", "r.version > 0"], {"account": self.account}
        found: dict[str, object] = dict(params)
        for i, word in enumerate(folded(wanted.text).split()):
            where.append(f"r.search LIKE :w{i} ESCAPE '!'")
            found[f"w{i}"] = f"%{word.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        if wanted.event is not None:
            where.append("r.event_id = :event")
            found["event"] = wanted.event
        if wanted.status:
            ids = [s.id for s in self.config.statuses.values() if s.name == wanted.status]
            ids += [s.id for event in self.events.values() for s in event.statuses.values() if s.name == wanted.status]
            where.append(self.db.member("r.status_id", "statuses"))
            found["statuses"] = ids or [0]
        if wanted.type:
            where.append(self.db.member("r.attendee_type_id", "types"))
            found["types"] = [k.id for event in self.events.values() for k in event.types.values() if k.name == wanted.type] or [0]
        if wanted.kind is Kind.INACTIVE:
            where.append("NOT r.is_active")
        elif wanted.kind is not Kind.ALL:
            # Live and Test as flows see it (F3): everything in a Testing event is Test.
            test = [id for id, event in self.events.items() if self.config.is_test_event(event.state.status)]
            member = self.db.member("r.event_id", "testing")
            where.append(f"(r.is_test OR {member})" if wanted.kind is Kind.TEST else f"NOT r.is_test AND NOT ({member})")
            found["testing"] = test or [0]
        return where, found

    def _fetch(self, where: list[str], params: dict[str, object], sort: Sort, cursor: Cursor | None, limit: int) -> list[Row]:
        column = {Sort.MODIFIED: "r.modified", Sort.CODE: "r.code", Sort.NAME: "r.name"}[sort]
        back = cursor is not None and cursor.back
        rising = (sort is not Sort.MODIFIED) != back
        conditions, given = list(where), dict(params)
        if cursor is not None:
            conditions.append(f"({column}, r.id) {'>' if rising else '<'} (:one, :two)")
            given["one"], given["two"] = cursor.key
        order = "ASC" if rising else "DESC"
        rows = self.db.all(
            "SELECT r.id, r.code, r.name, r.organization, r.event_id, r.status_id, r.attendee_type_id, r.is_test, r.is_active, r.modified"
            f" FROM registration r WHERE {' AND '.join(conditions)} ORDER BY {column} {order}, r.id {order} LIMIT {int(limit)}",
            given,
        )
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
    ) -> Row:
        event = self.events.get(event_id) or self.source.event(event_id)
        found, known = self.config.status(status, event), event.types.get(kind or 0)
        return Row(
            id,
            code,
            name,
            organization,
            event.code,
            found.name if found else "",
            known.name if known else "",
            bool(test) or self.config.is_test_event(event.state.status),
            bool(active),
            from_micros(at),
            at,
        )
