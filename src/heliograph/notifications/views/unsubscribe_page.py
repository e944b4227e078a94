"""Stops messages without signing in (B4; RFC 8058): the link is the credential, and says what it stops.

Opening it changes nothing, because mail programs open links to look at them. A press on its button stops the messages, and so does the post
that a mail program sends by itself when its reader presses "Unsubscribe" there.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django_scopes import scope

from heliograph.accounts.models import Account
from heliograph.domain.notification.kinds import Kind
from heliograph.notifications import stored_settings
from heliograph.notifications.kind_words import SHORT
from heliograph.notifications.unsubscribe_links import BadLink, Subscription, subscription_of
from heliograph.web.forms import pressed
from heliograph.web.pages import page

TEMPLATE = "notifications/unsubscribe.html"


@login_not_required
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Asks, stops one kind of messages or all, and takes that back."""
    try:
        subscription = subscription_of(token)
    except BadLink as error:
        return page(request, TEMPLATE, status=404, stage="bad", words=str(error))
    account = Account.objects.filter(pk=subscription.account).first()
    if account is None:
        return page(request, TEMPLATE, status=404, stage="bad", words=str(BadLink()))
    stage = "ask"
    if request.method == "POST":
        stage = _carry_out(subscription, pressed(request))
    return page(request, TEMPLATE, where=account.name, stage=stage, **_words(subscription))


def _carry_out(subscription: Subscription, button: str) -> str:
    """What the button, or a mail program's post without one, wants. Returns what the page says then."""
    with scope(account=subscription.account), transaction.atomic():
        if button == "undo" and subscription.user:
            stored_settings.subscribe(subscription.account, subscription.user, list(Kind))
            return "undone"
        kinds = list(Kind) if button == "all" else [subscription.kind]
        stored_settings.unsubscribe(subscription.account, subscription.user, subscription.address, kinds)
    return "all" if button == "all" else "done"


def _words(subscription: Subscription) -> dict[str, Any]:
    kind = SHORT[subscription.kind]
    return {"address": subscription.address, "kind": kind, "can_undo": bool(subscription.user), "undo_words": _("Undo")}
