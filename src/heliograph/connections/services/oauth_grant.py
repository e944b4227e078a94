"""Connects OAuth2 connections by the grant Authorization Code (C4).

    begin    starts a sign-in: the URL of the authority's page, and the pending sign-in for the session
    finish   ends it when the browser returns: exchanges the code for tokens
    access   reads the state of a connection's access

No transaction is open while an authority responds. `services.access` gets a token for a test.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.conf import settings
from django.db import connection as database
from django.urls import reverse
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts.audit import Deed
from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services.access import Asker
from heliograph.connections.services.connections import OWNER, connection_row
from heliograph.connections.services.test_limiter import NoRoom, limited_wait
from heliograph.connections.waiting_items import WaitingItems, waiting_items
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.connection_health import AccessState
from heliograph.domain.connection.cure import RENEWED, RENEWED_ACCESS
from heliograph.domain.connection.oauth_access import ByCode, Denied, TokenResponse
from heliograph.domain.delivery.retry_policy import SECOND
from heliograph.domain.errors import HeliographError
from heliograph.outbound.oauth_protocol import SignInRefused, authorization, read_return
from heliograph.outbound.routes import Limits, route_of
from heliograph.setup.services import queue_effects
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.versions import watching_flows, write
from heliograph.store import oauth_token_store
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.secrets import SecretError, SecretPlace, load_secrets

log = structlog.get_logger(__name__)

SIGN_IN_FOR: Final = 15 * 60 * SECOND
"""Microseconds that the sign-in at the authority may take."""
STATE_BYTES: Final = 32


class NotConnected(HeliographError):
    """Connecting failed. The sentence says why and what to do; it contains no secret."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A started sign-in."""

    url: str = field(repr=False)
    """The authority's page, to which the browser goes."""
    authority: str
    """Its host."""
    state: str = field(repr=False)
    """The random text that comes back with the return."""
    pending: str = field(repr=False)
    """What `finish` needs, encrypted for the session."""


def redirect_url() -> str:
    """The URL to which authorities redirect. It follows from HELIOGRAPH_BASE_URL alone, never from a request's Host header."""
    return f"{settings.HELIOGRAPH.base_url}{reverse('oauth-return')}"


def begin(account: int, id: int) -> Begun:
    """Starts a sign-in for an Authorization Code connection. Raises NotThere, and NotConnected if the connection is incomplete."""
    client = asker(account, id)
    facts = client.connection
    lacking = [name for name in facts.lacks if name != "connected"]
    if not facts.needs_connecting or lacking:
        raise NotConnected(
            _("Fill in the connection first: it needs OAuth2 with the Grant Type Authorization Code, and all of its fields.")
        )
    db = of_django(database)
    started = authorization(facts, facts.token_urls(client.secrets).authorization, redirect_url(), state=secrets.token_urlsafe(STATE_BYTES))
    text = json.dumps({"state": started.state, "verifier": started.verifier, "bond": facts.bond, "at": db.now()})
    pending = vault().seal(_pending_place(account, id), text).decode("ascii")
    return Begun(started.url, facts.authorization_host, started.state, pending)


@dataclass(frozen=True, slots=True)
class Connected:
    """A sign-in that succeeded."""

    holder: str
    """Whose access it is; "" if the authority does not say."""
    items: WaitingItems
    """The items of the Retry Queue that waited for it."""


def finish(account: int, id: int, pending: str, query: str, *, by: str) -> Connected:
    """Exchanges the code of a return for tokens, and makes the actions due that waited for the connection.

    pending: from `begin`, in the same session
    query: the query of the return URL

    Raises NotConnected, NotThere.
    """
    try:
        begun = json.loads(vault().open(_pending_place(account, id), pending.encode("ascii", "replace")))
    except SecretError:
        raise NotConnected(_("We can’t continue this sign-in. Press Connect again.")) from None
    client = asker(account, id)
    db = of_django(database)
    asked_at = db.now()
    if asked_at - int(begun["at"]) > SIGN_IN_FOR:
        raise NotConnected(_("The sign-in took longer than 15 minutes. Press Connect again."))
    if begun["bond"] != client.connection.bond:
        raise NotConnected(_("The OAuth2 settings were changed during the sign-in. Press Connect again."))
    try:
        code = read_return(query, state=begun["state"], verifier=begun["verifier"])
    except SignInRefused as refused:
        raise NotConnected(_refusal(client.connection, refused)) from None
    ask = ByCode(code, begun["verifier"], redirect_url())
    try:
        with limited_wait(account):
            response = client.exchange(oauth_token_store.read_access(db, vault(), account, id), ask)
    except NoRoom:
        raise NotConnected(_("Other tests or sign-ins are running. Wait until they have ended, and press Connect again.")) from None
    if isinstance(response, Denied):
        log.warning("connect_denied", connection=id, category=response.refused.category.value)
        raise NotConnected(response.refused.message)
    items = _keep(client, response, asked_at, by)
    log.info("connected", connection=id)
    return Connected(response.holder, items)


def _keep(client: Asker, tokens: TokenResponse, asked_at: int, by: str) -> WaitingItems:
    """Stores the tokens, and a new version of the connection that counts as connected, so that flows can use it.

    Actions that failed for lack of access become due. Returns the items that waited for it.
    """
    with saving(client.account, by=by, whole_account=True) as transaction:
        row = connection_row(client.id)
        before = dict(row.body)
        if Connection.from_body(row.body).bond != client.connection.bond:
            raise NotConnected(_("The OAuth2 settings were changed during the sign-in. Press Connect again."))
        oauth_token_store.connect(
            transaction.db, vault(), transaction.account, row.pk, tokens, client.connection.bond, asked_at=asked_at, by=by
        )
        with watching_flows(transaction, confirmed=True):
            edition = int(row.body.get("edition", 0)) + 1
            row.body = {**row.body, "connected": client.connection.bond, "edition": edition, RENEWED: [RENEWED_ACCESS]}
            write(transaction, row)
        items = waiting_items(transaction.db, transaction.provider.account(transaction.account), row.pk)
        queue_effects.connection_saved(transaction, row.pk)
        transaction.note(Deed.CONNECTED, "connection", row, before, row.body)
    return items


@dataclass(frozen=True, slots=True)
class ConnectionAccess:
    """A connection's access, for pages."""

    name: str
    authority: str
    needs_connecting: bool
    lacks: tuple[str, ...]
    state: AccessState
    about: oauth_token_store.ShownAccess | None
    """The stored facts about its tokens; None if there are none."""


def state_of(facts: Connection, about: oauth_token_store.ShownAccess | None) -> AccessState:
    """The state of a connection's access. Tokens that were given under other settings do not count.

    about: the stored facts about its tokens
    """
    usable = about is not None and about.bond == facts.bond and (facts.connected == facts.bond or not facts.needs_connecting)
    return AccessState.NOT_YET if about is None or not usable else AccessState.LOST if about.lost else AccessState.CONNECTED


def access(db: Database, account: int, id: int) -> ConnectionAccess:
    """The access of an OAuth2 connection. Raises NotThere, also for a connection of another type."""
    with scope(account=account):
        facts = Connection.from_body(connection_row(id).body)
    about = oauth_token_store.shown_access(db, account, id)
    state = state_of(facts, about)
    if about is not None and about.bond != facts.bond:
        about = None
    lacks = tuple(name for name in facts.lacks if name != "connected")
    if facts.auth is not Auth.OAUTH2:
        lacks = ("auth",)
    return ConnectionAccess(facts.name, facts.authority, facts.needs_connecting, lacks, state, about)


def asker(account: int, id: int) -> Asker:
    """The Asker that requests a connection's tokens. Raises NotThere, and NotConnected in a restored copy that is not released."""
    if unreleased_copy(of_django(database), account) is not None:
        raise NotConnected(_("This is a restored copy. It can’t connect until an Administrator lets it send."))
    with scope(account=account):
        facts = Connection.from_body(connection_row(id).body)
    stored = load_secrets(of_django(database), vault(), account, OWNER, [id]).get(id, {})
    route = route_of(account, id, facts, stored, page_sender.policy(account), Limits())
    return Asker(account, id, facts, stored, route, page_sender.sender())


def _pending_place(account: int, id: int) -> SecretPlace:
    return SecretPlace(account, oauth_token_store.KIND, id, "sign-in")


def _refusal(facts: Connection, refused: SignInRefused) -> str:
    who = facts.authorization_host
    if refused.error == "access_denied":
        return _("The sign-in at %(who)s was cancelled, or access was not granted. Nothing has changed.") % {"who": who}
    if refused.error == "invalid_scope":
        return _("%(who)s does not know the scope “%(scope)s”. Ask its administrator for the right one.") % {
            "who": who,
            "scope": facts.scope,
        }
    if not refused.error:
        return _("%(who)s sent you back without a code. Press Connect again.") % {"who": who}
    reason = refused.description or refused.error
    return _("%(who)s refused the sign-in: %(said)s. Check the OAuth2 settings with its administrator.") % {
        "who": who,
        "said": reason.rstrip("."),
    }
