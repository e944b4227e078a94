"""Finds the data with which a mapping is tried: a registration, a session registration or an event of the account (M7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from heliograph.domain.connection.sample import SampleFacts
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import FactSource as AnyFacts
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.fields import Subject
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change, read_state
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.like import contains_words, like_pattern
from heliograph.store.registrations import folded, ids_of_code
from heliograph.store.where import Where

SHOWN = 7
"""Most matches of a search: the first one is used, the others are offered beside it."""


@dataclass(frozen=True, slots=True)
class Match:
    """A registration or event that matches a search."""

    id: int
    code: str
    name: str
    """The name of the person or of the event; "" if there is none."""
    event: int
    key: str
    """Identifies it in the page: "EVENT CODE" for a registration, the code for an event."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The data with which a mapping is tried."""

    facts: AnyFacts
    zone: tzinfo
    match: Match | None = None
    """None for made-up data."""
    others: tuple[Match, ...] = field(default=())
    """The other matches of the search."""
    lacks: bool = False
    """Whether the registration has no session registration, so that session fields are empty."""


@dataclass
class Subjects:
    """The registrations and events of an account, for trying mappings."""

    db: Database
    account: int
    config: AccountConfig
    subject: Subject

    def search(self, text: str) -> list[Match]:
        """The registrations or events with all of these words, the last changed first. Matches by code come first."""
        words = folded(text.replace("\0", " ")).split()[:8]
        if self.subject is Subject.EVENT:
            code = text.replace("\0", " ").strip()
            exact = [match for each in dict.fromkeys((code, code.upper())) for match in self._events([], code=each)] if words else []
            return _first(exact, self._events(words))
        where = Where("r.account_id = :account", "r.version > 0", account=self.account) & contains_words("r.search", words)
        if self.subject is Subject.SESSION:
            where &= Where("EXISTS (SELECT 1 FROM session_registration s WHERE s.registration_id = r.id)")
        matches = self._registrations(where)
        coded = ids_of_code(self.db, self.account, text)
        return _first(self._registrations(where & Where(self.db.member("r.id", "ids"), ids=coded)), matches) if coded else matches

    def named(self, key: str) -> Match | None:
        """The registration or event with this key; None if the account does not have it."""
        event, _, code = key.partition(" ")
        if "\0" in key:
            return None
        if self.subject is Subject.EVENT:
            return next(iter(self._events([], code=event)), None)
        where = Where("r.account_id = :account", "r.version > 0", account=self.account)
        where &= Where("r.code = :code", "e.code = :event", code=code, event=event)
        return next(iter(self._registrations(where, order="r.id")), None)

    def with_id(self, id: int) -> Match | None:
        """The registration or event with this id; None if the account does not have it."""
        if self.subject is Subject.EVENT:
            return next(iter(self._events([], id=id)), None)
        return next(
            iter(self._registrations(Where("r.account_id = :account", "r.version > 0", "r.id = :id", account=self.account, id=id))), None
        )

    def _registrations(self, where: Where, *, order: str = "r.modified DESC, r.id DESC") -> list[Match]:
        rows = self.db.all(
            "SELECT r.id, r.code, r.name, r.event_id, e.code FROM registration r JOIN event e ON e.id = r.event_id"
            f" WHERE r.erased_at IS NULL AND {where.sql} ORDER BY {order} LIMIT {SHOWN}",
            where.params,
        )
        return [Match(id, code, name, event, f"{event_code} {code}") for id, code, name, event, event_code in rows]

    def _events(self, words: list[str], *, code: str | None = None, id: int | None = None) -> list[Match]:
        where = Where("account_id = :account", account=self.account)
        if id is not None:
            where &= Where("id = :id", id=id)
        if code is not None:
            where &= Where("code = :code", code=code)
        for number, word in enumerate(words):
            contains_word = f"(lower(code) LIKE :w{number} ESCAPE '!' OR lower(name) LIKE :w{number} ESCAPE '!')"
            where &= Where(contains_word, **{f"w{number}": like_pattern(word)})
        rows = self.db.all(f"SELECT id, code, name FROM event WHERE {where.sql} ORDER BY id DESC LIMIT {SHOWN}", where.params)
        return [Match(id, code, name, id, code) for id, code, name in rows]

    def tried(self, key: str, text: str, now: datetime, *, flow_name: str = "", id: int | None = None) -> Tried | None:
        """The data of the match with `id`, with `key`, or else of the first match of the search; None if there is no match.

        text: the search
        flow_name: the value of the source field Flow Name
        """
        match = self.with_id(id) if id is not None else self.named(key) if key else None
        matches = [] if match or id is not None else self.search(text)
        if match is None:
            if not matches:
                return None
            match = matches[0]
        change = self._last_change(match)
        facts = ChangeFacts(change, self.config, Committed(self.db).event(match.event), flow_name=flow_name, now=now)
        lacks = self.subject is Subject.SESSION and change.session is None
        return Tried(facts, ZoneInfo(facts.timezone), match, tuple(matches[1:]), lacks)

    def made_up(self, now: datetime, mapping: FieldMapping | None = None) -> Tried:
        """Made-up data.

        mapping: the mapping to whose types the values are suited
        """
        return Tried(SampleFacts(now, self.config.timezone, self.config.code, mapping), ZoneInfo(self.config.timezone))

    def _last_change(self, match: Match) -> Change:
        """The newest change of a match if its content is stored; otherwise a change with the current state and no old values (X6)."""
        kind = {Subject.REGISTRATION: 1, Subject.SESSION: 2, Subject.EVENT: 3}[self.subject]
        about = "c.subject_id = :id ORDER BY c.version" if self.subject is Subject.EVENT else "c.registration_id = :id ORDER BY c.id"
        rows = self.db.all(
            f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE c.account_id = :account AND c.kind = :kind AND {about} DESC LIMIT 1",
            {"account": self.account, "id": match.id, "kind": kind},
        )
        change = read_change(rows[0]) if rows else None
        if change is not None:
            return change
        now = datetime.fromtimestamp(0, ZoneInfo("UTC"))
        if self.subject is Subject.EVENT:
            event = Committed(self.db).event(match.event)
            return Change(0, SubjectKind.EVENT, match.id, 0, Facet.EVENT_UPDATED, now, "", event_state=event.state)
        ((state,),) = self.db.all("SELECT state FROM registration WHERE id = :id", {"id": match.id})
        registration = read_state(state)
        return Change(0, SubjectKind.REGISTRATION, match.id, 0, Facet.UPDATED, registration.modified, "", registration=registration)


def _first(exact: list[Match], others: list[Match]) -> list[Match]:
    """The exact matches before the others, without repetitions; at most SHOWN."""
    return list({match.id: match for match in (*exact, *others)}.values())[:SHOWN]
