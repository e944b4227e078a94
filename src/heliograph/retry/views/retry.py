"""The pages of the Retry Queue, and Submit to Retry Queue."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections.does_words import DOES
from heliograph.deliveries import words
from heliograph.deliveries.choices import events_field, flows_field
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.submit import AT_ONCE, Submitted, submit
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES, SEVERITY, Category
from heliograph.domain.ids import read_id
from heliograph.retry.fix_links import FixLink, Trouble, cured_at
from heliograph.retry.retry_item import Details, details
from heliograph.retry.retry_items import OPEN, CauseGroup, RetryFilter, RetryItem
from heliograph.retry.retry_queue import MOST, PARTS, RetryQueue
from heliograph.retry.views.exchange import attempt_rows, request_shown
from heliograph.store.moments import from_micros
from heliograph.web.cursor import address, asked
from heliograph.web.fields import Choice, FormField
from heliograph.web.forms import Form, Hidden, Ticks
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import soon
from heliograph.web.toasts import say

WAITING = "waiting"
"""The choice that means Retry and Error."""


class SubmitForm(Form):
    """item: the checked items; cause: or all of one cause; back: "item" if sent from one item's page."""

    item = Ticks()
    cause = Hidden(strip=False)
    back = Hidden()


@require_safe
def queue(request: AccountRequest) -> HttpResponse:
    """Lists items, and their causes."""
    ask = request.GET
    cursor = asked(request, PARTS)
    wanted = _wanted(request)
    with reading(request.account.pk) as of:
        found = RetryQueue(of)
        rows = found.page(wanted, cursor)
        counts = found.counts()
        whole = cursor is None and not wanted.narrows
        groups = found.groups(OPEN) if whole else []
        failed = found.groups((QueueStatus.FAILED,)) if whole else []
        filters = _filters(of, wanted, ask.get("status", ""))
    waiting = counts[QueueStatus.RETRY] + counts[QueueStatus.ERROR]
    return page(
        request,
        "retry/retry.html",
        here="retry",
        groups=[_group(group, of, request.user, open=True) for group in groups],
        failed_groups=[_group(group, of, request.user, open=False) for group in failed],
        groups_text=_("%(waiting)s, for %(causes)s")
        % {
            "waiting": ngettext("%(n)s waits", "%(n)s wait", waiting) % {"n": _many(waiting)},
            "causes": ngettext("%(n)d cause", "%(n)d causes", len(groups)) % {"n": len(groups)},
        },
        q=wanted.text,
        filters=filters,
        filtered=wanted.narrows,
        tally=_tally(counts),
        calm=not any(counts.values()),
        rows=[_row(item) for item in rows.rows],
        none_text=_("No item of the Retry Queue is like this."),
        showing=_("The waiting ones first. Times in %(zone)s.") % {"zone": timezone.get_current_timezone_name()},
        newer=address(request, at=None) if cursor else "",
        older=address(request, at=rows.older) if rows.older else "",
    )


@require_safe
def item(request: AccountRequest, item: str) -> HttpResponse:
    """The page of one item."""
    with reading(request.account.pk) as of:
        found = details(of, item)
        if found is None:
            raise Http404
        shown = _item(found, of, request.user)
    return page(request, "retry/item.html", here="retry", item=shown)


@require_POST
@needs(Role.PLANNER)
def submit_items(request: AccountRequest) -> HttpResponse:
    """Submits checked items, or all of one cause (guide: Submitting to the Queue)."""
    pressed = SubmitForm(request.POST).posted
    keys = pressed["item"][:AT_ONCE]
    if pressed["cause"]:
        with reading(request.account.pk) as of:
            keys = RetryQueue(of).keys_of(pressed["cause"], AT_ONCE)
    said = submit(request.account.pk, keys)
    say(request, _result_text(said), link=_("Watch them") if said.done else "", href=reverse("feed"))
    if pressed["back"] == "item" and len(keys) == 1:
        return HttpResponseRedirect(reverse("retry-item", args=(keys[0],)))
    return HttpResponseRedirect(_back(request))


def _back(request: HttpRequest) -> str:
    """The filtered list, if the form was sent from it."""
    came = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure())
    return came if safe and reverse("retry") in came else reverse("retry")


def _result_text(said: Submitted) -> str:
    if not said.done and not said.refused:
        return _("Nothing was ticked.")
    parts = []
    if said.done:
        n = len(said.done)
        parts.append(
            ngettext(
                "%(n)d item is at the front of its connection’s queue.", "%(n)d items are at the front of their connection’s queue.", n
            )
            % {"n": n}
        )
    if said.refused:
        n = len(said.refused)
        reasons = sorted(set(said.refused.values()))
        parts.append(ngettext("%(n)d was not submitted.", "%(n)d were not submitted.", n) % {"n": n} + " " + _(reasons[0]))
    return " ".join(parts)


def _wanted(request: HttpRequest) -> RetryFilter:
    ask = request.GET
    status = ask.get("status", "")
    return RetryFilter(
        statuses=OPEN if status == WAITING else tuple(s for s in QueueStatus if s.value == status),
        category=next((c for c in Category if c.value == ask.get("category")), None),
        flow=read_id(ask.get("flow", "")),
        event=read_id(ask.get("event", "")),
        connection=read_id(ask.get("connection", "")),
        text=ask.get("q", "")[:200],
        cause=ask.get("cause", "")[:700],
    )


def _filters(of: AccountReader, wanted: RetryFilter, status: str) -> list[FormField]:
    known = [Choice(s.value, _(s.value)) for s in QueueStatus]
    connections = sorted(of.config.connections.items(), key=lambda pair: pair[1].name.casefold())
    return [
        FormField(
            kind="select",
            id="integration",
            label=_("Integration"),
            options=[Choice("", _("All Integrations")), Choice("webhooks", "Webhooks")],
        ),
        FormField(
            kind="select",
            id="status",
            label=_("Status"),
            value=status,
            options=[Choice("", _("All Statuses")), Choice(WAITING, _("Retry or Error")), *known],
        ),
        FormField(
            kind="select",
            id="category",
            label=_("Category"),
            value=wanted.category.value if wanted.category else "",
            options=[Choice("", _("All Categories")), *(Choice(c.value, _(c.value)) for c in SEVERITY)],
        ),
        FormField(
            kind="select",
            id="connection",
            label=_("Connection"),
            value=str(wanted.connection or ""),
            extra="flow-select",
            options=[Choice("", _("All connections")), *(Choice(str(id), c.name) for id, c in connections)],
        ),
        flows_field(of, wanted.flow),
        events_field(of, wanted.event),
    ]


def _many(n: int) -> str:
    return _("more than %(n)s") % {"n": f"{MOST:,}"} if n > MOST else f"{n:,}"


def _tally(counts: dict[QueueStatus, int]) -> str:
    total = sum(counts.values())
    each = ", ".join(f"{_many(n)} {_(status.value)}" for status, n in counts.items())
    return ngettext("%(total)s item: %(each)s", "%(total)s items: %(each)s", total) % {"total": _many(total), "each": each}


def _group(group: CauseGroup, of: AccountReader, user: User, *, open: bool) -> dict[str, Any]:
    """A cause for retry/groups.html."""
    if group.cause is Cause.UNTAGGED:
        title = _("“%(name)s” of %(event)s has no tag") % {"name": group.lacks, "event": group.event}
        people = ngettext("%(n)d registration", "%(n)d registrations", group.people) % {"n": group.people}
        text = people if group.flows < 2 else people + ngettext(", %(n)d flow", ", %(n)d flows", group.flows) % {"n": group.flows}
    else:
        answered = group.cause is Cause.ANSWER and group.answered
        title = (
            _("%(connection)s answered %(status)s")
            % {"connection": words.isolated(group.connection_name), "status": words.answered(group.answered or 0)}
            if answered
            else words.cause_of(group.cause, group.connection_name, group.message).rstrip(".")
        )
        text = ngettext("%(n)s action", "%(n)s actions", group.n) % {"n": f"{group.n:,}"}
    cure = words.cure_of(group.cause, group.answered, used_up=not open)
    if open and group.next:
        cure = f"{cure} {words.next_try(group.next, looks=group.connection is None)}.".strip()
    fix = cured_at(Trouble(group.cause, group.answered, group.connection, group.flow, group.destination), of.config, user)
    return {
        "cause": title,
        "text": text,
        "cure": cure,
        "fix": fix.text,
        "fix_href": fix.href,
        "key": group.key,
        "href": f"{reverse('retry')}?{_query(group, open=open)}#items",
        "submit": _("Submit it") if group.n == 1 else ngettext("Submit all %(n)s", "Submit all %(n)s", group.n) % {"n": f"{group.n:,}"},
    }


def _query(group: CauseGroup, *, open: bool) -> str:
    return urlencode({"cause": group.key, "status": WAITING if open else QueueStatus.FAILED.value})


def _row(item: RetryItem) -> dict[str, Any]:
    of = item.of
    return {
        "id": item.key,
        "code": item.person.code if item.person else item.event,
        "who": item.person.name if item.person else "",
        "event": item.event,
        "flow": item.flow,
        "status": _(item.queue.value),
        "tone": words.TONES[item.queue],
        "category": _(of.category.value) if of.category else "",
        "why": _why(item).rstrip("."),
        "tries": _tries(item),
        "next": from_micros(of.due) if of.due and item.queue in OPEN else None,
        "href": reverse("retry-item", args=(item.key,)),
        "done": item.queue is QueueStatus.DONE,
    }


def _why(item: RetryItem) -> str:
    if item.run is not None:
        if item.run.cause is Cause.NOT_SELECTED:
            return _("Tagged by now, but not for this flow.")
        if item.run.cause is Cause.UNTAGGED and item.queue is not QueueStatus.DONE:
            return _("“%(name)s” carries no tag.") % {"name": item.lacks}
        return _("Judged again.") if item.queue is QueueStatus.DONE else words.cause_of(item.run.cause, "", item.run.message)
    action = item.action
    assert action is not None
    if action.cause is Cause.SUPERSEDED:
        return _("Superseded: newer data was sent.")
    if item.queue is QueueStatus.DONE:
        return _("Delivered by a retry.")
    if action.cause is Cause.ANSWER and item.answered:
        return _("%(connection)s answered %(status)s.") % {
            "connection": words.isolated(item.connection),
            "status": words.answered(item.answered),
        }
    return words.cause_of(action.cause, item.connection, action.message)


def _tries(item: RetryItem) -> int:
    """Automatic retries made; for a run, how often it was reconsidered."""
    return max(item.action.tries - 1, 0) if item.action else item.of.tries


def _item(found: Details, of: AccountReader, user: User) -> dict[str, Any]:
    """An item for the template."""
    item, config = found.item, of.config
    names = of.user_names([found.by])
    action, event = item.action, found.event
    facts = [(_("Status"), _(item.queue.value)), (_("Category"), _(item.of.category.value) if item.of.category else "")]
    facts.append((_("Retries") if action else _("Judged again"), _("%(n)d of %(all)d") % {"n": _tries(item), "all": AUTOMATIC_RETRIES}))
    if item.of.due and item.queue in OPEN:
        facts.append((_("Next try") if action else _("Next look"), soon(from_micros(item.of.due))))
    facts += [(_("Event"), item.event), (_("Integration"), "Webhooks" if action else _("none yet")), (_("Flow"), item.flow)]
    if action:
        flow = config.flows.get(action.flow)
        does = next((DOES[d.does] for d in flow.destinations if d.id == action.destination), "") if flow else ""
        facts += [(_("Connection"), item.connection), (_("Does"), str(does)), (_("Action"), action.uid)]
        if words.origin_of(action):
            facts.append((_("Made by"), words.origin_of(action)))
    person = item.person
    shown = request_shown(found)
    return {
        "id": item.key,
        "code": person.code if person else item.event,
        "who": person.name if person else "",
        "event": item.event,
        "status": _(item.queue.value),
        "tone": words.TONES[item.queue],
        "done": item.queue is QueueStatus.DONE,
        "summary": _summary(item),
        "timeline": reverse("timeline", args=(item.event, person.code)) if person and item.event else "",
        "call": _call(item, of, user),
        "changed_at": from_micros(found.at) if found.at else None,
        "changed_by": words.saved_by(found.by, names) if found.by else "",
        "changed": words.diff(found.change, config, event) if found.change and event else [],
        "flow": item.flow,
        "flow_version": found.flow_number,
        "sentence": found.why.sentence if found.why else [],
        "answer": found.why.answer if found.why else "",
        "gates": found.why.gates if found.why and not action else [],
        "request": shown,
        "gone": _("Its content is no longer kept.") if found.change is None else "",
        "attempts": attempt_rows(found, of),
        "attempts_note": ngettext("%(n)d made", "%(n)d made", len(found.attempts)) % {"n": len(found.attempts)},
        "facts": [(name, text) for name, text in facts if text],
        "others": ngettext("All %(n)s of this cause", "All %(n)s of this cause", found.alike) % {"n": f"{found.alike:,}"}
        if found.alike > 1 and item.queue is not QueueStatus.DONE
        else "",
        "others_href": f"{reverse('retry')}?{_others(found)}#items",
    }


def _others(found: Details) -> str:
    return urlencode({"cause": found.cause})


def _summary(item: RetryItem) -> str:
    due = item.of.due
    if item.queue in OPEN:
        return words.next_try(due if due is not None else 0, looks=item.run is not None) + "."
    if item.queue is QueueStatus.FAILED:
        return _("It is sent again only if you submit it.")
    return _why(item)


def _call(item: RetryItem, of: AccountReader, user: User) -> dict[str, str]:
    """The callout at the top of an item: what is wrong, and how to fix it."""
    tone = {QueueStatus.FAILED: "failed", QueueStatus.DONE: ""}.get(item.queue, "wait" if item.run else "failed")
    cure = "" if item.queue is QueueStatus.DONE else words.cure_of(item.of.cause, item.answered, used_up=item.queue is QueueStatus.FAILED)
    action = item.action
    trouble = Trouble(
        item.of.cause,
        item.answered,
        action.connection if action else None,
        item.of.flow,
        action.destination if action else None,
    )
    fix = FixLink() if item.queue is QueueStatus.DONE else cured_at(trouble, of.config, user)
    return {"tone": tone, "title": _why(item).rstrip("."), "text": cure, "link": fix.text, "href": fix.href}
