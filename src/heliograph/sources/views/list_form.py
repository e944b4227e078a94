"""The page on which a REST list is described, and reading it now (S3)."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections.models import Connection
from heliograph.domain.errors import HeliographError
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.platforms import REST
from heliograph.domain.source.rest_list import Paging, RestList
from heliograph.domain.source.source_times import SinceFormat
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.views.setup_frame import form_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.list_request import description_of
from heliograph.sources.models import Source
from heliograph.sources.services import list_readings
from heliograph.sources.services.sources import source_row
from heliograph.web.form_fields import Box, Select, TextLine
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"
PAGINGS: Final = (
    Choice(Paging.NUMBER.value, gettext_lazy("By page number")),
    Choice(Paging.OFFSET.value, gettext_lazy("By offset")),
    Choice(Paging.CURSOR.value, gettext_lazy("By a cursor in the answer")),
    Choice(Paging.LINK.value, gettext_lazy("By a link in the answer")),
    Choice(Paging.ONE.value, gettext_lazy("One page")),
)
OVERLAPS: Final = (
    Choice("60", gettext_lazy("1 minute")),
    Choice("300", gettext_lazy("5 minutes")),
    Choice("3600", gettext_lazy("1 hour")),
    Choice("86400", gettext_lazy("1 day")),
)
EVERY: Final = (
    Choice("5", gettext_lazy("5 minutes")),
    Choice("15", gettext_lazy("15 minutes")),
    Choice("60", gettext_lazy("1 hour")),
    Choice("1440", gettext_lazy("1 day")),
)
NUMBERS: Final = ("size", "rate", "overlap", "every")


class ListForm(SharedForm):
    """How a REST list is asked and read."""

    pairs = (("paging", "page_parameter"), ("size_parameter", "size"), ("since_parameter", "since_format"), ("every", "rate"))

    address = TextLine(gettext_lazy("Address of the list"), required=True, autocomplete="off")
    connection = Select(
        gettext_lazy("Connection"),
        options=(),
        initial="",
        help=gettext_lazy("Holds the key or sign-in, and must be on the same server. Connections are shared with flows."),
    )
    items = TextLine(gettext_lazy("Items"), optional=True, autocomplete="off", help=gettext_lazy("Where the list stands in the answer."))
    key = TextLine(gettext_lazy("Key"), required=True, autocomplete="off", help=gettext_lazy("Never changes for one registration."))
    modified = TextLine(
        gettext_lazy("Modified"), optional=True, autocomplete="off", help=gettext_lazy("A time. Decides which of two versions is newer.")
    )
    paging = Select(gettext_lazy("Pages"), options=PAGINGS, initial=Paging.NUMBER.value)
    page_parameter = TextLine(gettext_lazy("Parameter"), optional=True, autocomplete="off", initial="page")
    next = TextLine(
        gettext_lazy("Cursor or link"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy("Where it stands in the answer. Blank: the Link header."),
    )
    size_parameter = TextLine(gettext_lazy("Parameter of the size"), optional=True, autocomplete="off")
    size = TextLine(gettext_lazy("Items a page"), autocomplete="off", initial="100")
    since_parameter = TextLine(
        gettext_lazy("Parameter of the time"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy("Blank: the whole list is read each time."),
    )
    since_format = Select(
        gettext_lazy("Written as"), options=[Choice(each.value, each.value) for each in SinceFormat], initial=SinceFormat.ISO.value
    )
    ordered = Box(gettext_lazy("Sorted by the time of change, the oldest first"))
    overlap = Select(
        gettext_lazy("Overlap"),
        options=OVERLAPS,
        initial="300",
        help=gettext_lazy("Asks for the last minutes again each time: platforms show a change a little later than they date it."),
    )
    item_address = TextLine(
        gettext_lazy("Address of one item"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy("With {key}. It is asked before a registration becomes inactive because its item was deleted."),
    )
    every = Select(gettext_lazy("Read every"), options=EVERY, initial="15")
    rate = TextLine(gettext_lazy("Requests a minute, at most"), autocomplete="off", initial="60")

    def description(self, stored: dict[str, Any]) -> RestList | None:
        """The description; None if the form is refused. stored: the one before, whose other settings stay"""
        values: dict[str, Any] = dict(self.cleaned_data)
        values["connection"] = read_id(values["connection"])
        for name in NUMBERS:
            if not str(values[name]).isdigit():
                self.add_error(name, _("Type a whole number."))
                return None
            values[name] = int(values[name])
        try:
            return RestList.from_body(stored | values)
        except BodyError as error:
            field = error.where if error.where in self.fields else None
            self.add_error(field, error.reason[:1].upper() + error.reason[1:])
            return None


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_list_form(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves how a source's list is asked and read."""
    source = _read_source(id)
    stored = _stored(source)
    form = ListForm(posted(request), stored=_initial(stored))
    rows = Connection.objects.filter(deleted_at=None)
    form.say("connection", options=[Choice("", _("None")), *(Choice(str(row.pk), row.name) for row in rows)])
    if form.is_valid() and (description := form.description(stored)) is not None:
        with saving(request.account.pk, by=request.user.actor) as transaction:
            list_readings.save_list(transaction, id, description)
        say(request, _("Saved. Read a page now to have a sample for the mapping."))
        return HttpResponseRedirect(reverse("source", args=(id,)))
    href = reverse("source", args=(id,))
    return form_page(
        request,
        form,
        _("The list that is read"),
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        lead=_("Reads a list again and again, and takes what has changed."),
        cancel_href=href,
    )


@require_POST
@needs(Role.ADMINISTRATOR)
def source_read(request: AccountRequest, id: int) -> HttpResponse:
    """Has a source read now. Of one that is not switched on a page is kept, as a sample for its mapping."""
    _read_source(id)
    try:
        count = list_readings.read_now(request.account.pk, id, by=request.user.actor)
    except Invalid as error:
        say(request, _(error.fields["source"][0]))
    else:
        say(request, _("It is read now.") if count is None else _("A page with %(n)d items is kept for the mapping.") % {"n": count})
    return HttpResponseRedirect(reverse("source", args=(id,)))


def _read_source(id: int) -> Source:
    try:
        source = source_row(id)
    except NotThere:
        raise Http404 from None
    if source.platform != REST:
        raise Http404
    return source


def _stored(source: Source) -> dict[str, Any]:
    try:
        return description_of(source.settings).to_body()
    except HeliographError:
        return {}


def _initial(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        name: "" if value is None else str(value) if name in NUMBERS or name == "connection" else value for name, value in stored.items()
    }
