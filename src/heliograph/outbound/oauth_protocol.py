"""OAuth2 (C4): requests to an authority, and the meaning of its answers. oauthlib implements the protocol; the sender sends.

    TokenExchange(...).start() → sender → done(SendResult), on the sender's thread
    TokenExchange.read(SendResult) → TokenResponse | Denied, on another thread

Reading an answer searches it for secrets, which takes too long for the sender's thread: the engine's settling thread does it.
Tokens are returned, never stored here. Requests for them pass the same guard as all others. oauthlib insists on https in the URLs it gets,
but the guard decides for which networks plain http is enough; so where oauthlib only looks at the query it gets a placeholder URL.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, assert_never
from urllib.parse import parse_qsl, quote_plus, urlsplit

from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import BackendApplicationClient, MismatchingStateError, MissingCodeError, OAuth2Error, WebApplicationClient
from oauthlib.oauth2.rfc6749.clients.base import Client

from heliograph.domain.connection.connection import ClientAuth, Connection, TokenUrls
from heliograph.domain.connection.oauth_access import Ask, ByCode, ByCredentials, ByRefresh, Denied, TokenResponse, denied, oauth_refused
from heliograph.domain.connection.request import Request
from heliograph.domain.connection.secret import MAX_SECRET, Secret, check_secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause, Refused, classify_status, classify_transport_error
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import gettext_noop
from heliograph.outbound.exchange import CutOff, Failure, Response, Route, SendResult
from heliograph.outbound.masks import NOTHING, Masks, masks_of
from heliograph.outbound.sender import Sender

_STAND_IN: Final = "https://heliograph.invalid/"
_FORM: Final = "application/x-www-form-urlencoded"
VERIFIER_LENGTH: Final = 64
READ: Final = 4_000
"""Characters of a foreign text that are searched for secrets, since the rest is not stored."""
MOST_SAID: Final = 200
"""The most characters of an authority's own description of an error that are stored."""

type OnAnswer = Callable[[SendResult], None]


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sign-in that is about to begin: the URL for the browser, and the values that must return with it or be sent with the code."""

    url: str
    state: str
    verifier: str


def authorization(connection: Connection, url: str, redirect_url: str, *, state: str) -> Authorization:
    """The authority's sign-in page with the full query (RFC 6749 §4.1.1), PKCE by S256 (RFC 7636)."""
    client = WebApplicationClient(connection.client_id)
    verifier = client.create_code_verifier(VERIFIER_LENGTH)
    uri = client.prepare_request_uri(
        _STAND_IN,
        redirect_uri=redirect_url,
        scope=connection.scope or None,
        state=state,
        code_challenge=client.create_code_challenge(verifier, "S256"),
        code_challenge_method="S256",
    )
    return Authorization(add_params_to_uri(url, parse_qsl(urlsplit(uri).query)), state, verifier)


class SignInRefused(HeliographError):
    """The authority sent someone back without a code. error: its error code, "" if none could be read."""

    def __init__(self, error: str, description: str) -> None:
        if error:
            super().__init__("The sign-in was refused (%(error)s).", error=error)
        else:
            super().__init__(gettext_noop("The sign-in returned no code."))
        self.error = error
        self.description = description


def read_return(query: str, *, state: str, verifier: str = "") -> str:
    """The code with which someone came back. Raises SignInRefused. state, verifier: those of `authorization`, which the caller has looked
    up."""
    try:
        params = WebApplicationClient("").parse_request_uri_response(f"{_STAND_IN}?{query}", state=state)
    except (MissingCodeError, MismatchingStateError):
        raise SignInRefused("", "") from None
    except OAuth2Error as error:
        masks = masks_of([state, verifier, *(value for name, value in parse_qsl(query) if name == "code")])
        raise SignInRefused(
            _word(masks.shortened(error.error or "", READ)), _plain(masks.shortened(error.description or "", READ))
        ) from None
    code = str(params.get("code", ""))
    if not code or len(code) > MAX_SECRET:
        raise SignInRefused("", "")
    return code


def token_request(connection: Connection, urls: TokenUrls, secret: str, ask: Ask, *, in_body: bool) -> Request:
    """The POST request to the authority.

    in_body: True to put the client's secret into the body, False for Basic authentication (RFC 6749 §2.3.1: both form-encoded)
    """
    more = {"client_secret": secret} if in_body else {}
    url = urls.access_token
    client: Client
    match ask:
        case ByCredentials():
            client = BackendApplicationClient(connection.client_id)
            body = client.prepare_request_body(scope=connection.scope or None, include_client_id=in_body, **more)
        case ByCode():
            client = WebApplicationClient(connection.client_id)
            body = client.prepare_request_body(
                code=ask.code, redirect_uri=ask.redirect_url, code_verifier=ask.verifier, include_client_id=in_body, **more
            )
        case ByRefresh():
            client = WebApplicationClient(connection.client_id)
            named = {"client_id": connection.client_id} if in_body else {}
            body = client.prepare_refresh_body(refresh_token=ask.refresh_token, **named, **more)
            url = urls.refresh_token or url
        case _:
            assert_never(ask)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", _FORM), ("Accept", "application/json"))
    if not in_body:
        pair = f"{quote_plus(connection.client_id)}:{quote_plus(secret)}".encode()
        headers = (*headers, ("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    return Request("POST", url, headers, body.encode(), frozenset({"authorization"}))


class TokenExchange:
    """Requests tokens, by one request, or by two if the authority expects the client's secret in the other place."""

    def __init__(
        self,
        sender: Sender,
        route: Route,
        connection: Connection,
        urls: TokenUrls,
        secret: str,
        ask: Ask,
        *,
        in_body: bool | None,
        done: OnAnswer,
    ) -> None:
        """in_body: what worked before, None: not known
        done: takes the answer to each request, for `read`, on the sender's thread; it must be quick and must not raise. The answer may contain
            tokens and other secrets: never log or store it
        """
        self._sender, self._route, self._done = sender, route, done
        self._connection, self._urls, self._secret, self._ask = connection, urls, secret, ask
        self._in_body = {ClientAuth.BASIC: False, ClientAuth.BODY: True}.get(connection.client_auth, bool(in_body))
        self._may_turn = connection.client_auth is ClientAuth.AUTOMATIC
        self._masks = NOTHING

    def start(self) -> None:
        """Sends the request. Raises SenderStopped."""
        request = token_request(self._connection, self._urls, self._secret, self._ask, in_body=self._in_body)
        queries = [f"?{query}" for url in (self._urls.access_token, self._urls.refresh_token) if (query := url.partition("?")[2])]
        self._masks = masks_of([self._secret, *_carried_by(self._ask), *queries], request)
        self._sender.start(request, self._route, self._done)

    def read(self, result: SendResult) -> TokenResponse | Denied | None:
        """The meaning of an answer. None: the request was sent once more, with the client's secret in the other place, and `done` takes that
        answer, too. Neither on the sender's thread nor in a transaction."""
        answer = read_answer(self._connection, self._ask, result, masks=self._masks)
        if isinstance(answer, TokenResponse):
            return replace(answer, in_body=self._in_body)
        if answer.client and self._may_turn:
            self._may_turn, self._in_body = False, not self._in_body
            with suppress(HeliographError):
                self.start()
                return None
        return answer


def _carried_by(ask: Ask) -> tuple[str, ...]:
    """The credentials in the body, besides the client's."""
    match ask:
        case ByCredentials():
            return ()
        case ByCode():
            return (ask.code, ask.verifier)
        case ByRefresh():
            return (ask.refresh_token,)
        case _:
            assert_never(ask)


def read_answer(connection: Connection, ask: Ask, result: SendResult, *, masks: Masks = NOTHING) -> TokenResponse | Denied:
    """Tokens, or why there are none. An authority that cannot be reached or is busy is a Connection failure, any other refusal Config (D4).

    masks: of the request, because the authority may repeat parts of it.
    """
    who = connection.authority
    match result:
        case CutOff():
            return Denied(Refused(Category.CONNECTION, Cause.TIMEOUT, AttemptSentence.STOPPED_BEFORE_TOKEN.fill(who=who), left=False))
        case Failure():
            failed = classify_transport_error(result.cause, AttemptSentence.NO_TOKEN.fill(sentence=result.message), left=False)
            return Denied(failed)
        case Response():
            return _read(connection, ask, result, masks)
        case _:
            assert_never(result)


def _read(connection: Connection, ask: Ask, response: Response, masks: Masks) -> TokenResponse | Denied:
    who = connection.authority
    if response.status in (408, 425, 429) or response.status >= 500:
        now = time.time_ns() // 1000
        outcome = classify_status(response.status, retry_after=response.header("retry-after"), now=now)
        wait = outcome.retry_after if isinstance(outcome, Refused) else 0
        message = AttemptSentence.NO_TOKEN_ANSWERED.fill(who=who, status=response.status)
        return Denied(Refused(Category.CONNECTION, Cause.OAUTH, message, left=False, retry_after=wait))
    if 300 <= response.status < 400:
        return Denied(oauth_refused(AttemptSentence.TOKEN_REDIRECT.fill(who=who, status=response.status)))
    try:
        return _tokens(connection, ask, response.body, masks)
    except OAuth2Error as error:
        if error.error and error.error != "missing_token":
            description = _plain(masks.shortened(str(error.description or ""), READ))
            return denied(connection, ask, _word(masks.shortened(str(error.error), READ)), description)
    except (ConnectionSetupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    if response.status == 401:
        return denied(connection, ask, "invalid_client", "")
    return Denied(oauth_refused(AttemptSentence.WITHOUT_TOKEN.fill(who=who, status=response.status)))


def _tokens(connection: Connection, ask: Ask, body: bytes, masks: Masks) -> TokenResponse:
    """Reads an answer. Raises OAuth2Error for an authority's error, and other exceptions for an answer that cannot be read."""
    client = WebApplicationClient(connection.client_id)
    members = client.parse_request_body_response(body.decode("utf-8", "replace"), scope=None)
    kind = members.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ValueError("not a bearer token")
    access, refresh = members["access_token"], members.get("refresh_token") or ""
    if not isinstance(access, str) or not isinstance(refresh, str) or not access:
        raise ValueError("a token is not text")
    life, scope = members.get("expires_in"), members.get("scope")
    masks = masks.also(secrets=[access, refresh])
    granted = " ".join(map(str, scope)) if isinstance(scope, list) else str(scope or connection.scope)
    return TokenResponse(
        check_secret(Secret.KEY, access),
        check_secret(Secret.KEY, refresh),
        life=int(life) * SECOND if life else None,
        scope=_plain(masks.shortened(granted, READ), 2_000),
        holder=_holder(members.get("id_token"), masks) if isinstance(ask, ByCode) else "",
    )


def _holder(id_token: object, masks: Masks) -> str:
    """Whose access it is, if the authority says so in an ID token. The token came from the authority over TLS and is only displayed, so its
    signature is not checked (OpenID Connect Core §3.1.3.7, 6)."""
    try:
        payload = str(id_token).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        named = next((claims[name] for name in ("email", "preferred_username", "name") if claims.get(name)), "")
        return _plain(masks.shortened(str(named), READ))
    except (IndexError, ValueError, AttributeError, TypeError, RecursionError):
        return ""


def _plain(text: object, most: int = MOST_SAID) -> str:
    """Foreign text as one line that any database and page accepts."""
    printable = "".join(c if c.isprintable() else " " for c in str(text)[: most * 2])
    return " ".join(printable.encode("utf-8", "replace").decode().split())[:most]


def _word(error: object) -> str:
    """An error code if it is a word, else ""."""
    text = str(error or "")
    return text if 0 < len(text) <= 60 and text.isascii() and text.replace("_", "").replace("-", "").isalnum() else "error"
