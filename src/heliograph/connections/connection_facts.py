"""A connection as rows of name and text, for comparing versions (F10). They contain no secret, path or query (C5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections import connection_words, rule_words
from heliograph.domain.connection.connection import Auth, ClientAuth, Connection, KeyPlace
from heliograph.domain.connection.secret import Secret
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
    Secret.SIGNING_BEFORE: gettext_lazy("Signing secret before"),
}
KEY_PLACES: Final[Mapping[KeyPlace, Promise]] = {
    KeyPlace.BEARER: gettext_lazy("Header Authorization: Bearer"),
    KeyPlace.HEADER: gettext_lazy("Own header"),
    KeyPlace.QUERY: gettext_lazy("Query parameter of the URL"),
}
CLIENT_AUTHS: Final[Mapping[ClientAuth, Promise]] = {
    ClientAuth.AUTOMATIC: gettext_lazy("Automatic: whatever the application accepts"),
    ClientAuth.BASIC: gettext_lazy("In a header (Basic)"),
    ClientAuth.BODY: gettext_lazy("In the body"),
}


def facts(of: Connection, *, whole: bool) -> dict[str, str]:
    """The settings, by their names in the form; empty ones are omitted. whole: includes what only its form shows, to Administrators: the
    names it signs in with, and values of headers."""
    found = {
        _("Connection Name"): of.name,
        _("Authentication Type"): connection_words.kind(of),
        _("URL"): of.shown,
        _("Content Type"): of.content_type.value,
        _("Request Method"): of.method.value,
        _("Test Connection URL"): masked(of.test_origin) if of.test_origin else "",
        _("Is this a primary connection"): _("Yes") if of.primary else "",
        **(_signs_in(of) if whole else {}),
        _("At most per minute"): _number(of.rate),
        _("At once"): _number(of.parallel),
        _("Seconds to connect"): _number(of.connect_timeout),
        _("Seconds for the whole request"): _number(of.total_timeout),
        _("How much of an answer is read"): _("%(n)s KiB") % {"n": f"{of.answer_cap:,}"} if of.answer_cap else "",
        _("Retries"): _("Patient: after 2, 22 and 48 hours") if of.patient else "",
        _("Fixed headers"): "; ".join(f"{name}: {_value(name, value)}" if whole else name for name, value in of.headers),
        _("Certificate Authorities"): _("Of its own") if of.authorities else "",
        _("Response rule"): "; ".join(rule_words.sentences(of.rule)),
        _("Stored secrets"): ", ".join(str(SECRETS[name]) for name in SECRETS if name in of.secrets),
    }
    return {name: text for name, text in found.items() if text}


def _value(name: str, value: str) -> str:
    return _("a secret") if is_secret_name(name) else value


def _signs_in(of: Connection) -> dict[str, str]:
    """The names that it signs in with."""
    if of.auth is Auth.BASIC:
        return {_("User Name"): of.user_name}
    if of.auth is Auth.KEY:
        return {_("Where it goes"): str(KEY_PLACES[of.key_place]), _("Name of the header or parameter"): of.key_name}
    if of.auth is not Auth.OAUTH2:
        return {}
    return {
        _("Client Id"): of.client_id,
        _("Authorization URL"): without_query(of.authorization_url) if of.authorization_url else "",
        _("Access Token URL"): without_query(of.access_token_url) if of.access_token_url else "",
        _("Refresh Token URL"): without_query(of.refresh_token_url) if of.refresh_token_url else "",
        _("Scope"): of.scope,
        _("How Client Id and Client Secret are sent"): str(CLIENT_AUTHS[of.client_auth]),
    }


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""
