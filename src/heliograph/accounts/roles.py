"""Rights by role (P1): an Administrator may do everything, a Planner may change what belongs to events, a Viewer only reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from heliograph.accounts.models import Account, Role, User

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

RANKS = {Role.VIEWER: 0, Role.PLANNER: 1, Role.ADMINISTRATOR: 2}
WHO = {
    Role.VIEWER: _("Sign in to see this."),
    Role.PLANNER: _("A Planner or an Administrator of your account can do this. You can read it."),
    Role.ADMINISTRATOR: _("An Administrator of your account can do this. You can read it."),
}
WHO_MAY = {
    Role.VIEWER: _("Sign in to see this."),
    Role.PLANNER: _("Only planners and administrators of your account can do this. Ask %(names)s."),
    Role.ADMINISTRATOR: _("Only administrators of your account can do this. Ask %(names)s."),
}
"""For a page that is refused; names: whom to ask. On one that is shown without its form, WHO says the same."""
NAMED = 3
"""The number of people whom a refused page names at most, Administrators first."""


class AccountRequest(HttpRequest):
    """The request that our views get: a user is signed in and belongs to an account (AccountMiddleware ensures both)."""

    user: User
    account: Account
    htmx: HtmxDetails


def may(user: User, role: Role) -> bool:
    """True if the user's role is `role` or higher."""
    return RANKS[Role(user.role)] >= RANKS[role]


def require(user: User, role: Role) -> None:
    """Raises PermissionDenied if the user's role is lower, with a sentence that names up to NAMED people to ask."""
    if may(user, role):
        return
    others = User.objects.filter(account=user.account, is_active=True, role__in=[each for each in RANKS if RANKS[each] >= RANKS[role]])
    names = [str(other) for other in others.order_by("role", "name", "pk")[:NAMED]]
    raise PermissionDenied(WHO_MAY[role] % {"names": get_text_list(names, gettext("or")) or gettext("one of them")})


def needs[**P](
    role: Role,
) -> Callable[[Callable[Concatenate[AccountRequest, P], HttpResponse]], Callable[Concatenate[AccountRequest, P], HttpResponse]]:
    """Restricts a view to this role and higher ones. Others get 403, with a sentence that says who is allowed."""

    def decorate(view: Callable[Concatenate[AccountRequest, P], HttpResponse]) -> Callable[Concatenate[AccountRequest, P], HttpResponse]:
        @wraps(view)
        def guarded(request: AccountRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            require(request.user, role)
            return view(request, *args, **kwargs)

        return guarded

    return decorate
