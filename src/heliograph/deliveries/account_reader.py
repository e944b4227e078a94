"""The reader of Signal's services: a short transaction on the read-only connection, and the names of what rows refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.recording.contents import read_changes
from heliograph.store.config_cache import Committed
from heliograph.store.configuration_versions import connections_of_destinations
from heliograph.store.database import Database, Row
from heliograph.store.django_database import read_database
from heliograph.store.like import contains_words
from heliograph.store.registrations import folded
from heliograph.store.retention_record import Removals
from heliograph.store.search_index import are_many_with, few_with
from heliograph.store.where import Where

MOST_MATCHES: Final = 200
"""A search for registrations returns so many at most, those modified last."""


@dataclass(frozen=True, slots=True)
class RowPerson:
    """The registration of a row: its code, and its current name ("" if it has none)."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class RegistrationMatch:
    """The registrations whose code or name contains every word of a text."""

    words: tuple[str, ...]
    ids: list[int] | None
    """The ids of the registrations; None if they are too many to be listed."""

    def condition(self, db: Database, column: str) -> Where:
        """The condition that a column is the id of one of them."""
        if self.ids is not None:
            return Where(db.member(column, "registrations"), registrations=self.ids)
        words = contains_words("s.search", self.words)
        return Where(f"EXISTS (SELECT 1 FROM registration s WHERE s.id = {column} AND {words.sql})", **words.params)


@dataclass
class AccountReader:
    """Reads one account through one database connection. Names are the current ones, or the last ones of deleted things."""

    db: Database
    account: int
    provider: Committed = field(init=False)
    _matches: dict[str, RegistrationMatch | None] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.provider = Committed(self.db)

    @cached_property
    def config(self) -> AccountConfig:
        """The account's current configuration."""
        return self.provider.account(self.account)

    @cached_property
    def removals(self) -> Removals:
        """What retention has removed of the account, and when."""
        return Removals.of_account(self.db, self.account)

    @cached_property
    def connections_with_moved_lanes(self) -> set[int]:
        """The connections that a destination was moved from or to (docs/design/queue.md, section 8).

        There an action's own connection may be another one than its lane's (`own_connection`).
        """
        histories = connections_of_destinations(self.db, self.account).values()
        return set().union(*(connections for connections in histories if len(connections) > 1))

    def event_of_code(self, code: str) -> EventConfig | None:
        """The event's configuration; None if the account has no such event."""
        sql = "SELECT id FROM event WHERE account_id = :account AND code = :code"
        rows = [] if "\0" in code else self.db.all(sql, {"account": self.account, "code": code})
        return self.provider.event(rows[0][0]) if rows else None

    def events(self, ids: Iterable[int]) -> dict[int, EventConfig]:
        """The configuration of the account's events, by id."""
        return {id: event for id, event in self.provider.events(set(ids)).items() if event.account == self.account}

    def people(self, ids: Iterable[int | None]) -> dict[int, RowPerson]:
        """Registrations by id. Erased ones are absent."""
        known_ids = sorted({id for id in ids if id is not None})
        rows = self._rows("SELECT id, code, name, erased_at FROM registration", known_ids)
        return {id: RowPerson(code, name) for id, code, name, erased_at in rows if erased_at is None}

    def registrations_with(self, text: str) -> list[int] | None:
        """Ids of the registrations whose code or name contains every word of a text, at most MOST_MATCHES; None for a text without words."""
        words = folded(text).split()
        if not words:
            return None
        few = few_with(self.db, self.account, words)
        if few is None:
            where = Where("account_id = :account", account=self.account)
        else:
            where = Where("+account_id = :account", self.db.member("id", "few"), account=self.account, few=few)
        where &= contains_words("search", words)
        rows = self.db.all(f"SELECT id FROM registration WHERE {where.sql} ORDER BY modified DESC LIMIT {MOST_MATCHES}", where.params)
        return [id for (id,) in rows]

    def match(self, text: str) -> RegistrationMatch | None:
        """All registrations whose code or name contains every word of a text; None for a text without words."""
        if text in self._matches:
            return self._matches[text]
        words = tuple(folded(text).split())
        match = None
        if words and are_many_with(self.db, self.account, words):
            match = RegistrationMatch(words, None)
        elif (ids := self.registrations_with(text)) is not None:
            match = RegistrationMatch(words, ids if len(ids) < MOST_MATCHES else None)
        self._matches[text] = match
        return match

    def flow_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names of flows by id, including deleted ones."""
        return self._names("flow", set(ids), {id: flow.name for id, flow in self.config.flows.items()})

    def connection_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names of connections by id, including deleted ones."""
        return self._names("connection", set(ids), {id: connection.name for id, connection in self.config.connections.items()})

    def is_of_another(self, table: Literal["flow", "connection"], id: int | None) -> bool:
        """Whether a flow or connection belongs to another account."""
        sql = f"SELECT 1 FROM {table} WHERE id = :id AND account_id <> :account"
        return id is not None and bool(self.db.all(sql, {"id": id, "account": self.account}))

    def changes(self, ids: Iterable[int]) -> dict[int, tuple[Change | None, tuple[int, int, int, int]]]:
        """Changes of this account by id, with (account, event, account version, event version); None if their content is gone (X6)."""
        contents = read_changes(self.db, sorted(set(ids)))
        return {id: (change, place) for id, (change, place) in contents.items() if place[0] == self.account}

    def webhook_ids(self, actions: Iterable[int]) -> dict[int, str]:
        """The webhook-ids of actions of this account, by their ids."""
        return dict(self._rows("SELECT id, uid FROM action", sorted(set(actions))))

    def _names(self, table: str, ids: set[int], known: dict[int, str]) -> dict[int, str]:
        lost = sorted(ids - known.keys())
        return {id: known[id] for id in ids & known.keys()} | dict(self._rows(f"SELECT id, name FROM {table}", lost))

    def _rows(self, select: str, ids: list[int]) -> list[Row]:
        if not ids:
            return []
        return self.db.all(
            f"{select} WHERE +account_id = :account AND {self.db.member('id', 'ids')}", {"account": self.account, "ids": ids}
        )


@contextmanager
def account_reader(account: int, *, snapshot: bool = False) -> Iterator[AccountReader]:
    """An account's reader in a short transaction on the read-only connection.

    snapshot: as in `read_database`
    """
    with read_database(snapshot=snapshot) as db:
        yield AccountReader(db, account)
