"""Account Settings > Management > Account: its code, name and timezone (P1)."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest
from heliograph.setup.errors import Invalid
from heliograph.setup.services.create_account import AccountFacts, change_account
from heliograph.setup.services.saving import saving
from heliograph.setup.views.frame import by, check, readonly, refused, sentences, settings_page
from heliograph.web.fields import Field, Pair
from heliograph.web.templatetags.moments import minute
from heliograph.web.timezone_field import timezone_field
from heliograph.web.toasts import say

NAMES = ("code", "name", "timezone")


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: AccountRequest) -> HttpResponse:
    """What the account says of itself."""
    row = request.account
    values = {name: str(getattr(row, name)) for name in NAMES}
    errors, rest = dict[str, str](), list[str]()
    if request.method == "POST":
        check(request, Role.ADMINISTRATOR)
        values = {name: request.POST.get(name, "") for name in NAMES}
        try:
            with saving(row.pk, by=by(request), whole_account=True) as s:
                change_account(s, AccountFacts(values["code"], values["name"], values["timezone"], row.signal_enabled))
        except Invalid as error:
            errors, rest = sentences(error, NAMES)
        else:
            say(request, _("The account is saved."))
            return HttpResponseRedirect(request.path)
    return settings_page(
        request,
        "setup/form.html",
        here="account",
        status=422 if errors or rest else 200,
        crumbs=[],
        heading=_("Account"),
        lead=_("The organization whose events these are."),
        told=refused(len(errors), rest),
        fields=_form(values, errors),
        button=_("Save"),
        cancel_href=request.path,
        readonly=readonly(request, Role.ADMINISTRATOR),
        facts=[(_("Code"), row.code), (_("Name"), row.name), (_("Timezone"), row.timezone)],
        breaks=[],
    )


def _form(values: Mapping[str, str], errors: Mapping[str, str]) -> list[Field | Pair]:
    name = Field(id="name", label=_("Name"), value=values["name"], error=errors.get("name", ""), required=True, autocomplete="off")
    code = Field(
        id="code",
        label=_("Code"),
        value=values["code"],
        error=errors.get("code", ""),
        help=_("Letters, digits and dashes. Commands and mappings name the account by it."),
        required=True,
        autocomplete="off",
    )
    return [
        Pair((name, code)),
        timezone_field(
            values["timezone"],
            errors,
            help=_("Times and whole days in reports are shown in it. Now: %(now)s.") % {"now": minute(timezone.now())},
        ),
    ]
