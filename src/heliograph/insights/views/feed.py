"""The page of the Activity Feed."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import User
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import words
from heliograph.deliveries.choices import chosen, events_field, flows_field
from heliograph.deliveries.database import AccountReader, reading
from heliograph.domain.flow.flow import Mode
from heliograph.domain.ids import read_id
from heliograph.insights.feed import PARTS, Feed, FeedFilter, FeedResult, FeedRow, FlowOutcome
from heliograph.insights.outcome_words import chip_of, notes_of
from heliograph.insights.views.frame import Frame
from heliograph.store.moments import from_micros, to_micros
from heliograph.web.cursor import address, asked
from heliograph.web.fields import Choice, FormField
from heliograph.web.pages import live


@require_safe
def feed(request: AccountRequest) -> HttpResponse:
    """Newest first, live on its first page; paused, it stands still at a moment."""
    ask = request.GET
    cursor = asked(request, PARTS)
    paused = read_id(ask.get("paused", ""))
    day = _day(ask.get("date", ""))
    wanted = FeedFilter(
        mode=Mode.TEST if ask.get("mode") == "test" else Mode.LIVE,
        result=chosen(FeedResult, ask.get("result", "")),
        text=ask.get("q", "")[:200],
        event=read_id(ask.get("event", "")),
        flow=read_id(ask.get("flow", "")),
        between=_whole_day(day) if day else None,
    )
    with reading(request.account.pk) as of:
        found = Feed(of, wanted, until=paused)
        rows = found.page(cursor)
        changes = [_row(row, of, request.user) for row in rows.rows]
        fields = [_results(wanted.result), events_field(of, wanted.event), flows_field(of, wanted.flow)]
        held = found.newer_than(paused) if paused is not None else 0
    newest = rows.rows[0].at if rows.rows else to_micros(timezone.now())
    return live(
        request,
        "insights/feed.html",
        part="changes",
        here="insights",
        changes=changes,
        q=wanted.text,
        mode="test" if wanted.mode is Mode.TEST else "",
        modes=[
            (_("Live Flows"), address(request, mode=None, at=None, paused=None), wanted.mode is Mode.LIVE),
            (_("Test Flows"), address(request, mode="test", at=None, paused=None), wanted.mode is Mode.TEST),
        ],
        tabs=Frame.of(request).context("feed")["tabs"],
        filters=fields,
        date=day.isoformat() if day else "",
        filtered=wanted.narrows,
        none_text=_none(wanted),
        hides=not wanted.shows_not_triggered,
        toggle_href=address(request, result=None if wanted.shows_not_triggered else FeedResult.NOT_TRIGGERED.value, at=None),
        showing=ngettext("%(n)d change", "%(n)d changes", len(changes)) % {"n": len(changes)},
        newer=address(request, at=rows.newer) if rows.newer else "",
        older=address(request, at=rows.older) if rows.older else "",
        follows=cursor is None and paused is None,
        paused=from_micros(paused) if paused is not None else None,
        held=held,
        pause_href=address(request, paused=newest),
        go_on_href=address(request, paused=None, at=None),
    )


def _day(text: str) -> datetime.date | None:
    try:
        return parse_date(text)
    except ValueError:  # looks like a date and is none: 2026-02-31
        return None


def _whole_day(day: datetime.date) -> tuple[int, int]:
    """From the beginning of a day to its end, in the account's time zone."""
    zone = timezone.get_current_timezone()
    begins = datetime.datetime.combine(day, datetime.time(), zone)
    ends = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), zone)
    return to_micros(begins), to_micros(ends)


def _results(value: FeedResult) -> FormField:
    return FormField(
        kind="select",
        id="result",
        label=_("Result"),
        value=value.value,
        options=[
            Choice("", _("Success and failure")),
            Choice(FeedResult.SUCCESS.value, _("Success")),
            Choice(FeedResult.FAILURE.value, _("Failure")),
            Choice(FeedResult.VALIDATION.value, _("Validation errors")),
            Choice(FeedResult.NOT_TRIGGERED.value, _("Not triggered, too")),
        ],
    )


def _none(wanted: FeedFilter) -> str:
    if wanted.text:
        return _("No registration with “%(text)s” in its code or name was processed. Check the code, or take another filter away.") % {
            "text": wanted.text
        }
    return _("Nothing that happened is like this.")


def _row(row: FeedRow, of: AccountReader, user: User) -> dict[str, Any]:
    """A change as its template wants it."""
    event = row.event.code if row.event else ""
    person = row.person
    timeline = reverse("timeline", args=(event, person.code)) if person and event else ""
    return {
        "id": row.change_id,
        "at": from_micros(row.at),
        "who": (person.name or person.code) if person else (row.event.state.name if row.event else _("Somebody who was erased")),
        "code": person.code if person else "",
        "event": event,
        "href": timeline,
        "what": words.sentence_of(row.change, of.config, row.event),
        "outcomes": [chip_of(outcome, _why(timeline, row, outcome)) for outcome in row.outcomes],
        "notes": notes_of(row, of, user),
    }


def _why(timeline: str, row: FeedRow, outcome: FlowOutcome) -> str:
    """Where the flow's decision is explained (F9); "" where the registration is gone."""
    return f"{timeline}?{urlencode({'why-change': row.change_id, 'why-flow': outcome.flow_id})}#why" if timeline else ""
