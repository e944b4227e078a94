"""The page of one item of the Retry Queue (D8): what stands on it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import User
from heliograph.accounts.names_of_users import names_of_users
from heliograph.connections.does_words import DOES
from heliograph.deliveries import words
from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.removed_content import removed_content
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES
from heliograph.retry.cure_words import cure_of, said_by_target
from heliograph.retry.fix_links import FixLink, Trouble, cured_at
from heliograph.retry.retry_item import Details
from heliograph.retry.retry_items import OPEN, RetryItem
from heliograph.retry.views.again import again_section
from heliograph.retry.views.exchange import attempt_rows, request_shown
from heliograph.retry.views.group_rows import many
from heliograph.retry.views.item_words import is_of_other_mode, tries, why
from heliograph.store.moments import from_micros
from heliograph.web.templatetags.moments import soon_to_the_second


def item_page(found: Details, of: AccountReader, user: User) -> dict[str, Any]:
    """An item for the template."""
    item, config = found.item, of.config
    names = names_of_users(of.account, [found.by])
    action, event = item.action, found.event
    tone, status = words.state_of(action.state) if action and not item.is_queued else (words.TONES[item.queue], _(item.queue.value))
    facts = [(_("Status"), status), (_("Category"), _(item.of.category.value) if item.of.category else "")]
    facts.append((_("Retries") if action else _("Judged again"), _("%(n)d of %(all)d") % {"n": tries(item), "all": AUTOMATIC_RETRIES}))
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
        "other_mode": is_of_other_mode(item),
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
        "again": again_section(found, of),
        "attempts": attempt_rows(found, of),
        "attempts_note": ngettext("%(n)d made", "%(n)d made", len(found.attempts)) % {"n": len(found.attempts)},
        "facts": [(name, text) for name, text in facts if text],
        "others": ngettext("All %(n)s of this cause", "All %(n)s of this cause", found.alike.n) % {"n": many(found.alike)}
        if found.alike.n > 1 and item.queue is not QueueStatus.DONE
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
    return why(item)


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
    return {"tone": tone, "title": why(item, said).rstrip("."), "text": cure, "link": fix.text, "href": fix.href}
