"""One-time links: an invitation, and a new password (P1). Both are open to everyone: the link is the credential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from heliograph.accounts.links import LinkOver, look
from heliograph.accounts.models import EntryLink, Purpose, User
from heliograph.accounts.people import PersonRefused, follow
from heliograph.web.form_fields import SecretLine, TextLine
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import minute

TEMPLATE = "administration/one_time_link.html"


class PasswordForm(Form):
    """A password, twice."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = (("password", "again"),)

    password = SecretLine(
        gettext_lazy("Password"),
        help=gettext_lazy("At least 12 characters. A sentence is easiest to remember."),
        autocomplete="new-password",
        required=True,
    )
    again = SecretLine(gettext_lazy("Password again"), autocomplete="new-password", required=True)

    def clean_again(self) -> str:
        """Checks that the two passwords are equal."""
        typed: str = self.cleaned_data["again"]
        if typed != self.cleaned_data.get("password", ""):
            raise ValidationError(_("The two are not the same. Type the new password twice."))
        return typed


class InvitationForm(PasswordForm):
    """The name and password of an invited user."""

    field_order = ("name",)

    name = TextLine(gettext_lazy("Name"), autocomplete="name", required=True)


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invited user enters a name and chooses a password."""
    return _joining(request, Purpose.INVITATION, token)


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest, token: str) -> HttpResponse:
    """A user with a lost password chooses a new one."""
    return _joining(request, Purpose.RESET, token)


def let_in(request: HttpRequest, user: User, *, to: str | None = None) -> HttpResponse:
    """Signs in the user who has just chosen a password, with all the usual checks, such as the second factor.

    to: the URL to redirect to; None for the usual one.
    """
    if request.user.is_authenticated:
        logout(request)
    record_authentication(request, user, "password", reauthenticated=True)
    response: HttpResponse = perform_login(request, user, email_verification="none", redirect_url=to)
    return response


def over(request: HttpRequest) -> HttpResponse:
    """The page of a link that is no longer valid."""
    return page(request, "administration/link_over.html", status=410)


def _joining(request: HttpRequest, purpose: Purpose, token: str) -> HttpResponse:
    try:
        link = look(purpose, token)
    except LinkOver:
        return over(request)
    user = link.user
    assert user is not None
    invited = purpose is Purpose.INVITATION
    data = request.POST if request.method == "POST" else None
    form = InvitationForm(data, initial={"name": user.name}) if invited else PasswordForm(data)
    if form.is_valid():
        try:
            return let_in(request, follow(purpose, token, form.cleaned_data["password"], form.cleaned_data.get("name")))
        except LinkOver:
            return over(request)
        except PersonRefused as error:
            form.refuse(error)
    return page(
        request,
        TEMPLATE,
        status=form.status,
        heading=_("Choose a new password")
        if purpose is Purpose.RESET
        else _("Welcome to %(account)s") % {"account": user.account.name if user.account else "Heliograph"},
        lead=_lead(link, user, purpose),
        email=user.email,
        fields=form.draw_fields(),
        button_note=_("Then: your second factor.") if user.second_factor_due else "",
        expires=link.expires,
        refused=len(form.errors),
    )


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
