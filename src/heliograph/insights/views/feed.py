"""The page of the Activity Feed."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import words
from heliograph.deliveries.choices import chosen, events_field, flows_field
from heliograph.deliveries.database import AccountReader, reading
from heliograph.domain.flow.flow import Mode
from heliograph.domain.ids import read_id
from heliograph.insights.feed import PARTS, Feed, FeedFilter, FeedLine, FeedResult
from heliograph.store.moments import from_micros, to_micros
from heliograph.web.cursor import Cursor, address, asked
from heliograph.web.fields import Choice, FormField
from heliograph.web.pages import live


@require_safe
def feed(request: AccountRequest) -> HttpResponse:
    """The feed, newest first. The first page is live; paused, it stands still at a moment."""
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
        found = Feed(of, wanted)
        start = Cursor((paused, 1, 2**62)) if paused is not None and cursor is None else cursor
        rows = found.page(start)
        lines = [_line(line, of) for line in rows.rows]
        fields = [_results(wanted.result), events_field(of, wanted.event), flows_field(of, wanted.flow)]
        held = found.newer_than(paused) if paused is not None else 0
    newest = rows.rows[0].at if rows.rows else to_micros(timezone.now())
    return live(
        request,
        "insights/feed.html",
        part="lines",
        here="insights",
        lines=lines,
        q=wanted.text,
        mode="test" if wanted.mode is Mode.TEST else "",
        modes=[
            (_("Live Flows"), address(request, mode=None, at=None, paused=None), wanted.mode is Mode.LIVE),
            (_("Test Flows"), address(request, mode="test", at=None, paused=None), wanted.mode is Mode.TEST),
        ],
        filters=fields,
        date=day.isoformat() if day else "",
        filtered=wanted.narrows,
        none_text=_none(wanted),
        showing=ngettext("%(n)d line", "%(n)d lines", len(lines)) % {"n": len(lines)},
        newer=address(request, at=rows.newer) if rows.newer and not (paused is not None and cursor is None) else "",
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
    except ValueError:  # looks like a date but does not exist: 2026-02-31
        return None


def _whole_day(day: datetime.date) -> tuple[int, int]:
    """From the beginning to the end of a day, in the account's time zone."""
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
            Choice(FeedResult.NOT_TRIGGERED.value, _("Not triggered")),
        ],
    )


def _none(wanted: FeedFilter) -> str:
    if wanted.text:
        return _("No registration with “%(text)s” in its code or name was processed. Check the code, or take another filter away.") % {
            "text": wanted.text
        }
    return _("Nothing that happened is like this.")


def _line(line: FeedLine, of: AccountReader) -> dict[str, Any]:
    """A line for the template."""
    event = line.event.code if line.event else ""
    person = line.person
    shown: dict[str, Any] = {
        "id": f"{'a' if line.action else 'r'}{line.id}",
        "at": from_micros(line.at),
        "who": (person.name or person.code) if person else (line.event.state.name if line.event else _("Somebody who was erased")),
        "code": person.code if person else "",
        "event": event,
        "href": reverse("timeline", args=(event, person.code)) if person and event else "",
        "what": words.happened(line.change, of.config, line.event),
        "flow": line.flow,
        "flow_href": reverse("flow", args=(line.flow_id,)) if line.flow_id in of.config.flows else "",
        "next": "",
    }
    if line.action is None:
        shown["did"], (shown["tone"], shown["state"]) = words.not_triggered(line.reason, line.queue, line.change, of.config, line.event)
        if line.due is not None:
            shown |= {"next": words.next_try(line.due, looks=True), "next_href": reverse("retry-item", args=(f"r{line.id}",))}
        return shown
    action = line.action
    shown["did"] = words.did(action, line.attempt, line.connection)
    shown["tone"], shown["state"] = words.state_of(action)
    if action.queue is not None and action.state < 12:
        item = reverse("retry-item", args=(f"a{action.id}",))
        if action.due is not None:
            shown |= {"next": words.next_try(action.due), "next_href": item}
        elif shown["tone"] == "failed":
            shown |= {"next": _("Open the item"), "next_href": item}
    return shown
