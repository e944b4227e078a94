"""The page on which it is said what event of Eventbrite a source reads (S3)."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.eventbrite import EVENTBRITE, EventbriteEvent
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.services import eventbrite_events
from heliograph.sources.services.sources import platform_row
from heliograph.sources.views.connection_choices import connection_choices
from heliograph.web.form_fields import SecretLine, Select, TextLine
from heliograph.web.forms import posted
from heliograph.web.toasts import say

ENTRY: Final = "sources"


class EventbriteForm(SharedForm):
    """One event at Eventbrite."""

    event = TextLine(
        gettext_lazy("Number of the event"),
        required=True,
        autocomplete="off",
        help=gettext_lazy("The last digits of the address of its page."),
    )
    token = SecretLine(
        gettext_lazy("Private token"),
        help=gettext_lazy(
            "Under Account Settings, Developer Links, API Keys at Eventbrite. A connection that holds it is made. Never shown again."
        ),
    )
    connection = Select(
        gettext_lazy("Connection"), options=(), initial="", help=gettext_lazy("In place of a token: one that holds it already.")
    )
    event_here = TextLine(
        gettext_lazy("Event here"), optional=True, autocomplete="off", help=gettext_lazy("The code of the event here. Blank: the same.")
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_eventbrite(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves which event is read. Its list and its mapping follow from it."""
    source = platform_row(id, EVENTBRITE)
    event = eventbrite_events.eventbrite_event(source)
    stored = {name: "" if value is None else str(value) for name, value in event.to_body().items()} if event else {}
    form = EventbriteForm(posted(request), stored=stored)
    form.say("connection", options=connection_choices())
    if form.is_valid():
        values = form.cleaned_data
        server = {"server": event.server} if event else {}
        try:
            typed = EventbriteEvent.from_body(
                {"event": values["event"], "event_here": values["event_here"], "connection": read_id(values["connection"])} | server
            )
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                eventbrite_events.save_event(transaction, id, typed, token=values["token"])
        except BodyError as error:
            form.add_error(error.where or None, translated(error.reason))
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("Saved. Test it now: how it is read was never tried at the real service."))
            return HttpResponseRedirect(reverse("source-list-form", args=(id,)))
    href = reverse("source", args=(id,))
    return form_page(
        request,
        form,
        _("The event at Eventbrite"),
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        lead=_(
            "These settings come from Eventbrite’s public documentation and were never run against the real service. Test the source before"
            " you switch it on. A source reads one event. Its webhook only says who changed, so that changes come within seconds."
        ),
        cancel_href=href,
    )
