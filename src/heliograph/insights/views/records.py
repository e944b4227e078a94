"""The records behind a number of Insights (X3)."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import words
from heliograph.deliveries.choices import event_choices, flow_choices
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.why import not_triggered
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet
from heliograph.insights.records import MOST_COUNTED, PARTS, Record, RecordFilter, RecordKind, Records, Subject
from heliograph.insights.views.frame import Frame
from heliograph.store.moments import from_micros
from heliograph.web.cursor import Pager, address, asked
from heliograph.web.forms import member_of
from heliograph.web.list_filters import EnumFilter, Filter, IdFilter, ListFilters, SearchFilter
from heliograph.web.pages import page

HEADINGS = {
    RecordKind.CHANGES: gettext_lazy("Changes Processed"),
    RecordKind.REGISTRATIONS: gettext_lazy("Unique Registrations"),
    RecordKind.RECORDED: gettext_lazy("Registration Activity"),
    RecordKind.TRIGGERED: gettext_lazy("Actions Triggered"),
    RecordKind.SUCCESS: gettext_lazy("Successes"),
    RecordKind.FAILURES: gettext_lazy("Failures"),
    RecordKind.QUEUED: gettext_lazy("Actions in the Retry Queue"),
    RecordKind.FAILED: gettext_lazy("Failed actions"),
    RecordKind.VALIDATION: gettext_lazy("Actions with a validation error"),
    RecordKind.SUPERSEDED: gettext_lazy("Superseded actions"),
    RecordKind.PENDING: gettext_lazy("Pending actions"),
    RecordKind.LEADS_CREATED: gettext_lazy("Leads Created"),
    RecordKind.LEADS_UPDATED: gettext_lazy("Leads Updated"),
    RecordKind.NOT_TRIGGERED: gettext_lazy("Actions Not Triggered"),
    RecordKind.STUCK: gettext_lazy("Not triggered, but curable"),
    RecordKind.FLOWS: gettext_lazy("Active Flows"),
    RecordKind.IN_RETRY_QUEUE: gettext_lazy("In Retry Queue"),
    RecordKind.RETRIES: gettext_lazy("Total Retried"),
    RecordKind.ABANDONED: gettext_lazy("Retried Abandoned"),
    RecordKind.VALIDATION_ERRORS: gettext_lazy("Validation Errors"),
    RecordKind.ATTEMPTS: gettext_lazy("Connection Activity"),
}
"""A list has the name of its figure."""


class RecordFilters(ListFilters):
    """The filters of a list of records. What came with the link of the figure stays as it is."""

    no_match = gettext_lazy("No record matches")
    no_match_text = gettext_lazy("None of these records is like this.")
    show_all = gettext_lazy("Show all of them")

    q = SearchFilter(gettext_lazy("Registration code or name"), placeholder=gettext_lazy("Code or name"))
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    since, until, period, days = (Filter(place="view") for _each in range(4))
    first, last = Filter(place="view", param="from"), Filter(place="view", param="to")
    mode = Filter(place="view")
    connection, alike = IdFilter(place="view"), IdFilter(place="view")
    facet = EnumFilter(members=Facet, name=str, place="view")
    category = EnumFilter(members=Category, name=str, place="view")

    def wanted(self, kind: RecordKind, frame: Frame) -> RecordFilter:
        """The same as `Records` takes it."""
        of = self.cleaned_data
        return RecordFilter(
            kind,
            frame.window.since,
            frame.window.until,
            frame.mode,
            of["q"],
            of["event"],
            of["flow"],
            of["connection"],
            of["facet"],
            of["category"],
            of["alike"],
        )


@require_safe
def records(request: AccountRequest, kind: str) -> HttpResponse:
    """Exactly the records that a figure counts; they can be searched and filtered."""
    known = member_of(RecordKind, kind, None)
    if known is None:
        raise Http404
    frame, filters = Frame.of(request), RecordFilters(request)
    wanted = filters.wanted(known, frame)
    cursor = asked(request, PARTS)
    with reading(request.account.pk, snapshot=True) as of:
        found = Records(of, wanted)
        rows = found.page(cursor)
        count = found.count()
        shown = [_row(row, known.subject, of) for row in rows.rows]
        filters.offer("event", event_choices(of))
        filters.offer("flow", flow_choices(of.config))
        connection = of.connection_names([wanted.connection]).get(wanted.connection, "") if wanted.connection else ""
    return page(
        request,
        "insights/records.html",
        here="insights",
        heading=HEADINGS[known],
        of_what=", ".join(text for text in (connection, wanted.category.value if wanted.category else "") if text),
        total=intcomma(count) if count <= MOST_COUNTED else _("more than %(n)s") % {"n": intcomma(MOST_COUNTED)},
        subject=known.subject.value,
        period_text=frame.period_text,
        kept_text=frame.kept_text,
        rows=shown,
        filters=filters,
        insights_href=reverse("insights") + ("?mode=test" if frame.mode is Mode.TEST else ""),
        pager=Pager("", address(request, at=rows.newer) if rows.newer else "", address(request, at=rows.older) if rows.older else ""),
    )


def _row(record: Record, subject: Subject, of: AccountReader) -> dict[str, Any]:
    """A record as its template shows it."""
    event, person = record.event.code if record.event else "", record.person
    timeline = reverse("timeline", args=(event, person.code)) if person and event else ""
    tone, state = _state(record, subject)
    return {
        "at": from_micros(record.at),
        "who": (person.name if person else record.event.state.name if record.event else "") or "",
        "code": person.code if person else event,
        "event": event,
        "href": timeline,
        "what": words.sentence_of(record.change, of.config, record.event),
        "flow": record.flow,
        "connection": record.connection,
        "tone": tone,
        "state": state,
        "why": _why(record, timeline),
        "said": _said(record, of),
        "changes": record.changes,
    }


def _why(record: Record, timeline: str) -> str:
    """Where the flow's decision is explained (F9): on the timeline, or, for an event and who was erased, on a page of its own."""
    if not record.flow_id or record.change is None:
        return ""
    if not timeline:
        return reverse("why", args=(record.change_id, record.flow_id))
    return f"{timeline}?{urlencode({'why-change': record.change_id, 'why-flow': record.flow_id})}#why"


def _state(record: Record, subject: Subject) -> words.Toned:
    if record.state is None:
        return ("quiet", _("Not triggered")) if record.reason else ("", "")
    return words.attempt_state(record.state) if subject is Subject.ATTEMPT else words.state_of(record.state)


def _said(record: Record, of: AccountReader) -> str:
    """Why, where something did not go out."""
    if record.reason is not None:
        return not_triggered(record.reason, None, record.change, of.config, record.event, record.flow_id)[0]
    if record.state in (ActionState.QUEUED, ActionState.FAILED):
        answered = words.answered(record.status) if record.status else ""
        return words.cause_of(record.cause, record.connection, record.message or answered) if record.message or answered else ""
    return record.message if record.state is ActionState.VALIDATION else ""
