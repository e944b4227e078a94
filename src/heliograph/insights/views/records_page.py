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
    Outcome,
    RecordFilter,
    RecordKind,
    RecordSort,
    has_replays,
    outcomes_of,
    sorts_of,
)
from heliograph.insights.record_list import fitted, record_list
from heliograph.insights.record_rows import row_of
from heliograph.insights.record_sources import has_connection
from heliograph.insights.record_totals import MovedRecords, moved_since
from heliograph.insights.record_words import HEADINGS, OUTCOMES, REPLAYS, SORTS
from heliograph.insights.records import PARTS, RecordCount
from heliograph.insights.replay_share import ReplayShare
from heliograph.insights.views.insights_frame import Frame
from heliograph.insights.views.moved_words import moved_words
from heliograph.web.cursor import LookingEnd, Pager, address, read_cursor
from heliograph.web.forms import member_of
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, Filter, IdFilter, SearchFilter
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice


class RecordFilters(FiltersByEvent):
    """The filters of a list of records. The parameters of the figure's link are kept."""

    no_match = gettext_lazy("No record matches")
    no_match_text = gettext_lazy("Nothing matches the search and filters. Change one of them.")
    show_all = gettext_lazy("Show all of them")

    of_the_link = ("since", "until", "linked_number", "seen")

    q = SearchFilter(gettext_lazy("Registration code or name"), placeholder=gettext_lazy("Code or name"))
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    event_code = EventCodeFilter()
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"), extra="flow-select")
    outcome = EnumFilter(gettext_lazy("Outcome"), Outcome, OUTCOMES.__getitem__, every=gettext_lazy("Every outcome"))
    replays = EnumFilter(gettext_lazy("Replays"), ReplayShare, REPLAYS.__getitem__, every=gettext_lazy("With replays"))
    since, until, period, days = (Filter(place="view") for _each in range(4))
    first, last = Filter(place="view", param="from"), Filter(place="view", param="to")
    mode, integration = ChoiceFilter(options=[Choice("test", "")], place="view"), Filter(place="view")
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
        record_filter = RecordFilter(
            self.kind,
            frame.window.since,
            frame.window.until,
            frame.mode,
            values["q"],
            self.event_id,
            values["flow"],
            values.get("connection"),
            values["facet"],
            values["category"],
            values["alike"],
            values.get("outcome"),
            values["was"],
            values["seen"],
            values.get("replays") or ReplayShare.ALL,
        )
        return fitted(record_filter)

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
        listed = record_list(reader, record_filter, filters.order, frame, cursor)
        rows, count, order = listed.page, listed.count, listed.order
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
        result=_("%(n)s of %(whole)s") % {"n": _number(count), "whole": intcomma(listed.everything)}
        if filters.narrows and listed.everything is not None
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
            if listed.can_be_sorted or sort is not RecordSort.MOST_CHANGES
        ],
        sort_note="" if listed.can_be_sorted else _("Choose a shorter period to see those with most changes first."),
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
