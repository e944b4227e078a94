"""The timeline of one registration, and sync now."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role, User
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries import words
from heliograph.deliveries.choices import flow_choices
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.prospect_words import hindrance, on_their_way
from heliograph.deliveries.prospects import connection_holds
from heliograph.deliveries.removed_content import removed_content, removed_records
from heliograph.deliveries.submit import NothingToSync, sync_now
from heliograph.deliveries.why import not_triggered
from heliograph.deliveries.why_both import RecordedChange
from heliograph.domain.delivery.action import ActionState, AttemptKind
from heliograph.domain.ids import read_id
from heliograph.domain.setup.configuration import EventConfig
from heliograph.store.moments import from_micros
from heliograph.timeline.timeline import PARTS, Decision, Entry, Show, Timeline, TimelineCounts, TimelineDelivery
from heliograph.timeline.views.why import answer
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form
from heliograph.web.list_filters import EnumFilter, IdFilter, ListFilters
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice, FormField
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

SHOWN = {Show.SENT: gettext_lazy("Only what was sent"), Show.TROUBLE: gettext_lazy("Only what waits or failed")}


class TimelineFilters(ListFilters):
    """What the timeline shows of all changes; and which change and flow are explained."""

    no_match_text = gettext_lazy("No change of this registration is like this.")

    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    show = EnumFilter(gettext_lazy("Show"), Show, SHOWN.__getitem__, every=gettext_lazy("Everything"))
    why_change = IdFilter(param="why-change", place="beside")
    why_flow = IdFilter(param="why-flow", place="beside")


class SyncForm(Form):
    """flow: the one to send through, "" for all."""

    flow = Hidden()


@require_safe
def timeline(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Every change, every decision, every attempt."""
    filters = TimelineFilters(request)
    ask = filters.cleaned_data
    cursor = read_cursor(request, PARTS)
    with reading(request.account.pk) as of:
        found = Timeline.of(of, event, code, flow=ask["flow"], show=ask["show"])
        if found is None:
            raise Http404
        rows = found.page(cursor)
        names = names_of_users(request.account.pk, [entry.by for entry in rows.rows])
        changes = [_entry(entry, found, of, names, request.path) for entry in rows.rows]
        counts = found.counts()
        kept_text = removed_records(of, counts.since)
        asked_change = ask["why_change"] or (rows.rows[0].id if rows.rows else None)
        asked_flow = ask["why_flow"] or next((d.flow for e in rows.rows for d in e.decisions), None)
        told = _why(of, found, asked_change, asked_flow, request.user)
        is_linked = ask["why_change"] is not None and ask["why_flow"] is not None
        filters.offer("flow", flow_choices(of.config))
        context: dict[str, Any] = {
            "why_gone": _why_gone(of, found, ask["why_change"]) if is_linked and told is None else "",
            "why_fields": _why_fields(of, found, rows.rows, asked_change, asked_flow),
            "now": _now(found, of),
            "sync_flows": flow_choices(of.config),
        }
    registration = found.registration
    return page(
        request,
        "timeline/timeline.html",
        here="metrics",
        who=registration.name or registration.code,
        code=registration.code,
        event=registration.event.code,
        counts=_counts(counts),
        kept_text=kept_text,
        may_sync=may(request.user, Role.PLANNER),
        changes=changes,
        why=told,
        filters=filters,
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(changes)) % {"n": len(changes)}),
        **context,
    )


@require_POST
@needs(Role.PLANNER)
def sync(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Sync now: sends the registration's current state through every flow that accepts it, or through the one that was chosen."""
    flow = read_id(SyncForm(request.POST).posted["flow"])
    with reading(request.account.pk) as of:
        found = Timeline.of(of, event, code)
        if found is None:
            raise Http404
        id = found.registration.id
        try:
            connections = sync_now(request.account.pk, id, flow)
        except NothingToSync as error:
            say(request, _("Nothing was sent.") + " " + _(str(error)))
        else:
            made = on_their_way(connections, of.connection_names(connections), connection_holds(of))
            told = _("Sync now: %(made)s") % {"made": made}
            say(request, told, link=_("Watch them"), href=reverse("feed"))
    return HttpResponseRedirect(reverse("timeline", args=(event, code)))


def _now(found: Timeline, of: AccountReader) -> str:
    """Status, type and whether it is active, in words."""
    state, event = found.registration.state, found.registration.event
    status = of.config.status(state.status, event)
    kind = event.types.get(state.attendee_type or 0)
    parts = [status.name if status else "", kind.name if kind else "", _("active") if state.active else _("not active")]
    return ", ".join(part for part in parts if part)


def _counts(counts: TimelineCounts) -> str:
    changes, decisions, attempts = counts.changes, counts.decisions, counts.attempts
    return ", ".join(
        (
            ngettext("%(n)d change", "%(n)d changes", changes) % {"n": changes},
            ngettext("%(n)d decision", "%(n)d decisions", decisions) % {"n": decisions},
            ngettext("%(n)d attempt", "%(n)d attempts", attempts) % {"n": attempts},
        )
    )


def _why(of: AccountReader, found: Timeline, change: int | None, flow: int | None, user: User) -> dict[str, Any] | None:
    known = found.change(change) if change is not None and flow is not None else None
    if known is None or flow is None:
        return None
    return answer(of, user, RecordedChange(known[0], found.registration.event_id, *known[1:]), flow)


def _why_gone(of: AccountReader, found: Timeline, change: int) -> str:
    """Why a linked change is not explained: it is no longer stored, or its content is not."""
    at = found.time_of(change)
    if at is None:
        return removed_records(of, found.counts().since) or _("This registration has no such change.")
    return (removed_content(of, at) or _("Its content is no longer kept.")) + " " + _("So it can no longer be explained.")


def _why_fields(of: AccountReader, found: Timeline, entries: Any, change: int | None, flow: int | None) -> list[FormField]:
    event = found.registration.event
    changes = [Choice(str(e.id), f"{moment(from_micros(e.at))} {words.happened(e.change, of.config, event)}") for e in entries]
    if change is not None and str(change) not in {c.value for c in changes}:
        changes.append(Choice(str(change), _("The change that was chosen")))
    flows = [Choice(str(id), name) for id, name in flow_choices(of.config)]
    return [
        FormField(kind="select", id="why-change", label=_("Change"), value=str(change or ""), options=changes),
        FormField(kind="select", id="why-flow", label=_("Flow"), value=str(flow or ""), options=flows),
    ]


def _entry(entry: Entry, found: Timeline, of: AccountReader, names: dict[str, str], path: str) -> dict[str, Any]:
    event = found.registration.event
    by = words.saved_by(entry.by, names)
    return {
        "id": entry.id,
        "at": from_micros(entry.at),
        "title": words.sentence_of(entry.change, of.config, event),
        "by": _("%(by)s; recorded without being judged") % {"by": by} if entry.quiet else by,
        "diff": words.diff(entry.change, of.config, event) if entry.change else [],
        "removed": "" if entry.change and entry.change.before else _removed(entry, of),
        "decisions": [_decision(d, entry, path, of, event) for d in entry.decisions],
        "rest": _rest(entry, of),
    }


def _rest(entry: Entry, of: AccountReader) -> str:
    """What stands in place of decisions."""
    if entry.decisions or entry.quiet:
        return ""
    return _("What flows decided and sent is no longer stored.") if removed_records(of, entry.at) else _("No flow took it.")


def _removed(entry: Entry, of: AccountReader) -> str:
    """When its content, or of the newest change its old values, was removed (X6)."""
    ended = max((d.action.ended or 0 for decision in entry.decisions for d in decision.deliveries), default=0)
    return removed_content(of, entry.at, ended)


def _decision(decision: Decision, entry: Entry, path: str, of: AccountReader, event: EventConfig) -> dict[str, Any]:
    verdict = _("triggered")
    if decision.reason is not None:
        verdict = not_triggered(decision.reason, decision.queue, entry.change, of.config, event, decision.flow)[0].rstrip(".")
        verdict = _("not triggered; %(why)s") % {"why": verdict[:1].lower() + verdict[1:]}
    tries = [row for delivery in decision.deliveries for row in _tries(delivery)]
    if decision.run is not None and decision.waits:
        item = reverse("retry-item", args=(f"r{decision.run}",))
        text = words.next_try(decision.due) or _("Judged at once when it has a tag")
        tries.append({"at": None, "text": text, "tone": "wait", "state": _("Waits"), "href": item})
    return {
        "flow": decision.flow_name,
        "flow_href": reverse("flow", args=(decision.flow,)) if decision.flow in of.config.flows else "",
        "verdict": verdict,
        "why": f"{path}?{urlencode({'why-change': entry.id, 'why-flow': decision.flow})}#why",
        "tries": tries,
    }


def _tries(delivery: TimelineDelivery) -> list[dict[str, Any]]:
    action = delivery.action
    href = reverse("retry-item", args=(f"a{action.id}",))
    rows: list[dict[str, Any]] = []
    retries = 0
    for attempt, name in zip(delivery.attempts, delivery.tried, strict=True):
        retries += attempt.kind is AttemptKind.AUTO
        tone, state = words.attempt_state(attempt.state)
        connection = words.isolated(name)
        text = _("%(connection)s: %(said)s") % {"connection": connection, "said": _said(attempt)}
        made = words.origin_of(action) if attempt.kind is AttemptKind.FIRST else words.attempt_name(attempt, retries)
        if made:
            text = _("%(connection)s, %(which)s: %(said)s") % {
                "connection": connection,
                "which": made,
                "said": _said(attempt),
            }
        rows.append({"at": from_micros(attempt.at), "text": text, "tone": tone, "state": state, "href": href})
    if action.state.is_open or action.state is ActionState.SUPERSEDED or not rows:
        tone, state = words.state_of(action.state)
        keeps = hindrance(delivery.prospect)
        text = (keeps or words.next_try(action.due)) if action.state is ActionState.QUEUED else ""
        text = text or words.did(action, delivery.attempts[-1] if delivery.attempts else None, delivery.connection, keeps)
        rows.append({"at": None, "text": text, "tone": tone, "state": state, "href": href})
    return rows


def _said(attempt: Any) -> str:
    if attempt.status is None:
        return attempt.message or _("its details are no longer kept")
    return _("%(status)s in %(ms)s ms") % {"status": words.answered(attempt.status), "ms": words.milliseconds(attempt.took)}
