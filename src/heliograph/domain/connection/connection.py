"""A connection: how to reach the target application (guide: Setting up a Connection; C1, C5, C7).

The body of a connection contains no secrets: passwords, keys, client secrets, path and query of its URLs, and values of headers whose names
mark them as credentials are stored elsewhere, encrypted; the body only names those that exist. `connection.request` builds what is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final

from heliograph.domain.connection.response_rule import Rule, read_rule
from heliograph.domain.connection.secret import MAX_PEM, NOT_PEM, Secret, is_pem, read_secret, read_secrets
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import AddressError, masked, split_address
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import Sentence, gettext_noop, without_stop


class Auth(StrEnum):
    """Authentication Type."""

    BASIC = "Basic Authentication"
    OPEN = "Open / No Auth"
    KEY = "API Key / Token"
    OAUTH2 = "OAuth2"


class ContentType(StrEnum):
    """The format of a payload."""

    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"


class Method(StrEnum):
    """Request Method; PUT and PATCH are beyond the guide."""

    POST = "POST"
    GET = "GET"
    PUT = "PUT"
    PATCH = "PATCH"


class KeyPlace(StrEnum):
    """Where an API Key / Token goes: `Authorization: Bearer`, its own header, or a query parameter."""

    BEARER = "bearer"
    HEADER = "header"
    QUERY = "query"


class OAuthGrant(StrEnum):
    """OAuth2 Grant Type."""

    CLIENT_CREDENTIALS = "Client Credentials"
    AUTHORIZATION_CODE = "Authorization Code"


class SignIn(StrEnum):
    """How a connection authenticates at its target. It decides what a refusal most likely means."""

    NOTHING = "nothing"
    """Only its address, which may be a secret by itself."""
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    KEY = "key"
    CLIENT_TOKEN = "client token"  # noqa: S105 - the name of a kind
    """An access token that the client got for itself (Client Credentials)."""
    PERSON_TOKEN = "person token"  # noqa: S105 - the name of a kind
    """An access token that somebody's sign-in gave (Authorization Code)."""


class ClientAuth(StrEnum):
    """How the client authenticates at the authority (RFC 6749 §2.3.1). Automatic: Basic, and in the body if that is refused; what worked is
    remembered."""

    AUTOMATIC = "Automatic"
    BASIC = "Basic"
    BODY = "Body"


CREDENTIAL: Final[Mapping[Auth, Secret]] = {Auth.BASIC: Secret.PASSWORD, Auth.KEY: Secret.KEY, Auth.OAUTH2: Secret.CLIENT_SECRET}
"""The credential of each type; on a change of type the old one is deleted."""

_NAMED_PROBLEM: Final = gettext_noop("“%(name)s” %(problem)s")
LONGEST_CONNECT: Final = 10  # seconds
LONGEST_TOTAL: Final = 20  # seconds: a request must end before the lease of its slot does
LARGEST_ANSWER: Final = 1_024  # KiB


TOKEN_QUERIES: Final[Mapping[str, Secret]] = {
    "authorization_url": Secret.AUTHORIZATION_QUERY,
    "access_token_url": Secret.ACCESS_TOKEN_QUERY,
    "refresh_token_url": Secret.REFRESH_TOKEN_QUERY,
}
"""The addresses that OAuth2 asks, and the secret that holds the query of each."""


@dataclass(frozen=True, slots=True)
class TokenUrls:
    """The URLs of an OAuth2 authority, with their queries. They contain secrets: never log or store them."""

    authorization: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of an account. Raises ConnectionSetupError for invalid settings."""

    name: str
    origin: str
    """Scheme, host and port of the URL."""
    auth: Auth = Auth.OPEN
    content_type: ContentType = ContentType.JSON
    method: Method = Method.POST
    test_origin: str = ""
    primary: bool = False
    user_name: str = ""
    key_place: KeyPlace = KeyPlace.BEARER
    key_name: str = ""
    grant: OAuthGrant = OAuthGrant.CLIENT_CREDENTIALS
    client_id: str = ""
    authorization_url: str = ""
    access_token_url: str = ""
    refresh_token_url: str = ""
    """The query of each of the three is always SEALED ("?…"); `token_urls` has them whole."""
    scope: str = ""
    client_auth: ClientAuth = ClientAuth.AUTOMATIC
    connected: str = ""
    """The bond under which a person has connected (Authorization Code). It counts only while it equals the current `bond`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Fixed headers besides our own. The value is always SEALED if the name marks the header as a credential."""
    rate: int | None = None
    """Requests a minute. None: no limit of its own."""
    parallel: int | None = None
    """Concurrent requests. None: no limit of its own."""
    patient: bool = False
    """Its retries have intervals of their own (`retry_policy.PATIENT`), whatever the category of a failure."""
    connect_timeout: int | None = None
    """Seconds. None: the default, also of the next two."""
    total_timeout: int | None = None
    """Seconds."""
    answer_cap: int | None = None
    """KiB of an answer to read."""
    authorities: str = ""
    """Certificates (PEM) of the authorities trusted for this target, instead of the public ones."""
    rule: Rule = ()
    """The meaning of responses whose status does not state it (C7)."""
    secrets: frozenset[Secret] = frozenset()
    """The names of the stored secrets."""

    def __post_init__(self) -> None:
        if any(header_rules.is_secret_name(name) for name, _ in self.headers):
            object.__setattr__(
                self, "headers", tuple((n, header_rules.SEALED if header_rules.is_secret_name(n) else v) for n, v in self.headers)
            )
        if not self.name.strip():
            raise ConnectionSetupError("name", "a connection needs a name")
        self._check_addresses()
        if ":" in self.user_name or header_rules.value_problem(self.user_name):
            raise ConnectionSetupError("user_name", "a user name cannot contain a colon or a line break")
        if self.authorities and not is_pem(self.authorities):
            raise ConnectionSetupError("authorities", "certificates %(problem)s", problem=Sentence(NOT_PEM))
        self._check_key()
        self._check_headers()

    def _check_addresses(self) -> None:
        # Its own URLs, of which the body has scheme, host and port alone
        for name in ("origin", "test_origin"):
            origin = getattr(self, name)
            if name == "test_origin" and not origin:
                continue
            try:
                is_origin = split_address(origin, http=True).origin == origin
            except AddressError as error:
                raise ConnectionSetupError(name, without_stop(error.sentence)) from None
            if not is_origin:
                raise ConnectionSetupError(name, "it must be scheme, host and port in lower case, nothing more")

        # The URLs of the authority, of which the body has all but the query
        for name in TOKEN_QUERIES:
            url, has_query, query = getattr(self, name).partition("?")
            checked_url = url if query == header_rules.SEALED else getattr(self, name)
            try:
                if checked_url and "{" in split_address(checked_url, http=True).path_and_query:
                    raise ConnectionSetupError(name, "this URL cannot contain a source field")
            except AddressError as error:
                raise ConnectionSetupError(name, without_stop(error.sentence)) from None
            if has_query:
                object.__setattr__(self, name, f"{url}?{header_rules.SEALED}")

    def _check_key(self) -> None:
        if self.auth is not Auth.KEY or self.key_place is KeyPlace.BEARER:
            return
        if not self.key_name:
            raise ConnectionSetupError("key_name", "the name of the header or parameter that the key goes in is missing")
        if self.key_place is KeyPlace.HEADER and (problem := header_rules.name_problem(self.key_name)):
            raise ConnectionSetupError("key_name", _NAMED_PROBLEM, name=self.key_name, problem=Sentence(problem))

    def _check_headers(self) -> None:
        seen = {self.auth_header}
        for name, value in self.headers:
            if problem := header_rules.name_problem(name):
                raise ConnectionSetupError("headers", _NAMED_PROBLEM, name=name, problem=Sentence(problem))
            if name.lower() in ("authorization", "cookie"):
                raise ConnectionSetupError(
                    "headers",
                    "%(name)s is a credential: choose the authentication type that sends it, so that it is kept encrypted",
                    name=name,
                )
            if name.lower() in seen:
                raise ConnectionSetupError("headers", "%(name)s is given twice, or is what the connection authenticates with", name=name)
            if problem := header_rules.value_problem(value):
                raise ConnectionSetupError("headers", "the value of %(name)s %(problem)s", name=name, problem=Sentence(problem))
            seen.add(name.lower())

    @property
    def sealed_headers(self) -> tuple[str, ...]:
        """The fixed headers whose values are stored encrypted."""
        return tuple(name for name, _ in self.headers if header_rules.is_secret_name(name))

    @property
    def stored_fields(self) -> frozenset[str]:
        """The names under which the vault stores its secrets."""
        return frozenset(name.value for name in self.secrets) | {header_rules.sealed_field(name) for name in self.sealed_headers}

    @property
    def auth_header(self) -> str | None:
        """The lower-case name of the header that authenticates it; no mapping may set that (M9)."""
        if self.auth is Auth.OPEN:
            return None
        if self.auth is Auth.KEY and self.key_place is not KeyPlace.BEARER:
            return self.key_name.lower() if self.key_place is KeyPlace.HEADER else None
        return "authorization"

    @property
    def is_signed(self) -> bool:
        """True if its requests carry a Standard Webhooks signature (C7)."""
        return Secret.SIGNING in self.secrets

    @property
    def shown(self) -> str:
        """Its URL as everyone may see it: host and "…" (C5)."""
        return masked(self.origin)

    @property
    def authority(self) -> str:
        """The host that issues its tokens, as everyone may see it."""
        return masked(self.access_token_url).removesuffix("/…")

    @property
    def authorization_host(self) -> str:
        """The host of the sign-in that connects it, as everyone may see it."""
        return masked(self.authorization_url).removesuffix("/…")

    def token_urls(self, secrets: Mapping[str, str]) -> TokenUrls:
        """The addresses that OAuth2 asks, with their queries. Raises MissingSecret."""
        urls = {}
        for name, secret in TOKEN_QUERIES.items():
            url, has_query, _ = str(getattr(self, name)).partition("?")
            urls[name] = url + (read_secret(secrets, secret) if has_query else "")
        return TokenUrls(urls["authorization_url"], urls["access_token_url"], urls["refresh_token_url"])

    @property
    def lacks(self) -> tuple[str, ...]:
        """The names of missing fields and secrets without which it cannot be used (F2)."""
        needed: list[str] = [Secret.PATH]
        if self.auth is Auth.BASIC:
            needed += ["user_name", Secret.PASSWORD]
        elif self.auth is Auth.KEY:
            needed.append(Secret.KEY)
        elif self.auth is Auth.OAUTH2:
            needed += ["client_id", Secret.CLIENT_SECRET, "access_token_url"]
            if self.grant is OAuthGrant.AUTHORIZATION_CODE:
                needed.append("authorization_url")
        if self.auth is Auth.OAUTH2:  # the body only says that there is a query
            needed += [secret for name, secret in TOKEN_QUERIES.items() if "?" in getattr(self, name)]
        lacking = tuple(name for name in needed if name not in self.secrets and not getattr(self, name, ""))
        return lacking or (("connected",) if self.needs_connecting and self.connected != self.bond else ())

    @property
    def needs_connecting(self) -> bool:
        """True if someone must sign in at the authority before it can be used."""
        return self.auth is Auth.OAUTH2 and self.grant is OAuthGrant.AUTHORIZATION_CODE

    @property
    def sign_in(self) -> SignIn:
        """How it authenticates at its target."""
        if self.auth is Auth.OAUTH2:
            return SignIn.PERSON_TOKEN if self.needs_connecting else SignIn.CLIENT_TOKEN
        return {Auth.OPEN: SignIn.NOTHING, Auth.BASIC: SignIn.PASSWORD, Auth.KEY: SignIn.KEY}[self.auth]

    @property
    def reach(self) -> tuple[object, ...]:
        """All settings that decide whether a request reaches the target. If they change, earlier failures to reach it no longer count."""
        return (self.origin, self.authorities, self.connect_timeout, self.total_timeout)

    @property
    def bond(self) -> str:
        """A digest of everything that its tokens are bound to: issuer, client, scope and the addresses that they are sent to. Tokens of another bond
        are not used (C5)."""
        places = sorted({self.origin, self.test_origin} - {""})
        facts = [self.grant, self.client_id, self.authorization_url, self.access_token_url, self.refresh_token_url, self.scope, places]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    def asks_secrets_again(self, before: Connection) -> bool:
        """True if a change would send secrets to a place they were not meant for, so they must be entered again (C5)."""
        requests = {self.origin, self.test_origin} - {before.origin, before.test_origin, ""}
        tokens = {_place(self.access_token_url), _place(self.refresh_token_url)} - {
            _place(before.access_token_url),
            _place(before.refresh_token_url),
            "",
        }
        return bool(requests or tokens)

    def to_body(self) -> dict[str, object]:
        """The JSON body of a version (F10), without secrets. Defaults are omitted."""
        body: dict[str, object] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "headers":
                value = [list(pair) for pair in value]
            elif each.name == "rule":
                value = [clause.to_body() for clause in value]
            elif each.name == "secrets":
                value = sorted(secret.value for secret in value)
            elif isinstance(value, StrEnum):
                value = value.value
            if each.name in ("name", "origin", "auth", "content_type", "method") or value not in ("", [], None, False):
                body[each.name] = value
        return body

    @classmethod
    def from_body(cls, value: object) -> Connection:
        """Parses a body. Raises ConnectionSetupError with the field and the reason."""
        try:
            body = Body(value)
            return cls(
                name=body.text("name"),
                origin=body.text("origin"),
                auth=body.choice("auth", Auth),
                content_type=body.choice("content_type", ContentType, ContentType.JSON),
                method=body.choice("method", Method, Method.POST),
                test_origin=body.text("test_origin"),
                primary=body.flag("primary"),
                user_name=body.text("user_name"),
                key_place=body.choice("key_place", KeyPlace, KeyPlace.BEARER),
                key_name=body.text("key_name"),
                grant=body.choice("grant", OAuthGrant, OAuthGrant.CLIENT_CREDENTIALS),
                client_id=body.text("client_id", longest=1_000),
                authorization_url=body.text("authorization_url", longest=2_000),
                access_token_url=body.text("access_token_url", longest=2_000),
                refresh_token_url=body.text("refresh_token_url", longest=2_000),
                scope=body.text("scope", longest=2_000),
                client_auth=body.choice("client_auth", ClientAuth, ClientAuth.AUTOMATIC),
                connected=body.text("connected"),
                headers=body.pairs("headers", most=header_rules.MAX_HEADERS, longest=header_rules.MAX_VALUE),
                rate=body.number("rate", least=1, most=1_000_000),
                parallel=body.number("parallel", least=1, most=1_000),
                patient=body.flag("patient"),
                connect_timeout=body.number("connect_timeout", least=1, most=LONGEST_CONNECT),
                total_timeout=body.number("total_timeout", least=1, most=LONGEST_TOTAL),
                answer_cap=body.number("answer_cap", least=1, most=LARGEST_ANSWER),
                authorities=body.text("authorities", longest=MAX_PEM),
                rule=read_rule(body),
                secrets=read_secrets(body),
            )
        except BodyError as error:
            raise ConnectionSetupError(error.where or "connection", error.reason) from None


def _place(url: str) -> str:
    return split_address(url, http=True).origin if url else ""
