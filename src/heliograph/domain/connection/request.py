"""Builds the request that carries a change to a connection (guide: Adding a Connection; C1, C2, M9).

`prepare` combines a connection with its secrets, once per version of the connection. `build_request` renders the mappings for one change
and builds its request. Worker, preview and Save & Test all call these two. Data that a header or URL cannot contain gives `InvalidValues`:
a validation error, never retried.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Final
from urllib.parse import quote, urlencode

from heliograph.domain.connection.connection import Auth, Connection, ContentType, KeyPlace, Method
from heliograph.domain.connection.secret import MissingSecret, Secret, check_secret, read_secret
from heliograph.domain.connection.target_url import LONGEST_URL, URL, PathAndQuery, masked, parse_path_and_query
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import FactSource, InvalidValues, Rendered, ValueProblem, render
from heliograph.domain.mapping.paths import Json
from heliograph.domain.sentence_template import Sentence, gettext_noop

WEBHOOK_ID: Final = "webhook-id"
REPLAY: Final = "heliograph-replay"
"""The header of a replayed request, "true" (Y1)."""
AUTHENTICATES: Final = gettext_noop("is what the connection authenticates with, so no mapping may set it")
NO_TEXT: Final = gettext_noop("contains half a character (a lone surrogate)")

_json: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode_json(tree: Json) -> bytes:
    """Compact JSON in UTF-8."""
    return _json.encode(tree).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """A request, complete except for its signature."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    """None: no body is sent."""
    hidden: frozenset[str] = frozenset()
    """Lower-case names of the headers with credentials."""

    def with_default(self, name: str, value: str) -> Request:
        """With one more header, unless the connection or the mapping sets one of this name."""
        is_set = not value or any(each.lower() == name.lower() for each, _ in self.headers)
        return self if is_set else replace(self, headers=(*self.headers, (name, value)))

    @property
    def shown_url(self) -> str:
        """The URL as everyone may see it (C5)."""
        return masked(self.url)

    @property
    def shown_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers without credentials."""
        return tuple((name, "…" if name.lower() in self.hidden else value) for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class PreparedConnection:
    """A connection with its secrets, ready to build requests. It contains secrets: never log or store it."""

    connection: Connection
    path_and_query: PathAndQuery = field(repr=False)
    auth: tuple[tuple[str, str], ...] = field(repr=False)
    """The headers that authenticate it."""
    query: tuple[tuple[str, str], ...] = field(repr=False)
    """The parameters that authenticate it."""
    fixed: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The fixed headers, including encrypted ones."""
    hidden: frozenset[str] = frozenset()
    """Lower-case names of its own headers with credentials."""

    @property
    def credentials(self) -> list[str]:
        """Values of headers that authenticate, including fixed ones."""
        return [value for name, value in (*self.auth, *self.fixed) if name.lower() in self.hidden]

    @property
    def sends_json(self) -> bool:
        return self.connection.method is not Method.GET and self.connection.content_type is ContentType.JSON

    def build(
        self,
        payload: Rendered,
        headers: Rendered | None,
        facts: FactSource,
        *,
        webhook_id: str,
        timezone: tzinfo = UTC,
        bearer: str | None = None,
        encode: Callable[[Json], bytes] = encode_json,
        replay: bool = False,
    ) -> Request | InvalidValues:
        """The request for one change.

        webhook_id: the action's stable id (D1)
        timezone: the event's, for dates in the URL
        bearer: the access token of an OAuth2 connection, fetched by the caller; without one the request has no credentials
        encode: writes the JSON
        replay: marked as replayed
        """
        problems: list[ValueProblem] = []
        path_and_query = self.path_and_query.fill(facts, timezone)
        if isinstance(path_and_query, ValueProblem):
            problems.append(path_and_query)
            path_and_query = ""
        pairs = list(self.query)
        body = None
        try:
            if self.connection.method is Method.GET:
                pairs = payload.pairs() + pairs
            else:
                body = encode(payload.tree()) if self.sends_json else urlencode(payload.pairs()).encode()
            query = query_text(pairs)
        except UnicodeEncodeError:
            problems.append(ValueProblem("payload", NO_TEXT))
            query = ""
        glue = "" if not query or path_and_query.endswith(("?", "&")) else "&" if "?" in path_and_query else "?"
        url = f"{self.connection.origin}{path_and_query}{glue}{query}"
        problems += limit_problems(url, ())
        if not self.query_is_free(payload):
            problems.append(ValueProblem(self.connection.key_name, AUTHENTICATES))
        sent = self._headers(headers, webhook_id, bearer, problems, replay=replay)
        if problems:
            return InvalidValues(tuple(problems))
        hidden = self.hidden | headers.sealed if headers is not None else self.hidden
        return Request(self.connection.method.value, url, sent, body, hidden)

    def query_is_free(self, payload: Rendered) -> bool:
        """True if the query's payload does not use the parameter of the key."""
        if not self.query or self.connection.method is not Method.GET:
            return True
        return all(name != self.connection.key_name for name, _ in payload.pairs())

    def _headers(
        self, mapped: Rendered | None, webhook_id: str, bearer: str | None, problems: list[ValueProblem], *, replay: bool
    ) -> tuple[tuple[str, str], ...]:
        """All headers in order. A mapping's header replaces a fixed one, or the content type, of the same name."""
        prepared_headers: dict[str, tuple[str, str]] = {}
        if self.connection.method is not Method.GET:
            prepared_headers["content-type"] = ("Content-Type", self.connection.content_type.value)
        for name, value in self.fixed:
            prepared_headers[name.lower()] = (name, value)
        for name, value in mapped.headers() if mapped else ():
            if name.lower() == self.connection.auth_header:
                problems.append(ValueProblem(name, AUTHENTICATES))
            elif problem := header_rules.name_problem(name) or header_rules.value_problem(value):
                problems.append(ValueProblem(name, problem))
            else:
                prepared_headers[name.lower()] = (name, value.strip(" \t"))
        for name, value in self.auth:
            prepared_headers[name.lower()] = (name, value)
        if self.connection.auth is Auth.OAUTH2 and bearer is not None:
            prepared_headers["authorization"] = ("Authorization", f"Bearer {check_secret(Secret.KEY, bearer)}")
        prepared_headers[WEBHOOK_ID] = (WEBHOOK_ID, webhook_id)
        if replay:
            prepared_headers[REPLAY] = (REPLAY, "true")
        problems += limit_problems("", prepared_headers.values())
        return tuple(prepared_headers.values())


def limit_problems(url: str, headers: Iterable[tuple[str, str]]) -> list[ValueProblem]:
    """The problems of a URL and of headers that exceed the limits for all requests. Worker, preview and save share these limits."""
    problems = []
    if len(url) > LONGEST_URL:
        problems.append(ValueProblem(URL, Sentence("is longer than %(most)s characters", most=LONGEST_URL)))
    if sum(len(name) + len(value) for name, value in headers) > header_rules.MAX_TOGETHER:
        problems.append(ValueProblem("headers", header_rules.TOO_LONG))
    return problems


def query_text(pairs: Sequence[tuple[str, str]]) -> str:
    """A query as it is sent. Raises UnicodeEncodeError."""
    return urlencode(pairs, quote_via=quote, safe="")


def prepare(connection: Connection, secrets: Mapping[str, str]) -> PreparedConnection:
    """Combines a connection with its secrets, by name. Raises MissingSecret, and AddressError or ConnectionSetupError for a secret that no
    request can carry."""
    auth: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    if connection.auth is Auth.BASIC:
        credentials = f"{connection.user_name}:{read_secret(secrets, Secret.PASSWORD)}".encode()
        auth = (("Authorization", f"Basic {base64.b64encode(credentials).decode()}"),)
    elif connection.auth is Auth.KEY:
        key = check_secret(Secret.KEY, read_secret(secrets, Secret.KEY))
        if connection.key_place is KeyPlace.BEARER:
            auth = (("Authorization", f"Bearer {key}"),)
        elif connection.key_place is KeyPlace.HEADER:
            auth = ((connection.key_name, key),)
        else:
            query = ((connection.key_name, key),)
    fixed = tuple((name, _fixed_value(name, value, secrets)) for name, value in connection.headers)
    path_and_query = parse_path_and_query(read_secret(secrets, Secret.PATH))
    hidden = {"authorization", "cookie", connection.auth_header or "authorization", *map(str.lower, connection.sealed_headers)}
    return PreparedConnection(connection, path_and_query, auth, query, fixed, frozenset(hidden))


def _fixed_value(name: str, value: str, secrets: Mapping[str, str]) -> str:
    """A fixed header's value; that of a credential is never in the connection itself."""
    if not header_rules.is_secret_name(name):
        return value
    secret = secrets.get(header_rules.sealed_field(name), "")
    if not secret:
        raise MissingSecret(name)
    return secret


def build_request(
    prepared: PreparedConnection,
    payload: FieldMapping,
    header: FieldMapping | None,
    facts: FactSource,
    *,
    webhook_id: str,
    timezone: tzinfo = UTC,
    bearer: str | None = None,
    encode: Callable[[Json], bytes] = encode_json,
    replay: bool = False,
) -> Request | InvalidValues:
    """The request for a change with these mappings, or all values that prevent it. Arguments as for `PreparedConnection.build`."""
    body = render(payload, facts, timezone=timezone)
    headers = render(header, facts, timezone=timezone) if header is not None else None
    if isinstance(body, InvalidValues):
        return InvalidValues(body.problems + headers.problems) if isinstance(headers, InvalidValues) else body
    if isinstance(headers, InvalidValues):
        return headers
    return prepared.build(body, headers, facts, webhook_id=webhook_id, timezone=timezone, bearer=bearer, encode=encode, replay=replay)
