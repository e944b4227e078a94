"""The records behind a number of Insights (X3)."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.choices import EventCodeFilter, FiltersByEvent, connection_choices, flow_choices
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.registration.change import Facet
from heliograph.insights.integrations import integrations_of
from heliograph.insights.record_kinds import (
    STATES_OF,
    Outcome,
    RecordFilter,
    RecordKind,
    RecordSort,
    RowKind,
    has_replays,
    outcomes_of,
    sorts_of,
)
from heliograph.insights.record_rows import row_of
from heliograph.insights.record_sources import has_connection
from heliograph.insights.record_totals import MovedRecords, figure_of, moved_since
from heliograph.insights.records import PARTS, RecordCount, Records
from heliograph.insights.replay_share import ReplayShare
from heliograph.insights.views.insights_frame import Frame
from heliograph.insights.views.moved_words import moved_words
from heliograph.web.cursor import LookingEnd, Pager, address, read_cursor
from heliograph.web.forms import member_of
from heliograph.web.list_filters import EnumFilter, Filter, IdFilter, SearchFilter
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
    RecordKind.UNTAGGED: gettext_lazy("Wait for a tag"),
    RecordKind.UNDECIDED: gettext_lazy("Not judged yet"),
    RecordKind.FLOWS: gettext_lazy("Active Flows"),
    RecordKind.IN_RETRY_QUEUE: gettext_lazy("In Retry Queue"),
    RecordKind.RETRIES: gettext_lazy("Total Retried"),
    RecordKind.ABANDONED: gettext_lazy("Retried Abandoned"),
    RecordKind.VALIDATION_ERRORS: gettext_lazy("Validation Errors"),
    RecordKind.ATTEMPTS: gettext_lazy("Connection Activity"),
}
"""The headings of the lists, which are the names of their figures."""


OUTCOMES = {
    Outcome.SUCCESS: gettext_lazy("Success"),
    Outcome.WAITING: gettext_lazy("Will be retried"),
    Outcome.FAILED: gettext_lazy("Failed"),
    Outcome.VALIDATION: gettext_lazy("Validation error"),
    Outcome.SUPERSEDED: gettext_lazy("Superseded"),
    Outcome.PENDING: gettext_lazy("Pending"),
    Outcome.NOT_TRIGGERED: gettext_lazy("Not triggered"),
}
SORTS = {
    RecordSort.NEWEST: gettext_lazy("Newest first"),
    RecordSort.OLDEST: gettext_lazy("Oldest first"),
    RecordSort.MOST_CHANGES: gettext_lazy("Most changes first"),
}


MOST_REGISTRATIONS_SORTED = 50_000
"""A list of more registrations cannot be sorted by their changes, because counting the changes of each would take too long."""
REPLAYS = {ReplayShare.WITHOUT: gettext_lazy("Without replays"), ReplayShare.ONLY: gettext_lazy("Replays only")}


class RecordFilters(FiltersByEvent):
    """The filters of a list of records. The parameters of the figure's link are kept."""

    no_match = gettext_lazy("No record matches")
    no_match_text = gettext_lazy("None of these records is like this.")
    show_all = gettext_lazy("Show all of them")

    q = SearchFilter(gettext_lazy("Registration code or name"), placeholder=gettext_lazy("Code or name"))
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    event_code = EventCodeFilter()
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"), extra="flow-select")
    outcome = EnumFilter(gettext_lazy("Outcome"), Outcome, OUTCOMES.__getitem__, every=gettext_lazy("Every outcome"))
    replays = EnumFilter(gettext_lazy("Replays"), ReplayShare, REPLAYS.__getitem__, every=gettext_lazy("With replays"))
    since, until, period, days = (Filter(place="view") for _each in range(4))
    first, last = Filter(place="view", param="from"), Filter(place="view", param="to")
    mode, integration = Filter(place="view"), Filter(place="view")
    sort = EnumFilter(members=RecordSort, name=SORTS.__getitem__, place="view")
    alike, linked_number, seen = IdFilter(place="view"), Filter(place="view", param="n"), IdFilter(place="view")
    facet = EnumFilter(members=Facet, name=str, place="view")
    category = EnumFilter(members=Category, name=str, place="view")
    was = EnumFilter(members=RecordKind, name=str, place="view")

    def __init__(self, request: AccountRequest, kind: RecordKind) -> None:
        self.kind = kind
        super().__init__(request)
        self.offer("outcome", [(outcome.value, OUTCOMES[outcome]) for outcome in outcomes_of(kind)])
        if not outcomes_of(kind):
            del self.fields["outcome"]
        if not has_replays(kind):
            del self.fields["replays"]
        if not has_connection(kind):
            del self.fields["connection"]

    def record_filter(self, frame: Frame) -> RecordFilter:
        """The chosen filters, as Records takes them."""
        values = self.cleaned_data
        outcome, was = values["outcome"], values["was"]
        return RecordFilter(
            self.kind,
            frame.window.since,
            frame.window.until,
            frame.mode,
            values["q"],
            self.event_id,
            values["flow"],
            values["connection"] if has_connection(self.kind) else None,
            values["facet"] if self.kind is RecordKind.RECORDED else None,
            values["category"] if self.kind is RecordKind.RETRIES else None,
            values["alike"],
            outcome if outcome in outcomes_of(self.kind) else None,
            was if was in STATES_OF or self.kind.row_kind is RowKind.CHANGE else None,
            values["seen"],
            values["replays"] if has_replays(self.kind) else ReplayShare.ALL,
        )

    @property
    def order(self) -> RecordSort:
        """The chosen order, if the list can have it; else the newest first."""
        chosen_order: RecordSort = self.cleaned_data["sort"]
        return chosen_order if chosen_order in sorts_of(self.kind) else RecordSort.NEWEST

    @property
    def number(self) -> int | None:
        """The number that the link of the list showed; None if it is missing."""
        text = self.cleaned_data["linked_number"]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


@require_safe
def records(request: AccountRequest, kind: str) -> HttpResponse:
    """The list of exactly the records that a figure counts. It can be searched, filtered, sorted and exported."""
    known = member_of(RecordKind, kind, None)
    if known is None:
        raise Http404
    frame, filters = Frame.from_request(request, request.GET.get("integration", "")), RecordFilters(request, known)
    if refusal := frame.refusal():
        return refusal
    record_filter, cursor = filters.record_filter(frame), read_cursor(request, PARTS)
    with account_reader(request.account.pk, snapshot=True) as reader:
        whole = (
            figure_of(reader, record_filter.whole, frame.code) if record_filter.alike is None and record_filter.left_kind is None else None
        )
        everything = whole
        if whole is not None and record_filter.replays is not ReplayShare.ALL:
            everything = figure_of(reader, replace(record_filter.whole, replays=ReplayShare.ALL), frame.code)
        can_be_sorted = known.row_kind is not RowKind.REGISTRATION or (whole or 0) <= MOST_REGISTRATIONS_SORTED
        order = filters.order if can_be_sorted or filters.order is not RecordSort.MOST_CHANGES else RecordSort.NEWEST
        listed = Records(reader, record_filter, order)
        count = _count(listed, whole, frame)
        rows = replace(listed, known=count.number if count.is_exact else None).page(cursor)
        count = count.at_least(len(rows.rows))
        row_models = [row_of(row, known.row_kind, reader) for row in rows.rows]
        filters.offer("flow", flow_choices(reader.config))
        if has_connection(known):
            filters.offer("connection", connection_choices(reader.config))
        integrations = integrations_of(reader.config)
        connection = (
            reader.connection_names([record_filter.connection]).get(record_filter.connection, "") if record_filter.connection else ""
        )
        moved = _moved(reader, filters, record_filter, count)
    return page(
        request,
        "insights/records.html",
        here=frame.key,
        heading=HEADINGS[known],
        of_what=", ".join(text for text in (connection, record_filter.category.value if record_filter.category else "") if text),
        total=_number(count),
        result=_("%(n)s of %(whole)s") % {"n": _number(count), "whole": intcomma(everything)}
        if filters.narrows and everything is not None
        else "",
        row_kind=known.row_kind.value,
        period_text=frame.period_text,
        kept_text=frame.kept_text,
        mode_text=frame.mode_text,
        rows=row_models,
        filters=filters,
        sorts=[
            (SORTS[sort], address(request, sort=sort.value, at=None), sort is order)
            for sort in sorts_of(known)
            if can_be_sorted or sort is not RecordSort.MOST_CHANGES
        ],
        sort_note="" if can_be_sorted else _("Choose a shorter period to see those with most changes first."),
        moved=moved_words(moved, record_filter, frame, filters.number or 0, filters.cleaned_data["seen"] or 0) if moved else None,
        shows_integration=len(integrations) > 1,
        export_href=filters.address(reverse("records-export", args=(known.value,)))
        if may(request.user, Role.PLANNER) and (row_models or rows.further)
        else "",
        back_text=frame.heading,
        insights_href=frame.back(),
        pager=Pager.from_page(request, rows, "", by_time=order is RecordSort.NEWEST),
        start_href=address(request, at=None) if cursor else "",
        looked=LookingEnd.from_page(request, rows, cursor, ascends=order is RecordSort.OLDEST),
    )


def _count(listed: Records, whole: int | None, frame: Frame) -> RecordCount:
    """The number of records of a list.

    whole: the figure that counts them; None if there is none
    """
    if listed.record_filter.is_whole and whole is not None and frame.window.since >= frame.kept_since:
        return RecordCount(whole)  # figure and records agree within a snapshot, as long as retention has removed no records
    count = listed.count(kept_since=frame.kept_since)
    return RecordCount(whole) if listed.record_filter.is_whole and whole is not None and not count.is_exact else count


def _moved(reader: AccountReader, filters: RecordFilters, record_filter: RecordFilter, count: RecordCount) -> MovedRecords | None:
    """The records that have moved since the list's link was made; None if none have, or if the link has no number."""
    number, seen = filters.number, filters.cleaned_data["seen"]
    is_as_linked = record_filter.left_kind is None and record_filter == replace(record_filter.whole, alike=record_filter.alike)
    if number is None or not seen or not count.is_exact or not is_as_linked:
        return None
    moved = moved_since(reader, record_filter, number, seen, count.number)
    return None if moved.is_nothing else moved


def _number(count: RecordCount) -> str:
    if count.is_more:
        return _("more than %(n)s") % {"n": intcomma(count.number)}
    if count.broken_off_at is not None:
        return _("at least %(n)s") % {"n": intcomma(count.number)} if count.number else _("none found yet")
    return intcomma(count.number)
