"""The fields of a connection's body that each role may see (C5): the audit shows no more than the connection's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from heliograph.domain.connection.target_url import masked, without_query
from heliograph.domain.mapping.headers import SEALED, is_secret_name

NOT_SHOWN: Final = "…"
"""Replaces what the reader may not see."""
_FOR_ALL: Final = frozenset(
    {
        "name",
        "auth",
        "content_type",
        "method",
        "primary",
        "grant",
        "rate",
        "parallel",
        "patient",
        "rule",
        "secrets",
        "edition",
        "replaced",
        "restored",
    }
    | {"connect_timeout", "total_timeout", "answer_cap", "paused", "why", "released at", "signing"}
)
"""Fields that the pages of a connection show to every role."""
_SIGNS_IN: Final = frozenset({"user_name", "key_place", "key_name", "client_id", "scope", "client_auth", "chips"})
"""Fields that they show only to users who may change the connection."""
_PLACES: Final = frozenset({"origin", "test_origin"})
_TOKEN_PLACES: Final = frozenset({"authorization_url", "access_token_url", "refresh_token_url"})


def shown_body(body: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """A body, or its changed fields, with only the fields that the connection's pages show (C5). Fields that this release does not know are
    left out.

    whole: True for a user who may change the connection
    """
    return {name: value if value in _NOTHING else _shown_field(name, value, whole=whole) for name, value in body.items()}


def is_shown(name: str, *, whole: bool) -> bool:
    """Whether the connection's pages show a setting of the body as it is, other than the values of headers.

    whole: for a user who may change the connection
    """
    return name in _FOR_ALL or (whole and (name in _SIGNS_IN or name in _TOKEN_PLACES or name == "authorities"))


_NOTHING: Final[tuple[object, ...]] = (None, "", [], False)


def _shown_field(name: str, value: Any, *, whole: bool) -> Any:
    if name in _FOR_ALL or (whole and name in _SIGNS_IN):
        return value
    if name in _PLACES:
        return masked(str(value))
    if whole and name in _TOKEN_PLACES:
        return without_query(str(value))
    if name == "headers":
        return [f"{header}: {SEALED if is_secret_name(header) else text}" if whole else header for header, text in value]
    return True if name == "authorities" else NOT_SHOWN
