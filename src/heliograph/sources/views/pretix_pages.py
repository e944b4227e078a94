"""The set-up of a pretix source: connecting it, and choosing its events (S4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections.models import Connection
from heliograph.domain.ids import read_id
from heliograph.domain.source.pretix_catalogue import CatalogueEvent
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.models import Source
from heliograph.sources.services import pretix_setup
from heliograph.sources.services.pretix_events import EventChoice, choose_events, proposed_code, suggested_code
from heliograph.sources.services.pretix_setup import PretixAccess, PretixSetup, pretix_row, setup_of
from heliograph.store.models import Event
from heliograph.web.form_fields import Hidden, SecretLine, Select, TextLine, Ticks
from heliograph.web.forms import Form, not_saved, posted, pressed
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import day

ENTRY: Final = "sources"
STEPS: Final = (
    (gettext_lazy("Connect"), "source-pretix"),
    (gettext_lazy("Choose events"), "source-pretix-events"),
    (gettext_lazy("Match"), "source-pretix-match"),
    (gettext_lazy("First read"), "source-pretix-start"),
)
MOST_OFFERED: Final = 50
"""Our events that each row offers, the newest."""
MOST_DATES_SHOWN: Final = 100
"""Dates of a series that are offered, besides those that were chosen: the next ones."""


def frame(source: Source | None, at: int) -> dict[str, Any]:
    """What the pages of the set-up share. at: the step, from 1"""
    hrefs = [(name, reverse(url, args=(source.pk,)) if source is not None else "") for name, url in STEPS]
    return {
        "source": source,
        "steps": hrefs,
        "at": at,
        "version": source.version if source is not None else 0,
        "back": reverse("source-new") if at == 1 else hrefs[at - 2][1],
    }


# --- 1 connect


class ConnectForm(SharedForm):
    """How a pretix is reached."""

    address = TextLine(
        gettext_lazy("Address of your pretix"),
        autocomplete="off",
        placeholder="https://pretix.eu",
        help=gettext_lazy("pretix.eu, or your own server."),
    )
    token = SecretLine(gettext_lazy("Token"), help=gettext_lazy("The team’s API token. Never shown again."))
    connection = Select(
        gettext_lazy("Connection"),
        help=gettext_lazy("An existing connection has its own address and sign-in, also with OAuth2."),
    )

    def access(self) -> PretixAccess:
        """What was entered."""
        values = self.cleaned_data
        return PretixAccess(values["address"], values["token"], read_id(values.get("connection", "")))


def connect_new(request: AccountRequest) -> HttpResponse:
    """The first step of a new source. The caller declares who may use it."""
    return _connect(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_pretix(request: AccountRequest, id: int) -> HttpResponse:
    """The first step of a source that is there: its address and token."""
    return _connect(request, pretix_row(id))


def _connect(request: AccountRequest, source: Source | None) -> HttpResponse:
    setup = PretixSetup() if source is None else setup_of(source)
    stored = {
        "address": pretix_setup.address_of(setup) if setup.is_own else "",
        "connection": "" if setup.is_own or setup.connection is None else str(setup.connection),
    }
    form = ConnectForm(posted(request), stored=None if source is None else stored)
    connections = Connection.objects.filter(deleted_at=None).exclude(pk=(setup.is_own and setup.connection) or 0)
    if connections:
        form.say("connection", options=[Choice("", _("Of its own")), *(Choice(str(row.pk), row.name) for row in connections)])
    else:
        del form.fields["connection"]
    if setup.is_own and setup.connection is not None:
        form.say("token", placeholder=_("Stored; type to replace"))
    if form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                id = pretix_setup.connect(transaction, form.access(), source.pk if source else None).pk
        except Invalid as error:
            form.refuse(error)
        else:
            refusal = pretix_setup.look(request.account.pk, id, by=request.user.actor)
            return HttpResponseRedirect(reverse("source-pretix" if refusal else "source-pretix-events", args=(id,)))
    callout = form.draw_callout()
    if callout is None and setup.refusal:
        callout = {"tone": "failed", "title": _("Not connected"), "text": translated(setup.refusal), "items": []}
    return settings_page(
        request, "sources/pretix_connect.html", entry=ENTRY, status=form.status, told=callout, fields=form.draw_fields(), **frame(source, 1)
    )


# --- 2 choose events


class EventsForm(Form):
    """The chosen events, and the button that was pressed."""

    do = Hidden()
    version = Hidden()
    organizer = Hidden()
    event = Ticks()


class _OurEvent(Form):
    """Our event of a row, posted as to-<key>."""

    to = Select(options=(), any_value=True)

    def add_prefix(self, field_name: str) -> str:
        return f"{field_name}-{self.prefix}"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_pretix_events(request: AccountRequest, id: int) -> HttpResponse:
    """The second step: which events, and which of ours they become."""
    source = pretix_row(id)
    setup = setup_of(source)
    if not setup.is_connected:
        return HttpResponseRedirect(reverse("source-pretix", args=(id,)))
    ours = list(Event.objects.filter(account_id=request.account.pk).order_by("-pk").values_list("code", flat=True))
    form = EventsForm(posted(request))
    values = form.posted
    errors: Mapping[str, Sequence[str]] = {}
    if pressed(request) == "look":
        pretix_setup.look(request.account.pk, id, by=request.user.actor, organizer=values["organizer"])
        return HttpResponseRedirect(reverse("source-pretix-events", args=(id,)))
    rows = _event_rows(setup, ours, form)
    if form.is_bound:
        choices = [EventChoice(row.event.key, row.code) for row in rows if row.is_chosen]
        try:
            refusal = choose_events(request.account.pk, id, choices, by=request.user.actor, seen=read_id(values["version"]) or 0)
        except Invalid as error:
            errors = error.fields
        else:
            if not refusal:
                return HttpResponseRedirect(reverse("source-pretix-match", args=(id,)))
            errors = {"": [refusal]}
    callout = not_saved([translated(sentence) for sentence in errors.get("", ())]) if errors else None
    if callout is None and setup.refusal:
        callout = {"tone": "failed", "title": _("pretix did not answer again"), "text": translated(setup.refusal), "items": []}
    return settings_page(
        request,
        "sources/pretix_events.html",
        entry=ENTRY,
        status=422 if errors else 200,
        told=callout,
        organizers=[Choice(slug, name, slug == setup.catalogue.organizer, slug) for slug, name in setup.catalogue.organizers],
        events=[row.shown(errors) for row in rows],
        has_series=any(event.is_series for event in setup.catalogue.events),
        **frame(pretix_row(id), 2),
    )


def _event_rows(setup: PretixSetup, ours: Sequence[str], form: EventsForm) -> list[_EventRow]:
    """The rows of the table. Of each series the dates that were chosen, and the next ones that are not over."""
    rows: list[_EventRow] = []
    dates: Counter[str] = Counter()
    for event in setup.catalogue.events:
        if event.date is None or event.key in setup.chosen:
            rows.append(_EventRow(event, setup, ours, form))
        elif not _is_over(event) and dates[event.slug] < MOST_DATES_SHOWN:
            dates[event.slug] += 1
            rows.append(_EventRow(event, setup, ours, form))
    return rows


class _EventRow:
    """An event of the pretix in the table of the page, or a date of a series."""

    def __init__(self, event: CatalogueEvent, setup: PretixSetup, ours: Sequence[str], form: EventsForm) -> None:
        chosen = dict(setup.events)
        self.event = event
        proposed = proposed_code(event, ours)
        stored = chosen.get(event.key, proposed)
        offered = dict.fromkeys(code for code in (stored, proposed, *ours[:MOST_OFFERED]) if code in ours)
        new = _("Create %(code)s") % {"code": suggested_code(event)}
        self._to = _OurEvent(form.data if form.is_bound else None, prefix=event.key, initial={"to": stored if stored in ours else ""})
        self._to.say("to", options=[Choice("", new), *(Choice(code, code) for code in offered)])
        if form.is_bound:
            self.is_chosen = event.key in form.posted["event"]
        else:  # by default a series is one event: its dates come along
            self.is_chosen = event.key in chosen if chosen else event.date is None and not _is_over(event)

    @property
    def code(self) -> str:
        """The code of our event; "" for a new one."""
        return str(self._to.posted["to"])

    def shown(self, errors: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The row as the template shows it."""
        event = self.event
        notes = [
            *([_("test mode")] if event.is_test else []),
            *([_("over")] if _is_over(event) else []),
            *([_("a series: all dates that are not selected below")] if event.is_series else []),
        ]
        return {
            "key": event.key,
            "is_date": event.date is not None,
            "name": event.name,
            "note": ", ".join([event.key, *notes]),
            "when": _day(event),
            "on": self.is_chosen,
            "to": self._to.draw_field("to"),
            "error": " ".join(translated(sentence) for sentence in errors.get(event.key, ())),
        }


def _is_over(event: CatalogueEvent) -> bool:
    end = _instant(event.ends or event.starts)
    return end is not None and end < datetime.now(end.tzinfo)


def _day(event: CatalogueEvent) -> str:
    """When it begins; of a series also when its last date is."""
    start, end = _instant(event.starts), _instant(event.ends)
    if event.is_series and start is not None and end is not None and start.date() != end.date():
        return _("%(first)s to %(last)s") % {"first": day(start), "last": day(end)}
    return day(start) if start is not None else ""


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None
