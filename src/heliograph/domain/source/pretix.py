"""The settings of a source that reads pretix: whose orders, and what their parts become here (S4).

They are kept in the settings of a source under "pretix". `pretix_list` makes of them the list that is read and the mapping; `pretix_orders` says
which registrations an order holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.source.call_mapping import ANSWERS, CUSTOM, PROFILE, PROPERTIES, target_problem
from heliograph.domain.source.pretix_orders import MOST_ITEMS, MOST_LISTS, MOST_QUESTIONS, PretixState, SessionState

PRETIX: Final = "pretix"
"""The key of the platform, and of these settings in those of a source."""
HOSTED: Final = "https://pretix.eu"
MOST_EVENTS: Final = 500
MOST_OPTIONS: Final = 200
LONGEST_NAME: Final = 100
_SLUG: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.\-]{0,99}")
_ITEM: Final = re.compile(r"[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")
_IDENTIFIER: Final = re.compile(r"[a-zA-Z0-9.\-_]{1,190}")


SESSION_STATUSES: Final = {
    SessionState.REGISTERED: "Registered",
    SessionState.ATTENDED: "Attended",
    SessionState.CANCELLED: "Cancelled",
}
"""The standard statuses of session registrations (P5), by state."""


class ItemUse(StrEnum):
    """What becomes of a product."""

    TYPE = "attendee type"
    """Who has it is a registration of this attendee type."""
    SESSION = "session"
    """As an add-on it is a session registration of whom it belongs to."""
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class PretixEvent:
    """An event that is read."""

    slug: str
    """In pretix."""
    code: str
    """Of the event here."""
    date: int | None = None
    """The number of one date of an event series; None: the event itself, or all dates of a series that are not events of their own."""

    @property
    def key(self) -> str:
        """As `pretix_orders` writes the event of a place: tour for an event or a series, tour/12 for a date."""
        return self.slug if self.date is None else f"{self.slug}/{self.date}"

    @classmethod
    def from_key(cls, key: str, code: str) -> PretixEvent:
        """The event with this key."""
        slug, _, date = key.partition("/")
        return cls(slug, code, int(date)) if date.isdecimal() else cls(key, code)


@dataclass(frozen=True, slots=True)
class PretixItem:
    """A product, or one variation of it."""

    key: str
    """Its number, such as 12; with the number of a variation 12/5."""
    use: ItemUse
    name: str = ""
    """The attendee type or the session here, by name or code."""


@dataclass(frozen=True, slots=True)
class PretixQuestion:
    """A question whose answers come along."""

    identifier: str
    target: str
    """The field of the registration: `answers.diet`, `profile.position`, `profile.custom.size`, `properties.VIP`. Questions of different events
    can have the same."""
    options: tuple[tuple[str, str], ...] = ()
    """Of a question with choices, the identifier of each in pretix with its value here. Without any the answer's text is taken."""


@dataclass(frozen=True)
class PretixSettings:
    """What a source reads from pretix. Raises BodyError for settings that contradict each other."""

    server: str = HOSTED
    """Scheme and host, with a path if pretix is below one."""
    organizer: str = ""
    connection: int | None = None
    """The connection that holds the token, as header `Authorization: Token …`, or that signs in by OAuth2. Its server is this one."""
    events: tuple[PretixEvent, ...] = ()
    """Without any: all that the token may see, also those that are added later. The event's code here is then its slug."""
    statuses: tuple[tuple[PretixState, str], ...] = ()
    """Our registration status of each state."""
    items: tuple[PretixItem, ...] = ()
    """A product that is not among them makes its order wait."""
    questions: tuple[PretixQuestion, ...] = ()
    include_test_mode: bool = False
    """Orders of the test mode come as Test registrations."""
    checkin_lists: tuple[int, ...] = ()
    """The lists at which an entry counts as Attended; without any: all."""
    orderer_stands_in: bool = True
    """Who ordered gives name, e-mail, phone and company of the one who attends, if pretix does not ask for them. Of several in one order,
    only the phone and company."""
    orderer_email: str = ""
    """The custom profile field that gets the e-mail of who ordered, by name or code; "" for none."""
    every: int = 5
    """Minutes between the beginnings of two readings."""
    rate: int = 180
    """Requests a minute, at most. pretix.eu allows 360, for all programs of an organizer together."""
    event_codes: dict[str, str] = field(init=False, compare=False, repr=False)
    """Our code of each event, by `PretixEvent.key`."""

    def __post_init__(self) -> None:
        _check_server(self.server)
        if not _SLUG.fullmatch(self.organizer):
            raise BodyError("organizer", "the short form of an organizer is missing, as in the address of its shop")
        _check_once("events", [event.key for event in self.events])
        for event in self.events:
            if not _SLUG.fullmatch(event.slug) or not event.code.strip():
                raise BodyError("events", "“%(name)s” needs its short form in pretix, and the code of an event here", name=event.slug[:50])
        _check_once("statuses", [state for state, _ in self.statuses])
        _check_once("items", [item.key for item in self.items])
        for item in self.items:
            if not _ITEM.fullmatch(item.key):
                raise BodyError("items", "“%(name)s” is no number of a product", name=item.key[:50])
            if item.use is not ItemUse.LEFT_OUT and not item.name.strip():
                raise BodyError("items", "product %(key)s needs the %(use)s that it is here", key=item.key, use=item.use)
        _check_once("questions", [question.identifier for question in self.questions])
        for question in self.questions:
            if not _IDENTIFIER.fullmatch(question.identifier):
                raise BodyError("questions", "“%(name)s” is no identifier of a question", name=question.identifier[:50])
            if not question.target.startswith((ANSWERS, CUSTOM, PROFILE, PROPERTIES)) or target_problem(question.target):
                raise BodyError("questions", "“%(name)s” is no field for an answer", name=question.target[:50])
        object.__setattr__(self, "event_codes", {event.key: event.code for event in self.events})

    @property
    def api(self) -> str:
        """The address of the organizer in pretix's REST API, with its slash."""
        return f"{self.server.rstrip('/')}/api/v1/organizers/{self.organizer}/"

    @property
    def lacks_statuses(self) -> tuple[PretixState, ...]:
        """The states without a status of ours: an order in one of them would wait."""
        there = {state for state, status in self.statuses if status}
        return tuple(state for state in PretixState if state not in there)

    def to_body(self) -> dict[str, Any]:
        """The settings as JSON; `from_body` reads it back."""
        return {
            "server": self.server,
            "organizer": self.organizer,
            "connection": self.connection,
            "events": [{"slug": each.slug, "code": each.code, "date": each.date} for each in self.events],
            "statuses": {state.value: status for state, status in self.statuses},
            "items": [{"key": each.key, "use": each.use.value, "name": each.name} for each in self.items],
            "questions": [
                {"identifier": each.identifier, "target": each.target, "options": [list(pair) for pair in each.options]}
                for each in self.questions
            ],
            "include_test_mode": self.include_test_mode,
            "checkin_lists": list(self.checkin_lists),
            "orderer_stands_in": self.orderer_stands_in,
            "orderer_email": self.orderer_email,
            "every": self.every,
            "rate": self.rate,
        }

    @classmethod
    def from_body(cls, value: object, where: str = "") -> PretixSettings:
        """Reads settings. Raises BodyError with the place and the reason."""
        body = Body(value, where)
        statuses = body.nested("statuses") if body.has("statuses") else Body({})
        try:
            return cls(
                server=body.text("server", HOSTED),
                organizer=body.text("organizer"),
                connection=body.number("connection", least=1, most=2**53),
                events=tuple(_event(Body(item, at)) for at, item in body.items("events", most=MOST_EVENTS)),
                statuses=tuple((state, statuses.text(state.value, longest=LONGEST_NAME)) for state in PretixState if statuses.has(state)),
                items=tuple(_item(Body(item, at)) for at, item in body.items("items", most=MOST_ITEMS)),
                questions=tuple(_question(Body(item, at)) for at, item in body.items("questions", most=MOST_QUESTIONS)),
                include_test_mode=body.flag("include_test_mode"),
                checkin_lists=tuple(_list_number(at, item) for at, item in body.items("checkin_lists", most=MOST_LISTS)),
                orderer_stands_in=body.flag("orderer_stands_in", default=True),
                orderer_email=body.text("orderer_email", longest=LONGEST_NAME),
                every=body.number("every", least=1, most=1_440) or 5,
                rate=body.number("rate", least=1, most=6_000) or 180,
            )
        except BodyError as error:
            if where and not error.where.startswith(where):
                raise BodyError(body.at(error.where), error.reason) from None
            raise


def _event(body: Body) -> PretixEvent:
    return PretixEvent(
        body.text("slug", longest=LONGEST_NAME), body.text("code", longest=LONGEST_NAME), body.number("date", least=1, most=2**53)
    )


def _item(body: Body) -> PretixItem:
    return PretixItem(body.text("key", longest=50), body.choice("use", ItemUse), body.text("name", longest=LONGEST_NAME))


def _question(body: Body) -> PretixQuestion:
    return PretixQuestion(body.text("identifier"), body.text("target"), body.pairs("options", most=MOST_OPTIONS))


def _list_number(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BodyError(where, "expected the number of a check-in list")
    return value


def _check_server(server: str) -> None:
    try:
        parts = urlsplit(server)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        is_server = is_server and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        is_server = False
    if not is_server or any(not character.isprintable() or character in " {}" for character in server):
        raise BodyError("server", "expected the address of a pretix, such as https://pretix.eu")


def _check_once(where: str, keys: list[str]) -> None:
    twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
    if twice is not None:
        raise BodyError(where, "“%(name)s” is there twice", name=twice[:100])
