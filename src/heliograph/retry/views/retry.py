"""The pages of the Retry Queue, and Submit to Retry Queue."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role, User
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections.does_words import DOES
from heliograph.deliveries import words
from heliograph.deliveries.choices import connection_choices, event_choices, flow_choices
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.removed_content import removed_content
from heliograph.deliveries.submit import AT_ONCE, Submitted, discard, submit
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES, SEVERITY
from heliograph.retry.cure_words import cure_of, said_by_target
from heliograph.retry.fix_links import FixLink, Trouble, cured_at
from heliograph.retry.retry_item import Details, details
from heliograph.retry.retry_items import OPEN, CauseGroup, RetryFilter, RetryItem
from heliograph.retry.retry_queue import MOST, PARTS, RetryQueue
from heliograph.retry.views.exchange import attempt_rows, request_shown
from heliograph.store.moments import from_micros
from heliograph.web.cursor import Pager, address, asked
from heliograph.web.fields import Choice
from heliograph.web.forms import Form, Hidden, Ticks
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, Filter, IdFilter, ListFilters, SearchFilter
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import soon_to_the_second
from heliograph.web.toasts import say

WAITING = "waiting"
"""The choice that means Retry and Error."""


LONGEST_CAUSE = 700
"""Characters of a group's key."""


def _states() -> list[Choice]:
    return [Choice(WAITING, _("Retry or Error")), *(Choice(status.value, _(status.value)) for status in QueueStatus)]


class SubmitForm(Form):
    """item: the checked items; cause: or all of one cause; back: "item" if sent from one item's page."""

    item = Ticks()
    cause = Hidden(strip=False)
    back = Hidden()


class RetryFilters(ListFilters):
    """What the list shows of the whole queue. cause: a group's, by its link."""

    no_match = gettext_lazy("No item matches")
    no_match_text = gettext_lazy("No item of the Retry Queue is like this.")
    show_all = gettext_lazy("Show all items")

    q = SearchFilter(gettext_lazy("Search"), placeholder=gettext_lazy("Registration, reason"))
    integration = ChoiceFilter(
        gettext_lazy("Integration"), options=[Choice("webhooks", "Webhooks")], every=gettext_lazy("All Integrations")
    )
    state = ChoiceFilter(gettext_lazy("Status"), options=_states, every=gettext_lazy("All Statuses"), param="status")
    category = EnumFilter(gettext_lazy("Category"), SEVERITY, lambda category: _(category.value), every=gettext_lazy("All Categories"))
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"), extra="flow-select")
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    cause = Filter(place="link", longest=LONGEST_CAUSE)

    @property
    def wanted(self) -> RetryFilter:
        """As the queue takes it."""
        of = self.cleaned_data
        return RetryFilter(
            statuses=OPEN if of["state"] == WAITING else tuple(s for s in QueueStatus if s.value == of["state"]),
            category=of["category"],
            flow=of["flow"],
            event=of["event"],
            connection=of["connection"],
            text=of["q"],
            cause=of["cause"],
        )


@require_safe
def queue(request: AccountRequest) -> HttpResponse:
    """What waits, by cause, and every item."""
    filters = RetryFilters(request)
    cursor, wanted = asked(request, PARTS), filters.wanted
    with reading(request.account.pk) as of:
        found = RetryQueue(of)
        rows = found.page(wanted, cursor)
        counts = found.counts()
        whole = cursor is None and wanted == RetryFilter()
        groups = found.groups(OPEN) if whole else []
        failed = found.groups((QueueStatus.FAILED,)) if whole else []
        filters.offer("connection", connection_choices(of.config))
        filters.offer("flow", flow_choices(of.config))
        filters.offer("event", event_choices(of))
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
        filters=filters,
        tally=_tally(counts),
        other_mode=any(map(_is_of_other_mode, rows.rows)),
        calm=not any(counts.values()),
        rows=[_row(item) for item in rows.rows],
        pager=Pager(
            _("The waiting ones first. Times in %(zone)s.") % {"zone": timezone.get_current_timezone_name()},
            address(request, at=None) if cursor else "",
            address(request, at=rows.older) if rows.older else "",
        ),
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


@require_POST
@needs(Role.PLANNER)
def discard_items(request: AccountRequest) -> HttpResponse:
    """Ends ticked items, or all of one cause, that were made in their flow's other mode."""
    pressed = SubmitForm(request.POST).posted
    keys = pressed["item"][:AT_ONCE]
    if pressed["cause"]:
        with reading(request.account.pk) as of:
            keys = RetryQueue(of).keys_of(pressed["cause"], AT_ONCE)
    n = discard(request.account.pk, keys)
    said = ngettext(
        "%(n)d item is discarded. It is Failed, and is not sent.", "%(n)d items are discarded. They are Failed, and are not sent.", n
    )
    say(request, said % {"n": n} if n else _("Only what was made in its flow’s other mode is discarded, and none of these was."))
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
        text = (
            _of_flow(people, group)
            if group.flows < 2
            else people + ngettext(", %(n)d flow", ", %(n)d flows", group.flows) % {"n": group.flows}
        )
    else:
        answered = group.cause is Cause.ANSWER and group.answered
        title = (
            words.refusal(group.connection_name, group.answered or 0, group.said).rstrip(".")
            if answered
            else words.cause_of(group.cause, group.connection_name, group.message).rstrip(".")
        )
        text = ngettext("%(n)s action", "%(n)s actions", group.n) % {"n": f"{group.n:,}"}
        text = _of_flow(text, group)
    connection = of.config.connections.get(group.connection or 0)
    cure = cure_of(group.cause, group.answered, connection=connection, paused=group.paused, used_up=not open)
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


def _of_flow(text: str, group: CauseGroup) -> str:
    """A number with the flow whose it is, where that is one: "3 actions of Badges"."""
    return _("%(n)s of %(flow)s") % {"n": text, "flow": words.isolated(group.flow_name)} if group.flow_name else text


def _query(group: CauseGroup, *, open: bool) -> str:
    return urlencode({"cause": group.key, "status": WAITING if open else QueueStatus.FAILED.value})


def _is_of_other_mode(item: RetryItem) -> bool:
    return item.action is not None and item.action.cause is Cause.FLOW_MODE and item.queue in OPEN


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


def _why(item: RetryItem, said: str = "") -> str:
    """What is wrong with it. said: the target's own words."""
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
    if not item.is_queued:
        return words.did(action, None, item.connection)
    if item.queue is QueueStatus.DONE:
        return _("Delivered by a retry.")
    if action.cause is Cause.ANSWER and item.answered:
        return words.refusal(item.connection, item.answered, said)
    return words.cause_of(action.cause, item.connection, action.message)


def _tries(item: RetryItem) -> int:
    """Automatic retries made; for a run, how often it was reconsidered."""
    return max(item.action.tries - 1, 0) if item.action else item.of.tries


def _item(found: Details, of: AccountReader, user: User) -> dict[str, Any]:
    """An item for the template."""
    item, config = found.item, of.config
    names = names_of_users(of.account, [found.by])
    action, event = item.action, found.event
    tone, status = words.state_of(action.state) if action and not item.is_queued else (words.TONES[item.queue], _(item.queue.value))
    facts = [(_("Status"), status), (_("Category"), _(item.of.category.value) if item.of.category else "")]
    facts.append((_("Retries") if action else _("Judged again"), _("%(n)d of %(all)d") % {"n": _tries(item), "all": AUTOMATIC_RETRIES}))
    if item.of.due and item.queue in OPEN:
        facts.append((_("Next try") if action else _("Next look"), soon_to_the_second(from_micros(item.of.due))))
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
        "queued": item.is_queued,
        "status": status,
        "tone": tone,
        "done": item.queue is QueueStatus.DONE,
        "other_mode": _is_of_other_mode(item),
        "summary": _summary(item),
        "timeline": reverse("timeline", args=(item.event, person.code)) if person and item.event else "",
        "call": _call(item, of, user, said_by_target(found.exchanges[max(found.exchanges)] if found.exchanges else None)),
        "changed_at": from_micros(found.at) if found.at else None,
        "changed_by": words.saved_by(found.by, names) if found.by else "",
        "changed": words.diff(found.change, config, event) if found.change and event else [],
        "flow": item.flow,
        "flow_version": found.flow_number,
        "sentence": found.why.sentence if found.why else [],
        "answer": found.why.answer if found.why else "",
        "gates": found.why.gates if found.why and not action else [],
        "request": shown,
        "gone": _gone(found, of) if found.change is None or (found.attempts and not found.exchanges) else "",
        "change_gone": _gone(found, of) if found.change is None else "",
        "attempts": attempt_rows(found, of),
        "attempts_note": ngettext("%(n)d made", "%(n)d made", len(found.attempts)) % {"n": len(found.attempts)},
        "facts": [(name, text) for name, text in facts if text],
        "others": ngettext("All %(n)s of this cause", "All %(n)s of this cause", found.alike) % {"n": f"{found.alike:,}"}
        if found.alike > 1 and item.queue is not QueueStatus.DONE
        else "",
        "others_href": f"{reverse('retry')}?{_others(found)}#items",
    }


def _gone(found: Details, of: AccountReader) -> str:
    """When its content was removed (X6)."""
    action = found.item.action
    at = found.at or (action.created if action else 0)
    return removed_content(of, at, (action.ended or 0) if action else 0) or _("Its content is no longer kept.")


def _others(found: Details) -> str:
    return urlencode({"cause": found.cause})


def _summary(item: RetryItem) -> str:
    due = item.of.due
    if item.queue in OPEN:
        return words.next_try(due if due is not None else 0, looks=item.run is not None) + "."
    if item.queue is QueueStatus.FAILED:
        return _("It is sent again only if you submit it.")
    return _why(item)


def _call(item: RetryItem, of: AccountReader, user: User, said: str) -> dict[str, str]:
    """What stands on top of an item: what is wrong, and what cures it."""
    tone = {QueueStatus.FAILED: "failed", QueueStatus.DONE: ""}.get(item.queue, "wait" if item.run else "failed")
    action = item.action
    connection = of.config.connections.get(action.connection) if action else None
    cure = (
        ""
        if item.queue is QueueStatus.DONE
        else cure_of(item.of.cause, item.answered, connection=connection, paused=item.paused, used_up=item.queue is QueueStatus.FAILED)
    )
    trouble = Trouble(
        item.of.cause,
        item.answered,
        action.connection if action else None,
        item.of.flow,
        action.destination if action else None,
    )
    fix = FixLink() if item.queue is QueueStatus.DONE else cured_at(trouble, of.config, user)
    return {"tone": tone, "title": _why(item, said).rstrip("."), "text": cure, "link": fix.text, "href": fix.href}
