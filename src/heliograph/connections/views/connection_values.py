"""What Connection Setup holds (guide: Adding a Connection; C1), and what a post of it says.

What a field holds that the chosen Authentication Type does not show is not read. Secrets are only ever read from a post, never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from heliograph.connections.services.connections import ConnectionFacts
from heliograph.domain.connection.connection import (
    CREDENTIAL,
    Auth,
    ClientAuth,
    Connection,
    ContentType,
    KeyPlace,
    Method,
    OAuthGrant,
    Secret,
)
from heliograph.domain.mapping import headers as header_rules
from heliograph.setup.errors import Invalid

LONGEST: Final = 70_000
"""Characters of one field: a chain of certificates is the longest."""
FLAGS: Final = ("primary", "patient", "forget_certificate", "forget_signing")
NUMBERS: Final = ("rate", "parallel", "connect_timeout", "total_timeout", "answer_cap")
TEXTS: Final = (
    "name",
    "auth",
    "url",
    "content_type",
    "method",
    "user_name",
    "key_place",
    "key_name",
    "grant",
    "client_id",
    "authorization_url",
    "access_token_url",
    "refresh_token_url",
    "scope",
    "client_auth",
    "test_url",
    "headers",
    "authorities",
)
OF_TYPE: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.OPEN: (),
    Auth.BASIC: ("user_name",),
    Auth.KEY: ("key_place", "key_name"),
    Auth.OAUTH2: ("grant", "client_id", "access_token_url", "refresh_token_url", "scope", "client_auth"),
}
_FIELD_OF: Final[Mapping[str, str]] = {
    "origin": "url",
    Secret.PATH: "url",
    "test_origin": "test_url",
    Secret.TEST_PATH: "test_url",
    Secret.SIGNING: "forget_signing",
    Secret.SIGNING_BEFORE: "forget_signing",
}


@dataclass(frozen=True, slots=True)
class Values:
    """What the form holds. Secrets are in none of it: a page never shows one again. stored: those that are kept already."""

    texts: Mapping[str, str]
    flags: frozenset[str] = frozenset()
    stored: frozenset[Secret] = frozenset()
    rule: Sequence[object] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    typed: frozenset[str] = frozenset()
    """Secrets that were typed into a form that was refused, and that wait for it (`typed_secrets`)."""
    waiting: str = ""
    """The name under which they wait."""

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


def blank() -> Values:
    """The form of a new connection."""
    return Values({"auth": Auth.KEY.value, "content_type": ContentType.JSON.value, "method": Method.POST.value})


def values_of(connection: Connection, url: str, test_url: str) -> Values:
    """The form of a connection as it is stored."""
    body = connection.to_body()
    texts: dict[str, str] = {name: str(body[name]) for name in (*TEXTS, *NUMBERS) if name in body and name != "headers"}
    texts |= {"url": url, "test_url": test_url, "headers": "\n".join(f"{name}: {value}" for name, value in connection.headers)}
    flags = frozenset(name for name in ("primary", "patient") if body.get(name))
    rule = body.get("rule", [])
    return Values(texts, flags, connection.secrets, rule if isinstance(rule, list) else ())


def secrets_of(post: QueryDict, before: Mapping[str, str]) -> dict[str, str]:
    """What was typed into the form's secrets, now or before: by the names of its fields, and for fixed headers that are kept sealed by theirs."""
    now = {name.value: post.get(name, "")[:LONGEST] for name in (*CREDENTIAL.values(), Secret.CLIENT_CERTIFICATE)}
    for name, value in _headers(post.get("headers", "")[:LONGEST]):
        if header_rules.is_secret_name(name):
            now[header_rules.sealed_field(name)] = "" if value == header_rules.SEALED else value
    return {name: text or before.get(name, "") for name, text in now.items()}


def posted(post: QueryDict, stored: frozenset[Secret], rule: Sequence[object], typed: Mapping[str, str]) -> tuple[Values, ConnectionFacts]:
    """What was posted, as the form shows it again and as it is saved. typed: its secrets (`secrets_of`)."""
    texts = {name: post.get(name, "")[:LONGEST] for name in (*TEXTS, *NUMBERS)}
    headers = _headers(texts["headers"])
    texts["headers"] = "\n".join(_header_line(line) for line in texts["headers"].splitlines())
    flags = frozenset(name for name in FLAGS if post.get(name))
    auth = next((auth for auth in Auth if auth.value == texts["auth"]), Auth.OPEN)
    fields: dict[str, object] = {name: texts[name].strip() for name in ("name", "content_type", "method")}
    fields |= {"auth": auth.value, "primary": "primary" in flags, "patient": "patient" in flags, "rule": list(rule)}
    fields |= {name: texts[name].strip() for name in OF_TYPE[auth]}
    if auth is Auth.OAUTH2 and texts["grant"] == OAuthGrant.AUTHORIZATION_CODE.value:
        fields["authorization_url"] = texts["authorization_url"].strip()
    for name, default in (("grant", OAuthGrant.CLIENT_CREDENTIALS), ("key_place", KeyPlace.BEARER), ("client_auth", ClientAuth.AUTOMATIC)):
        if name in fields and not fields[name]:
            fields[name] = default.value
    if auth is Auth.KEY and fields["key_place"] == KeyPlace.BEARER.value:
        fields["key_name"] = ""
    fields["headers"] = [[name, typed.get(header_rules.sealed_field(name), "") or value] for name, value in headers]
    fields["authorities"] = texts["authorities"].strip()
    fields |= {name: _number(texts[name]) for name in NUMBERS}
    wanted = [Secret.CLIENT_CERTIFICATE, *([CREDENTIAL[auth]] if auth in CREDENTIAL else [])]
    secrets = {secret: typed[secret.value] for secret in wanted}
    forget = {secret for kind, secret in CREDENTIAL.items() if kind is not auth}
    forget |= {Secret.CLIENT_CERTIFICATE} if "forget_certificate" in flags and not secrets[Secret.CLIENT_CERTIFICATE] else set()
    forget |= {Secret.SIGNING, Secret.SIGNING_BEFORE} if "forget_signing" in flags else set()
    values = Values(texts, flags, stored, rule)
    return values, ConnectionFacts(fields, texts["url"], texts["test_url"], secrets, frozenset(forget))


def _number(text: str) -> object:
    """A number where it is one; what is none is refused by the connection itself."""
    text = text.strip()
    return (int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else text) if text else None


def _headers(text: str) -> list[list[str]]:
    """One a line, Name: value."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    return [[name.strip(), value.strip()] for name, _colon, value in pairs]


def _header_line(line: str) -> str:
    """A line as the page shows it again: what is kept sealed is in none."""
    name = line.partition(":")[0].strip()
    return f"{name}: {header_rules.SEALED}" if ":" in line and header_rules.is_secret_name(name) else line


def errors_of(error: Invalid) -> tuple[dict[str, str], list[str]]:
    """Sentences by field of the form, and those that belong to none."""
    fields: dict[str, str] = {}
    rest: list[str] = []
    known = {*TEXTS, *NUMBERS, *FLAGS, *Secret}
    for where, said in error.fields.items():
        name = re.split(r"[.\[]", where, maxsplit=1)[0]
        name = _FIELD_OF.get(name, name)
        text = " ".join(_(sentence) for sentence in said)
        if name == "" and len(error.fields) == 1:  # the only rule about the whole is that no two have one name
            name = "name"
        if name in known:
            fields[name] = f"{fields[name]} {text}" if name in fields else text
        else:
            rest.append(text)
    return fields, rest
