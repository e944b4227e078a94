"""What templates find of the person who is signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may


def account(request: HttpRequest) -> dict[str, Any]:
    """account, user; plans: may change events and registrations; administers: may change everything. A failing page asks for no user."""
    user = getattr(request, "user", None)
    known = getattr(request, "account", None)
    member = user if isinstance(user, User) and known is not None else None
    return {
        "account": known,
        "user": user,
        "plans": member is not None and may(member, Role.PLANNER),
        "administers": member is not None and may(member, Role.ADMINISTRATOR),
    }
