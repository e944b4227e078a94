"""The template context about the signed-in user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from heliograph.accounts import kept_form
from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may


def account(request: HttpRequest) -> dict[str, Any]:
    """The context of every page about its user and account. An error page does not ask for the user.

    openid: the name of the OpenID Connect provider; "" for none.
    plans: True if the user may change events and registrations.
    administers: True if the user may change everything.
    form_waits: True if this browser has posted a form after its session had ended.
    """
    user = getattr(request, "user", None)
    known = getattr(request, "account", None)
    member = user if isinstance(user, User) and known is not None else None
    return {
        "account": known,
        "user": user,
        "openid": settings.HELIOGRAPH.oidc_name if settings.HELIOGRAPH.oidc_issuer else "",
        "form_waits": kept_form.is_waiting(request),
        "plans": member is not None and may(member, Role.PLANNER),
        "administers": member is not None and may(member, Role.ADMINISTRATOR),
    }
