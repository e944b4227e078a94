"""The first start: account, timezone and Administrator, by the link that `heliograph serve` prints (O6)."""

from __future__ import annotations

import unicodedata
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from heliograph.accounts.links import LinkOver
from heliograph.accounts.people import PersonRefused
from heliograph.administration.views.one_time_links import PasswordForm, let_in
from heliograph.setup.name_fields import CODE_LENGTH, code_for
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.first_start import look_at, set_up
from heliograph.setup.setup_errors import Invalid
from heliograph.web.form_fields import Choices, TextLine
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.timezone_field import TimezoneField

# The fields of the form that have another name in the service.
OF_ACCOUNT: Final = {"name": "account"}

SET_UP: Final = Choice("1", gettext_lazy("Set one up right away"), sub=gettext_lazy("An authenticator app on your phone"))


class FirstStartForm(PasswordForm):
    """The account and its Administrator."""

    pairs = (("account", "code"), ("name", "email"), ("password", "again"))

    account = TextLine(gettext_lazy("Name"), required=True, autocomplete="organization")
    code = TextLine(
        gettext_lazy("Code"),
        help=gettext_lazy("Letters, digits and dashes. If it is empty, it is made from the name."),
        optional=True,
        autocomplete="off",
    )
    timezone = TimezoneField(initial="UTC", help=gettext_lazy("Used for times and whole days in reports."))
    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="name")
    email = TextLine(gettext_lazy("E-mail"), required=True, type="email", autocomplete="username")
    second = Choices(gettext_lazy("Second factor"), options=[SET_UP], optional=True)


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def first_start(request: HttpRequest, token: str) -> HttpResponse:
    """Shows the form, and creates the account."""
    try:
        link = look_at(token)
    except LinkOver:
        return _over(request)
    form = FirstStartForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            typed = form.cleaned_data
            # without a code, one is made of the name: "Élan Events" → "ELAN-EVENTS"
            ascii_name = unicodedata.normalize("NFKD", typed["account"]).encode("ascii", "ignore").decode().replace("_", "-").upper()
            code = typed["code"] or code_for(ascii_name, CODE_LENGTH, ())
            facts = AccountFacts(code, typed["account"], typed["timezone"])
            second_factor = bool(typed["second"])
            user = set_up(token, facts, name=typed["name"], email=typed["email"], password=typed["password"], second_factor=second_factor)
            return let_in(request, user, to=reverse("signal-first"))
        except LinkOver:
            return _over(request)
        except Invalid as error:
            form.refuse(error, names=OF_ACCOUNT)
        except PersonRefused as error:
            form.refuse(error)
    return page(
        request,
        "administration/first_start.html",
        status=form.status,
        where=_("First start"),
        expires=link.expires,
        refused=len(form.errors),
        groups=[
            {
                "title": _("Account"),
                "text": _("The organization whose events these are"),
                "fields": form.draw_fields("account", "code", "timezone"),
            },
            {
                "title": _("Administrator"),
                "text": _("You"),
                "fields": form.draw_fields("name", "email", "password", "again", "second"),
            },
        ],
    )


def _over(request: HttpRequest) -> HttpResponse:
    return page(request, "administration/first_start_over.html", status=410, where=_("First start"))
