"""One-time links: an invitation, and a new password (P1). Both are open to all: the link is what lets one in."""

from __future__ import annotations

from collections.abc import Mapping

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from heliograph.accounts.links import LinkOver, look
from heliograph.accounts.models import EntryLink, Purpose, User
from heliograph.accounts.people import PersonRefused, follow
from heliograph.web.fields import Field, Pair
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import minute

TEMPLATE = "administration/one_time_link.html"


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody who was invited says who they are and chooses a password."""
    return _joining(request, Purpose.INVITATION, token)


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody whose password is lost chooses another."""
    return _joining(request, Purpose.RESET, token)


def let_in(request: HttpRequest, user: User, *, to: str | None = None) -> HttpResponse:
    """Signs in who has just chosen a password, past nothing that others have to pass: a second factor is asked for. to: where it leads."""
    if request.user.is_authenticated:
        logout(request)
    record_authentication(request, user, "password", reauthenticated=True)
    response: HttpResponse = perform_login(request, user, email_verification="none", redirect_url=to)
    return response


def password_fields(errors: Mapping[str, str]) -> Pair:
    """A password, twice."""
    return Pair(
        (
            Field(
                kind="password",
                id="password",
                label=_("Password"),
                help=_("At least 12 characters. A sentence is easiest to remember."),
                error=errors.get("password", ""),
                autocomplete="new-password",
                required=True,
            ),
            Field(
                kind="password",
                id="again",
                label=_("Password again"),
                error=errors.get("again", ""),
                autocomplete="new-password",
                required=True,
            ),
        )
    )


def password_of(request: HttpRequest, errors: dict[str, str]) -> str:
    """The password of a form; that the two differ is put among the errors."""
    password = request.POST.get("password", "")
    if password != request.POST.get("again", ""):
        errors["again"] = _("The two are not the same.")
    return password


def over(request: HttpRequest) -> HttpResponse:
    """The page of a link that lets nobody in any more."""
    return page(request, "administration/link_over.html", status=410)


def _joining(request: HttpRequest, purpose: Purpose, token: str) -> HttpResponse:
    try:
        link = look(purpose, token)
    except LinkOver:
        return over(request)
    user = link.user
    assert user is not None
    invited = purpose is Purpose.INVITATION
    name = request.POST.get("name", user.name)
    errors: dict[str, str] = {}
    if request.method == "POST":
        password = password_of(request, errors)
        if not errors:
            try:
                return let_in(request, follow(purpose, token, password, name if invited else None))
            except LinkOver:
                return over(request)
            except PersonRefused as error:
                errors = {field: " ".join(said) for field, said in error.fields.items()}
    return page(
        request,
        TEMPLATE,
        status=422 if errors else 200,
        heading=_heading(user, purpose),
        lead=_lead(link, user, purpose),
        email=user.email,
        fields=[
            *(
                [Field(id="name", label=_("Name"), value=name, error=errors.get("name", ""), autocomplete="name", required=True)]
                if invited
                else []
            ),
            password_fields(errors),
        ],
        button_note=_("Then: your second factor.") if user.second_factor_due else "",
        expires=link.expires,
        refused=len(errors),
    )


def _heading(user: User, purpose: Purpose) -> str:
    if purpose is Purpose.RESET:
        return _("Choose a new password")
    return _("Welcome to %(account)s") % {"account": user.account.name if user.account else "Heliograph"}


def _lead(link: EntryLink, user: User, purpose: Purpose) -> str:
    until = minute(link.expires)
    if purpose is Purpose.RESET:
        return _("The link works once, until %(until)s UTC. Choosing a new password signs you out everywhere else.") % {"until": until}
    kind, _colon, id = link.created_by.partition(":")
    inviter = User.objects.filter(pk=int(id), account=user.account).first() if kind == "user" and id.isdecimal() else None
    if inviter is None:
        return _("You are invited as %(role)s. The link works once, until %(until)s UTC.") % {
            "role": user.get_role_display(),
            "until": until,
        }
    words = {"who": inviter.name, "role": user.get_role_display(), "until": until}
    return _("%(who)s invited you as %(role)s. The link works once, until %(until)s UTC.") % words
