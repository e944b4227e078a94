"""Requests pages of a REST list: by the account's guard and limits, with the authorization of one of its connections (S3, C6)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from django.db import connection as database
from django.db import transaction
from django_scopes import scope

from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services.access import Asker
from heliograph.connections.services.connections import OWNER, connection_row
from heliograph.deliveries.message_words import message_sentence
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.oauth_access import Denied, Usable, stand
from heliograph.domain.connection.request import PreparedConnection, Request, prepare
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import parse_retry_after
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.transform import one_line
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.source.pretix import PRETIX, PretixSettings
from heliograph.domain.source.pretix_list import list_of
from heliograph.domain.source.rest_list import RestList, origin_of
from heliograph.outbound.exchange import KIB, CutOff, Failure, Response, Route
from heliograph.outbound.masks import masks_of
from heliograph.outbound.one_request import ask
from heliograph.outbound.routes import Limits, route_of
from heliograph.outbound.sender import Sender
from heliograph.setup.setup_errors import NotThere
from heliograph.store import oauth_token_store
from heliograph.store.django_database import of_django
from heliograph.store.secrets import load_secrets

LARGEST_ANSWER: Final = 8_192 * KIB
LONGEST: Final = 20.0
"""Seconds for a request; the heartbeat of the job that waits for it must stay within its lease."""
UNAUTHORIZED: Final = 401
NO_CONTENT: Final = 204
LONGEST_WORDS: Final = 300
"""Characters of a server's own words."""


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """An answer that is JSON, or one whose status alone says something."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    json: object = None
    body: bytes = field(default=b"", repr=False)
    took: float = 0.0
    """Seconds."""
    words: str = ""
    """What the server says in place of a list, without credentials; "" for nothing."""


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """Why a list could not be read: a sentence for people."""

    message: str
    status: int = 0
    """0: there was no answer."""
    retry_after: int = 0
    """Microseconds for which the server asked to be left alone."""


class ListRequester:
    """Asks one list. It holds credentials: never log or store it."""

    def __init__(self, account: int, description: RestList, sender: Sender | None = None) -> None:
        """Raises NotThere if the connection was deleted, and HeliographError if its secrets cannot be read or its server is another one."""
        self._account, self._description = account, description
        self._sender = sender
        self._connection: Connection | None = None
        self._prepared: PreparedConnection | None = None
        self._secrets: dict[str, str] = {}
        with transaction.atomic(), scope(account=account):
            policy = page_sender.policy(account)
            if description.connection is None:
                self._route = Route(account, 0, policy, total_timeout=LONGEST, body_cap=LARGEST_ANSWER)
                return
            self._connection = Connection.from_body(connection_row(description.connection).body)
            self._secrets = load_secrets(of_django(database), vault(), account, OWNER, [description.connection]).get(
                description.connection, {}
            )
        if origin_of(self._connection.origin) != description.origin:
            raise NotThere("The address of the list is not on the server of its connection, %(server)s.", server=self._connection.origin)
        self._prepared = prepare(self._connection, self._secrets)
        route = route_of(account, description.connection, self._connection, self._secrets, policy, Limits(longest=LONGEST))
        self._route = replace(route, total_timeout=LONGEST, body_cap=LARGEST_ANSWER)

    def get(self, url: str) -> ListAnswer | ReadFailure:
        """Requests a page, or an item. Blocks for LONGEST at most; no transaction may be open."""
        began = time.monotonic()
        answer = self._ask("GET", url, None, is_token_new=False)
        if isinstance(answer, ReadFailure) and answer.status == UNAUTHORIZED and self._connection and self._connection.auth is Auth.OAUTH2:
            answer = self._ask("GET", url, None, is_token_new=True)
        return replace(answer, took=time.monotonic() - began) if isinstance(answer, ListAnswer) else answer

    def send(self, method: str, url: str, body: object = None) -> ListAnswer | ReadFailure:
        """Creates or removes something beside the list, by JSON. Once: nobody knows whether a request without an answer arrived."""
        content = None if body is None else json.dumps(body).encode()
        return self._ask(method, url, content, is_token_new=False)

    def _ask(self, method: str, url: str, content: bytes | None, *, is_token_new: bool) -> ListAnswer | ReadFailure:
        headers: list[tuple[str, str]] = [("Accept", "application/json")]
        if content is not None:
            headers.append(("Content-Type", "application/json"))
        if self._prepared is not None:
            token = self._token(is_token_new=is_token_new)
            if isinstance(token, Denied):
                return ReadFailure(message_sentence(token.refused.message))
            if token is not None:
                headers.append(("Authorization", f"Bearer {token}"))
            headers += [*self._prepared.auth, *self._prepared.fixed]
            if self._prepared.query:
                url += ("&" if "?" in url else "?") + urlencode(self._prepared.query)
        request = Request(method, url, tuple(headers), content)
        match ask(self._sender or page_sender.sender(), request, self._route):
            case Response() as response:
                return _read(response, self._own_words(request, response))
            case Failure(message=message):
                return ReadFailure(message_sentence(message))
            case CutOff():
                return ReadFailure(AttemptSentence.STOPPING.fill())

    def _own_words(self, request: Request, response: Response) -> str:
        """The server's own reason for a refusal, without credentials that it repeats (C5); "" if it gives none, and for a list."""
        if 200 <= response.status < 300:
            return ""
        credentials = self._prepared.credentials if self._prepared is not None else ()
        sent = [value for name, value in request.headers if name == "Authorization"]
        masks = masks_of([*self._secrets.values(), "?" + request.url.partition("?")[2]], credentials=[*credentials, *sent])
        plain = TargetResponse(response.status, response.headers, response.body, masks.blotted, cut=response.truncated)
        return one_line(masks.shortened(own_words(plain), LONGEST_WORDS), longest=LONGEST_WORDS)

    def _token(self, *, is_token_new: bool) -> str | Denied | None:
        """The access token; None for a connection without OAuth2."""
        connection, id = self._connection, self._description.connection
        if connection is None or id is None or connection.auth is not Auth.OAUTH2:
            return None
        if not is_token_new:
            db = of_django(database)
            standing = stand(connection, oauth_token_store.read_access(db, vault(), self._account, id), db.now())
            if isinstance(standing, Usable):
                return standing.token
        sender = self._sender or page_sender.sender()
        return Asker(self._account, id, connection, self._secrets, self._route, sender).fresh_token()


def _read(response: Response, words: str) -> ListAnswer | ReadFailure:
    status, headers = response.status, tuple(response.headers)
    if status in (404, 410):
        return ListAnswer(status, headers, words=words)
    if not 200 <= status < 300:
        retry_after = parse_retry_after(response.header("retry-after"), time.time_ns() // 1_000)
        return ReadFailure(quoting(_refusal(status), words), status, retry_after)
    if response.truncated:
        return ReadFailure(
            Sentence("The answer is larger than %(most)d MB. Ask for fewer items per page.", most=LARGEST_ANSWER // KIB // KIB), status
        )
    if status == NO_CONTENT:
        return ListAnswer(status, headers)
    try:
        return ListAnswer(status, headers, json.loads(response.body), response.body)
    except (ValueError, RecursionError):
        return ReadFailure(gettext_noop("The answer is not JSON."), status)


def quoting(sentence: str, words: str) -> str:
    """A sentence about a server, and what it says itself."""
    return Sentence("%(sentence)s It says: “%(words)s”", sentence=Sentence(sentence), words=words) if words else sentence


def _refusal(status: int) -> str:
    if status in (401, 403):
        return Sentence("The server refused the sign-in (%(status)d). Check the connection.", status=status)
    if status == 429:
        return gettext_noop("The server asked for fewer requests (429).")
    if status >= 500:
        return Sentence("The server failed (%(status)d).", status=status)
    return Sentence("The server answered %(status)d instead of a list.", status=status)


def description_of(settings: str) -> RestList:
    """The list that a source's settings describe, or that they mean at a platform that we know. Raises HeliographError."""
    try:
        value = json.loads(settings or "{}")
    except ValueError:
        value = {}
    if isinstance(value, dict) and PRETIX in value:
        return list_of(PretixSettings.from_body(value[PRETIX]))
    if not isinstance(value, dict) or "list" not in value:
        raise HeliographError("Its list is not described yet. Describe it first.")
    return RestList.from_body(value["list"])
