"""Whether a save of a connection can cure a failure (D6, D7): only if it changes a setting on which that failure depends."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.diagnosis import Finding, refusal_finding
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.outcomes import Cause

RENEWED: Final = "renewed"
"""In a connection's body: which secrets the newest edition of them replaced, by field."""
RENEWED_ACCESS: Final = "access"
"""Stands among the replaced secrets for the access tokens of a new sign-in."""

_ADDRESS: Final = frozenset({"origin", Secret.PATH.value})
_SIGN_IN: Final = frozenset(
    {
        "auth",
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
        "connected",
        "headers",
        RENEWED_ACCESS,
        Secret.PASSWORD.value,
        Secret.KEY.value,
        Secret.CLIENT_SECRET.value,
        Secret.CLIENT_CERTIFICATE.value,
        Secret.AUTHORIZATION_QUERY.value,
        Secret.ACCESS_TOKEN_QUERY.value,
        Secret.REFRESH_TOKEN_QUERY.value,
    }
)
_SIGNATURE: Final = frozenset({Secret.SIGNING.value, Secret.SIGNING_BEFORE.value})
_FORM: Final = frozenset({"content_type", "method", "headers"})
_OF_FINDING: Final = {
    Finding.UNAUTHORIZED: _SIGN_IN | _SIGNATURE,
    Finding.FORBIDDEN: _SIGN_IN | _SIGNATURE,
    Finding.LACKS_SCOPE: _SIGN_IN,
    Finding.NOT_UNDERSTOOD: _SIGN_IN | _SIGNATURE | _FORM,
    Finding.NOT_FOUND: frozenset({"method"}),
    Finding.MOVED: frozenset({"method"}),
    Finding.METHOD: frozenset({"method"}),
    Finding.CONTENT_TYPE: _FORM,
    Finding.BUSY: frozenset({"rate", "parallel"}),
}
"""Settings besides the address and the response rule, which can cure every answer."""
_OF_CAUSE: Final = {
    Cause.DNS: frozenset({"origin"}),
    Cause.NO_NAME_SERVER: frozenset({"origin"}),
    Cause.REFUSED: frozenset({"origin"}),
    Cause.GARBLED: frozenset({"origin"}),
    Cause.PROXY: frozenset({"origin"}),
    Cause.BLOCKED: frozenset({"origin"}),
    Cause.TLS: frozenset({"origin", "authorities", Secret.CLIENT_CERTIFICATE.value}),
    Cause.TIMEOUT: _ADDRESS | {"connect_timeout", "total_timeout", "rate", "parallel"},
    Cause.RESET: _ADDRESS | {"total_timeout", "authorities", "rate", "parallel", Secret.CLIENT_CERTIFICATE.value},
    Cause.OAUTH: _SIGN_IN - {"headers"},
    Cause.BAD_REQUEST: _ADDRESS | _FORM | {"auth", "key_place", "key_name", Secret.KEY.value, "user_name", Secret.PASSWORD.value},
    Cause.RULE: _ADDRESS | _SIGN_IN | _SIGNATURE | _FORM | {"rule", "answer_cap"},
}
_OF_ANSWERS: Final = frozenset(_ADDRESS | {"rule"}).union(*_OF_FINDING.values())
"""Settings that can cure an answer of some status."""


def changed_settings(before: Connection, after: Connection, replaced: frozenset[str]) -> frozenset[str]:
    """The settings that differ between two versions.

    replaced: the fields of the secrets that were replaced between them
    """
    names = {field.name for field in fields(Connection) if getattr(before, field.name) != getattr(after, field.name)} - {"secrets"}
    sealed_headers = {"headers"} if any(name not in set(Secret) and name != RENEWED_ACCESS for name in replaced) else set()
    return frozenset(names | {name.value for name in before.secrets ^ after.secrets} | replaced | sealed_headers)


def can_cure(settings: frozenset[str], cause: Cause | None, status: int | None = None, error: str = "") -> bool:
    """Whether a change of these settings can cure a failure.

    status: of an answer
    error: the code that it states (`stated_error`)
    """
    if cause is Cause.ANSWER and status is not None:
        of_answer = _OF_FINDING.get(refusal_finding(status, error), frozenset[str]())
        return bool(settings & (of_answer | _ADDRESS | {"rule"}))
    return bool(settings & _OF_CAUSE.get(cause, frozenset[str]())) if cause else False


def curable_causes(settings: frozenset[str]) -> frozenset[Cause]:
    """The causes of failures that a change of these settings can cure; none if no setting changed. A target's response counts with any
    status."""
    causes = {cause for cause in _OF_CAUSE if can_cure(settings, cause)}
    if settings & _OF_ANSWERS:
        causes.add(Cause.ANSWER)
    if settings:  # any setting may have been the one that the connection lacked
        causes |= {Cause.CONNECTION_GONE, Cause.FLOW_INCOMPLETE}
    return frozenset(causes)
