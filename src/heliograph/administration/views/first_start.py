"""The first start: account, timezone and Administrator, by the link that `heliograph serve` prints (O6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from heliograph.accounts.links import LinkOver
from heliograph.accounts.people import PersonRefused
from heliograph.administration.views.one_time_links import let_in, password_fields, password_of
from heliograph.setup.errors import Invalid
from heliograph.setup.services.create_account import AccountFacts
from heliograph.setup.services.first_start import look_at, set_up
from heliograph.web.fields import Choice, Field, Pair
from heliograph.web.pages import page
from heliograph.web.timezone_field import timezone_field

NAMES: Final = ("account", "code", "timezone", "name", "email", "second")
EMPTY: Final = {"account": "", "code": "", "timezone": "UTC", "name": "", "email": "", "second": "1"}
# Fields of the services by those of the form.
OF_ACCOUNT: Final = {"name": "account", "code": "code", "timezone": "timezone"}


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def first_start(request: HttpRequest, token: str) -> HttpResponse:
    """The form, and what it makes."""
    try:
        link = look_at(token)
    except LinkOver:
        return _over(request)
    values, errors = dict(EMPTY), dict[str, str]()
    if request.method == "POST":
        values = {name: request.POST.get(name, "") for name in NAMES}
        password = password_of(request, errors)
        if not errors:
            try:
                return _made(request, token, values, password)
            except LinkOver:
                return _over(request)
            except Invalid as error:
                errors = {OF_ACCOUNT.get(name, name): " ".join(_(sentence) for sentence in said) for name, said in error.fields.items()}
            except PersonRefused as error:
                errors = {name: " ".join(said) for name, said in error.fields.items()}
    return page(
        request,
        "administration/first_start.html",
        status=422 if errors else 200,
        where=_("First start"),
        expires=link.expires,
        refused=len(errors),
        groups=_groups(values, errors),
    )


def _made(request: HttpRequest, token: str, values: Mapping[str, str], password: str) -> HttpResponse:
    facts = AccountFacts(values["code"], values["account"], values["timezone"])
    user = set_up(token, facts, name=values["name"], email=values["email"], password=password, second_factor=values["second"] == "1")
    return let_in(request, user, to=reverse("signal-first"))


def _over(request: HttpRequest) -> HttpResponse:
    return page(request, "administration/first_start_over.html", status=410, where=_("First start"))


def _groups(values: Mapping[str, str], errors: Mapping[str, str]) -> list[dict[str, Any]]:
    def text(id: str, label: str, **more: Any) -> Field:
        return Field(id=id, label=label, value=values[id], error=errors.get(id, ""), required=True, **more)

    account: list[Field | Pair] = [
        Pair(
            (
                text("account", _("Name"), autocomplete="organization"),
                text("code", _("Code"), help=_("Letters, digits and dashes."), autocomplete="off"),
            )
        ),
        timezone_field(values["timezone"], errors, help=_("Times and whole days in reports are shown in it.")),
    ]
    you: list[Field | Pair] = [
        Pair((text("name", _("Name"), autocomplete="name"), text("email", _("E-mail"), type="email", autocomplete="username"))),
        password_fields(errors),
        Field(
            kind="checks",
            id="second",
            label=_("Second factor"),
            optional=True,
            options=[Choice("1", _("Set one up at once"), values["second"] == "1", _("An authenticator app on your phone"))],
        ),
    ]
    return [
        {"title": _("Account"), "text": _("The organization whose events these are"), "fields": account},
        {"title": _("Administrator"), "text": _("You"), "fields": you},
    ]
