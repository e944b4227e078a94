"""The page of the Activity Feed (guide: Activity Feed; X4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import User
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.choices import EventCodeFilter, FiltersByEvent, connection_choices, event_of_code, flow_choices
from heliograph.deliveries.removed_content import removed_records
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.insights.feed import MOST_NEWER, PARTS, Feed, FeedRow, FeedSample, FlowOutcome, jumped_to
from heliograph.insights.feed_lines import FeedFilter, FeedResult
from heliograph.insights.outcome_words import chip_of, notes_of
from heliograph.insights.period import PARAMETERS, Window, whole_days
from heliograph.insights.record_words import REPLAYS
from heliograph.insights.replay_share import ReplayShare
from heliograph.insights.views.feed_chart import feed_chart, stretch_words
from heliograph.insights.views.feed_time import FeedTime, HourFilter, PeriodFilter
from heliograph.insights.views.insights_frame import Frame
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.cursor import ListPage, LookingEnd, Pager, address, read_cursor
from heliograph.web.list_count import ListCount
from heliograph.web.list_filters import ChoiceFilter, DayFilter, EnumFilter, IdFilter, MomentFilter, SearchFilter
from heliograph.web.pages import asks_for_part, live
from heliograph.web.shown_fields import Choice

NOW = "now"
"""The value of the parameter `paused` in the link of Pause: the moment of the click."""
TEST = "test"
"""The value of the parameter `mode` for Test flows."""
KEPT = ("mode", "q", "result", "event", "event-code", "flow", "connection", "replays")
"""The parameters that a link to another period keeps: all filters but those by time."""
RESULTS = {
    FeedResult.SUCCESS: gettext_lazy("Success"),
    FeedResult.FAILURE: gettext_lazy("Failure"),
    FeedResult.VALIDATION: gettext_lazy("Validation errors"),
    FeedResult.NOT_TRIGGERED: gettext_lazy("Not triggered, too"),
}


class FeedFilters(FiltersByEvent):
    """The filters of the feed."""

    q = SearchFilter(gettext_lazy("Registration code or name"), placeholder=gettext_lazy("Code or name"))
    mode = ChoiceFilter(options=[Choice(TEST, "")], place="view")
    paused = IdFilter(place="view")
    since, until = PeriodFilter(), PeriodFilter()
    first, last = PeriodFilter("from"), PeriodFilter("to")
    days, period = PeriodFilter(), PeriodFilter()
    hour = HourFilter(place="view")
    result = EnumFilter(gettext_lazy("Result"), FeedResult, RESULTS.__getitem__, every=gettext_lazy("Success and failure"))
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    event_code = EventCodeFilter()
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"), extra="flow-select")
    replays = EnumFilter(gettext_lazy("Replays"), ReplayShare, REPLAYS.__getitem__, every=gettext_lazy("With replays"))
    date = DayFilter(gettext_lazy("Date"))
    jump = MomentFilter(gettext_lazy("Jump to"))

    def time(self, window: Window | None) -> FeedTime:
        """The chosen times.

        window: the chosen period; None for any time
        """
        values = self.cleaned_data
        return FeedTime(window, values["date"], values["hour"], values["jump"])

    def feed_filter(self, time: FeedTime) -> FeedFilter:
        """The chosen filters, as Feed takes them."""
        values = self.cleaned_data
        mode = Mode.TEST if values["mode"] == TEST else Mode.LIVE
        return FeedFilter(
            mode, values["result"], values["q"], self.event_id, values["flow"], time.between, values["connection"], values["replays"]
        )

    @property
    def no_match_text(self) -> str:
        if text := self.cleaned_data["q"]:
            return _("No registration with “%(text)s” in its code or name was processed. Check the code, or remove another filter.") % {
                "text": text
            }
        return _("Nothing matches the search and filters. Change one of them.")


@require_safe
def feed_of_event(request: AccountRequest, event: str) -> HttpResponse:
    """Redirects from the first part of a timeline's URL, the event's code, to the feed of that event. Raises Http404 if there is no such event."""
    with account_reader(request.account.pk) as reader:
        id = event_of_code(reader, event)
    if not id:
        raise Http404
    return HttpResponseRedirect(f"{reverse('feed')}?{urlencode({'event': id})}")


@require_safe
def feed(request: AccountRequest, integration: str = "") -> HttpResponse:
    """The feed, newest first. Its first page refreshes itself, unless the feed is paused at an instant."""
    if request.GET.get("paused") == NOW:  # the page has refreshed itself since it was loaded
        with account_reader(request.account.pk) as reader:
            return HttpResponseRedirect(address(request, paused=reader.db.now(), at=None, jump=None))
    filters, frame = FeedFilters(request), Frame.from_request(request, integration, kept_names=KEPT, goes_without=True)
    if refusal := frame.refusal("feed"):
        return refusal
    if frame.is_any_time and (date := filters.cleaned_data["date"]):
        frame = replace(frame, window=whole_days(date, date, ZoneInfo(request.account.timezone)), is_any_time=False)
    time = filters.time(None if frame.is_any_time else frame.window)
    superseded = [name for name in time.superseded if request.GET.get(name)]
    if superseded and not filters.refused:
        return HttpResponseRedirect(address(request, at=None, **dict.fromkeys(superseded)))
    feed_filter, paused, jump = filters.feed_filter(time), filters.cleaned_data["paused"], time.jump
    cursor = read_cursor(request, PARTS) or (jumped_to(to_micros(jump) + MINUTE - 1) if jump else None)
    with account_reader(request.account.pk) as reader:
        now = reader.db.now()
        goes_on = feed_filter.between is None or feed_filter.between[1] > now
        follows = goes_on and cursor is None and paused is None and time.hour is None and not filters.refused
        activity_feed = Feed(reader, feed_filter, until=paused)
        sample = activity_feed.sample(now) if follows else None
        rows: ListPage[FeedRow] | FeedSample = ListPage([]) if filters.refused else sample or activity_feed.page(cursor)
        changes = [_row(row, reader, request.user) for row in rows.rows]
        around = {} if asks_for_part(request) else _around(frame, reader, filters, time)
        newer_changes = activity_feed.newer_than(paused) if paused is not None else ListCount()
        ends_here = not (rows.older or (isinstance(rows, ListPage) and rows.further))
        removed_text = (
            removed_records(reader, feed_filter.between[0] if feed_filter.between else 0)
            if (feed_filter.between or ends_here) and not filters.refused
            else ""
        )
    return live(
        request,
        "insights/feed.html",
        part="changes",
        **around,
        changes=changes,
        hour_text=stretch_words(*feed_filter.between) if time.hour is not None and feed_filter.between else "",
        any_time_href="" if frame.is_any_time else address(request, at=None, **dict.fromkeys(PARAMETERS)),
        filters=filters,
        hides=not feed_filter.shows_not_triggered,
        toggle_href=address(request, result=None if feed_filter.shows_not_triggered else FeedResult.NOT_TRIGGERED.value, at=None),
        pager=_pager(request, rows, len(changes)),
        sampled=_sampled(request, sample) if sample else None,
        start_href=address(request, at=None, jump=None) if request.GET.get("at") else "",
        looked=LookingEnd.from_page(request, rows, cursor, jump=None) if isinstance(rows, ListPage) else None,
        removed_text=removed_text,
        follows=follows,
        paused=from_micros(paused) if paused is not None else None,
        newer=newer_changes.number,
        newer_text=_newer_text(newer_changes),
        go_on_href=address(request, paused=None, at=None, jump=None),
        beside=_beside(request, follows=follows, paused=paused is not None, jumped=jump is not None),
        jump=jump,
        status=filters.status,
    )


def _around(frame: Frame, reader: AccountReader, filters: FeedFilters, time: FeedTime) -> dict[str, Any]:
    """The context of what stands above the list. The list refreshes itself without it."""
    request, feed_filter = frame.request, filters.feed_filter(time)
    filters.offer("flow", flow_choices(reader.config))
    filters.offer("connection", connection_choices(reader.config))
    return frame.context("feed", frame.figures(reader).sums) | {
        "modes": [
            (_("Live Flows"), address(request, mode=None, at=None, paused=None), feed_filter.mode is Mode.LIVE),
            (_("Test Flows"), address(request, mode=TEST, at=None, paused=None), feed_filter.mode is Mode.TEST),
        ],
        "kept_text": "",  # said below the list
        "chart": None if filters.refused else feed_chart(frame, reader, feed_filter, time),
        "all_hours_href": address(request, hour=None, at=None),
    }


def _beside(request: AccountRequest, *, follows: bool, paused: bool, jumped: bool) -> dict[str, str]:
    """The button at the end of the filters' line: Pause, or back to the newest; {} for none."""
    if follows:
        return {"text": _("Pause"), "href": address(request, paused=NOW), "icon": "pause"}
    newest = address(request, paused=None, at=None, jump=None)
    if paused:
        return {"text": _("Continue"), "href": newest}
    return {"text": _("To the newest"), "href": newest} if jumped else {}


def _pager(request: AccountRequest, rows: ListPage[FeedRow] | FeedSample, count: int) -> Pager:
    newer = rows.newer if isinstance(rows, ListPage) else ""
    return Pager(
        ngettext("%(n)d change", "%(n)d changes", count) % {"n": count},
        address(request, at=newer, jump=None) if newer else "",
        address(request, at=rows.older, jump=None) if rows.older else "",
    )


def _sampled(request: AccountRequest, sample: FeedSample) -> dict[str, Any]:
    """The context of the sentence above a sample, with the URL of the paused feed that has all its changes."""
    total = intcomma(sample.total) if sample.is_all else _("more than %(n)s") % {"n": intcomma(sample.total)}
    return {
        "number": len(sample.rows),
        "total": total,
        "since": from_micros(sample.since),
        "until": from_micros(sample.until),
        "href": address(request, paused=sample.until - 1),
    }


def _newer_text(newer: ListCount) -> str:
    """The number of changes that came since the feed was paused, in words."""
    number = intcomma(newer.number)
    if not newer.is_more:
        return number
    return (_("more than %(n)s") if newer.number >= MOST_NEWER else _("at least %(n)s")) % {"n": number}


def _row(row: FeedRow, reader: AccountReader, user: User) -> dict[str, Any]:
    """A change for insights/feed.html."""
    event = row.event.code if row.event else ""
    person = row.person
    timeline = reverse("timeline", args=(event, person.code)) if person and event else ""
    return {
        "id": row.change_id,
        "at": from_micros(row.at),
        "who": (person.name or person.code)
        if person
        else row.event.state.name
        if row.event and not row.is_erased
        else _("Somebody who was erased"),
        "code": person.code if person else "",
        "event": event,
        "href": timeline,
        "what": delivery_words.sentence_of(row.change, reader.config, row.event),
        "outcomes": [chip_of(outcome, _why(timeline, row, outcome)) for outcome in row.outcomes],
        "notes": notes_of(row, reader, user),
    }


def _why(timeline: str, row: FeedRow, outcome: FlowOutcome) -> str:
    """The URL that explains the flow's decision (F9): the timeline; for an event or an erased person, a page of its own."""
    if not timeline:
        return reverse("why", args=(row.change_id, outcome.flow_id)) if row.change else ""
    return f"{timeline}?{urlencode({'why-change': row.change_id, 'why-flow': outcome.flow_id})}#why"
