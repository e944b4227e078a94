"""Operations on an event besides editing it: leaving Testing (P9), and copying (P2)."""

from __future__ import annotations

import contextlib

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.ids import read_id
from heliograph.domain.setup.compiled_setup import EventConfig, Status
from heliograph.jobs import control
from heliograph.setup import mark_test_job
from heliograph.setup.event_draft import changed_state, values_of
from heliograph.setup.mark_test_job import Leaving
from heliograph.setup.services.events import copy_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.event_form import EventNameForm
from heliograph.setup.views.setup_frame import event_config, event_page
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question, shortened, with_fields
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form, posted
from heliograph.web.toasts import say


class LeaveTestingForm(Form):
    """The buttons by which an event leaves Testing."""

    to = Hidden()
    """The id of the event's next status."""
    again = Hidden()
    """Not empty if a failed job is to be resumed."""


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def leave_testing(request: AccountRequest, event: str) -> HttpResponse:
    """Explains what leaving Testing does before it happens (P9), and starts it."""
    with account_reader(request.account.pk) as reader:
        current_event, config = event_config(reader, event), reader.config
    place = reverse("event-details", args=(event,))
    form = LeaveTestingForm(posted(request))
    if form.is_valid() and form.cleaned_data["again"]:
        job = mark_test_job.under_way(request.account.pk, current_event.id)
        if job is not None:
            with contextlib.suppress(control.NotPossible):  # the job has ended since it was read
                control.resume(job.pk, request.account.pk)
        return HttpResponseRedirect(place)
    chosen = form.cleaned_data["to"] if form.is_valid() else request.GET.get("to", "")
    to = config.event_statuses.get(read_id(chosen) or 0)
    if to is None or not mark_test_job.leaves_test(config, current_event, to.id):
        return HttpResponseRedirect(place)
    with account_reader(request.account.pk) as reader:
        leaving = mark_test_job.leaving(reader.db, config, current_event, to.id)
    now, unmarked = config.event_statuses[current_event.state.status].name, leaving.unmarked
    confirmation = question(
        _("Take %(code)s from %(now)s to %(to)s?") % {"code": current_event.code, "now": now, "to": to.name},
        crumbs=[(current_event.code, place)],
        breaks=_leaving(current_event, leaving, now, to),
        hidden=[("to", str(to.id))],
        button=Moving(_("Mark %(n)s as Test, then go %(to)s") % {"n": intcomma(unmarked), "to": to.name})
        if unmarked
        else _("Go %(to)s") % {"to": to.name},
        cancel=_("Stay in %(now)s") % {"now": now},
        cancel_href=place,
    )
    if is_agreed(request, confirmation):
        with contextlib.suppress(Invalid):  # the event has left Testing, or the status was deleted
            mark_test_job.start(request.account.pk, current_event.id, to.id, by=request.user.actor)
        return HttpResponseRedirect(place)
    return event_page(request, "confirmation.html", current_event, entry="details", **confirmation)


def _leaving(event: EventConfig, leaving: Leaving, now: str, status: Status) -> list[Breaks]:
    unmarked, listed, to = leaving.unmarked, f"{reverse('registrations')}?event={event.id}", status.name
    marked = ngettext(
        "1. The %(n)s registration that is not Test is marked Test",
        "1. The %(n)s registrations that are not Test are marked Test",
        unmarked,
    )
    first = Breaks(
        Moving(marked % {"n": intcomma(unmarked)}),
        _("It shows in each timeline, and no flow acts on it. If some of them are real, clear their Test property by hand afterwards."),
        items=[LinkedThing(_("See the registrations"), listed)],
    )
    second = Breaks(
        _("2. Then the event becomes %(to)s") % {"to": to},
        _("Registrations made from then on are live. The switch itself is one change of the event."),
    )
    consequences = [
        first if unmarked else Breaks(_("No registration needs to be marked Test"), _("All of them are marked already.")),
        second,
    ]
    return [*consequences, *_flows_after(leaving), Breaks(_("You can’t undo this"), _("If you return to %(now)s later, people who registered in between will be marked as tests.") % {"now": now}, "wait")]  # fmt: skip


def _flows_after(leaving: Leaving) -> list[Breaks]:
    """Which Live flows will accept its live registrations, and which will not because of a filter on the event."""
    takes, leaves = leaving.takes, leaving.leaves_out
    consequences = []
    if takes:
        title = ngettext(
            "%(n)d Live flow will take its live registrations", "%(n)d Live flows will take its live registrations", len(takes)
        )
        consequences.append(Breaks(title % {"n": len(takes)}, items=shortened([LinkedThing(flow.name) for flow in takes])))
    if leaves:
        title = ngettext("%(n)d Live flow will not", "%(n)d Live flows will not", len(leaves)) % {"n": len(leaves)}
        consequences.append(
            Breaks(title, items=shortened([LinkedThing(flow.name, sub=_("its filters leave this event out")) for flow in leaves]))
        )
    return consequences


# --- a copy


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def copy(request: AccountRequest, event: str) -> HttpResponse:
    """Creates an event with this one's set-up and tags, without registrations."""
    with account_reader(request.account.pk) as reader:
        original, config = event_config(reader, event), reader.config
    stored = values_of(original.state, config)
    form = EventNameForm(posted(request), initial={name: next(iter(stored[name]), "") for name in ("name", "start", "end")})
    confirmation = question(
        _("Copy %(code)s") % {"code": original.code},
        lead=_("Its set-up with all tags, and no registrations. The copy begins in Testing."),
        crumbs=[(original.code, reverse("event-details", args=(event,)))],
        breaks=_copied(original),
        button=_("Make the copy"),
        cancel_href=reverse("event-details", args=(event,)),
    )
    if form.is_valid() and is_agreed(request, confirmation):
        try:
            state = changed_state(original.state, {"code": ()} | form.values(), config)
            with saving(request.account.pk, by=request.user.actor) as transaction:
                copy_event(transaction, original.id, code=state.code, name=state.name, start=state.start, end=state.end)
        except Invalid as error:
            form.refuse_event(error)
        else:
            say(request, _("%(code)s created as a copy of %(from)s.") % {"code": state.code, "from": original.code})
            return HttpResponseRedirect(reverse("event-details", args=(state.code,)))
    refused = form.draw_callout()
    confirmation |= {"lead": " ".join(refused["items"] if refused else ()) or confirmation["lead"]}
    return event_page(request, "confirmation.html", original, entry="details", **with_fields(confirmation, form))


def _copied(event: EventConfig) -> list[Breaks]:
    parts = [
        ngettext("%(n)d custom status", "%(n)d custom statuses", len(event.statuses)) % {"n": len(event.statuses)},
        ngettext("%(n)d attendee type", "%(n)d attendee types", len(event.types)) % {"n": len(event.types)},
        ngettext("%(n)d question", "%(n)d questions", len(event.questions)) % {"n": len(event.questions)},
        ngettext("%(n)d session", "%(n)d sessions", len(event.sessions)) % {"n": len(event.sessions)},
        ngettext("%(n)d custom registration property", "%(n)d custom registration properties", len(event.properties))
        % {"n": len(event.properties)},
    ]
    summary = _("Details and event data, %(parts)s.") % {"parts": ", ".join(parts)}
    places = {
        url_name: reverse(url_name, args=(event.code,)) for url_name in ("custom-statuses", "configure", "attendee-types", "questions")
    }
    untagged = [LinkedThing(row.name, places["custom-statuses"], _("status")) for row in event.statuses.values() if not row.tags]
    untagged += [LinkedThing(row.name, places["configure"], _("property")) for row in event.properties.values() if not row.tags]
    untagged += [LinkedThing(row.name, places["attendee-types"], _("attendee type")) for row in event.types.values() if not row.tags]
    untagged += [LinkedThing(row.label, places["questions"], _("question")) for row in event.questions.values() if not row.tag]
    consequences = [Breaks(_("What is copied"), summary)]
    if untagged:
        title = ngettext(
            "%(n)d of them has no tag here, and its copy will have none",
            "%(n)d of them have no tag here, and their copies will have none",
            len(untagged),
        )
        consequences.append(Breaks(title % {"n": len(untagged)}, tone="wait", items=shortened(untagged)))
    return consequences
