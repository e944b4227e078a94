"""A connection's settings as names and texts, for comparing versions (F10). They contain no secret, path or query (C5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections import connection_words, rule_words
from heliograph.domain.connection.connection import Auth, ClientAuth, Connection, KeyPlace
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import masked, without_query
from heliograph.domain.mapping.headers import is_secret_name

SECRETS: Final[Mapping[Secret, Promise]] = {
    Secret.PATH: gettext_lazy("URL"),
    Secret.TEST_PATH: gettext_lazy("Test Connection URL"),
    Secret.PASSWORD: gettext_lazy("Password"),
    Secret.KEY: gettext_lazy("API Key / Token"),
    Secret.CLIENT_SECRET: gettext_lazy("Client Secret"),
    Secret.CLIENT_CERTIFICATE: gettext_lazy("Client certificate"),
    Secret.AUTHORIZATION_QUERY: gettext_lazy("Query of the Authorization URL"),
    Secret.ACCESS_TOKEN_QUERY: gettext_lazy("Query of the Access Token URL"),
    Secret.REFRESH_TOKEN_QUERY: gettext_lazy("Query of the Refresh Token URL"),
    Secret.SIGNING: gettext_lazy("Signing secret"),
    Secret.SIGNING_BEFORE: gettext_lazy("Previous signing secret"),
}
KEY_PLACES: Final[Mapping[KeyPlace, Promise]] = {
    KeyPlace.BEARER: gettext_lazy("Header Authorization: Bearer"),
    KeyPlace.HEADER: gettext_lazy("Custom header"),
    KeyPlace.QUERY: gettext_lazy("Query parameter of the URL"),
}
CLIENT_AUTHS: Final[Mapping[ClientAuth, Promise]] = {
    ClientAuth.AUTOMATIC: gettext_lazy("Automatic: whatever the application accepts"),
    ClientAuth.BASIC: gettext_lazy("In a header (Basic)"),
    ClientAuth.BODY: gettext_lazy("In the body"),
}


def facts(connection: Connection, *, whole: bool) -> dict[str, str]:
    """The settings, by their names in the form. Empty ones are omitted.

    whole: adds what only Administrators see, in the form: user names, client ids, token URLs, and the values of headers
    """
    headers = [name for name, _value in connection.headers]
    if whole:
        headers = [f"{name}: {_('a secret') if is_secret_name(name) else value}" for name, value in connection.headers]
    texts = {
        _("Connection Name"): connection.name,
        _("Authentication Type"): connection_words.kind(connection),
        _("URL"): connection.shown,
        _("Content Type"): connection.content_type.value,
        _("Request Method"): connection.method.value,
        _("Test Connection URL"): masked(connection.test_origin) if connection.test_origin else "",
        _("Is this a primary connection"): _("Yes") if connection.primary else "",
        **(_signs_in(connection) if whole else {}),
        _("At most per minute"): _number(connection.rate),
        _("At once"): _number(connection.parallel),
        _("Seconds to connect"): _number(connection.connect_timeout),
        _("Seconds for the whole request"): _number(connection.total_timeout),
        _("How much of an answer is read"): _("%(n)s KiB") % {"n": intcomma(connection.answer_cap)} if connection.answer_cap else "",
        _("Retries"): connection_words.retries(connection),
        _("Fixed headers"): "; ".join(headers),
        _("Certificate Authorities"): _("Of its own") if connection.authorities else "",
        _("Response rule"): " ".join(rule_words.sentences(connection.rule)),
        _("Stored secrets"): ", ".join(str(SECRETS[name]) for name in SECRETS if name in connection.secrets),
    }
    return {name: text for name, text in texts.items() if text}


BULLETS: Final = "••••"
"""Stands for a secret on both sides of a difference."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that differs between two versions, in words."""

    name: str
    before: str
    """"" for none."""
    after: str
    """"" for none."""


def differences(old_body: Mapping[str, object], new_body: Mapping[str, object], *, whole: bool) -> list[SettingChange]:
    """The settings in which two versions differ. Of a secret it says only that it has changed.

    whole: as for `facts`
    """
    try:
        old, new = (facts(Connection.from_body(body), whole=whole) for body in (old_body, new_body))
    except ConnectionSetupError:  # written by an older release and no longer valid
        return []
    changes = [
        SettingChange(name, old.get(name, ""), new.get(name, "")) for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)
    ]
    if old_body.get("edition", 0) != new_body.get("edition", 0):
        changes.append(SettingChange(_("A secret, or the path of a URL"), BULLETS, BULLETS))
    return changes


def _signs_in(connection: Connection) -> dict[str, str]:
    """The settings of the connection's Authentication Type that are not secret."""
    if connection.auth is Auth.BASIC:
        return {_("User Name"): connection.user_name}
    if connection.auth is Auth.KEY:
        return {_("Where it goes"): str(KEY_PLACES[connection.key_place]), _("Name of the header or parameter"): connection.key_name}
    if connection.auth is not Auth.OAUTH2:
        return {}
    return {
        _("Client Id"): connection.client_id,
        _("Authorization URL"): without_query(connection.authorization_url) if connection.authorization_url else "",
        _("Access Token URL"): without_query(connection.access_token_url) if connection.access_token_url else "",
        _("Refresh Token URL"): without_query(connection.refresh_token_url) if connection.refresh_token_url else "",
        _("Scope"): connection.scope,
        _("How Client Id and Client Secret are sent"): str(CLIENT_AUTHS[connection.client_auth]),
    }


def _number(value: int | None) -> str:
    return intcomma(value) if value else ""
