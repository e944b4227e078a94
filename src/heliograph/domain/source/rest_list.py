"""The description of a REST list as data: where it is, how its pages follow each other, and where in an answer the items are (S3).

`read_progress` decides what is asked next; this module writes the address of that request, and `list_page` reads its answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import Path, PathError, parse_path
from heliograph.domain.sentence_template import SentenceValue
from heliograph.domain.source.source_times import SECOND, SinceFormat, write_since

MINUTE: Final = 60 * SECOND
DAY: Final = 1_440 * MINUTE
MOST_QUERIES: Final = 30
MOST_ONLY: Final = 500
LONGEST_ADDRESS: Final = 2_000
LARGEST_PAGE: Final = 5_000
SLOWEST: Final = 10_080
"""The longest interval between two readings, in minutes: a week."""
_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
_SINCE, _KEY = "{since}", "{key}"


class RestListError(HeliographError):
    """A REST list cannot be described so. place: the field with the fault."""

    def __init__(self, place: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        super().__init__(reason, **values)
        self.place = place


class Paging(StrEnum):
    """How the next page of a list is found."""

    NUMBER = "number"
    OFFSET = "offset"
    CURSOR = "cursor"
    """A member of the answer is sent back as a parameter."""
    LINK = "link"
    """The answer has the address of the next page: in a member, or in the Link header."""
    ONE = "one"
    """The answer is the whole list."""


class ClockPlace(StrEnum):
    """Where an answer tells the time of its server."""

    DATE = "Date"
    PAGE_GENERATED = "X-Page-Generated"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: a page, from the beginning of the list or from a time on."""

    page: int = 0
    """Pages before it."""
    items: int = 0
    """Items on the pages before it."""
    next: str = ""
    """The cursor or the address that the page before it gave."""

    @property
    def is_first(self) -> bool:
        return self == Place()


@dataclass(frozen=True, slots=True)
class RestList:
    """A REST list of an account. Raises RestListError for settings that contradict each other."""

    address: str
    """It may contain {since}, for a list that takes the time in its path."""
    connection: int | None = None
    """The connection whose authorization is used."""
    query: tuple[tuple[str, str], ...] = ()
    """Members of the query besides the address's; {since} in a value is replaced."""
    paging: Paging = Paging.NUMBER
    page_parameter: str = "page"
    """The parameter for the number, the offset or the cursor."""
    first_page: int = 1
    """The number of the first page."""
    size_parameter: str = ""
    size: int = 100
    next_path: str = ""
    """The member with the cursor or the address of the next page; "" for the Link header."""
    since_parameter: str = ""
    """"" (and no {since} elsewhere): the whole list is read each time."""
    since_format: SinceFormat = SinceFormat.ISO
    is_inclusive: bool = True
    """An item that was modified exactly at the time asked for is in the answer."""
    is_ordered: bool = False
    """The list is sorted by the time of change, the oldest first."""
    zone: str = "UTC"
    """The time zone of times that name none."""
    items_path: str = ""
    """"" if the answer is the list."""
    key_path: str = "id"
    modified_path: str = ""
    deleted_path: str = ""
    """A member that has a value other than false, 0 and null if the item was deleted."""
    active_path: str = ""
    """A member that is false, 0 or null if the item was deleted."""
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Members, each with the texts of which it must have one; an item without is not kept."""
    clock: ClockPlace = ClockPlace.DATE
    clock_path: str = ""
    """The member with the server's time."""
    item_address: str = ""
    """The address of one item, with {key}. It answers 404 for a deleted one."""
    is_empty_404: bool = False
    """A list with nothing in it answers 404."""
    overlap: int = 5 * MINUTE
    """Microseconds before the newest known change from which each reading begins: platforms show a change later than they date it."""
    every: int = 15
    """Minutes between the beginnings of two readings."""
    rate: int = 60
    """Requests a minute, at most."""
    sweep: bool = True
    """Compares all keys once a night, to notice what was deleted."""
    paths: dict[str, Path] = field(default_factory=dict, init=False, compare=False, repr=False)
    only_paths: tuple[tuple[Path, frozenset[str]], ...] = field(default=(), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for place, text in (("address", self.address), ("item_address", self.item_address)):
            _check_address(place, text)
        if self.item_address and _KEY not in self.item_address:
            raise RestListError("item_address", "The address of one item needs {key}, for which the item's key is put in.")
        if not self.key_path:
            raise RestListError("key", "Choose the member that identifies an item and never changes.")
        if self.paging in (Paging.NUMBER, Paging.OFFSET, Paging.CURSOR) and not self.page_parameter:
            raise RestListError("page_parameter", "The parameter for the next page is missing.")
        if self.paging is Paging.CURSOR and not self.next_path:
            raise RestListError("next", "Choose the member with the cursor of the next page.")
        if self.takes_since and not self.modified_path:
            raise RestListError("modified", "Asking only for what changed needs the time of change of an item.")
        if self.is_ordered and not self.takes_since:
            raise RestListError("since", "A list is read in the order of changes only if it can be asked for what changed.")
        if self.clock is ClockPlace.MEMBER and not self.clock_path:
            raise RestListError("clock", "Choose the member with the server's time.")
        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise RestListError("zone", "“%(zone)s” is no time zone, such as Europe/Berlin.", zone=self.zone) from None
        for name in ("items", "key", "modified", "deleted", "active", "next", "clock"):
            text = getattr(self, f"{name}_path")
            if text:
                self.paths[name] = _path(name, text)
        only = tuple((_path("only", path), frozenset(text.casefold() for text in texts)) for path, texts in self.only)
        object.__setattr__(self, "only_paths", only)

    @property
    def takes_since(self) -> bool:
        """Whether it can be asked for what changed since a time."""
        return bool(self.since_parameter) or _SINCE in self.address or any(_SINCE in value for _, value in self.query)

    @property
    def origin(self) -> str:
        """Scheme, host and port: the only server that pages of this list come from."""
        return origin_of(self.address)

    def since_text(self, since: int) -> str:
        """The time as the list expects it, so that items of exactly this time are in the answer."""
        before = 0 if self.is_inclusive else self.since_format.unit
        return write_since(since - before, self.since_format, self.zone)

    def url(self, since: int | None, place: Place) -> str:
        """The address of a page.

        since: the time from which on changes are asked for; None for the whole list
        """
        if self.paging is Paging.LINK and place.next:
            return self._linked(place.next)
        text = "" if since is None else self.since_text(since)
        base, _, own_query = self.address.replace(_SINCE, quote(text, safe="")).partition("?")
        members = parse_qsl(own_query, keep_blank_values=True)
        for name, value in self.query:
            if since is not None or _SINCE not in value:
                members.append((name, value.replace(_SINCE, text)))
        if since is not None and self.since_parameter:
            members.append((self.since_parameter, text))
        if self.size_parameter:
            members.append((self.size_parameter, str(self.size)))
        match self.paging:
            case Paging.NUMBER:
                members.append((self.page_parameter, str(self.first_page + place.page)))
            case Paging.OFFSET:
                members.append((self.page_parameter, str(place.items)))
            case Paging.CURSOR if place.next:
                members.append((self.page_parameter, place.next))
            case _:
                pass
        return f"{base}?{urlencode(members)}" if members else base

    def item_url(self, key: str) -> str:
        """The address of one item."""
        return self.item_address.replace(_KEY, quote(key, safe=""))

    def _linked(self, link: str) -> str:
        """The address of a link, which must stay on the same server. Raises RestListError."""
        url = urljoin(self.address, link)
        if origin_of(url) != self.origin:
            raise RestListError(
                "next", "The link to the next page leads to another server, %(server)s, and was not followed.", server=origin_of(url)
            )
        return url

    def to_body(self) -> dict[str, Any]:
        """The description as JSON."""
        return {
            "address": self.address,
            "connection": self.connection,
            "query": [list(pair) for pair in self.query],
            "paging": self.paging.value,
            "page_parameter": self.page_parameter,
            "first_page": self.first_page,
            "size_parameter": self.size_parameter,
            "size": self.size,
            "next": self.next_path,
            "since_parameter": self.since_parameter,
            "since_format": self.since_format.value,
            "inclusive": self.is_inclusive,
            "ordered": self.is_ordered,
            "zone": self.zone,
            "items": self.items_path,
            "key": self.key_path,
            "modified": self.modified_path,
            "deleted": self.deleted_path,
            "active": self.active_path,
            "only": {path: list(texts) for path, texts in self.only},
            "clock": self.clock.value,
            "clock_member": self.clock_path,
            "item_address": self.item_address,
            "empty_404": self.is_empty_404,
            "overlap": self.overlap // SECOND,
            "every": self.every,
            "rate": self.rate,
            "sweep": self.sweep,
        }

    @classmethod
    def from_body(cls, value: object, where: str = "") -> RestList:
        """Reads a description. Raises BodyError with the place and the reason."""
        body = Body(value, where)
        overlap = body.number("overlap", least=0, most=DAY * 7 // SECOND)
        try:
            return cls(
                address=body.text("address", longest=LONGEST_ADDRESS),
                connection=body.number("connection", least=1, most=2**53),
                query=body.pairs("query", most=MOST_QUERIES),
                paging=body.choice("paging", Paging, Paging.NUMBER),
                page_parameter=body.text("page_parameter", "page"),
                first_page=_or(body.number("first_page", least=0, most=1), 1),
                size_parameter=body.text("size_parameter"),
                size=_or(body.number("size", least=1, most=LARGEST_PAGE), 100),
                next_path=body.text("next"),
                since_parameter=body.text("since_parameter"),
                since_format=body.choice("since_format", SinceFormat, SinceFormat.ISO),
                is_inclusive=body.flag("inclusive", default=True),
                is_ordered=body.flag("ordered"),
                zone=body.text("zone", "UTC"),
                items_path=body.text("items"),
                key_path=body.text("key", "id"),
                modified_path=body.text("modified"),
                deleted_path=body.text("deleted"),
                active_path=body.text("active"),
                only=_only(body),
                clock=body.choice("clock", ClockPlace, ClockPlace.DATE),
                clock_path=body.text("clock_member"),
                item_address=body.text("item_address", longest=LONGEST_ADDRESS),
                is_empty_404=body.flag("empty_404"),
                overlap=5 * MINUTE if overlap is None else overlap * SECOND,
                every=_or(body.number("every", least=1, most=SLOWEST), 15),
                rate=_or(body.number("rate", least=1, most=6_000), 60),
                sweep=body.flag("sweep", default=True),
            )
        except RestListError as error:
            raise BodyError(body.at(error.place), str(error)) from None


def _only(body: Body) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not body.has("only"):
        return ()
    only = body.nested("only")
    return tuple((path, only.texts(path, most=MOST_ONLY)) for path in only.keys(most=MOST_QUERIES))


def _or(number: int | None, default: int) -> int:
    return default if number is None else number


def _path(place: str, text: str) -> Path:
    try:
        return parse_path(text, in_list=True)
    except PathError as error:
        raise RestListError(place, str(error)) from None


def _check_address(place: str, address: str) -> None:
    if not address and place != "address":
        return
    try:
        parts = urlsplit(address)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise RestListError(place, "“%(address)s” is no address.", address=address[:200]) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise RestListError(place, "The address begins with https:// and the name of a server.")
    if parts.username is not None or parts.password is not None:
        raise RestListError(place, "A user and password belong into a connection, not into the address.")
    if parts.fragment or any(character.isspace() or not character.isprintable() for character in address):
        raise RestListError(place, "The address contains a character that an address cannot have, such as a space or #.")
    if "{" in parts.netloc:
        raise RestListError(place, "The name of the server must be written out.")
    known = _SINCE if place == "address" else _KEY
    for name in _PLACEHOLDER.findall(address):
        if f"{{{name}}}" != known:
            raise RestListError(place, "“{%(name)s}” is not known; %(known)s is.", name=name, known=known)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, in one spelling."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
