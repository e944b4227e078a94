"""Events: the list, a new one, its details (guide: Adding an event; P2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.domain.setup.compiled_setup import EventConfig, EventState
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import after_progress, error_text
from heliograph.setup import mark_test_job
from heliograph.setup.event_draft import changed_state
from heliograph.setup.event_list import list_events
from heliograph.setup.form_values import FormValues, shown_then, written
from heliograph.setup.save_questions import LosesValues
from heliograph.setup.services.events import MarksFirst, new_event, save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.confirmed_save import save_confirmed
from heliograph.setup.views.event_form import EventForm, NewEventForm, facts_of
from heliograph.setup.views.setup_frame import event_config, event_page, form_context, readonly
from heliograph.setup.views.shared_form import said_of_theirs
from heliograph.setup.views.uses import losing
from heliograph.store.database import Database
from heliograph.store.django_database import read_database
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.forms import not_saved, posted
from heliograph.web.list_filters import IdFilter, ListFilters, SearchFilter
from heliograph.web.pages import asks_for_part, page
from heliograph.web.templatetags.moments import minute_in
from heliograph.web.toasts import say


class EventFilters(ListFilters):
    """The filters of the list of events."""

    no_match = gettext_lazy("No event matches")
    no_match_text = gettext_lazy("No code or name has these words in it, or no event has this status.")
    show_all = gettext_lazy("Show all events")

    q = SearchFilter(gettext_lazy("Search events"), placeholder=gettext_lazy("Code or name"))
    status_id = IdFilter(gettext_lazy("Event status"), every=gettext_lazy("All statuses"), param="status")


@require_safe
def events(request: AccountRequest) -> HttpResponse:
    """All events, newest first."""
    filters = EventFilters(request)
    cursor = read_cursor(request, (int,))
    with account_reader(request.account.pk) as reader:
        db, config = reader.db, reader.config
        values = filters.cleaned_data
        list_page, matching = list_events(db, reader.account, text=values["q"], status=values["status_id"], cursor=cursor)
        ids = list(list_page.rows)
        counts, loaded = _registrations(db, reader.account, ids), reader.events(ids)
    filters.offer("status_id", ((status.id, status.name) for status in config.event_statuses.values()))
    return page(
        request,
        "setup/events.html",
        section="events",
        here="events",
        readonly=readonly(request, Role.PLANNER),
        none=not matching and not filters.narrows,
        rows=[_row(loaded[id], config, counts.get(id, 0)) for id in ids],
        filters=filters,
        pager=Pager.from_page(
            request,
            list_page,
            ngettext("%(n)s event", "%(n)s events", matching) % {"n": intcomma(matching)},
            by_time=False,
        ),
    )


def _registrations(db: Database, account: int, ids: list[int]) -> dict[int, int]:
    rows = db.all(
        "SELECT e.id, (SELECT count(*) FROM registration r WHERE r.event_id = e.id) FROM event e"
        f" WHERE +e.account_id = :account AND {db.member('e.id', 'ids')}",
        {"account": account, "ids": ids or [0]},
    )
    return {id: int(n) for id, n in rows}


def _row(event: EventConfig, config: AccountConfig, registrations: int) -> dict[str, Any]:
    status = config.event_statuses.get(event.state.status)
    return {
        "id": event.id,
        "code": event.code,
        "name": event.state.name,
        "status": status.name if status else "",
        "start": minute_in(event.state.start, event.state.timezone),
        "zone": event.state.timezone,
        "location": event.state.location,
        "registrations": intcomma(registrations),
    }


# --- a new one


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def add(request: AccountRequest) -> HttpResponse:
    """The form of a new event, which starts in Testing."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
    form = NewEventForm(posted(request), initial={"timezone": config.timezone})
    if form.is_valid():
        try:
            state = changed_state(new_event(config), form.values(), config)
            with saving(request.account.pk, by=request.user.actor) as transaction:
                save_event(transaction, state)
        except Invalid as error:
            form.refuse_event(error)
        else:
            say(request, _("%(code)s created, in Testing.") % {"code": state.code})
            return HttpResponseRedirect(reverse("event-details", args=(state.code,)))
    return page(
        request,
        "setup/form.html",
        section="events",
        here="events",
        **form_context(
            form,
            _("Add an event"),
            crumbs=[(_("Events"), reverse("events"))],
            lead=_("New events start in Testing. People who register before you go live count as tests."),
            button=_("Add the event"),
            cancel_href=reverse("events"),
        ),
    )


# --- details


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def details(request: AccountRequest, event: str) -> HttpResponse:
    """An event's own facts, status, tags and custom data."""
    if request.method == "POST":
        require(request.user, Role.PLANNER)
        return _save(request, event)
    with account_reader(request.account.pk) as reader:
        current_event, config = event_config(reader, event), reader.config
    if asks_for_part(request):  # the job's progress: once it has ended, the whole page is reloaded
        job = mark_test_job.under_way(request.account.pk, current_event.id)
        if job is None or job.state == JobState.FAILED:
            return HttpResponseClientRefresh()
    return _details(request, current_event, config, EventForm(event=current_event, config=config))


def _save(request: AccountRequest, code: str) -> HttpResponse:
    """Saves the changes. Leaving Testing is confirmed first, but the other changes are saved at once (P9)."""
    with account_reader(request.account.pk) as reader:
        current_event, config = event_config(reader, code), reader.config
    form = EventForm(posted(request), event=current_event, config=config)
    in_order, values, stored = form.is_valid(), form.values(), form.stored
    then = shown_then(form.cleaned_data.get("opened", ""))
    own_changes = {name: now for name, now in values.items() if name in then and then[name] != now}
    met = {name for name in own_changes if then[name] != stored[name] != own_changes[name]}
    for name in met:
        texts = stored[name]
        if name == "status":
            texts = tuple(config.event_statuses[int(status)].name for status in texts)
        elif name == "tags":
            texts = tuple(config.tags[int(tag)].label for tag in texts if int(tag) in config.tags)
        form.add_error(name, said_of_theirs(", ".join(texts)))
    chosen_status = read_id((own_changes.get("status") or ("",))[0])
    leaves_testing = (
        chosen_status is not None
        and chosen_status in config.event_statuses
        and mark_test_job.leaves_test(config, current_event, chosen_status)
    )
    if leaves_testing:
        del own_changes["status"]
    if in_order and not met:

        def save(confirmed: bool) -> EventState:
            # A confirmed save may change flows, too, so it locks the account.
            with saving(request.account.pk, by=request.user.actor, events=[current_event.id], whole_account=confirmed) as transaction:
                state = changed_state(transaction.provider.event(current_event.id).state, own_changes, config)
                save_event(transaction, state, current_event.id, confirmed=confirmed)
            return state

        try:
            state = save_confirmed(request, save)
        except MarksFirst:
            form.add_error("status", _("Somebody changed its status meanwhile. Open the page again."))
        except LosesValues as error:
            # Flows filter by the old code or name of the event (P12).
            place = reverse("event-details", args=(current_event.code,))
            confirmation = losing(request, error, crumbs=[(current_event.code, place)], cancel_href=place)
            return event_page(request, "confirmation.html", current_event, entry="details", **confirmation)
        except Invalid as error:
            form.refuse_event(error)
        else:
            if leaves_testing:
                return HttpResponseRedirect(f"{reverse('event-leave-testing', args=(state.code,))}?{urlencode({'to': chosen_status})}")
            say(request, _("Event saved.") if own_changes else _("Nothing was changed."))
            return HttpResponseRedirect(reverse("event-details", args=(state.code,)))
    then |= {name: stored[name] for name in met}  # the page shows these values, so saving again replaces them
    return _details(request, current_event, config, form, then=then)


def _details(
    request: AccountRequest, event: EventConfig, config: AccountConfig, form: EventForm, *, then: FormValues | None = None
) -> HttpResponse:
    with read_database() as db:
        registrations = _registrations(db, request.account.pk, [event.id]).get(event.id, 0)
    status = config.event_statuses.get(event.state.status)
    name = status.name if status else ""
    job = mark_test_job.under_way(request.account.pk, event.id)
    closed = readonly(request, Role.PLANNER)
    registrations_text = ngettext("%(n)s registration", "%(n)s registrations", registrations) % {"n": intcomma(registrations)}
    in_test = config.is_test_event(event.state.status)
    hint = (
        _("When you leave %(status)s, existing registrations are marked as tests. We’ll ask first.") % {"status": name} if in_test else ""
    )
    form.say("status", help=hint)
    fixed = _("%(status)s. It cannot be changed until the marking is done.") % {"status": name} if job is not None else ""
    return event_page(
        request,
        "setup/event.html",
        event,
        entry="details",
        status=form.status,
        crumbs=[(_("Events"), reverse("events"))],
        event={"code": event.code, "name": event.state.name, "status": name, "registrations": registrations_text, "registrations_href": f"{reverse('registrations')}?event={event.id}"},
        readonly=closed,
        facts=facts_of(event, config) if closed else [],
        told=not_saved(form.refusals()) if form.refused else None,
        marking=_marking(job, config) if job else None,
        opened=written(then or form.stored),
        sections=[] if closed else form.sections(status=fixed),
    )  # fmt: skip


def _marking(job: Job, config: AccountConfig) -> dict[str, Any]:
    at = mark_test_job.progress(job)
    left = at["left"]
    text = _("%(n)s of %(of)s") % {"n": intcomma(at["n"]), "of": intcomma(at["of"])} if at["of"] else _("None to mark")
    if job.is_waiting:
        text = after_progress(text, job)
    elif left is not None:
        text += _(", about %(n)d seconds left") % {"n": max(1, round(left.total_seconds()))}
    to = config.event_statuses.get(int(job.parameters["status"]))
    return {
        "text": text,
        "done": at["percent"],
        "poll": True,
        "failed": (error_text(job) or _("The job stopped.")) if job.state == JobState.FAILED else "",
        "status": to.name if to else "",
    }


# --- out of Testing
