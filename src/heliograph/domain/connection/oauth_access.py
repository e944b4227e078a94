"""Access to a target by OAuth2: which token is sent, when it is renewed, and what an authority's refusal means (C4, D4).

The authority is the server behind the connection's token URLs. Tokens are stored encrypted in `store.oauth_token_store`; `outbound.oauth_protocol`
requests them. Instants and durations are microseconds, instants by the database's clock: a token's lifetime is counted from when it was
requested, so the authority's clock does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, assert_never

from heliograph.domain.connection.connection import Connection, OAuthGrant
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.delivery.retry_policy import SECOND, Category

LONGEST_EARLY: Final = 120 * SECOND
"""A token is renewed at most this long before it expires. The old one is used until the new one arrives."""
LONGEST_MARGIN: Final = 10 * SECOND
"""A token is not sent in this time before it expires, because requests take time and clocks drift. Shorter for short-lived tokens."""
LONGEST_LIFE: Final = 10 * 365 * 86_400 * SECOND
CLAIM: Final = 45 * SECOND
"""How long one process may reserve requesting tokens. Longer than two requests take (at most 20 s each)."""


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """An authority's grant."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    """"": none was given, or the old one remains valid."""
    life: int | None = None
    """Of the access token. None: not stated."""
    scope: str = ""
    in_body: bool = False
    """The client's secret was sent in the body."""
    holder: str = ""
    """The person who connected, as the authority names them; "" if it does not."""


@dataclass(frozen=True, slots=True)
class Access:
    """A connection's stored access."""

    generation: int = 0
    """Rises with each new token."""
    bond: str = ""
    """The bond of the tokens (`Connection.bond`)."""
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    in_body: bool | None = None
    obtained_at: int = 0
    expires_at: int | None = None
    refreshing_until: int | None = None
    """Another process is requesting a token until then."""
    lost: str = ""
    """Why no new token is given until someone connects again."""


@dataclass(frozen=True, slots=True)
class ByCredentials:
    """The client's own access (RFC 6749 §4.4)."""


@dataclass(frozen=True, slots=True)
class ByCode:
    """Someone has signed in and returned with a code (RFC 6749 §4.1, RFC 7636)."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_url: str


@dataclass(frozen=True, slots=True)
class ByRefresh:
    """A new token for the old one's refresh token (RFC 6749 §6)."""

    refresh_token: str = field(repr=False)


type Ask = ByCredentials | ByCode | ByRefresh


@dataclass(frozen=True, slots=True)
class Usable:
    """A token to send."""

    token: str = field(repr=False)
    generation: int
    until: int | None = None
    """The last instant at which it is sent. None: its end is not known."""
    early: int | None = None
    """The instant from which on the next token is requested."""
    renew: Ask | None = None
    """How to request the next token, if it is time."""


@dataclass(frozen=True, slots=True)
class Needed:
    """There is no usable token; request one this way."""

    by: Ask


@dataclass(frozen=True, slots=True)
class RenewalUnderWay:
    """Another process is requesting; look again soon."""


@dataclass(frozen=True, slots=True)
class Closed:
    """No token can be requested: someone must connect (again)."""

    why: str


type Standing = Usable | Needed | RenewalUnderWay | Closed


def stand(connection: Connection, access: Access, now: int, *, refused: int = 0) -> Standing:
    """The state of a connection's access.

    refused: the generation of the token that the target refused with 401; 0 for none
    """
    by = _request_for(connection, access)
    busy = access.refreshing_until is not None and access.refreshing_until > now
    if access.access_token and access.bond == connection.bond and access.generation != refused:
        until: int | None = None  # a token without a known end
        early: int | None = None
        if access.expires_at is not None:
            life = max(0, access.expires_at - access.obtained_at)
            until = access.expires_at - min(LONGEST_MARGIN, life // 10)
            early = access.expires_at - min(LONGEST_EARLY, life // 5)
        if until is None or now < until:
            due = early is not None and now >= early and not busy and not access.lost
            return Usable(access.access_token, access.generation, until, early, by if due and not isinstance(by, Closed) else None)
    if isinstance(by, Closed):
        return by
    return RenewalUnderWay() if busy else Needed(by)


def _request_for(connection: Connection, access: Access) -> Ask | Closed:
    if connection.grant is OAuthGrant.CLIENT_CREDENTIALS:
        return ByCredentials()
    if access.bond != connection.bond:
        return Closed(AttemptSentence.NOT_CONNECTED_YET.fill())
    if access.lost:
        return Closed(access.lost)
    if not access.refresh_token:
        return Closed(AttemptSentence.NO_RENEWAL.fill(who=connection.authority))
    return ByRefresh(access.refresh_token)


def expiry(asked_at: int, life: int | None) -> int | None:
    """When a token expires that was requested at that instant. A lifetime that is not positive counts as not stated."""
    return None if life is None or life <= 0 else asked_at + min(life, LONGEST_LIFE)


@dataclass(frozen=True, slots=True)
class Denied:
    """No token was given."""

    refused: Refused
    lost: bool = False
    """No token will ever be given for this refresh token."""
    client: bool = False
    """The client itself was refused, so sending its secret another way may help."""
    error: str = ""
    """The authority's error code (RFC 6749 §5.2), "" for none."""


def denied(connection: Connection, ask: Ask, error: str, description: str) -> Denied:
    """The meaning of an authority's error (RFC 6749 §5.2), in words. description: the authority's own, already without secrets."""
    who = connection.authority
    match error:
        case "invalid_client":
            sentence = AttemptSentence.CLIENT_REFUSED.fill(who=who)
        case "invalid_grant":
            sentence = _invalid_grant(ask).fill(who=who, error=error)
        case "invalid_scope" if connection.scope:
            sentence = AttemptSentence.SCOPE_REFUSED.fill(who=who, scope=connection.scope)
        case "invalid_scope":
            sentence = AttemptSentence.NO_SCOPE_REFUSED.fill(who=who)
        case "unauthorized_client" | "unsupported_grant_type":
            sentence = AttemptSentence.GRANT_TYPE_REFUSED.fill(who=who, grant=connection.grant, error=error)
        case _:
            sentence = AttemptSentence.ACCESS_REFUSED.fill(who=who, error=error)
    if description:
        sentence = AttemptSentence.AUTHORITY_SAYS.fill(sentence=sentence, said=description)
    lost = error == "invalid_grant" and not isinstance(ask, ByCredentials)
    return Denied(oauth_refused(sentence), lost=lost, client=error == "invalid_client", error=error)


def _invalid_grant(ask: Ask) -> AttemptSentence:
    match ask:
        case ByRefresh():
            return AttemptSentence.RENEWAL_REFUSED
        case ByCode():
            return AttemptSentence.SIGN_IN_REFUSED
        case ByCredentials():
            return AttemptSentence.GRANT_REFUSED
        case _:
            assert_never(ask)


def oauth_refused(sentence: str) -> Refused:
    """A failure to get a token that someone must fix in the set-up (D4: OAuth refused is Config). No request was sent to the target."""
    return Refused(Category.CONFIG, Cause.OAUTH, sentence, left=False)
