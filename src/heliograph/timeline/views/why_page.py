"""Why, or why not, for any change and any flow; who else stopped for the same reason; and a flow's latest decisions (F9)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.choices import flow_choices
from heliograph.deliveries.explanation import Why
from heliograph.deliveries.explanation_pair import RecordedChange, WhyBoth, why_both
from heliograph.deliveries.removed_content import removed_records
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.retry.fix_links import with_cure, with_places
from heliograph.store.instants import from_micros
from heliograph.timeline.alike_changes import JUDGED, AlikeChange, StoppedAlike, alike_of, judge_again
from heliograph.timeline.flow_decisions import FlowDecisions, LatestDecision
from heliograph.timeline.recorded_changes import explanation_of, recorded_change, why_gone
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.pages import page
from heliograph.web.toasts import say

PARTS: Final = (int, int)
"""A cursor of these lists: when, and the change's id."""


def answer(reader: AccountReader, user: User, recorded: RecordedChange, flow: int) -> dict[str, Any] | None:
    """The context of timeline/why_answer.html; None for a flow that existed neither then nor today."""
    comparison = why_both(reader, recorded, flow, partial(_cured, config=reader.config, user=user))
    return _answer_context(comparison, recorded, flow) if comparison else None


def _cured(why: Why, config: AccountConfig, user: User) -> Why:
    return with_places(with_cure(why, config, user), config, user)


def _answer_context(comparison: WhyBoth, recorded: RecordedChange, flow: int) -> dict[str, Any]:
    return {
        "sentence": comparison.then_or_today.sentence,
        "then": comparison.then.answer if comparison.then else "",
        "today": comparison.today.answer if comparison.today else "",
        "differs": comparison.differs,
        "gates": comparison.gates,
        "others_href": reverse("why-others", args=(recorded.change.id, flow)) if comparison.reason else "",
    }


@require_safe
def why(request: AccountRequest, change: int, flow: int) -> HttpResponse:
    """Explains one change and one flow, even if the registration is gone or the change is an event's."""
    with account_reader(request.account.pk) as reader:
        if gone := why_gone(reader, change):
            return page(request, "timeline/why_gone.html", here="metrics", gone=gone)
        recorded = recorded_change(reader, change)
        explanation = answer(reader, request.user, recorded, flow)
        if explanation is None:
            raise Http404
        context = _head(reader, recorded, flow)
        flows = [(name, reverse("why", args=(change, id)), id == flow) for id, name in flow_choices(reader.config)]
    return page(request, "timeline/why.html", here="metrics", why=explanation, flows=flows, **context)


@require_http_methods(["GET", "HEAD", "POST"])
def others(request: AccountRequest, change: int, flow: int) -> HttpResponse:
    """The other changes that stopped for the same reason in the last seven days. A POST judges those again that wait."""
    if request.method == "POST":
        require(request.user, Role.PLANNER)
    cursor = read_cursor(request, PARTS)
    with account_reader(request.account.pk) as reader:
        recorded, comparison = explanation_of(reader, change, flow)
        alike = alike_of(reader, recorded, comparison)
        rows = alike.page(cursor)
        table_rows = [] if request.method == "POST" else _rows(reader, rows.rows, flow)
        context = _head(reader, recorded, flow)
    if request.method == "POST":
        count = len(judge_again(request.account.pk, alike).done)
        text = ngettext("%(n)d is checked again, by today’s rules.", "%(n)d are checked again, by today’s rules.", count) % {"n": count}
        say(
            request,
            text if count else _("None of them is waiting any more."),
            link=_("Watch them") if count else "",
            href=reverse("feed"),
        )
        return HttpResponseRedirect(reverse("why-others", args=(change, flow)))
    return page(
        request,
        "timeline/others.html",
        part="number",
        here="metrics",
        n=len(alike.rows),
        number=_number(alike),
        answer=comparison.then.answer if comparison.then else "",
        rows=table_rows,
        waiting=len(alike.waiting),
        may_judge=may(request.user, Role.PLANNER),
        judged=intcomma(JUDGED) if alike.more else "",
        why_href=reverse("why", args=(change, flow)),
        others_href=reverse("why-others", args=(change, flow)),
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(table_rows)) % {"n": len(table_rows)}),
        **context,
    )


@require_safe
def decisions(request: AccountRequest, flow: int) -> HttpResponse:
    """What a flow decided about the latest changes, by the rules then in force."""
    cursor = read_cursor(request, PARTS)
    with account_reader(request.account.pk) as reader:
        known = reader.config.flows.get(flow)
        if known is None:
            raise Http404
        rows = FlowDecisions(reader, flow).page(cursor)
        kept_text = "" if rows.older else removed_records(reader)
        table_rows = _rows(reader, rows.rows, flow)
    return page(
        request,
        "timeline/decisions.html",
        here="flows",
        flow={"id": flow, "name": known.name or _("Without a name")},
        rows=table_rows,
        kept_text=kept_text,
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(table_rows)) % {"n": len(table_rows)}),
    )


def _head(reader: AccountReader, recorded: RecordedChange, flow: int) -> dict[str, Any]:
    """The person, the event and the flow at the head of the page."""
    event = reader.provider.event(recorded.event)
    ((registration,),) = reader.db.all("SELECT registration_id FROM change WHERE id = :id", {"id": recorded.change.id})
    person = reader.people([registration]).get(registration) if registration is not None else None
    return {
        "who": (person.name or person.code) if person else event.state.name or event.code,
        "code": person.code if person else "",
        "event": event.code,
        "what": delivery_words.sentence_of(recorded.change, reader.config, event),
        "when": recorded.change.at,
        "timeline_href": reverse("timeline", args=(event.code, person.code)) if person else "",
        "flow": {"id": flow if flow in reader.config.flows else 0, "name": reader.flow_names([flow]).get(flow, "")},
    }


def _rows(reader: AccountReader, rows: Any, flow: int) -> list[dict[str, Any]]:
    events = reader.events(row.event for row in rows)
    people = reader.people(row.registration for row in rows)
    table_rows = []
    for row in rows:
        event, person = events.get(row.event), people.get(row.registration)
        tone, state = _state(row)
        table_rows.append(
            {
                "at": from_micros(row.at),
                "who": (person.name or person.code) if person else event.state.name if event else "",
                "code": person.code if person else "",
                "event": event.code if event else "",
                "href": reverse("timeline", args=(event.code, person.code)) if person and event else "",
                "what": delivery_words.sentence_of(row.change, reader.config, event),
                "tone": tone,
                "state": state,
                "said": row.answer if isinstance(row, LatestDecision) else "",
                "why": reverse("why", args=(row.id, flow)),
            }
        )
    return table_rows


def _state(row: AlikeChange | LatestDecision) -> delivery_words.Toned:
    if isinstance(row, AlikeChange):
        return ("wait", _("Waiting")) if row.waits else ("quiet", _("Stopped"))
    verdicts = {
        FlowVerdict.TRIGGERED: ("", _("Triggered")),
        FlowVerdict.NOT_TRIGGERED: ("quiet", _("Not triggered")),
        FlowVerdict.FILTERED: ("quiet", _("Filtered")),
    }
    return verdicts[row.verdict] if row.verdict else ("quiet", _("Not created yet"))


def _number(alike: StoppedAlike) -> str:
    count = len(alike.rows)
    if not count:
        return _("No other stopped for the same reason in the last 7 days.")
    return ngettext(
        "%(n)s other stopped for the same reason in the last 7 days",
        "%(n)s others stopped for the same reason in the last 7 days",
        count,
    ) % {"n": intcomma(count)}
