"""The page on which the program of a command source is chosen, and running it now (S6)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.source.platforms import COMMAND
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.command_job import CommandSettings
from heliograph.sources.commands_file import CommandsError, commands_of
from heliograph.sources.services import command_runs
from heliograph.sources.services.sources import platform_row
from heliograph.sources.source_list import settings_of
from heliograph.web.form_fields import Select
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"
EVERY: Final = (
    Choice("5", gettext_lazy("5 minutes")),
    Choice("15", gettext_lazy("15 minutes")),
    Choice("60", gettext_lazy("1 hour")),
    Choice("360", gettext_lazy("6 hours")),
    Choice("1440", gettext_lazy("1 day")),
)


class CommandForm(SharedForm):
    """Which of the operator's programs a source runs, and how often."""

    name = Select(
        gettext_lazy("Program"),
        options=(),
        required=True,
        help=gettext_lazy("Installed by whoever runs Heliograph, with its configuration and secrets."),
    )
    every = Select(gettext_lazy("Run every"), options=EVERY, initial="60", required=True)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_command(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves which program a source runs."""
    source = platform_row(id, COMMAND)
    stored: dict[str, Any] = settings_of(source).get("command", {})
    form = CommandForm(posted(request), stored={"name": stored.get("name", ""), "every": str(stored.get("every", 60))})
    try:
        offered = [Choice(command.name, command.label) for command in commands_of(request.account.code).values()]
        lead = _("A program prints records, and those that are new or changed become registrations.") if offered else _nothing()
    except CommandsError:  # `heliograph doctor` says why
        offered, lead = [], _nothing()
    every = str(stored.get("every", 60))
    usual = {choice.value for choice in EVERY}
    own = [] if every in usual else [Choice(every, ngettext("%(n)s minute", "%(n)s minutes", int(every)) % {"n": every})]
    form.say("name", options=offered)
    form.say("every", options=[*EVERY, *own])
    if form.is_valid() and not form.cleaned_data["every"]:
        form.add_error("every", _("Choose how often it runs."))
    if form.is_valid():
        settings = CommandSettings(form.cleaned_data["name"], int(form.cleaned_data["every"]))
        try:
            with saving(request.account.pk, by=request.user.actor) as transaction:
                command_runs.save_command(transaction, id, settings)
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("Saved. Run it once to have a sample for the mapping."))
            return HttpResponseRedirect(reverse("source", args=(id,)))
    href = reverse("source", args=(id,))
    return form_page(
        request,
        form,
        _("The program"),
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        lead=lead,
        cancel_href=href,
    )


def _nothing() -> str:
    return _("No program is offered to this account. Whoever runs Heliograph lists them in a file (HELIOGRAPH_COMMANDS).")


@require_POST
@needs(Role.ADMINISTRATOR)
def source_run(request: AccountRequest, id: int) -> HttpResponse:
    """Has the program run now. Of a source that is not switched on its first records are kept, as a sample for the mapping."""
    platform_row(id, COMMAND)
    try:
        count = command_runs.run_now(request.account.pk, id, by=request.user.actor)
    except Invalid as error:
        say(request, _(error.fields["source"][0]))
    else:
        kept = ngettext("%(n)d record is kept for the mapping.", "%(n)d records are kept for the mapping.", count or 0) % {"n": count or 0}
        say(request, _("It runs now.") if count is None else kept)
    return HttpResponseRedirect(reverse("source", args=(id,)))
