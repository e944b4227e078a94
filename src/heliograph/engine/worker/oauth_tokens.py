"""The access tokens of a worker's OAuth2 connections (C4, D9).

    reading thread     token_of(), enrol()   a token, or why there is none (yet)
    settling thread    turn()                reads, claims and stores tokens in short transactions; requests them, and reads the answers
    sender's thread    heed()                what the target's answer means for the token

Nothing blocks: a lane that waits for a token keeps its place, and other connections continue. A token is used until shortly before it
expires, and the next one is requested some time before that. After a 401 the action is sent once more with another token, which uses no
try. A second 401 counts as the answer.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from heliograph.domain.connection.connection import Connection, TokenUrls
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
from heliograph.domain.connection.response_rule import Rule, refuses_token
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.outbound.exchange import CutOff, Response, Route, SendResult
from heliograph.outbound.oauth_protocol import TokenExchange
from heliograph.outbound.routes import token_route
from heliograph.outbound.sender import Sender, SenderStopped
from heliograph.store import oauth_token_store
from heliograph.store.database import Database
from heliograph.store.secrets import SecretError, Vault

log = structlog.get_logger(__name__)

REFUSED_FOR: Final = 30.0
"""Seconds for which an authority that refused gets no further request. Actions that are due in that time fail with its response. Saving the
connection ends the wait."""
UNREACHED_FOR: Final = 1.0
"""Seconds to wait after an authority could not be reached. If it stays unreachable, the connection's breaker trips."""
LOOK_AGAIN: Final = 0.1
CONFIRM_EVERY: Final = 2.0
"""Seconds after which the stored token is read again while it is in use: someone may have connected again."""
ONE_CHANCE_IN: Final = 60.0
"""Seconds for which a token that replaced a refused one, and was itself refused with 401 each time, is not replaced again."""
ONE_REVOKED_IN: Final = 5.0
"""Like ONE_CHANCE_IN, for a token that the target had accepted: it may have been revoked, but not every second."""
MOST_REVOKED: Final = 5
"""How many revoked tokens in a row are replaced at once."""
MOST_REMEMBERED: Final = 5_000


@dataclass(frozen=True, slots=True)
class TokenPending:
    """The access token is being fetched: this action waits, others continue (D9)."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The data to request a connection's tokens.

    route: a new object whenever the connection changes
    """

    account: int
    connection: int
    facts: Connection
    urls: TokenUrls
    secret: str = field(repr=False)
    route: Route


@dataclass(eq=False, slots=True)
class _TokenState:
    """The token of a connection and what is known about it. Each field is assigned as a whole, by one thread at a time."""

    client: OAuthClient
    asks: Route
    """The route to the authority."""
    usable: Usable | None = None
    denied: Refused | CouldNotBegin | None = None
    paused_until: float = 0.0
    ordered: bool = False
    """True while a token is being requested, or waits for that in a queue of the settling thread."""
    looked_at: float = 0.0
    refused: int = 0
    """The newest generation that the target has answered with 401."""
    proven: int = 0
    """The newest generation that the target has accepted."""
    renewed_at: float = float("-inf")
    """When a 401 last led to a request for a token."""
    revoked: float = 0.0
    """How many working tokens have been replaced; decreases by one every ONE_REVOKED_IN seconds."""


@dataclass(slots=True)
class _TokenAnswer:
    state: _TokenState
    before: Access
    asked_at: int
    exchange: TokenExchange
    result: SendResult = field(repr=False)
    """As it came, with its secrets."""
    answer: TokenResponse | Denied | None = None
    """The meaning of the response; None until it is read."""


class WorkerSignals(Protocol):
    """The part of SharedLanes that OAuthTokens uses: signals to the other threads, and the database's clock."""

    wake_reader: Callable[[], object]
    wake_completer: threading.Event

    def db_time(self, monotonic: float) -> int: ...


class OAuthTokens:
    """The access tokens that one worker uses."""

    def __init__(self, vault: Vault, sender: Sender, memory: WorkerSignals, who: str) -> None:
        self._vault, self._sender, self._memory, self._who = vault, sender, memory, who[:40]
        self._states: dict[int, _TokenState] = {}
        self._orders: deque[_TokenState] = deque()
        self._later: deque[tuple[float, _TokenState]] = deque()
        self._again: OrderedDict[int, int] = OrderedDict()
        """Action -> the generation with which it was refused."""
        self.came: deque[_TokenAnswer] = deque()

    # The reading thread.

    def token_of(self, connection: int, route: Route) -> Usable | TokenPending | Refused | CouldNotBegin | None:
        """The token to send; None if this version of the connection is new: then call `enrol`.

        CouldNotBegin: no token will be issued until a person signs in again.
        """
        state = self._states.get(connection)
        if state is None or state.client.route is not route:
            return None
        now = time.monotonic()
        usable, at = state.usable, self._memory.db_time(now)
        if usable is not None and usable.generation > state.refused and (usable.until is None or at < usable.until):
            due = usable.early is not None and at >= usable.early and now >= state.paused_until
            if due or now - state.looked_at > CONFIRM_EVERY:
                self._enqueue(state)
            return usable
        if state.denied is not None and now < state.paused_until:
            return state.denied
        self._enqueue(state)
        return TokenPending()

    def enrol(self, client: OAuthClient) -> TokenPending:
        """Requests the token of a new version of a connection."""
        state = self._states[client.connection] = _TokenState(client, token_route(client.route, client.facts))
        self._enqueue(state)
        return TokenPending()

    def _enqueue(self, state: _TokenState) -> None:
        if not state.ordered:
            state.ordered = True
            self._orders.append(state)
            self._memory.wake_completer.set()

    # The sender's thread.

    def heed(
        self, connection: int, generation: int, action: int, result: SendResult, rule: Rule = (), response: TargetResponse | None = None
    ) -> SendResult:
        """Applies a target's answer to the token that was sent. Returns the same result, or CutOff if the action is to be sent once more.

        rule: the connection's response rule; some targets refuse a token with a status other than 401
        response: the rule's view of the answer
        """
        if not generation or not isinstance(result, Response):
            return result
        state = self._states.get(connection)
        if state is None:
            return result
        if result.status != 401 and not (response is not None and refuses_token(rule, response)):
            state.proven = max(state.proven, generation)
            self._again.pop(action, None)
            return result
        if self._again.pop(action, None) is not None or not self._may_renew(state, generation):
            return result
        self._again[action] = generation
        while len(self._again) > MOST_REMEMBERED:
            self._again.popitem(last=False)
        if generation > state.refused:
            now = time.monotonic()
            state.revoked = max(0.0, state.revoked - (now - state.renewed_at) / ONE_REVOKED_IN) + 1
            state.refused, state.renewed_at = generation, now
            log.info("access_token_refused", connection=connection, generation=generation)
        return CutOff(left=True)

    def _may_renew(self, state: _TokenState, generation: int) -> bool:
        """True if another token may be requested. A target that refuses every token, or accepts only some, must not make us flood its
        authority."""
        if generation <= state.refused:
            return True  # it has been replaced since
        rested = time.monotonic() - state.renewed_at
        if generation > state.proven:
            return rested > ONE_CHANCE_IN
        return state.revoked - rested / ONE_REVOKED_IN < MOST_REVOKED

    # The settling thread.

    def turn(self, db: Database) -> None:
        """Stores new tokens, then handles connections that need one. After a database error it retries; no token is lost."""
        while self.came:
            self._take(db, self.came[0])
            self.came.popleft()
        while self._later and self._later[0][0] <= time.monotonic():
            self._orders.append(self._later.popleft()[1])
        while self._orders:
            self._look(db, self._orders[0])
            self._orders.popleft()

    def _take(self, db: Database, came: _TokenAnswer) -> None:
        state, client = came.state, came.state.client
        came.answer = came.answer or came.exchange.read(came.result)
        if came.answer is None:
            return
        if isinstance(came.answer, TokenResponse):
            with db.transaction():
                is_stored = oauth_token_store.keep(
                    db, self._vault, client.account, client.connection, came.answer, client.facts.bond,
                    before=came.before, asked_at=came.asked_at, who=self._who,
                )  # fmt: skip
            log.info("access_token_obtained" if is_stored else "access_token_discarded", connection=client.connection)
        else:
            refused = came.answer.refused
            with db.transaction():
                oauth_token_store.fail(db, client.account, client.connection, refused.message, lost=came.answer.lost, who=self._who)
            log.warning("access_token_denied", connection=client.connection, category=refused.category.value, lost=came.answer.lost)
            self._deny(state, CouldNotBegin(refused.cause, refused.message) if came.answer.lost else refused)
            return
        self._look(db, state)

    def _look(self, db: Database, state: _TokenState) -> None:
        """Reads the stored access and acts on it: uses, requests, waits or gives up."""
        client = state.client
        try:
            access = oauth_token_store.read_access(db, self._vault, client.account, client.connection)
        except SecretError as error:
            self._deny(state, oauth_refused(str(error)))
            return
        standing = stand(client.facts, access, db.now(), refused=state.refused)
        state.looked_at = time.monotonic()
        match standing:
            case Usable():
                state.usable = standing
                if standing.renew is not None and state.looked_at >= state.paused_until:
                    self._ask(db, state, access, standing.renew)
                else:
                    state.ordered = False
            case Needed(by=by):
                self._ask(db, state, access, by)
            case RenewalUnderWay():
                self._look_again(state)
            case Closed(why=why):
                self._deny(state, CouldNotBegin(Cause.OAUTH, why))
        self._memory.wake_reader()

    def _ask(self, db: Database, state: _TokenState, access: Access, by: Ask) -> None:
        client = state.client
        with db.transaction():
            claimed = oauth_token_store.claim(db, client.account, client.connection, access.generation, self._who)
        if not claimed:
            self._look_again(state)
            return
        asked_at = db.now()

        def done(result: SendResult) -> None:
            self.came.append(_TokenAnswer(state, access, asked_at, exchange, result))
            self._memory.wake_completer.set()

        exchange = TokenExchange(self._sender, state.asks, client.facts, client.urls, client.secret, by, in_body=access.in_body, done=done)
        try:
            exchange.start()
        except SenderStopped:
            with db.transaction():
                oauth_token_store.fail(db, client.account, client.connection, "", lost=False, who=self._who)

    def _look_again(self, state: _TokenState) -> None:
        self._later.append((time.monotonic() + LOOK_AGAIN, state))

    def _deny(self, state: _TokenState, denied: Refused | CouldNotBegin) -> None:
        state.denied = denied
        is_unreached = isinstance(denied, Refused) and denied.category is not Category.CONFIG
        state.paused_until = time.monotonic() + (UNREACHED_FOR if is_unreached else REFUSED_FOR)
        state.ordered = False
        self._memory.wake_reader()
