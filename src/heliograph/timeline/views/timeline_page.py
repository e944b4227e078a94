"""The timeline of one registration, and sync now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.choices import flow_choices
from heliograph.deliveries.delivery_operations import NothingToSync
from heliograph.deliveries.destination_rows import destination_rows
from heliograph.deliveries.explanation import GateRow, not_triggered
from heliograph.deliveries.explanation_pair import RecordedChange
from heliograph.deliveries.message_words import message_words
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.registration_destinations import DestinationOfRegistration, destinations_of, needs_explaining
from heliograph.deliveries.removed_content import removed_content, removed_records
from heliograph.deliveries.unsent_reasons import unsent_reasons
from heliograph.domain.delivery.action import ActionState, AttemptKind
from heliograph.domain.flow.flow import Mode
from heliograph.domain.ids import read_id
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import StandardProperty
from heliograph.setup.setup_errors import Invalid
from heliograph.store.instants import from_micros
from heliograph.timeline.registration_sync import check_flow, sync_registration
from heliograph.timeline.timeline import PARTS, Decision, Entry, Show, Timeline, TimelineCounts, TimelineDelivery
from heliograph.timeline.views.why_page import answer
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form
from heliograph.web.list_filters import EnumFilter, IdFilter, ListFilters
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice, FormField
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

SHOWN = {Show.SENT: gettext_lazy("Only sent"), Show.TROUBLE: gettext_lazy("Only waiting or failed")}


class TimelineFilters(ListFilters):
    """Which changes the timeline shows, and which change and flow are explained."""

    no_match_text = gettext_lazy("No change of this registration matches the filters. Change one of them.")

    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    show = EnumFilter(gettext_lazy("Show"), Show, SHOWN.__getitem__, every=gettext_lazy("Everything"))
    why_change = IdFilter(param="why-change", place="beside")
    why_flow = IdFilter(param="why-flow", place="beside")


class SyncForm(Form):
    """The flow to send through; "" for all flows."""

    flow = TextLine()

    def clean_flow(self) -> int | None:
        """Its id; None for all flows, 0 for a text that is no id."""
        text = self.cleaned_data["flow"]
        return (read_id(text) or 0) if text else None


@require_safe
def timeline(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Every change, every decision, every attempt."""
    filters = TimelineFilters(request)
    ask = filters.cleaned_data
    cursor = read_cursor(request, PARTS)
    with account_reader(request.account.pk) as reader:
        timeline = Timeline.load(reader, event, code, flow=ask["flow"], show=ask["show"])
        if timeline is None:
            raise Http404
        rows = timeline.page(cursor)
        names = names_of_users(request.account.pk, [entry.by for entry in rows.rows])
        changes = [_entry(entry, timeline, reader, names, request.path) for entry in rows.rows]
        counts = timeline.counts()
        kept_text = removed_records(reader, counts.since)
        stands = destinations_of(reader, timeline.registration.id, _mode_of(timeline, reader))
        unexplained_change, unexplained_flow = _unexplained(rows.rows, stands)
        asked_change = ask["why_change"] or unexplained_change
        asked_flow = ask["why_flow"] or unexplained_flow
        explanation = None
        if asked_change is not None and asked_flow is not None and (stored := timeline.change(asked_change)):
            recorded = RecordedChange(stored[0], timeline.registration.event_id, *stored[1:])
            explanation = answer(reader, request.user, recorded, asked_flow)
            decided = [each for entry in rows.rows if entry.id == asked_change for each in entry.decisions if each.flow == asked_flow]
            if explanation is not None and decided:
                explanation["gates"] = _with_deliveries(explanation["gates"], decided[0].deliveries)
        is_linked = ask["why_change"] is not None and ask["why_flow"] is not None
        filters.offer("flow", flow_choices(reader.config))
        context: dict[str, Any] = {
            "why_gone": _why_gone(reader, timeline, ask["why_change"]) if is_linked and explanation is None else "",
            "why_fields": _why_fields(reader, timeline, rows.rows, asked_change, asked_flow),
            "now": _state(timeline, reader),
            "stands": destination_rows(
                stands,
                request.path,
                rows.rows[0].id if rows.rows else None,
                may_send=may(request.user, Role.PLANNER),
                reasons=unsent_reasons(reader, timeline.registration.id, timeline.registration.event, stands),
            ),
            "sync_flows": flow_choices(reader.config),
        }
    registration = timeline.registration
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
        why=explanation,
        filters=filters,
        pager=Pager.from_page(request, rows, ngettext("%(n)d change", "%(n)d changes", len(changes)) % {"n": len(changes)}),
        **context,
    )


@require_POST
@needs(Role.PLANNER)
def sync(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Sync now: sends the registration's current state through every flow that accepts it, or through the one that was chosen."""
    flow = SyncForm(request.POST).posted.get("flow", 0)  # none was read: a flow that does not exist
    with account_reader(request.account.pk) as reader:
        timeline = Timeline.load(reader, event, code)
        if timeline is None:
            raise Http404
        id = timeline.registration.id
        try:
            check_flow(reader, flow)
            synced = sync_registration(reader, id, flow)
        except Invalid as error:
            say(request, _("Nothing was sent.") + " " + error.fields["flow"][0])
        except NothingToSync as error:
            say(request, _("Nothing was sent.") + " " + translated(error))
        else:
            message = _("Sync now: %(made)s") % {"made": synced.text}
            say(request, message, link=_("Watch them"), href=reverse("feed"))
    return HttpResponseRedirect(reverse("timeline", args=(event, code)))


def _mode_of(timeline: Timeline, reader: AccountReader) -> Mode:
    """Whether Live or Test flows take the registration as it is now (F3)."""
    registration = timeline.registration
    is_test = StandardProperty.TEST in registration.state.properties or reader.config.is_test_event(registration.event.state.status)
    return Mode.TEST if is_test else Mode.LIVE


def _unexplained(entries: Sequence[Entry], stands: Sequence[DestinationOfRegistration]) -> tuple[int | None, int | None]:
    """The change and the flow that the page explains unless somebody asks for others: what failed or was not sent, else the newest."""
    place = needs_explaining(stands)
    if place is None or not entries:
        flows = (decision.flow for entry in entries for decision in entry.decisions)
        return (entries[0].id if entries else None), next(flows, None)
    of_flow = [(entry.id, decision) for entry in entries for decision in entry.decisions if decision.flow == place.flow]
    if place.stuck is not None:
        of_flow = [(id, decision) for id, decision in of_flow if decision.waits] or of_flow
    elif place.action is not None:
        action = place.action.id
        of_flow = [(id, decision) for id, decision in of_flow if any(each.action.id == action for each in decision.deliveries)] or of_flow
    return (of_flow[0][0] if of_flow else entries[0].id), place.flow


def _with_deliveries(gates: Sequence[GateRow], deliveries: Sequence[TimelineDelivery]) -> list[GateRow]:
    """The gates of a decision, with what became of each delivery in place of the last one, which says only that there was something to send."""
    if not deliveries:
        return list(gates)
    return [*(each for each in gates if each.gate), *(_sent(gates[-1], delivery) for delivery in deliveries)]


def _sent(gate: GateRow, delivery: TimelineDelivery) -> GateRow:
    state, last = delivery.action.state, delivery.attempts[-1] if delivery.attempts else None
    stops = state in (ActionState.FAILED, ActionState.VALIDATION)
    return replace(
        gate,
        state="wait" if state.is_open else "stopped" if stops else "passed",
        note=delivery_words.did(delivery.action, last, delivery.connection, hindrance(delivery.prospect)),
    )


def _state(timeline: Timeline, reader: AccountReader) -> str:
    """Status, type and whether it is active, in words."""
    state, event = timeline.registration.state, timeline.registration.event
    status = reader.config.status(state.status, event)
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


def _why_gone(reader: AccountReader, timeline: Timeline, change: int) -> str:
    """Why a linked change is not explained: it is no longer stored, or its content is not."""
    at = timeline.time_of(change)
    if at is None:
        return removed_records(reader, timeline.counts().since) or _("This registration has no such change.")
    return (removed_content(reader, at) or _("Its content is no longer stored.")) + " " + _("So it can no longer be explained.")


def _why_fields(reader: AccountReader, timeline: Timeline, entries: Any, change: int | None, flow: int | None) -> list[FormField]:
    event = timeline.registration.event
    changes = [Choice(str(e.id), f"{moment(from_micros(e.at))} {delivery_words.happened(e.change, reader.config, event)}") for e in entries]
    if change is not None and str(change) not in {c.value for c in changes}:
        changes.append(Choice(str(change), _("The chosen change")))
    flows = [Choice(str(id), name) for id, name in flow_choices(reader.config)]
    return [
        FormField(kind="select", id="why-change", label=pgettext("noun", "Change"), value=str(change or ""), options=changes),
        FormField(kind="select", id="why-flow", label=_("Flow"), value=str(flow or ""), options=flows),
    ]


def _entry(entry: Entry, timeline: Timeline, reader: AccountReader, names: dict[str, str], path: str) -> dict[str, Any]:
    event = timeline.registration.event
    by = delivery_words.saved_by(entry.by, names)
    without_decisions = ""
    if not entry.decisions and not entry.quiet:
        without_decisions = (
            _("No flow acted on it.") if timeline.is_undecided(entry) else _("Decisions and deliveries of flows are no longer stored.")
        )
    return {
        "id": entry.id,
        "at": from_micros(entry.at),
        "title": delivery_words.sentence_of(entry.change, reader.config, event),
        "by": _("%(by)s; recorded without being checked") % {"by": by} if entry.quiet else by,
        "diff": delivery_words.diff(entry.change, reader.config, event) if entry.change else [],
        "removed": timeline.removed(entry),
        "decisions": [_decision(d, entry, path, reader, event) for d in entry.decisions],
        "rest": without_decisions,
    }


def _decision(decision: Decision, entry: Entry, path: str, reader: AccountReader, event: EventConfig) -> dict[str, Any]:
    verdict = _("triggered")
    if decision.reason is not None:
        verdict = not_triggered(decision.reason, decision.queue, entry.change, reader.config, event, decision.flow, decision.stop)[
            0
        ].rstrip(".")
        verdict = _("not triggered; %(why)s") % {"why": verdict[:1].lower() + verdict[1:]}
    tries = [row for delivery in decision.deliveries for row in _tries(delivery)]
    if decision.run is not None and decision.waits:
        item = reverse("retry-item", args=(f"r{decision.run}",))
        text = delivery_words.next_try(decision.due) or (_("It waits.") if decision.stop else _("Checked right away when it has a tag"))
        tries.append({"at": None, "text": text, "tone": "wait", "state": _("Waiting"), "href": item})
    return {
        "flow": decision.flow_name,
        "flow_href": reverse("flow", args=(decision.flow,)) if decision.flow in reader.config.flows else "",
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
        tone, state = delivery_words.attempt_state(attempt.state)
        connection = delivery_words.isolated(name)
        text = _("%(connection)s: %(said)s") % {"connection": connection, "said": _attempt_text(attempt)}
        made = delivery_words.origin_of(action) if attempt.kind is AttemptKind.FIRST else delivery_words.attempt_name(attempt, retries)
        if made:
            text = _("%(connection)s, %(which)s: %(said)s") % {
                "connection": connection,
                "which": made,
                "said": _attempt_text(attempt),
            }
        rows.append({"at": from_micros(attempt.at), "text": text, "tone": tone, "state": state, "href": href})
    if action.state.is_open or action.state is ActionState.SUPERSEDED or not rows:
        tone, state = delivery_words.state_of(action.state, is_held=delivery.prospect.is_held)
        keeps = hindrance(delivery.prospect)
        text = (keeps or delivery_words.next_try(action.due_at)) if action.state is ActionState.QUEUED else ""
        text = text or delivery_words.did(action, delivery.attempts[-1] if delivery.attempts else None, delivery.connection, keeps)
        rows.append({"at": None, "text": text, "tone": tone, "state": state, "href": href})
    return rows


def _attempt_text(attempt: Any) -> str:
    if attempt.status is None:
        return message_words(attempt.message) or _("its details are no longer stored")
    return _("%(status)s in %(ms)s ms") % {
        "status": delivery_words.answered(attempt.status),
        "ms": delivery_words.milliseconds(attempt.took),
    }
