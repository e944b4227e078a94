"""Gets an access token for a page or command that tests an OAuth2 connection (C3, C4).

A test requests a fresh token, so that it checks the current settings and not the settings of an hour ago. The worker and other processes may
request one at the same moment: one of them claims the row, requests the token and stores it; the others use that token. No transaction is
open during the request.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from django.db import connection as database
from django.db import transaction

from heliograph.accounts.vault import vault
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.oauth_access import (
    Access,
    Ask,
    Closed,
    Denied,
    Needed,
    RenewalUnderWay,
    TokenResponse,
    Usable,
    oauth_refused,
    stand,
)
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.outbound.exchange import Route, SendResult
from heliograph.outbound.oauth_protocol import TokenExchange
from heliograph.outbound.one_request import GRACE
from heliograph.outbound.routes import token_route
from heliograph.outbound.sender import Sender, SenderStopped
from heliograph.store import oauth_token_store
from heliograph.store.django_database import of_django

LOOK_AGAIN: Final = 0.1
LONGEST_WAIT: Final = 45.0
"""Seconds to wait for another process's request: as long as its claim can last."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A connection that needs a token."""

    account: int
    id: int
    connection: Connection
    secrets: Mapping[str, str]
    route: Route
    """The route of the connection's requests. `token_route` derives the route of the token requests from it."""
    sender: Sender

    def fresh_token(self) -> str | Denied:
        """Gets a new token, which is also stored for the worker. Returns Denied with the reason if there is none."""
        who, until = f"test-{uuid4()}"[:40], time.monotonic() + LONGEST_WAIT
        unwanted: int | None = None
        while time.monotonic() < until:
            db = of_django(database)
            access, now = oauth_token_store.read_access(db, vault(), self.account, self.id), db.now()
            if unwanted is None:
                unwanted = access.generation
            match stand(self.connection, access, now, refused=unwanted):
                case Usable(token=token):
                    return token
                case Closed(why=why):
                    standing = stand(self.connection, access, now)
                    if isinstance(standing, Usable) and not access.lost:  # the token is valid until its end, even if it cannot be renewed
                        return standing.token
                    return Denied(oauth_refused(why), lost=True)
                case RenewalUnderWay():
                    time.sleep(LOOK_AGAIN)
                case Needed(by=by):
                    new_token = self._ask(access, by, who)
                    if new_token is not None:
                        return new_token
        return Denied(oauth_refused(AttemptSentence.OTHERS_ASK.fill(who=self.connection.authority)))

    def _ask(self, access: Access, by: Ask, who: str) -> str | Denied | None:
        """Requests a token and stores it. Returns None if another process was quicker."""
        with transaction.atomic():
            if not oauth_token_store.claim(of_django(database), self.account, self.id, access.generation, who):
                return None
            asked_at = of_django(database).now()
        response = self.exchange(access, by)
        with transaction.atomic():
            db = of_django(database)
            if isinstance(response, Denied):
                oauth_token_store.fail(db, self.account, self.id, response.refused.message, lost=response.lost, who=who)
                return response
            bond = self.connection.bond
            is_stored = oauth_token_store.keep(
                db, vault(), self.account, self.id, response, bond, before=access, asked_at=asked_at, who=who
            )
        return response.access_token if is_stored else None

    def exchange(self, access: Access, by: Ask) -> TokenResponse | Denied:
        """Requests a token from the authority even if a valid one is stored. Stores nothing, and blocks until the answer.

        access: says how the authority takes the client's credentials
        by: the grant
        """
        results: queue.SimpleQueue[SendResult] = queue.SimpleQueue()
        secret = self.secrets.get(Secret.CLIENT_SECRET, "")
        try:
            route = token_route(self.route, self.connection)
            urls = self.connection.token_urls(self.secrets)
            exchange = TokenExchange(self.sender, route, self.connection, urls, secret, by, in_body=access.in_body, done=results.put)
            exchange.start()
            answer: TokenResponse | Denied | None = None
            while answer is None:
                answer = exchange.read(results.get(timeout=route.total_timeout + GRACE))
        except (SenderStopped, queue.Empty):
            return Denied(oauth_refused(AttemptSentence.TOKEN_NOT_ASKED.fill()))
        return answer
