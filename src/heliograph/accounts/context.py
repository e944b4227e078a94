"""The template context about the signed-in user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from heliograph.accounts import kept_form
from heliograph.accounts.models import Account, Role, User
from heliograph.accounts.roles import may
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import RestoredCopy, unreleased_copy


def account(request: HttpRequest) -> dict[str, Any]:
    """The context of every page about its user and account. An error page does not ask for the user.

    openid: the name of the OpenID Connect provider; "" for none.
    plans: True if the user may change events and registrations.
    administers: True if the user may change everything.
    restored_copy: what the account is restored from, while it sends nothing (O14).
    places_frame: the frame of a 403 or 404, which keeps the places of where somebody who is signed in is.
    form_waits: True if this browser has posted a form after its session had ended.
    """
    user = getattr(request, "user", None)
    known = getattr(request, "account", None)
    member = user if isinstance(user, User) and known is not None else None
    is_inside = member is not None and not member.second_factor_due
    is_in_signal = known is not None and known.signal_enabled and request.path.startswith("/signal/")
    return {
        "account": known,
        "user": user,
        "openid": settings.HELIOGRAPH.oidc_name if settings.HELIOGRAPH.oidc_issuer else "",
        "restored_copy": SimpleLazyObject(lambda: _restored_copy(known) if member is not None and known is not None else None),
        "form_waits": kept_form.is_waiting(request),
        "plans": member is not None and may(member, Role.PLANNER),
        "administers": member is not None and may(member, Role.ADMINISTRATOR),
        "places_frame": "entry.html" if not is_inside else "signal.html" if is_in_signal else "platform.html",
    }


def _restored_copy(account: Account) -> RestoredCopy | None:
    return unreleased_copy(of_django(connections["read"]), account.pk)
