"""Who is told about a problem, and on which way (B4).

    trouble of the installation   operators
    an import or replay ended     whoever started it
    any other                     those whom the rules of its connection and flows name for its kind;
                                  without such a rule, everybody who wants it, whoever made the flows, and what the account has chosen

A person is always told by their own settings, so what they have switched off stays off. A connection never carries news of its own trouble.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from heliograph.domain.notification import notification_settings as defaults
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Rule, Settings, connection_of
from heliograph.domain.notification.quiet_hours import NEVER_QUIET, QuietHours

type Scope = Literal["connection", "flow"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person who may sign in."""

    id: int
    address: str
    is_administrator: bool = False
    is_operator: bool = False
    settings: Settings | None = None
    """None if they have not saved any."""
    language: str = ""
    """The code of the language that they have chosen, such as "de"; "" for none."""
    has_saved: bool = True
    """Whether they have saved `settings` themselves. False if only the links of e-mails have changed them."""

    @property
    def wants(self) -> Settings:
        """Their settings."""
        return self.settings or defaults.OF_PERSON

    @property
    def chooses(self) -> bool:
        """Whether they are told about things without a rule: Administrators from the start, others once they have saved settings."""
        return self.is_administrator or (self.settings is not None and self.has_saved)


@dataclass(frozen=True, slots=True)
class Topic:
    """What somebody is told about."""

    kind: Kind
    connection: int | None = None
    flows: frozenset[int] = frozenset()
    started_by: int | None = None
    """For ENDED: the user."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address or connection, once, however many settings lead to it."""

    way: Literal["mail", "connection"]
    address: str
    """An e-mail address, or a connection's id."""
    user: int = 0
    """The person whose settings lead there; 0 for those of the account or a rule."""
    quiet: QuietHours = NEVER_QUIET
    waits_minutes: int = 30
    instead_of: int = 0
    """The connection in whose place it is told, because that is in trouble itself; 0 for none."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody in an account who can be told."""

    people: Sequence[Person] = ()
    account: Settings = defaults.OF_ACCOUNT
    rules: Mapping[tuple[str, int], Rule] = field(default_factory=dict)
    """By scope ("connection", "flow") and id."""
    usable: frozenset[int] = frozenset()
    """Connections that exist, and over which something can be sent."""
    in_trouble: frozenset[int] = frozenset()
    """Connections that refuse or are paused."""
    makers: Mapping[int, int] = field(default_factory=dict)
    """By flow, the user who made it."""

    def recipients(self, topic: Topic) -> list[Recipient]:
        """Who is told, each address once."""
        recipients: list[Recipient] = []
        people, ways, settings = self._chosen(topic)
        for person in people:
            wants = person.wants
            quiet = NEVER_QUIET if topic.kind is Kind.TROUBLE and wants.urgent else wants.quiet
            for way in sorted(wants.ways_of(topic.kind)):
                recipients += self._on(way, topic, person, Recipient(MAIL, "", person.id, quiet, wants.waits_minutes))
        for way in ways:
            recipients += self._on(way, topic, None, Recipient(MAIL, "", 0, settings.quiet, settings.waits_minutes))
        return _each_once(recipients)

    def in_place_of_connection(self, person: Person | None, kind: Kind) -> list[Person]:
        """Who gets an e-mail in place of a message over a connection: the person whose settings lead to it, or else the Administrators; nobody
        who has stopped such e-mails."""
        people = [person] if person and person.address else [each for each in self.people if each.is_administrator]
        return [each for each in people if kind not in each.wants.no_mail]

    def language_of(self, recipient: Recipient) -> str:
        """The language of an e-mail to a person; "" for one who has chosen none, and for any connection or other address, which many people read."""
        people = self.people if recipient.way == MAIL and recipient.user else ()
        return next((person.language for person in people if person.id == recipient.user), "")

    def _chosen(self, topic: Topic) -> tuple[list[Person], Iterable[str], Settings]:
        """The people and the ways beside them, with the settings that hold for those ways."""
        if topic.kind is Kind.TROUBLE:
            return [person for person in self.people if person.is_operator], (), self.account
        if topic.kind is Kind.ENDED:
            return [person for person in self.people if person.id == topic.started_by], (), self.account
        things = [("connection", topic.connection or 0), *(("flow", flow) for flow in sorted(topic.flows))]
        known = {person.id for person in self.people}
        rules = [rule for thing in things if (rule := self.rules.get(thing)) is not None and topic.kind in rule.kinds]
        rules = [rule for rule in rules if rule.ways_of(topic.kind) or rule.users & known]  # not one whose people may no longer sign in
        if not rules:
            makers = {self.makers.get(flow) for flow in topic.flows}
            return (
                [person for person in self.people if person.chooses or person.id in makers],
                sorted(self.account.ways_of(topic.kind)),
                self.account,
            )
        users = frozenset[int]().union(*(rule.users for rule in rules))
        ways = [way for rule in rules for way in rule.ways_of(topic.kind)]
        return [person for person in self.people if person.id in users], ways, self.account

    def _on(self, way: str, topic: Topic, person: Person | None, recipient: Recipient) -> list[Recipient]:
        """The recipients of a way, by the settings of this person; None: by those of the account or a rule."""
        if way == MAIL:
            return [replace(recipient, address=person.address)] if person and person.address else []
        connection = connection_of(way)
        if connection is None:
            return [replace(recipient, address=way)]
        if connection in self.usable - self.in_trouble and connection != topic.connection:
            return [replace(recipient, way="connection", address=str(connection))]
        return [
            replace(
                recipient, address=each.address, user=each.id, quiet=recipient.quiet if person else each.wants.quiet, instead_of=connection
            )
            for each in self.in_place_of_connection(person, topic.kind)
        ]


def _each_once(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Each address once, as the most impatient of those that lead there: without quiet hours if one has none, after the shortest wait."""
    merged: dict[tuple[str, str], Recipient] = {}
    for each in recipients:
        key = (each.way, each.address.lower())
        other = merged.get(key)
        if other is None:
            merged[key] = each
            continue
        quiet = other.quiet if other.quiet == each.quiet else NEVER_QUIET
        instead_of = other.instead_of if each.instead_of else 0
        merged[key] = replace(
            other,
            user=other.user or each.user,
            quiet=quiet,
            waits_minutes=min(other.waits_minutes, each.waits_minutes),
            instead_of=instead_of,
        )
    return list(merged.values())
