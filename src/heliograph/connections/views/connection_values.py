"""Converts a post of Connection Setup (guide: Adding a Connection; C1), and a stored connection into its form.

Fields that the chosen Authentication Type does not show are ignored. Secrets are only read from a post, never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from heliograph.connections.services.connections import ConnectionFacts
from heliograph.connections.services.entered_connection import entered_connection, entered_field, settings_of
from heliograph.connections.views.connection_form import NUMBERS, ConnectionForm
from heliograph.domain.connection.connection import CREDENTIAL, Auth, ClientAuth, Connection, KeyPlace, OAuthGrant
from heliograph.domain.connection.secret import Secret
from heliograph.domain.ids import read_number
from heliograph.domain.mapping import headers as header_rules
from heliograph.setup.setup_errors import Invalid
from heliograph.web.forms import member_of

_NAMES: Final[Mapping[str, str]] = {Secret.SIGNING: "forget_signing"}
"""Where the form's field has another name than the entered value."""


def initial_of(connection: Connection, url: str, test_url: str) -> dict[str, object]:
    """The form's initial values for a stored connection."""
    body = connection.to_body()
    values: dict[str, object] = {name: body[name] for name in ConnectionForm.base_fields if name in body}
    headers = "\n".join(f"{name}: {value}" for name, value in connection.headers)
    return values | {"url": url, "test_url": test_url, "headers": headers, "patient": "1" if body.get("patient") else ""}


def secrets_of(form: ConnectionForm, before: Mapping[str, str]) -> dict[str, str]:
    """The secrets that were typed into the form, by field; also the values of encrypted fixed headers, by the header's field.

    before: the secrets that were typed before the form was refused
    """
    now = {name.value: form.posted.get(name, "") for name in (*CREDENTIAL.values(), Secret.CLIENT_CERTIFICATE)}
    for name, value in _headers(form.posted.get("headers", "")):
        if header_rules.is_secret_name(name):
            now[header_rules.sealed_field(name)] = "" if value == header_rules.SEALED else value
    return {name: text or before.get(name, "") for name, text in now.items()}


def facts_of(form: ConnectionForm, rule: Sequence[object], typed: Mapping[str, str]) -> ConnectionFacts:
    """The data to save from a valid form.

    rule: the stored response rule
    typed: the typed secrets, from `secrets_of`
    """
    given = form.cleaned_data
    auth = member_of(Auth, given["auth"], Auth.OPEN)
    fields: dict[str, object] = {name: given[name] for name in settings_of(auth, given["grant"]) if name in given}
    fields |= {"auth": auth.value, "patient": bool(given["patient"]), "rule": list(rule)}
    for name, default in (("grant", OAuthGrant.CLIENT_CREDENTIALS), ("key_place", KeyPlace.BEARER), ("client_auth", ClientAuth.AUTOMATIC)):
        if name in fields and not fields[name]:
            fields[name] = default.value
    fields["headers"] = [[name, typed.get(header_rules.sealed_field(name), "") or value] for name, value in _headers(given["headers"])]
    for name in NUMBERS:
        number = read_number(given[name])
        fields[name] = given[name] or None if number is None else number  # the domain refuses a text
    secrets = {secret: typed[secret.value] for secret in (*CREDENTIAL.values(), Secret.CLIENT_CERTIFICATE)}
    forget = {Secret.CLIENT_CERTIFICATE} if given["forget_certificate"] else set()
    forget |= {Secret.SIGNING, Secret.SIGNING_BEFORE} if given["forget_signing"] else set()
    return entered_connection(fields, secrets, url=given["url"], test_url=given["test_url"], forget=forget)


def _headers(text: str) -> list[list[str]]:
    """Parses headers, one a line, Name: value."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    return [[name.strip(), value.strip()] for name, _colon, value in pairs]


def names_of(error: Invalid) -> dict[str, str]:
    """The form's field for each field that the service's error names."""
    names = {where: _NAMES.get(entered_field(where), entered_field(where)) for where in error.fields}
    return {"": "name"} if list(names) == [""] else names  # the one error about the whole connection is that its name is taken
