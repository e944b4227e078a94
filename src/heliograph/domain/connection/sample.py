"""An invented registration, for testing a connection before any real one has changed: Send a sample, the test URL (C3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import unquote_plus, urlsplit
from zoneinfo import ZoneInfo

from heliograph.domain.connection.connection import Auth
from heliograph.domain.connection.request import PreparedConnection, Request, limit_problems, query_text
from heliograph.domain.connection.target_url import parse_path_and_query
from heliograph.domain.mapping.mapping import FixedText, MappingRow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import ValueProblem
from heliograph.domain.mapping.row import ValueType
from heliograph.domain.setup.fields import (
    EVENT_FIELDS,
    PROFILE_FIELDS,
    REGISTRATION_FIELDS,
    SESSION_FIELDS,
    FieldGroup,
    Value,
    parse_source,
)

_PROFILE: Final[Mapping[str, str]] = {
    "pin": "SAMPLE-1",
    "first_name": "Ada",
    "last_name": "Sample",
    "badge_name": "Ada Sample",
    "email": "ada.sample@example.org",
    "phone": "+44 20 7946 0000",
    "mobile": "+44 7700 900000",
    "organization": "Example Ltd",
    "city": "London",
    "postal_code": "SW1A 1AA",
    "country": "United Kingdom",
    "website": "https://example.org",
}
_PLAIN: Final[Mapping[str, str]] = {
    "macro.registrant": "Ada Sample",
    "macro.change_id": "4711",
    "macro.change_type": "status_changed",
    "registration.status": "Registered",
    "event.name": "Sample Event",
}
"""Fields whose label would make no message that reads like a real one. Those of the change are written as `ChangeFacts` writes them."""
_CODES: Final[Mapping[str, str]] = {"registration": "SAMPLE-1", "event": "SAMPLE-EVENT", "session": "SAMPLE-SESSION"}
_INSTANTS: Final = frozenset({"start", "end", "created", "modified", "status_modified", "current_datetime"})
_LABELS: Final = {"registration": REGISTRATION_FIELDS, "event": EVENT_FIELDS, "session": SESSION_FIELDS}


class SampleFacts:
    """Gives every source field a plausible value that is recognizable as a sample."""

    def __init__(self, now: datetime, timezone: str, account: str, mapping: FieldMapping | None = None) -> None:
        """now: an instant
        timezone: the name of the timezone of the current date and the event
        account: the code of the account
        mapping: values of answers and custom fields are such that it can send them
        """
        self._now, self._timezone, self._account = now, timezone, account
        self._suiting = _suiting(mapping, now) if mapping is not None else {}

    def value(self, source: str, /) -> Value:
        """A sample value. Raises FieldError for an invalid key."""
        key = parse_source(source)
        area, _, name = source.removeprefix("previous.").partition(".")
        if f"{area}.{name}" in _PLAIN:
            return _PLAIN[f"{area}.{name}"]
        if area == "profile" and name in PROFILE_FIELDS:
            return _PROFILE.get(name, f"Sample {PROFILE_FIELDS[name]}")
        if key.group in (FieldGroup.STANDARD_PROPERTIES, FieldGroup.CUSTOM_PROPERTIES):
            return False
        if name in _INSTANTS:
            return self._now
        if name == "current_date":
            return self._now.astimezone(ZoneInfo(self._timezone)).date()
        if name in ("active", "test"):
            return True
        if name == "timezone":
            return self._timezone
        if name == "code":
            return self._account if area == "account" else _CODES.get(area, "SAMPLE")
        label = _LABELS.get(area, {}).get(name)
        return f"Sample {label}" if label else self._suiting.get(source, "Sample answer")


def _suiting(mapping: FieldMapping, now: datetime) -> dict[str, Value]:
    """Invented values of source fields that suit their rows: of the row's type, an instant for a date format, an entry of the value map."""
    values: dict[str, Value] = {}
    for row in mapping.rows:
        for part in row.sources:
            if part.value_map is not None and part.value_map.entries:
                values.setdefault(part.key, part.value_map.entries[0][0])
            elif part.date_format is not None:
                values.setdefault(part.key, now)
            elif row.type is ValueType.BOOLEAN:
                values.setdefault(part.key, True)
            elif row.type in (ValueType.NUMBER, ValueType.NUMBERS):
                values.setdefault(part.key, 1)
    return values


SAMPLE_TEXT: Final = "This is a sample from Heliograph."


def sample_mapping() -> FieldMapping:
    """The mapping for a connection that no flow uses yet."""
    text = FixedText(f"{SAMPLE_TEXT} Nobody has registered.")
    return FieldMapping("Sample", rows=(MappingRow("text", (text,)), MappingRow("sample", (FixedText("yes"),))))


def trace_of_sample(request: Request, sources: Collection[str]) -> str:
    """A text by which a person finds the sample in the target; "" if the request contains none.

    sources: the source keys of the mapping
    """
    content = urlsplit(request.url).query if request.body is None else request.body.decode("utf-8", "replace")
    sent = unquote_plus(content).casefold()
    name = _PROFILE["badge_name"]
    if {"profile.first_name", "profile.last_name"} <= set(sources) and all(part.casefold() in sent for part in name.split()):
        return name
    traces = (name, _PROFILE["email"], _CODES["registration"], SAMPLE_TEXT.removesuffix("."), _CODES["event"], _CODES["session"], "Sample")
    return next((trace for trace in traces if trace.casefold() in sent), "")


def ask_test_url(
    prepared: PreparedConnection, path_and_query: str, facts: SampleFacts, *, bearer: str | None = None, zone: tzinfo = UTC
) -> Request | ValueProblem:
    """The GET request for the test URL, authenticated like the connection. Raises AddressError.

    path_and_query: that of the test URL
    """
    connection = prepared.connection
    filled = parse_path_and_query(path_and_query).fill(facts, zone)
    if isinstance(filled, ValueProblem):
        return filled
    query = query_text(prepared.query)
    glue = "" if not query or filled.endswith(("?", "&")) else "&" if "?" in filled else "?"
    url = f"{connection.test_origin}{filled}{glue}{query}"
    headers = {name.lower(): (name, value) for name, value in (*prepared.fixed, *prepared.auth) if name.lower() != "content-type"}
    if connection.auth is Auth.OAUTH2 and bearer is not None:
        headers["authorization"] = ("Authorization", f"Bearer {bearer}")
    problem = next(iter(limit_problems(url, headers.values())), None)
    return problem or Request("GET", url, tuple(headers.values()), None, prepared.hidden)
