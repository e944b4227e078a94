"""A connection as somebody enters it, on Connection Setup or by the API (guide: Adding a Connection; C1).

Only the settings and the credential of the chosen Authentication Type count. Errors of a connection's body are put at the entered fields.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from heliograph.connections.services.connections import ConnectionFacts, other_credentials
from heliograph.domain.connection.connection import Auth, KeyPlace, OAuthGrant
from heliograph.domain.connection.secret import Secret
from heliograph.setup.setup_errors import Invalid

OF_EVERY_TYPE: Final = (
    *("name", "auth", "content_type", "method", "primary", "headers", "authorities", "rule"),
    *("rate", "parallel", "patient", "connect_timeout", "total_timeout", "answer_cap"),
)
"""The settings of the body that every connection has."""
OF_TYPE: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.OPEN: (),
    Auth.BASIC: ("user_name",),
    Auth.KEY: ("key_place", "key_name"),
    Auth.OAUTH2: ("grant", "client_id", "access_token_url", "refresh_token_url", "scope", "client_auth"),
}
"""The further settings of each Authentication Type."""
_FIELD_OF: Final[Mapping[str, str]] = {
    "origin": "url",
    Secret.PATH: "url",
    "test_origin": "test_url",
    Secret.TEST_PATH: "test_url",
    Secret.AUTHORIZATION_QUERY: "authorization_url",
    Secret.ACCESS_TOKEN_QUERY: "access_token_url",
    Secret.REFRESH_TOKEN_QUERY: "refresh_token_url",
    Secret.SIGNING_BEFORE: Secret.SIGNING,
}


def settings_of(auth: Auth, grant: object) -> tuple[str, ...]:
    """The settings of the body that a connection of this type has.

    grant: its OAuth2 Grant Type
    """
    of_grant = ("authorization_url",) if auth is Auth.OAUTH2 and grant == OAuthGrant.AUTHORIZATION_CODE else ()
    return (*OF_EVERY_TYPE, *OF_TYPE[auth], *of_grant)


def entered_connection(
    entered: Mapping[str, object],
    secrets: Mapping[Secret, str],
    *,
    url: str | None = None,
    test_url: str | None = None,
    forget: Collection[Secret] = (),
) -> ConnectionFacts:
    """The facts to save.

    entered: settings of the body, at least `auth`; those of another type do not count
    secrets: the typed ones; the credential of another type does not count, and its stored one is deleted
    url, test_url: complete; None leaves it unchanged
    forget: the secrets to delete, unless another was typed
    """
    auth = Auth(str(entered["auth"]))
    fields = {name: entered[name] for name in settings_of(auth, entered.get("grant")) if name in entered}
    if auth is Auth.KEY and fields.get("key_place") == KeyPlace.BEARER:
        fields["key_name"] = ""
    others = other_credentials(auth)
    typed = {secret: text for secret, text in secrets.items() if secret not in others}
    forgotten = others | frozenset(secret for secret in forget if not typed.get(secret))
    return ConnectionFacts(fields, url, test_url, typed, forgotten)


def entered_field(where: str) -> str:
    """The field in which the value was entered that an error of the body names."""
    name = re.split(r"[.\[]", where, maxsplit=1)[0]
    return str(_FIELD_OF.get(name, name))


def at_entered_fields(error: Invalid) -> Invalid:
    """The error with its sentences at the fields in which the values were entered."""
    if list(error.fields) == [""]:  # the one error about the whole connection is that its name is taken
        return Invalid({"name": error.fields[""]})
    fields: dict[str, list[str]] = {}
    for where, sentences in error.fields.items():
        fields.setdefault(entered_field(where), []).extend(sentences)
    return Invalid(fields)
