"""Account Settings > Implementation > Sources: the list, the page of each source, and what can be done with it (S1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts.actors import Actors
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.domain.sentence_template import sentence_in
from heliograph.domain.source.certain import CERTAIN
from heliograph.domain.source.eventbrite import EVENTBRITE
from heliograph.domain.source.platforms import COMMAND, FOLDER, PLATFORMS, REST, WEBHOOK, Platform, Way
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page, settings_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources import source_words as words
from heliograph.sources.command_job import last_run
from heliograph.sources.commands_file import has_commands
from heliograph.sources.folder_place import base_folder
from heliograph.sources.models import Source, SourceCall
from heliograph.sources.services import sources as service
from heliograph.sources.source_list import DayCounts, SourceRow, source_rows
from heliograph.sources.views import pretix_pages
from heliograph.store.django_database import read_database
from heliograph.store.ledger_reads import counted_gaps
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.list_filters import ChoiceFilter, ListFilters
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"
"""The entry in the panel of Account Settings."""
NEEDS: Final = {
    PRETIX: (
        gettext_lazy("Orders, sessions, answers and check-ins, hosted or your own server"),
        gettext_lazy("a token of a team that may see orders"),
    ),
    "tito": (gettext_lazy("Tickets"), gettext_lazy("the endpoint’s security token")),
    "ticket-tailor": (gettext_lazy("Orders and issued tickets"), gettext_lazy("the webhook’s shared secret")),
    "luma": (gettext_lazy("Guests of an event or calendar"), gettext_lazy("the webhook’s secret")),
    "hi-events": (gettext_lazy("Attendees and check-ins, with answers"), gettext_lazy("the webhook’s secret")),
    "cvent": (gettext_lazy("Invitees and registrations"), gettext_lazy("a user who may set up push notifications")),
    "swoogo": (gettext_lazy("Registrants"), gettext_lazy("a header of your choice")),
    WEBHOOK: (gettext_lazy("Signed in whatever way, or put together from parts"), gettext_lazy("to know how calls are signed")),
    EVENTBRITE: (
        gettext_lazy("The attendees of one event. From public documentation, never run against the real service"),
        gettext_lazy("a private token, and the event’s number"),
    ),
    CERTAIN: (
        gettext_lazy("The registrations of one event. From public documentation, never run against the real service"),
        gettext_lazy("a user of the REST API, the account’s and the event’s code"),
    ),
    REST: (gettext_lazy("A list by REST that is read again and again"), gettext_lazy("its address and one sample answer")),
    COMMAND: (
        gettext_lazy("Records that a program prints, in the Singer format"),
        gettext_lazy("a program that is offered to your account"),
    ),
    FOLDER: (
        gettext_lazy("Files that are put into a folder, imported as soon as they are complete"),
        gettext_lazy("one file that was imported by hand"),
    ),
}
"""What each platform brings, and what is needed to set it up."""


FIRST_PAGES: Final = {
    REST: "source-list-form",
    CERTAIN: "source-certain",
    EVENTBRITE: "source-eventbrite",
    FOLDER: "source-folder",
    COMMAND: "source-command",
}
"""The page on which a new source is set up that is read, or takes files; any other begins with its address and secret."""


class CallFilters(ListFilters):
    """The filter of a source's calls."""

    no_match = gettext_lazy("No call matches")
    no_match_text = gettext_lazy("Nothing matches the filters. Change one of them.")
    show_all = gettext_lazy("Show all calls")

    show = ChoiceFilter(
        gettext_lazy("Show"),
        options=[Choice("changed", gettext_lazy("Only changes")), Choice("waiting", gettext_lazy("Only those that wait"))],
        every=gettext_lazy("Everything"),
    )


class NewSourceForm(Form):
    """The name of a new source."""

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off", help=gettext_lazy("As your team calls it."))


class SourceNameForm(SharedForm):
    """The name of a source."""

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off")


@require_safe
def source_list(request: AccountRequest) -> HttpResponse:
    """The sources of the account."""
    listed = list(Source.objects.filter(deleted_at=None))
    with read_database() as db:
        rows = source_rows(db, listed)
        gaps = counted_gaps(db, request.account.pk)
    actors = Actors.from_stored(request.account, [source.paused_by for source in listed])
    can = may(request.user, Role.ADMINISTRATOR)
    return settings_page(
        request,
        "sources/list.html",
        entry=ENTRY,
        tabs=words.list_tabs("sources", gaps),
        rows=[_listed(row, actors, can=can) for row in rows],
        can=can,
        platforms=[(each.name, reverse("source-add", args=(each.key,))) for each in PLATFORMS.values() if each.name],
    )


def _listed(row: SourceRow, actors: Actors, *, can: bool) -> dict[str, Any]:
    source = row.source
    return {
        "id": source.pk,
        "name": source.name,
        "href": reverse("source", args=(source.pk,)),
        "kind": words.kind(source),
        "health": words.health(row, actors),
        "facts": words.last_facts(source),
        "resumes": can and source.state == SourceState.PAUSED,
        "menu": words.menu(source) if can else [],
        "menu_label": _("More for %(name)s") % {"name": source.name},
        **words.day_words(row),
    }


@require_safe
@needs(Role.ADMINISTRATOR)
def source_new(request: AccountRequest) -> HttpResponse:
    """Add a source: the platforms."""
    named = [each for each in PLATFORMS.values() if each.name]
    groups = [
        (_("Connected directly"), _("Heliograph reads them, and misses nothing."), [each for each in named if each.way is Way.READ]),
        (
            _("By webhook, with the settings filled in"),
            _("They call us for every change."),
            [each for each in named if each.way is Way.CALLED],
        ),
        (_("Any platform"), _("You choose the fields by clicking into a real call or answer."), [PLATFORMS[WEBHOOK], PLATFORMS[REST]]),
        *([(_("Files"), _("For platforms that only export."), [PLATFORMS[FOLDER]])] if base_folder() is not None else []),
        *([(_("Programs"), _("Installed by whoever runs Heliograph."), [PLATFORMS[COMMAND]])] if has_commands() else []),
    ]
    return settings_page(
        request,
        "sources/new.html",
        entry=ENTRY,
        groups=[{"name": name, "says": says, "platforms": [_offered(each) for each in offered]} for name, says, offered in groups],
    )


def _offered(platform: Platform) -> dict[str, str | Promise]:
    brings, needed = NEEDS[platform.key]
    href = reverse("source-add", args=(platform.key,))
    return {"name": platform.name or words.PLATFORM_NAMES[platform.key], "href": href, "does": brings, "needs": needed}


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_add(request: AccountRequest, platform: str) -> HttpResponse:
    """Adds a source of a platform, after its name."""
    if platform not in PLATFORMS:
        raise Http404
    if platform == PRETIX:
        return pretix_pages.connect_new(request)
    called = PLATFORMS[platform].name or words.PLATFORM_NAMES[platform]
    form = NewSourceForm(request.POST if request.method == "POST" else None, initial={"name": PLATFORMS[platform].name})
    if form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor) as transaction:
                source = service.add_source(transaction, platform, form.cleaned_data["name"])
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("“%(name)s” is added. It records nothing before you switch it on.") % {"name": source.name})
            return HttpResponseRedirect(reverse(FIRST_PAGES.get(platform, "source-proof" if source.path else "source"), args=(source.pk,)))
    return form_page(
        request,
        form,
        _("Add a source: %(platform)s") % {"platform": called},
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (_("Add a source"), reverse("source-new"))],
        lead=_("You can change everything later, and nothing is recorded until you switch the source on."),
        button=_("Add it"),
        cancel_href=reverse("source-new"),
    )


@require_safe
def source_page(request: AccountRequest, id: int) -> HttpResponse:
    """A source: how it is, and its calls and reads, newest first."""
    source = service.source_row(id)
    with read_database() as db:
        (row,) = source_rows(db, [source])
    filters = CallFilters(request)
    shown = SourceCall.objects.filter(source=source)
    match filters.cleaned_data["show"]:
        case "changed":
            shown = shown.filter(changed__gt=0)
        case "waiting":
            shown = shown.filter(state=CallState.WAITING)
    calls = keyset(shown, "at", "id", read_cursor(request, (int, int)))
    actors = Actors.from_stored(request.account, [source.paused_by])
    day = row.day
    can = may(request.user, Role.ADMINISTRATOR)
    return settings_page(
        request,
        "sources/source.html",
        entry=ENTRY,
        source={"id": source.pk, "name": source.name, "kind": words.kind(source)},
        health=words.health(row, actors),
        can=can,
        pauses=can and source.state == SourceState.ON,
        runs=can and source.platform == COMMAND and source.state != SourceState.PAUSED,
        last_run=last_run(source),
        opens_first=can and source.platform == FOLDER and source.state == SourceState.DRAFT,
        reads=can and words.way_of(source) is Way.READ and source.state != SourceState.PAUSED,
        resumes=can and source.state == SourceState.PAUSED,
        menu=words.menu(source) if can else [],
        tabs=words.tabs(source, "calls", waiting=day.waiting, can=can),
        tiles=_tiles(source, day),
        facts=[
            (_("Platform"), words.platform_name(source)),
            *words.last_facts(source),
            *words.failure_facts(source),
            *words.reading_facts(source),
            *_address_fact(request, source),
        ],
        filters=filters,
        result=_day_words(source, day.calls),
        calls=[_call(call) for call in calls.rows],
        pager=Pager.from_page(request, calls, ngettext("%(n)s shown", "%(n)s shown", len(calls.rows)) % {"n": intcomma(len(calls.rows))}),
    )


def _tiles(source: Source, day: DayCounts) -> list[dict[str, Any]]:
    """The numbers of the last 24 hours that the way of the source has."""
    way = words.way_of(source)
    changed = {"name": _("Changed"), "value": day.changed, "sub": _("in the last 24 hours")}
    if way is Way.FILES:
        return [changed, {"name": _("The same"), "value": day.the_same, "sub": _("files that changed nothing")}]
    refused = {
        "name": _("Refused"),
        "value": day.refused,
        "sub": _("calls without the right proof"),
        "tone": "failed" if day.refused else "",
    }
    return [
        changed,
        {"name": _("The same"), "value": day.the_same, "sub": _("calls that brought nothing new")},
        *([] if way is Way.RUN else [refused]),
        {"name": _("Waiting"), "value": day.waiting, "sub": _("for a corrected mapping"), "tone": "wait" if day.waiting else ""},
    ]


def _day_words(source: Source, count: int) -> str:
    if words.way_of(source) is Way.FILES:
        return ngettext("%(n)s file in the last 24 hours", "%(n)s files in the last 24 hours", count) % {"n": intcomma(count)}
    return ngettext("%(n)s call in the last 24 hours", "%(n)s calls in the last 24 hours", count) % {"n": intcomma(count)}


def _call(call: SourceCall) -> Mapping[str, Any]:
    state, tone = words.CALL_STATES[CallState(call.state)]
    file = words.file_of(call)
    if file.get("words"):
        state, tone = gettext_lazy("Not imported"), "failed"
    return {
        "href": "" if file and not file["job"] else reverse("source-call", args=(call.source_id, call.pk)),
        "note": translated(sentence_in(file, "words")),
        "at": call.at,
        "what": words.call_words(call),
        "state": state,
        "tone": tone,
        "changed": call.changed,
        "refused": call.refused,
    }


def _address_fact(request: AccountRequest, source: Source) -> list[tuple[str, str]]:
    """The end of its address, for an Administrator: enough to know it by, and not the whole, which may be as secret as a password."""
    return [(_("Address"), f"…/in/{source.path[:4]}…")] if source.path and may(request.user, Role.ADMINISTRATOR) else []


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_name(request: AccountRequest, id: int) -> HttpResponse:
    """Renames a source."""
    source = service.source_row(id)
    form = SourceNameForm(posted(request), stored={"name": source.name})
    if form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor) as transaction:
                service.rename(transaction, id, form.cleaned_data["name"])
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("It is now called “%(name)s”.") % {"name": form.cleaned_data["name"]})
            return HttpResponseRedirect(reverse("source", args=(id,)))
    href = reverse("source", args=(id,))
    crumbs = [(_("Sources"), reverse("sources")), (source.name, href)]
    return form_page(request, form, _("Rename the source"), entry=ENTRY, crumbs=crumbs, cancel_href=href)


@require_POST
@needs(Role.ADMINISTRATOR)
def source_pause(request: AccountRequest, id: int) -> HttpResponse:
    """Pauses a source."""
    return _switched(request, id, service.pause, _("“%(name)s” is paused. Its calls are stored, and recorded when you resume it."))


@require_POST
@needs(Role.ADMINISTRATOR)
def source_resume(request: AccountRequest, id: int) -> HttpResponse:
    """Resumes a paused source."""
    return _switched(request, id, service.resume, _("“%(name)s” continues where it stopped."))


def _switched(request: AccountRequest, id: int, switch: Callable[[SetupTransaction, int], Source], done: str) -> HttpResponse:
    """Pauses or resumes a source, and leads back to it with the sentence of what was done, or why it cannot be."""
    service.source_row(id)
    try:
        with saving(request.account.pk, by=request.user.actor) as transaction:
            say(request, done % {"name": switch(transaction, id).name})
    except Invalid as error:
        say(request, _(error.fields["source"][0]))
    return HttpResponseRedirect(reverse("source", args=(id,)))
