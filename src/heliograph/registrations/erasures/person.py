"""A person, and everything that Heliograph knows of them, before they are erased (B7).

Registrations of an account with the same e-mail address are one person; a registration without one is a person of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.account_reader import MOST_MATCHES, AccountReader
from heliograph.deliveries.exchanges import exchanges
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.registration.erasure import PersonWords
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.recording.contents import read_changes
from heliograph.registrations.draft import Opened, opened_many
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import own_connection
from heliograph.store.row_states import ACTION_OPEN
from heliograph.web.field_names import standard_name

REQUESTS_READ: Final = 20
"""The newest deliveries to a connection whose requests are read for what it was told."""
SHORTEST_VALUE: Final = 2
"""Characters of a value that is looked for in a request."""
CHANGES_READ: Final = 200
"""Changes whose old values are read at once."""


class TooManyRegistrations(HeliographError):
    """More registrations have this e-mail address than one person has. Erase them one by one, by their codes."""


@dataclass(frozen=True, slots=True)
class Person:
    """The registrations that belong to one person, the last changed first."""

    registrations: Sequence[Opened]

    @property
    def name(self) -> str:
        """The person's name, or the code of their registration."""
        return next((each.name for each in self.registrations if each.name), self.registrations[0].code)

    @property
    def email(self) -> str:
        """The e-mail address; "" if there is none."""
        return email_of(self.registrations[0])

    @property
    def confirmation(self) -> str:
        """What has to be typed before the person is erased: the e-mail address, else the code."""
        return self.email or self.registrations[0].code

    @property
    def ids(self) -> list[int]:
        return [each.id for each in self.registrations]


@dataclass(frozen=True, slots=True)
class KnownOfPerson:
    """How much is known of a person, by where it is kept."""

    sessions: int
    answers: int
    changes: int
    """Changes whose content is kept."""
    exchanges: int
    """Requests with their answers that are kept."""
    undelivered: Sequence[str]
    """The connections to which something is not delivered yet, one for each action."""

    @property
    def records(self) -> int:
        return self.sessions + self.answers + self.changes + self.exchanges


@dataclass(frozen=True, slots=True)
class ToldApplication:
    """A connection to which something of the person was delivered. first, last: microseconds."""

    name: str
    host: str
    """Scheme, host and port, as the connection has them now; "" if it is deleted."""
    fields: Sequence[str]
    """The personal fields in the requests that are kept."""
    times: int
    first: int
    last: int


def email_of(registration: Opened) -> str:
    return registration.state.profile.get("email", "").strip()


def person_of(reader: AccountReader, registration: int) -> Person:
    """The person of a registration. Raises NotInAccount, TooManyRegistrations."""
    known = opened_many(reader.db, reader.account, [registration]).get(registration)
    if known is None:
        raise NotInAccount(f"There is no registration {registration}.")
    return _with_same_email(reader, known)


def people(reader: AccountReader, text: str) -> list[Person]:
    """The people whose registrations have every word of a text, the last changed first; at most MOST_MATCHES registrations are looked at."""
    registrations_found = opened_many(reader.db, reader.account, reader.registrations_with(text) or ())
    newest = sorted(registrations_found.values(), key=lambda each: each.state.modified, reverse=True)
    people_by_email: dict[str, list[Opened]] = {}
    for each in newest:
        people_by_email.setdefault(email_of(each).casefold() or f"#{each.id}", []).append(each)
    return [Person(registrations) for registrations in people_by_email.values()]


def _with_same_email(reader: AccountReader, known: Opened) -> Person:
    email = email_of(known).casefold()
    if not email:
        return Person((known,))
    ids = reader.registrations_with(email) or []
    if len(ids) >= MOST_MATCHES:
        raise TooManyRegistrations
    with_email = {id: each for id, each in opened_many(reader.db, reader.account, ids).items() if email_of(each).casefold() == email}
    others = sorted((each for id, each in with_email.items() if id != known.id), key=lambda each: each.state.modified, reverse=True)
    return Person((known, *others))


def known_of(reader: AccountReader, person: Person) -> KnownOfPerson:
    """Counts what is kept of a person."""
    params = {"account": reader.account, "ids": person.ids}
    of_person = f"c.registration_id IS NOT NULL AND {reader.db.member('c.registration_id', 'ids')} AND +c.account_id = :account"
    ((changes,),) = reader.db.all(
        f"SELECT count(*) FROM change c JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE {of_person}", params
    )
    ((exchange_count,),) = reader.db.all(
        f"SELECT count(*) FROM change c JOIN action a ON a.change_id = c.id JOIN attempt_content x ON x.action_id = a.id WHERE {of_person}",
        params,
    )
    waiting = reader.db.all(
        f"SELECT l.connection_id FROM change c JOIN action a ON a.change_id = c.id AND a.{ACTION_OPEN} JOIN lane l ON l.id = a.lane_id WHERE {of_person}",
        params,
    )
    names = reader.connection_names({connection for (connection,) in waiting})
    return KnownOfPerson(
        sum(len(each.sessions) for each in person.registrations),
        sum(len(each.state.answers) + len(each.state.custom) for each in person.registrations),
        int(changes),
        int(exchange_count),
        sorted(names.get(connection, "") for (connection,) in waiting),
    )


def told_of(reader: AccountReader, person: Person) -> list[ToldApplication]:
    """The connections to which something of the person was delivered, as far as records are kept."""
    rows = reader.db.all(
        f"SELECT {own_connection('a', 'l')}, a.id, a.ended FROM change c JOIN action a ON a.change_id = c.id JOIN lane l ON l.id = a.lane_id"
        f" WHERE {reader.db.member('c.registration_id', 'ids')} AND +c.account_id = :account AND a.state = {ActionState.SUCCESS} ORDER BY a.ended",
        {"account": reader.account, "ids": person.ids},
    )
    deliveries: dict[int, list[tuple[int, int]]] = {}
    for connection, action, ended in rows:
        deliveries.setdefault(connection, []).append((action, ended))
    names, hosts = reader.connection_names(deliveries), _hosts(reader, deliveries)
    applications = [
        _application(reader, person, names.get(connection, ""), hosts.get(connection, ""), delivered)
        for connection, delivered in deliveries.items()
    ]
    return sorted(applications, key=lambda each: each.name.casefold())


def _application(reader: AccountReader, person: Person, name: str, host: str, delivered: Sequence[tuple[int, int]]) -> ToldApplication:
    stored = exchanges(reader.db, reader.account, [action for action, _ended in delivered[-REQUESTS_READ:]]).values()
    sent = "\n".join(f"{each.url}\n{each.request_body}" for each in stored).casefold()
    fields = [
        standard_name(label)
        for key, label in PROFILE_FIELDS.items()
        if any(len(value) >= SHORTEST_VALUE and value.casefold() in sent for value in _values(person, key))
    ]
    if any(each.code.casefold() in sent for each in person.registrations):
        fields.insert(0, "Code")
    return ToldApplication(name, host, fields, len(delivered), delivered[0][1], delivered[-1][1])


def _hosts(reader: AccountReader, connections: Iterable[int]) -> dict[int, str]:
    rows = reader.db.all(
        f"SELECT id, host FROM connection WHERE +account_id = :account AND {reader.db.member('id', 'ids')}",
        {"account": reader.account, "ids": sorted(connections)},
    )
    return dict(rows)


def _values(person: Person, key: str) -> Iterable[str]:
    return (each.state.profile.get(key, "").strip() for each in person.registrations)


def words_of(db: Database, account: int, registrations: Sequence[int]) -> PersonWords:
    """The words by which a person's texts are found: of their registrations, and of every change whose content is kept."""
    known = opened_many(db, account, registrations)
    words = PersonWords.of_states(each.state for each in known.values())
    after = 0
    while True:
        rows = db.all(
            f"SELECT id FROM change WHERE {db.member('registration_id', 'ids')} AND +account_id = :account AND id > :after ORDER BY id LIMIT {CHANGES_READ}",
            {"ids": list(registrations), "account": account, "after": after},
        )
        if not rows:
            return words
        after = rows[-1][0]
        stored = [change for change, _versions in read_changes(db, [id for (id,) in rows]).values() if change is not None]
        words |= PersonWords.of_states(
            (each.registration for each in stored if each.registration is not None), (each.before for each in stored)
        )
