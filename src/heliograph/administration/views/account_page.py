"""Account Settings > Management > Account: its code, name, timezone and start page (P1)."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Account, Role, StartPage
from heliograph.accounts.roles import AccountRequest, require
from heliograph.setup.services.account_creation import AccountFacts, change_account
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page, readonly
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Select, TextLine
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import minute
from heliograph.web.timezone_field import TimezoneField
from heliograph.web.toasts import say


class AccountForm(SharedForm):
    """The account's own settings."""

    pairs = (("name", "code"),)

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off")
    code = TextLine(
        gettext_lazy("Code"),
        help=gettext_lazy("Letters, digits and dashes. Commands and mappings use it to name the account."),
        required=True,
        autocomplete="off",
    )
    timezone = TimezoneField()
    start_page = Select(
        gettext_lazy("Start page"),
        help=gettext_lazy("What Signal opens with. The other one stays one click away."),
        options=[Choice(value, label) for value, label in StartPage.choices],
        any_value=True,
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: AccountRequest) -> HttpResponse:
    """Shows and saves the account's own data."""
    row = Account.objects.get(pk=request.account.pk)  # the request's instance is older than its count of saves (accounts/save_order.py)
    stored = {"code": row.code, "name": row.name, "timezone": row.timezone, "start_page": row.start_page}
    form = AccountForm(posted(request), stored=stored)
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        if form.is_valid():
            typed = form.cleaned_data
            facts = AccountFacts(typed["code"], typed["name"], typed["timezone"], request.account.signal_enabled, typed["start_page"])
            try:
                with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                    change_account(transaction, facts)
            except Invalid as error:
                form.refuse(error)
            else:
                say(request, _("Account saved."))
                return HttpResponseRedirect(request.path)
    now = _("Used for times and whole days in reports. Now: %(now)s.") % {"now": minute(timezone.now())}
    form.say("timezone", help=now)
    return form_page(
        request,
        form,
        _("Account"),
        entry="account",
        lead=_("The organization whose events these are."),
        cancel_href=request.path,
        readonly=readonly(request, Role.ADMINISTRATOR),
        facts=[
            (_("Code"), row.code),
            (_("Name"), row.name),
            (_("Timezone"), row.timezone),
            (_("Start page"), StartPage(row.start_page).label),
        ],
    )
