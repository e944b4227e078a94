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
from heliograph.accounts.roles import AccountRequest, may
from heliograph.deliveries import words
from heliograph.deliveries.choices import flow_choices
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.removed_content import removed_content, removed_records
from heliograph.deliveries.submit import Submitted
from heliograph.deliveries.why import Why
from heliograph.deliveries.why_both import RecordedChange, WhyBoth, why_both
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.retry.fix_links import with_cure, with_places
from heliograph.setup.views.frame import check
from heliograph.store.moments import from_micros
from heliograph.timeline.flow_decisions import FlowDecisions, LatestDecision
from heliograph.timeline.stopped_alike import JUDGED, AlikeChange, StoppedAlike, judge_again, stopped_alike
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.pages import page
from heliograph.web.toasts import say

PARTS: Final = (int, int)
"""A cursor of these lists: when, and the change's id."""


def answer(of: AccountReader, user: User, recorded: RecordedChange, flow: int) -> dict[str, Any] | None:
    """What timeline/why_answer.html shows; None for a flow that was there neither then nor today."""
    both = why_both(of, recorded, flow, partial(_cured, config=of.config, user=user))
    return _shown(both, recorded, flow) if both else None


def _cured(why: Why, config: AccountConfig, user: User) -> Why:
    return with_places(with_cure(why, config, user), config, user)


def _shown(both: WhyBoth, recorded: RecordedChange, flow: int) -> dict[str, Any]:
    return {
        "sentence": both.then_or_today.sentence,
        "then": both.then.answer if both.then else "",
        "today": both.today.answer if both.today else "",
        "differs": both.differs,
        "gates": both.gates,
        "others_href": reverse("why-others", args=(recorded.change.id, flow)) if both.reason else "",
    }


@require_safe
def why(request: AccountRequest, change: int, flow: int) -> HttpResponse:
    """One change and one flow, also where no registration is left, or the change is one of an event."""
    with reading(request.account.pk) as of:
        if gone := _gone(of, change):
            return page(request, "timeline/why_gone.html", here="metrics", gone=gone)
        recorded = _recorded(of, change)
        told = answer(of, request.user, recorded, flow)
        if told is None:
            raise Http404
        context = _head(of, recorded, flow)
        flows = [(name, reverse("why", args=(change, id)), id == flow) for id, name in flow_choices(of.config)]
    return page(request, "timeline/why.html", here="metrics", why=told, flows=flows, **context)


@require_http_methods(["GET", "HEAD", "POST"])
def others(request: AccountRequest, change: int, flow: int) -> HttpResponse:
    """The others that stopped for the same reason in the last seven days; posted, those that wait are judged again."""
    if request.method == "POST":
        check(request, Role.PLANNER)
    cursor = read_cursor(request, PARTS)
    with reading(request.account.pk) as of:
        recorded = _recorded(of, change)
        both = why_both(of, recorded, flow, lambda found: found)
        if both is None or both.then is None or both.reason is None:
            raise Http404
        found = stopped_alike(of, both.then.flow, recorded, both.reason)
        rows = found.page(cursor)
        shown = [] if request.method == "POST" else _rows(of, rows.rows, flow)
        context = _head(of, recorded, flow)
    if request.method == "POST":
        said = judge_again(request.account.pk, found)
        say(request, _judged(said), link=_("Watch them") if said.done else "", href=reverse("feed"))
        return HttpResponseRedirect(reverse("why-others", args=(change, flow)))
    return page(
        request,
        "timeline/others.html",
        part="number",
        here="metrics",
        n=len(found.rows),
        number=_number(found),
        answer=both.then.answer,
        rows=shown,
        waiting=len(found.waiting),
        may_judge=may(request.user, Role.PLANNER),
        judged=intcomma(JUDGED) if found.more else "",
        why_href=reverse("why", args=(change, flow)),
        others_href=reverse("why-others", args=(change, flow)),
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(shown)) % {"n": len(shown)}),
        **context,
    )


@require_safe
def decisions(request: AccountRequest, flow: int) -> HttpResponse:
    """What a flow decided of the latest changes, by the rules of then."""
    cursor = read_cursor(request, PARTS)
    with reading(request.account.pk) as of:
        known = of.config.flows.get(flow)
        if known is None:
            raise Http404
        rows = FlowDecisions(of, flow).page(cursor)
        kept_text = "" if rows.older else removed_records(of)
        shown = _rows(of, rows.rows, flow)
    return page(
        request,
        "timeline/decisions.html",
        here="flows",
        flow={"id": flow, "name": known.name or _("Without a name")},
        rows=shown,
        kept_text=kept_text,
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(shown)) % {"n": len(shown)}),
    )


def _gone(of: AccountReader, change: int) -> str:
    """Why a stored change can no longer be explained; "" if it can, and for a change that is not stored."""
    rows = change < 1 << 63 and of.db.all(
        "SELECT c.at FROM change c WHERE c.account_id = :account AND c.id = :id"
        " AND NOT EXISTS (SELECT 1 FROM change_content x WHERE x.change_id = c.id)",
        {"account": of.account, "id": change},
    )
    return (removed_content(of, rows[0][0]) or _("Its content is no longer kept.")) if rows else ""


def _recorded(of: AccountReader, change: int) -> RecordedChange:
    """The change, if it is the account's and its content is kept. Raises Http404."""
    found = of.changes([change]).get(change) if change < 1 << 63 else None
    if found is None or found[0] is None:
        raise Http404
    return RecordedChange(found[0], found[1][1], found[1][2], found[1][3])


def _head(of: AccountReader, recorded: RecordedChange, flow: int) -> dict[str, Any]:
    """Whom and what it is about."""
    event = of.source.event(recorded.event)
    ((registration,),) = of.db.all("SELECT registration_id FROM change WHERE id = :id", {"id": recorded.change.id})
    person = of.people([registration]).get(registration) if registration is not None else None
    return {
        "who": (person.name or person.code) if person else event.state.name or event.code,
        "code": person.code if person else "",
        "event": event.code,
        "what": words.sentence_of(recorded.change, of.config, event),
        "when": recorded.change.at,
        "timeline_href": reverse("timeline", args=(event.code, person.code)) if person else "",
        "flow": {"id": flow if flow in of.config.flows else 0, "name": of.flow_names([flow]).get(flow, "")},
    }


def _rows(of: AccountReader, rows: Any, flow: int) -> list[dict[str, Any]]:
    events = of.events(row.event for row in rows)
    people = of.people(row.registration for row in rows)
    out = []
    for row in rows:
        event, person = events.get(row.event), people.get(row.registration)
        tone, state = _state(row)
        out.append(
            {
                "at": from_micros(row.at),
                "who": (person.name or person.code) if person else event.state.name if event else "",
                "code": person.code if person else "",
                "event": event.code if event else "",
                "href": reverse("timeline", args=(event.code, person.code)) if person and event else "",
                "what": words.sentence_of(row.change, of.config, event),
                "tone": tone,
                "state": state,
                "said": row.answer if isinstance(row, LatestDecision) else "",
                "why": reverse("why", args=(row.id, flow)),
            }
        )
    return out


def _state(row: AlikeChange | LatestDecision) -> words.Toned:
    if isinstance(row, AlikeChange):
        return ("wait", _("Waits")) if row.waits else ("quiet", _("Stopped"))
    verdicts = {
        FlowVerdict.TRIGGERED: ("", _("Triggered")),
        FlowVerdict.NOT_TRIGGERED: ("quiet", _("Not triggered")),
        FlowVerdict.FILTERED: ("quiet", _("Filtered")),
    }
    return verdicts[row.verdict] if row.verdict else ("quiet", _("Not there yet"))


def _number(found: StoppedAlike) -> str:
    n = len(found.rows)
    if not n:
        return _("No other stopped for the same reason in the last 7 days.")
    return ngettext(
        "%(n)s other stopped for the same reason in the last 7 days",
        "%(n)s others stopped for the same reason in the last 7 days",
        n,
    ) % {"n": intcomma(n)}


def _judged(said: Submitted) -> str:
    n = len(said.done)
    if not n:
        return _("None of them waits any more.")
    return ngettext("%(n)d is judged again, by the rules of today.", "%(n)d are judged again, by the rules of today.", n) % {"n": n}
