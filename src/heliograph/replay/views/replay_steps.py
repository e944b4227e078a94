"""The pages of Replay: choosing, the dry run, sending (guide: Replaying a Flow; Y1)."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh
from django_scopes import scope

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs, require
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.choices import event_choices, flow_choices
from heliograph.domain.delivery.replay import SMALLEST_SHARE, ReplayVerdict
from heliograph.domain.errors import TooMuchWork
from heliograph.domain.ids import read_id, read_number
from heliograph.jobs.page import queue_place
from heliograph.registrations.list import Registrations
from heliograph.replay import replays
from heliograph.replay.models import REASON_LENGTH, Replay
from heliograph.replay.replay_words import STAGES, selected
from heliograph.replay.replays import USUAL_RATE, NotNow, ReplayState
from heliograph.replay.selection import ENDS_BEFORE, ReplayChoice, Selection, SelectionFacts, selection_of
from heliograph.replay.views.replay_page import LIVE_STAGES, replay_page, send_promise
from heliograph.setup.services.setup_save import acting
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.web.confirmation import agrees, has_changed
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.form_fields import Box, Choices, DayLine, Radios, Select, TextLine, Ticks
from heliograph.web.forms import Form, member_of, posted, pressed
from heliograph.web.pages import asks_for_part, page
from heliograph.web.percentages import percent
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

LATEST, EVERY = "latest", "every"
LINK = {"flow": "flow", "event": "event", "since": "from", "until": "to"}
"""The fields that a link fills, with the names of its parameters."""
FIELDS = {name: field for field, name in LINK.items()} | {"status": "has_status"}
"""The fields by the names of a selection's parameters."""
SEND_CHOSEN, SEND_ROWS = "chosen", "rows"


class ReplayForm(Form):
    """The flow and the changes of a dry run."""

    pairs = (("since", "until"),)

    flow = Select(gettext_lazy("Flow"), required=True, help=gettext_lazy("By today’s rules."))
    since = DayLine(gettext_lazy("From"))
    until = DayLine(gettext_lazy("Until"))
    event = Select(
        gettext_lazy("Event"),
        optional=True,
        any_value=True,
        placeholder=gettext_lazy("All events"),
        help=gettext_lazy("Dates, an event, or both."),
    )
    q = TextLine(gettext_lazy("Registration"), optional=True, help=gettext_lazy("Words from its code, name or organization."))
    has_status = Select(
        gettext_lazy("Registration Status"),
        optional=True,
        any_value=True,
        placeholder=gettext_lazy("All statuses"),
        help=gettext_lazy("Its status today."),
    )
    which = Radios(
        gettext_lazy("For each registration"),
        options=[
            Choice(
                LATEST,
                gettext_lazy("The latest matching change"),
                sub=gettext_lazy("Enough for a destination that updates the same record"),
            ),
            Choice(
                EVERY,
                gettext_lazy("Every matching change"),
                sub=gettext_lazy("For a destination that posts a new message each time; in the order in which they happened"),
            ),
        ],
        initial=LATEST,
    )
    quiet = Box(
        gettext_lazy("Include changes recorded without sending"),
        legend=gettext_lazy("Changes without sending"),
        sub=gettext_lazy("Such as an import that flows did not act on"),
    )

    def refuse_linked_days(self) -> None:
        """Refuses unreadable days of a link, as if they had been posted."""
        days: dict[str, datetime.date | None] = {}
        for name in ("since", "until"):
            try:
                days[name] = self.fields[name].clean(self.initial.get(name, ""))
            except forms.ValidationError as error:
                self.errors[name] = self.error_class(error.messages)
        if (since := days.get("since")) and (until := days.get("until")) and until < since:
            self.errors["until"] = self.error_class([str(ENDS_BEFORE)])

    @property
    def facts(self) -> SelectionFacts:
        """What is chosen."""
        values = self.cleaned_data
        return SelectionFacts(
            values["since"],
            values["until"],
            (read_id(values["event"]) or 0) if values["event"] else None,  # there is no event 0
            values["q"],
            values["has_status"],
            every=values["which"] == EVERY,
            quiet=values["quiet"],
        )


class SendForm(Form):
    """The lines of a dry run that are sent, and how fast."""

    do = TextLine()
    """ "rows" if only the ticked lines are sent; "chosen", or nothing, for those of the chosen verdicts."""
    send = Choices("", options=[Choice(verdict.value, "") for verdict in ReplayVerdict if verdict.is_sent])
    """The chosen verdicts."""
    row = Ticks()
    """The ids of the ticked lines."""
    rate = TextLine(gettext_lazy("At most, per minute"), inputmode="numeric", extra="short", initial=USUAL_RATE)
    reason = TextLine(gettext_lazy("Why"), longest=REASON_LENGTH, required=True, help=gettext_lazy("Recorded in the audit log."))

    @property
    def choice(self) -> ReplayChoice:
        """The chosen verdicts and lines."""
        values = self.cleaned_data
        if values["do"] in ("", SEND_CHOSEN):
            return ReplayChoice(frozenset(known for text in values["send"] if (known := member_of(ReplayVerdict, text, None)) is not None))
        lines = values["row"] if values["do"] == SEND_ROWS else ()
        return ReplayChoice.of_lines([read_id(text) or 0 for text in lines])  # there is no line 0


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def choose(request: AccountRequest) -> HttpResponse:
    """The form of a new replay, and the earlier replays.

    A link may fill the form, with the parameters flow, from, to, event and every.
    """
    if request.method == "POST":
        require(request.user, Role.PLANNER)
    link = {field: request.GET.get(name, "") for field, name in LINK.items()} | {"which": EVERY if request.GET.get("every") else LATEST}
    with account_reader(request.account.pk) as reader:
        form = ReplayForm(posted(request), initial=link)
        form.say("flow", options=[Choice(str(id), name or _("Without a name")) for id, name in flow_choices(reader.config)])
        form.say("event", options=[Choice(str(id), code) for id, code in event_choices(reader, read_id(str(form["event"].value() or "")))])
        form.say("has_status", options=[Choice(name, name) for name in dict.fromkeys(Registrations(reader.db, reader.account).statuses())])
        form.say("until", help=_("Whole days (%(zone)s).") % {"zone": timezone.get_current_timezone_name()})
        if not form.is_bound:
            form.refuse_linked_days()
        now = reader.db.now()
        past, pager = _past(request, reader)
        none = not reader.config.flows
    if form.is_valid():
        try:
            with account_reader(request.account.pk) as reader:
                selection = selection_of(reader, form.facts, timezone.get_current_timezone(), now)
            made = replays.create(request.account.pk, read_id(form.cleaned_data["flow"]) or 0, selection, by=request.user.actor)
        except Invalid as error:
            form.refuse(error, names=FIELDS)
        except NotThere:
            form.add_error("flow", _("Choose a flow."))
        else:
            return HttpResponseRedirect(reverse("replay-run", args=(made.pk,)))
    return page(
        request,
        "replay/replay.html",
        here="replay",
        status=422 if form.errors else 200,
        fields=form.draw_fields() if may(request.user, Role.PLANNER) and not none else [],
        none=none,
        past=past,
        pager=pager,
    )


def _past(request: AccountRequest, reader: AccountReader) -> tuple[list[dict[str, Any]], Pager]:
    with scope(account=reader.account):
        listed = keyset(Replay.objects.filter(account=reader.account), "created", "id", read_cursor(request, (int, int)))
        rows = list(listed.rows)
    states = replays.states_of(reader.account, rows)
    events = reader.events({id for row in rows if (id := row.selection.get("event")) is not None})
    people = names_of_users(reader.account, [mark for row in rows for mark in (row.by, row.started_by, row.stopped_by)])
    sent = replays.actions_sent(reader.db, states)
    rows_shown = [_past_row(reader, state, events, people, sent.get(state.replay.pk)) for state in states]
    return rows_shown, Pager.from_page(request, listed, "")


def _past_row(reader: AccountReader, state: ReplayState, events: Any, people: dict[str, str], sent: int | None) -> dict[str, Any]:
    row = state.replay
    event = events.get(row.selection.get("event"))
    flow = reader.config.flows.get(row.flow_id)
    job = state.send or state.check
    return {
        "href": reverse("replay-run", args=(row.pk,)),
        "at": row.started or row.created,
        "flow": (flow.name if flow else row.flow_name) or _("Without a name"),
        "range": selected(Selection.from_json(row.selection), event.code if event else ""),
        "by": people.get(row.started_by or row.by, ""),
        "sent": sent,
        "state": STAGES[state.stage],
        "queue_place": queue_place(job) if job.is_waiting and row.stopped is None else "",
    }


@require_safe
@never_cache
def run(request: AccountRequest, replay: int) -> HttpResponse:
    """The page of a replay: the progress of its dry run, the lines of the dry run, or the progress of sending."""
    return _render(request, _state_of(request, replay))


def _render(request: AccountRequest, state: ReplayState, form: SendForm | None = None) -> HttpResponse:
    if asks_for_part(request) and state.stage not in LIVE_STAGES:
        return HttpResponseClientRefresh()
    with account_reader(request.account.pk) as reader:
        context = replay_page(request, reader, state)
    form = form or SendForm(None)
    asks_again = has_changed(request, context["promise"])
    return page(
        request,
        "replay/run.html",
        here="replay",
        status=409 if asks_again else form.status,
        asks_again=asks_again,
        told=_refusal(form),
        chosen=form["send"].value() if form.is_bound else [ReplayVerdict.NEW.value, ReplayVerdict.DIFFERENT.value],
        ticked=form["row"].value() if form.is_bound else [],
        fields=form.draw_fields("rate", "reason"),
        least_share=percent(SMALLEST_SHARE),
        **context,
    )


def _refusal(form: SendForm) -> dict[str, Any] | None:
    if not form.refused:
        return None
    return {
        "tone": "failed",
        "title": _("Not begun"),
        "text": " ".join(str(error) for error in [*form["send"].errors, *form.non_field_errors()]),
        "items": [],
    }


def _state_of(request: AccountRequest, replay: int) -> ReplayState:
    return replays.find(request.account.pk, replay)


@require_POST
@needs(Role.PLANNER)
@never_cache
def send(request: AccountRequest, replay: int) -> HttpResponse:
    """Begins to send the chosen lines, if the promise of the page still holds."""
    state = _state_of(request, replay)
    form = SendForm(request.POST)
    with account_reader(request.account.pk) as reader:
        promise = send_promise(reader, state)
    if form.is_valid() and agrees(request, promise):
        values = form.cleaned_data
        try:
            with acting(request.account.pk):
                replays.start(request.account.pk, replay, form.choice, read_number(values["rate"]), values["reason"], by=request.user.actor)
        except Invalid as error:
            form.refuse(error)
        except NotNow as error:
            form.add_error(None, translated(error))
        except TooMuchWork as error:  # a redirect back would end at this address, which has no page
            form.add_error(None, translated(error))
        else:
            return HttpResponseRedirect(reverse("replay-run", args=(replay,)))
    return _render(request, state, form)


@require_POST
@needs(Role.PLANNER)
def act(request: AccountRequest, replay: int) -> HttpResponse:
    """Pauses, resumes or cancels a replay, or stops its dry run."""
    _state_of(request, replay)
    account = request.account.pk
    try:
        match pressed(request):
            case "pause":
                replays.pause(account, replay)
            case "go on":
                replays.resume(account, replay)
            case "cancel":
                replays.cancel(account, replay, by=request.user.actor)
            case "stop":
                replays.stop_check(account, replay)
    except NotNow as error:
        say(request, translated(error))
    return HttpResponseRedirect(reverse("replay-run", args=(replay,)))
