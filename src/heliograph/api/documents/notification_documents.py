"""Notifications as JSON (B4): what the account tells, the rules of connections and flows, and what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import Rule, Settings, connection_of, way_of_connection
from heliograph.domain.notification.quiet_hours import QuietHours
from heliograph.domain.sentence_template import Sentence
from heliograph.notifications.models import Message, MessageState
from heliograph.setup.setup_errors import Invalid

Clock = Annotated[
    str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="A time of the day in the account's time zone, such as 22:00.")
]
Scope = Literal["connection", "flow"]
WaitsMinutes = Annotated[Literal[15, 30, 60, 240], msgspec.Meta(description="For `waits`: how long something may wait.")]
SummaryAt = Annotated[Literal["07:00", "08:00", "09:00"], msgspec.Meta(description="When the morning summary comes.")]


class PlaceDocument(Document):
    """A place that is told beside people: a connection, or an e-mail address; exactly one of the two."""

    kinds: Annotated[list[Kind], msgspec.Meta(description="What it is told.")]
    connection: Id | None = None
    address: Annotated[str, msgspec.Meta(max_length=254)] | None = None


class QuietHoursDocument(Document):
    """Hours in which nothing is sent. Equal ends: none."""

    first: Clock = "00:00"
    last: Clock = "00:00"
    weekend: Annotated[bool, msgspec.Meta(description="All of Saturday and Sunday, too.")] = False


class NotificationsDocument(Document):
    """What connections and other addresses are told about everything that no rule is about. People choose for themselves."""

    places: list[PlaceDocument]
    waits_minutes: WaitsMinutes = 30
    summary_at: SummaryAt = "08:00"
    quiet_hours: QuietHoursDocument = msgspec.field(default_factory=QuietHoursDocument)

    @classmethod
    def from_settings(cls, settings: Settings) -> NotificationsDocument:
        """The document of stored settings."""
        places = []
        for way in settings.ways:
            connection = connection_of(way)
            kinds = [kind for kind in Kind if way in settings.ways_of(kind)]
            places.append(
                PlaceDocument(
                    kinds=kinds, connection=None if connection is None else str(connection), address=way if connection is None else None
                )
            )
        quiet = settings.quiet
        return cls(
            places=places,
            waits_minutes=settings.waits_minutes,  # type: ignore[arg-type]  # checked when it was saved
            summary_at=_clock(settings.summary_at),  # type: ignore[arg-type]
            quiet_hours=QuietHoursDocument(first=_clock(quiet.first), last=_clock(quiet.last), weekend=quiet.weekend),
        )

    @property
    def settings(self) -> Settings:
        """The settings. Raises Invalid for a place that is neither a connection nor an address, or both."""
        ways = _ways([(each.connection, each.address) for each in self.places], "places")
        chosen = {kind: frozenset(way for way, place in zip(ways, self.places, strict=True) if kind in place.kinds) for kind in Kind}
        quiet = QuietHours(_minutes(self.quiet_hours.first), _minutes(self.quiet_hours.last), self.quiet_hours.weekend)
        return Settings(ways, chosen, self.waits_minutes, _minutes(self.summary_at), quiet)


class NotificationRuleDocument(Document):
    """Who is told about a connection or flow, in place of everybody else. People are told where they chose it for themselves."""

    users: list[Id] = msgspec.field(default_factory=list)
    connections: list[Id] = msgspec.field(default_factory=list)
    addresses: list[Annotated[str, msgspec.Meta(max_length=254)]] = msgspec.field(default_factory=list)
    kinds: Annotated[
        list[Kind], msgspec.Meta(description="What it is about: refuses, waits, failed, ends; for any other kind everybody is told.")
    ] = msgspec.field(default_factory=list)

    @classmethod
    def from_rule(cls, rule: Rule | None) -> NotificationRuleDocument:
        """The document of a stored rule; empty without one."""
        if rule is None:
            return cls()
        connections = [str(id) for way in rule.ways if (id := connection_of(way)) is not None]
        return cls(
            users=[str(user) for user in sorted(rule.users)],
            connections=connections,
            addresses=[way for way in rule.ways if connection_of(way) is None],
            kinds=[kind for kind in Kind if kind in rule.kinds],
        )

    @property
    def rule(self) -> Rule:
        """The rule. Raises Invalid."""
        ways = _ways([*((id, None) for id in self.connections), *((None, address) for address in self.addresses)], "connections")
        users = [int(user) for user in self.users if user.isascii() and user.isdecimal() and len(user) < 19]
        if len(users) < len(self.users):
            raise Invalid({"users": [Sentence("Choose people of this account.")]})
        return Rule(frozenset(users), ways, frozenset(self.kinds))


class RuleOfThing(NotificationRuleDocument, kw_only=True):
    """A rule with what it is about."""

    scope: Scope
    thing: Id


class NotificationMessageDocument(Document):
    """A message of the last 30 days."""

    id: Id
    kind: str
    phase: Annotated[str, msgspec.Meta(description="opened, resolved, summary or test.")]
    title: str
    way: Annotated[str, msgspec.Meta(description="mail or connection.")]
    address: Annotated[str, msgspec.Meta(description="The e-mail address, or the id of the connection.")]
    state: Annotated[str, msgspec.Meta(description="waiting, sending, sent, not_sent or not_needed.")]
    result: Annotated[str, msgspec.Meta(description="Why it was not sent.")]
    created: datetime
    ended: datetime | None

    @classmethod
    def from_row(cls, row: Message) -> NotificationMessageDocument:
        """The document of a row."""
        return cls(
            id=str(row.pk),
            kind=row.kind,
            phase=row.phase,
            title=row.title,
            way=row.way,
            address=row.address,
            state=MessageState(row.state).name.lower(),
            result=row.result,
            created=row.created,
            ended=row.ended,
        )


def _ways(places: list[tuple[str | None, str | None]], field: str) -> tuple[str, ...]:
    ways = []
    for connection, address in places:
        if (connection is None) == (address is None):
            raise Invalid({field: [Sentence("Name a connection or an address, one of the two.")]})
        if connection is not None and not (connection.isascii() and connection.isdecimal() and len(connection) < 19):
            raise Invalid({field: [Sentence("This connection is gone. Choose another one.")]})
        ways.append(way_of_connection(int(connection)) if connection is not None else str(address).lower())
    if len(set(ways)) < len(ways):
        raise Invalid({field: [Sentence("Each place once.")]})
    return tuple(ways)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(clock: str) -> int:
    hours, _colon, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
