"""Sends a message over a connection of the account (B4): the path of every outgoing request (guard, proxy, access token, signature, response rule),
and none of the queue. A message is no delivery: it has no action, no attempt and no lane, and counts in no figure."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time_ns
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts.models import Account
from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services.access import Asker
from heliograph.connections.services.connections import OWNER, connection_row
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.oauth_access import Denied
from heliograph.domain.connection.request import Request, prepare
from heliograph.domain.connection.response_rule import READ_REASON, classify_response
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.sample import SampleFacts
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.target_response import TargetResponse, charset_of
from heliograph.domain.delivery.outcomes import Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.mapping.mapping_renderer import Rendered
from heliograph.domain.notification.quotes import quotable
from heliograph.domain.notification.tries import Result
from heliograph.notifications.letters import Letter, as_chat
from heliograph.notifications.models import Message
from heliograph.outbound.exchange import Response
from heliograph.outbound.masks import masks_of
from heliograph.outbound.one_request import ask
from heliograph.outbound.routes import Limits, route_of
from heliograph.outbound.signature import signed
from heliograph.store.django_database import of_django
from heliograph.store.secrets import load_secrets


class _ReadyPayload(Rendered):
    """A payload that no mapping makes."""

    __slots__ = ("_tree",)

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    def tree(self) -> dict[str, Any]:
        return self._tree

    def pairs(self) -> list[tuple[str, str]]:
        """For a connection that sends forms: the plain texts alone."""
        return [(name, value) for name, value in self._tree.items() if isinstance(value, str)]


def post_message(message: Message, letter: Letter, connection_id: int) -> tuple[Result, str]:
    """Sends a letter over a connection. Returns how it ended, and why it was not sent. Takes as long as the connection's timeouts allow; no
    transaction may be open.
    """
    account = Account.objects.get(pk=message.account_id)
    try:
        with transaction.atomic(), scope(account=account.pk):
            connection = Connection.from_body(connection_row(connection_id).body)
            if set(connection.lacks) - {"connected"}:
                return Result.IMPOSSIBLE, _("The connection is not set up completely.")
            secrets = load_secrets(of_django(database), vault(), account.pk, OWNER, [connection_id]).get(connection_id, {})
            prepared = prepare(connection, secrets)
        route = route_of(account.pk, connection_id, connection, secrets, page_sender.policy(account.pk), Limits())
    except NotInAccount:
        return Result.IMPOSSIBLE, _("The connection was deleted.")
    except HeliographError:
        return Result.IMPOSSIBLE, _("The connection can’t be used as it is set up. Test it.")
    if prepared.path_and_query.chips:
        return Result.IMPOSSIBLE, _("The connection’s URL needs fields of a registration, which a message does not have.")
    bearer = None
    if connection.auth is Auth.OAUTH2:
        token = Asker(account.pk, connection_id, connection, secrets, route, page_sender.sender()).fresh_token()
        if isinstance(token, Denied):
            return Result.UNREACHED, _("No access token was given for the connection. Connect it again.")
        bearer = token
    now = datetime.now(UTC)
    payload = _ReadyPayload(as_chat(letter, connection.origin, message.kind, message.phase))
    facts = SampleFacts(now, account.timezone, account.code)
    request = prepared.build(payload, None, facts, webhook_id=f"ntf_{message.uid}", timezone=ZoneInfo(account.timezone), bearer=bearer)
    if not isinstance(request, Request):
        return Result.IMPOSSIBLE, _("The connection can’t carry a message: its key or headers are in the way.")
    names = (Secret.SIGNING, Secret.SIGNING_BEFORE)
    response = ask(page_sender.sender(), signed(request, [secrets[name] for name in names if secrets.get(name)], now), route)
    if not isinstance(response, Response):
        return Result.UNREACHED, _("It doesn’t answer.")
    return _result_of(response, connection, request, [*secrets.values(), *([bearer] if bearer else [])], prepared.credentials)


def _result_of(
    response: Response, connection: Connection, request: Request, secrets: list[str], credentials: list[str]
) -> tuple[Result, str]:
    """What the answer means, by the connection's own response rule."""
    masks = masks_of(secrets, request, credentials=credentials)
    target_response = TargetResponse(
        response.status,
        response.headers,
        response.body,
        lambda reason: masks.shortened(reason, READ_REASON),
        cut=response.truncated,
        charset=charset_of(response.headers),
    )
    outcome = classify_response(connection.rule, target_response, time_ns() // 1_000)
    if not isinstance(outcome, Refused):
        return Result.SENT, ""
    words = quotable(own_words(target_response))
    result = Result.UNREACHED if outcome.category is Category.CONNECTION else Result.REFUSED
    if words:
        return result, _("It answers %(status)s: “%(words)s”") % {"status": response.status, "words": masks.blotted(words)}
    return result, _("It answers %(status)s.") % {"status": response.status}
