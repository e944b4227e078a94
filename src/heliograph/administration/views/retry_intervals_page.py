"""Account Settings > Management > Retry Intervals: how long after a failure an action is tried again (D5)."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.retry_policy import SEVERITY, STANDARD
from heliograph.setup.services.retry_intervals import FIELDS, minutes_of, save_intervals
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page, readonly
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import posted
from heliograph.web.toasts import say


class RetryIntervalsForm(SharedForm):
    """The three intervals of each category, in minutes."""

    system = TextLine(gettext_lazy("System: an internal error of Heliograph"), autocomplete="off")
    connection = TextLine(gettext_lazy("Connection: the application could not be reached, or was too busy"), autocomplete="off")
    source_api = TextLine(gettext_lazy("Source API: a source of data could not be read"), autocomplete="off")
    general = TextLine(gettext_lazy("General: the application refused it, for its own reasons"), autocomplete="off")
    config = TextLine(gettext_lazy("Config: a setting has to be corrected"), autocomplete="off")


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def retry_intervals(request: AccountRequest) -> HttpResponse:
    """The three automatic retries of each category."""
    with account_reader(request.account.pk) as reader:
        waits = reader.config.retry.intervals
    form = RetryIntervalsForm(posted(request), stored={FIELDS[c]: minutes_of(waits[c]) for c in SEVERITY})
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        if form.is_valid():
            try:
                with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                    save_intervals(transaction, {name: form.cleaned_data[name] for name in FIELDS.values()})
            except Invalid as error:
                form.refuse(error)
            else:
                say(request, _("Retry intervals saved. They apply to new failures."))
                return HttpResponseRedirect(request.path)
    for category in SEVERITY:
        usual = _("Minutes until the first, second and third retry; seconds as 30 s. Usual: %(minutes)s.") % {
            "minutes": minutes_of(STANDARD[category])
        }
        form.say(FIELDS[category], help=usual)
    return form_page(
        request,
        form,
        _("Retry Intervals"),
        entry="retry-intervals",
        lead=_("How long we wait before each of three retries. Patient connections have their own times."),
        cancel_href=request.path,
        readonly=readonly(request, Role.ADMINISTRATOR),
        facts=[(_(c.value), _("%(minutes)s minutes") % {"minutes": minutes_of(waits[c])}) for c in SEVERITY],
    )
