"""Presets: a connection, its mapping and its response rule for a well-known target, with blanks to fill in (B3).

A preset is data; `connections/presets` has one file for each. `{{name}}` stands for the filled-in value: percent-encoded within a URL,
unchanged elsewhere. Source fields in a URL keep their single braces. The result is a connection's body and mappings' bodies: saved like any
other, and freely editable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.response_rule import read_rule
from heliograph.domain.connection.target_url import AddressError, split_address
from heliograph.domain.delivery.action import Does
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError, checked_text
from heliograph.domain.sentence_template import at_place, joined, whole_sentence, without_stop
from heliograph.domain.setup.fields import EVENT_FIELDS, PROFILE_FIELDS, REGISTRATION_FIELDS

LONGEST: Final = 4_000
_PLACE: Final = re.compile(r"\{\{([a-z_]+)\}\}")
_FORM_FIELDS: Final[Mapping[str, str]] = {
    label.casefold(): f"{area}.{name}"
    for area, fields in (("event", EVENT_FIELDS), ("registration", REGISTRATION_FIELDS), ("profile", PROFILE_FIELDS))
    for name, label in fields.items()
}


class BlankKind(StrEnum):
    """The kinds of values for blanks."""

    TEXT = "text"
    NUMBER = "number"
    SECRET = "secret"  # noqa: S105 - a kind of blank
    URL = "url"
    ORIGIN = "origin"
    """A URL of which only scheme, host and port count."""
    FORM = "form"
    """A form's pre-filled link: each answer in it names the field for that question."""


class PresetGroup(StrEnum):
    """The groups of presets, in the order of the page."""

    ANY = "any"
    CHAT = "chat"
    LISTS = "lists"
    """Lists and other tools."""
    CRM = "crm"
    """CRM and marketing."""


@dataclass(frozen=True, slots=True)
class Blank:
    """A field to fill."""

    name: str
    label: str
    kind: BlankKind = BlankKind.TEXT
    help: str = ""
    default: str = ""
    """The value at first."""
    required: bool = True
    hosts: tuple[str, ...] = ()
    """Allowed hosts of the URL, including their subdomains. If there are any, the URL must begin with https."""
    path: str = ""
    """The beginning that the URL's path must have."""

    @property
    def takes_fields(self) -> bool:
        """True if the URL may contain source fields (C2), because it is that of any application. The URL of a particular application is
        complete."""
        return self.kind is BlankKind.URL and not self.hosts


class BlanksWrong(HeliographError):
    """Some blanks are not filled in correctly. reasons: a sentence by name of the blank."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(joined(" ", (at_place(name, reason) for name, reason in reasons.items())))
        self.reasons = dict(reasons)


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled-in preset."""

    url: str = field(repr=False)
    fields: Mapping[str, object]
    """Of the connection's body."""
    secrets: Mapping[str, str] = field(repr=False)
    """By name."""
    mappings: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset."""

    key: str
    name: str
    group: PresetGroup
    what: str
    """This and the next two are sentences for the page of presets."""
    needs: str
    sets: str
    does: Does
    """The effect of a request at the target."""
    blanks: tuple[Blank, ...]
    connection: Mapping[str, Any]
    mappings: tuple[Mapping[str, Any], ...]
    sample: Mapping[str, Any]
    """The blanks of an example, and the request that they make."""
    ask: tuple[str, ...] = ()
    """Questions to the target's administrator."""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """The pages of the vendor that the facts come from."""

    def fill(self, values: Mapping[str, str], *, http: bool = False) -> Filled:
        """The connection and the mappings with the blanks filled in. Raises BlanksWrong.

        http: True to allow URLs without TLS
        """
        wrong: dict[str, str] = {}
        clean: dict[str, str] = {}
        rows: list[dict[str, object]] = []
        for blank in self.blanks:
            try:
                clean[blank.name], more = _take(blank, str(values.get(blank.name, blank.default)), http=http)
                rows += more
            except BodyError as error:
                wrong[blank.name] = whole_sentence(error.reason)
        if wrong:
            raise BlanksWrong(wrong)
        connection = {key: value for key, value in self.connection.items() if key != "when"}
        for name, more_fields in self.connection.get("when", {}).items():
            if clean.get(name):
                connection |= more_fields
        whole = {blank.name for blank in self.blanks if blank.kind in (BlankKind.URL, BlankKind.ORIGIN, BlankKind.FORM)}
        url = _PLACE.sub(lambda m: clean[m[1]] if m[1] in whole else quote(clean[m[1]], safe=":"), connection.pop("url"))
        secrets = {name: _filled(text, clean) for name, text in connection.pop("secrets", {}).items()}
        return Filled(url, _filled(connection, clean), secrets, tuple(_mapping(body, clean, rows) for body in self.mappings))

    def address_problem(self, typed: str, *, http: bool = False) -> str | None:
        """What is wrong with a value of the blank of its address, as a sentence; "" if nothing is. None if it has no such blank, or nothing was
        typed.

        http: True to allow URLs without TLS
        """
        blank = self.address_blank
        if blank is None or not typed.strip():
            return None
        try:
            _take(blank, typed, http=http)
        except BodyError as error:
            return whole_sentence(error.reason)
        return ""

    def start(self) -> tuple[Mapping[str, object], ...]:
        """The mappings alone, for an existing connection. A row that was made from an empty blank has no source yet."""
        clean = {blank.name: blank.default for blank in self.blanks}
        bodies = []
        for mapping in self.mappings:
            body = _mapping(mapping, clean, ())
            rows = [{**row, "parts": [part for part in row["parts"] if part.get("text") != ""]} for row in body["rows"]]
            bodies.append({**body, "rows": rows})
        return tuple(bodies)

    def matches(self, search: str) -> bool:
        """Whether every word of a search is in the name or in what the preset does and needs. Case makes no difference."""
        text = f"{self.name} {self.what} {self.needs}".casefold()
        return all(word in text for word in search.casefold().split())

    @property
    def address_blank(self) -> Blank | None:
        """The blank whose value is the address to which it sends; None if the address is put together from parts."""
        is_whole = (BlankKind.URL, BlankKind.ORIGIN, BlankKind.FORM)
        return next((each for each in self.blanks if each.name == self.url_blank and each.kind in is_whole), None)

    @property
    def url_blank(self) -> str:
        """The blank to blame for a wrong URL."""
        return next(iter(_PLACE.findall(self.connection["url"])), "name")


def preset_of(connection: Connection, presets: Iterable[Preset]) -> Preset | None:
    """The preset that a connection was made from, as far as can be told: its host is that of the application, or its response rule is the
    preset's. None for any other."""
    host = connection.origin.partition("://")[2].partition(":")[0]
    by_host: list[Preset] = []
    by_rule: list[Preset] = []
    for preset in presets:
        hosts = [name for blank in preset.blanks for name in blank.hosts]
        if host and any(host == name or host.endswith(f".{name}") for name in hosts):
            by_host.append(preset)
        if connection.rule and read_rule(Body({"rule": preset.connection.get("rule", [])})) == connection.rule:
            by_rule.append(preset)
    return next(iter([*(preset for preset in by_host if preset in by_rule), *by_rule, *by_host]), None)


def read_preset(key: str, data: Mapping[str, Any]) -> Preset:
    """Parses a preset's file. Raises BodyError."""
    body = Body(data)
    own = Blank("name", "Connection Name", default=body.text("name"))
    return Preset(
        key=key,
        name=body.text("name"),
        group=body.choice("group", PresetGroup),
        what=body.text("what"),
        needs=body.text("needs"),
        sets=body.text("sets"),
        does=body.choice("does", Does),
        blanks=(own, *(_blank(Body(item, where)) for where, item in body.items("blank", most=20))),
        connection=data["connection"],
        mappings=tuple(data["mapping"]),
        sample=data["sample"],
        ask=body.texts("ask", most=10, longest=500),
        notes=body.texts("notes", most=10, longest=500),
        sources=body.texts("sources", most=10),
    )


def _blank(body: Body) -> Blank:
    return Blank(
        name=body.text("name"),
        label=body.text("label"),
        kind=body.choice("kind", BlankKind, BlankKind.TEXT),
        help=body.text("help", longest=500),
        default=body.text("default", longest=500),
        required=body.flag("required", default=True),
        hosts=body.texts("hosts", most=10),
        path=body.text("path"),
    )


def _take(blank: Blank, text: str, *, http: bool) -> tuple[str, list[dict[str, object]]]:
    """The checked value of a blank, and the rows from a form's link. Raises BodyError."""
    value = checked_text(text.strip(), blank.name, longest=LONGEST)
    if not value:
        if blank.required:
            raise BodyError(blank.name, "%(label)s is missing", label=blank.label)
        return "", []
    if blank.kind is BlankKind.NUMBER and not (value.isascii() and value.isdigit()):
        raise BodyError(blank.name, "this is a number; it contains only digits")
    if blank.kind not in (BlankKind.URL, BlankKind.ORIGIN, BlankKind.FORM):
        if any(ord(char) < 32 for char in value):
            raise BodyError(blank.name, "it contains a line break or another control character")
        return value, []
    try:
        address = split_address(value if "://" in value else f"https://{value}", http=http and not blank.hosts)
    except AddressError as error:
        raise BodyError(blank.name, without_stop(error.sentence)) from None
    host = address.origin.partition("://")[2].partition(":")[0]
    if blank.hosts and not any(host == name or host.endswith(f".{name}") for name in blank.hosts):
        raise BodyError(
            blank.name,
            "its host is %(hosts)s, this one is %(host)s; for another application, go back and choose that one",
            hosts=" or ".join(blank.hosts),
            host=host,
        )
    path, _, query = address.path_and_query.partition("?")
    if not path.startswith(blank.path):
        raise BodyError(blank.name, "its path begins with %(path)s; copy the whole address", path=blank.path)
    if blank.kind is BlankKind.ORIGIN:
        return address.origin, []
    if blank.kind is BlankKind.URL:
        return f"{address.origin}{address.path_and_query}", []
    return f"{address.origin}{path.rpartition('/')[0]}/formResponse", list(_form_rows(blank, query))


def _form_rows(blank: Blank, query: str) -> Iterator[dict[str, object]]:
    """A row for each answer of a pre-filled link: `entry.123=First+Name` gets the registrant's first name."""
    entries = [(name, value.strip()) for name, value in parse_qsl(query) if name.startswith("entry.")]
    if not entries:
        raise BodyError(
            blank.name, "it has no answers: in the form choose “Get pre-filled link”, answer with names of fields such as First Name"
        )
    seen: set[str] = set()
    for name, label in entries:
        key = _FORM_FIELDS.get(label.casefold())
        if key is None:
            raise BodyError(
                blank.name,
                "%(name)s: there is no field “%(label)s”; names are such as First Name, Last Name, E-mail, Event Name",
                name=name,
                label=label[:60],
            )
        if name not in seen:
            yield {"target": name, "parts": [{"source": key}]}
        seen.add(name)


def _mapping(body: Mapping[str, Any], clean: Mapping[str, str], form: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """A mapping's body; a row with `if` is omitted if that blank is empty."""
    rows = [
        _filled({key: value for key, value in row.items() if key != "if"}, clean)
        for row in body.get("rows", [])
        if "if" not in row or clean.get(row["if"])
    ]
    return {**_filled({key: value for key, value in body.items() if key != "rows"}, clean), "rows": [*rows, *form]}


def _filled(value: Any, clean: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda match: clean[match[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(entry, clean) for key, entry in value.items()}
    return [_filled(entry, clean) for entry in value] if isinstance(value, list) else value
