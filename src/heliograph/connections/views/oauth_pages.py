"""Connect, the return, and the state of a connection's access (C4).

A pending sign-in is stored in the session: encrypted, under a digest of its state, and used once. The authority returns to our own URL
(`services.oauth_grant.redirect_url`). The next redirect removes the code from the browser's URL.
"""

from __future__ import annotations

import hashlib
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.connections.services import oauth_grant
from heliograph.connections.services.oauth_grant import NotConnected
from heliograph.connections.waiting_items import now_connected, once_connected, waiting_items
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.message_words import message_words
from heliograph.store.instants import from_micros
from heliograph.web.pages import page
from heliograph.web.toasts import say

PENDING: Final = "oauth_pending"
OUTCOME: Final = "oauth_outcome"
MOST_PENDING: Final = 5
LONGEST_QUERY: Final = 16_000


@require_safe
def connection_access(request: AccountRequest, connection: int) -> HttpResponse:
    """The state of the access, and Connect."""
    with account_reader(request.account.pk) as reader:
        access = oauth_grant.access(reader.db, request.account.pk, connection)
        items = waiting_items(reader.db, reader.config, connection)
    outcome = request.session.get(OUTCOME)
    problem = ""
    if isinstance(outcome, list) and outcome[:1] == [connection]:
        problem = message_words(str(outcome[1]))
        del request.session[OUTCOME]
    about = access.about
    return page(
        request,
        "connections/access.html",
        here="connections",
        connection={"id": connection, "name": access.name},
        authority=access.authority,
        state=access.state.name.lower(),
        can_connect=access.needs_connecting and not access.lacks and may(request.user, Role.ADMINISTRATOR),
        by_itself=not access.needs_connecting and not access.lacks,
        lacks=bool(access.lacks),
        problem=problem,
        redirect_url=oauth_grant.redirect_url(),
        holder=about.holder if about else "",
        scope=about.scope if about else "",
        since=from_micros(about.connected_at) if about and about.connected_at else None,
        by=names_of_users(request.account.pk, [about.connected_by]).get(about.connected_by, "") if about else "",
        renewed=from_micros(about.obtained_at) if about else None,
        failed=from_micros(about.failed_at) if about and about.failed_at else None,
        failure=message_words(about.failure) if about else "",
        waits=once_connected(items),
    )


@require_POST
@needs(Role.ADMINISTRATOR)
@never_cache
def connect(request: AccountRequest, connection: int) -> HttpResponse:
    """Starts the sign-in with a page that names the authority and goes there by itself.

    A redirect would not work, because our content security policy blocks forms that lead to other hosts.
    """
    try:
        begun = oauth_grant.begin(request.account.pk, connection)
    except NotConnected as error:
        return _failed(request, connection, error)
    pending = dict(list(request.session.get(PENDING, {}).items())[1 - MOST_PENDING :])
    request.session[PENDING] = {**pending, _digest(begun.state): [connection, begun.pending]}
    response = page(
        request, "connections/oauth_leave.html", here="connections", url=begun.url, authority=begun.authority, connection=connection
    )
    response["Refresh"] = f"0; url={begun.url}"
    return response


@login_not_required  # a redirect to our sign-in page would pass the code on in its URL
@require_safe
@never_cache
def oauth_return(request: AccountRequest) -> HttpResponse:
    """The URL to which authorities redirect.

    The sign-in must have been started in the same session, by a user who is still an Administrator.
    """
    pending = request.session.get(PENDING, {})
    sign_in = pending.pop(_digest(request.GET.get("state", "")), None)
    if sign_in is None or not may(request.user, Role.ADMINISTRATOR):
        return page(request, "connections/oauth_unknown.html", status=400, here="connections")
    request.session[PENDING] = pending  # a sign-in is used once, even if it fails
    request.session.save()
    connection, sealed = int(sign_in[0]), str(sign_in[1])
    query = request.META.get("QUERY_STRING", "")[:LONGEST_QUERY]
    try:
        connected = oauth_grant.finish(request.account.pk, connection, sealed, query, by=request.user.actor)
    except NotConnected as error:
        return _failed(request, connection, error)
    words = _("Connected as %(holder)s.") % {"holder": connected.holder} if connected.holder else _("Connected.")
    say(request, f"{words} {now_connected(connected.items)}")
    return HttpResponseRedirect(reverse("connection", args=[connection]))


def _failed(request: AccountRequest, connection: int, error: NotConnected) -> HttpResponse:
    """Redirects to the page on access, which says why. A redirect, so that no code stays in the browser's URL."""
    request.session[OUTCOME] = [connection, str(error)]
    return HttpResponseRedirect(reverse("connection-access", args=[connection]))


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()
