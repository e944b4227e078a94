"""The contents of the page of one item of the Retry Queue (D8)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import User
from heliograph.accounts.names_of_users import names_of_users
from heliograph.connections.does_words import DOES
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.removed_content import removed_content
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.stop_causes import destination_of
from heliograph.retry.fix_links import cured_at
from heliograph.retry.item_details import Details
from heliograph.retry.item_story import story_of
from heliograph.retry.item_words import is_of_other_mode, next_try, outlook, tries
from heliograph.retry.request_differences import again_section
from heliograph.retry.retry_items import RetryItem
from heliograph.retry.views.item_attempts import attempt_rows, last_request
from heliograph.store.instants import from_micros
from heliograph.web.list_count import many
from heliograph.web.templatetags.moments import soon_to_the_second


def item_page(details: Details, reader: AccountReader, user: User) -> dict[str, Any]:
    """An item for retry/item.html."""
    item, config = details.item, reader.config
    names = names_of_users(reader.account, [details.by])
    action, event = item.action, details.event
    tone, status = (
        delivery_words.state_of(action.state, is_held=item.prospect.is_held)
        if action and not item.is_queued
        else (delivery_words.TONES[item.queue], _(item.queue.value))
    )
    facts = [(_("Status"), status), (_("Category"), _(item.row.category.value) if item.row.category else "")]
    if action or item.row.cause is Cause.EXCEPTION:
        facts.append((_("Retries"), _("%(n)d of %(all)d") % {"n": tries(item), "all": AUTOMATIC_RETRIES}))
    due = next_try(item)
    if due:
        facts.append((_("Next try"), soon_to_the_second(from_micros(due))))
    facts += [(_("Event"), item.event), (_("Integration"), "Webhooks" if action else _("none yet")), (_("Flow"), item.flow)]
    facts.append((_("Made in"), _(Mode.of_code(item.row.mode).value)))
    if action:
        to = destination_of(config, action.flow, action.destination)
        facts += [(_("Connection"), item.connection)]
        if item.prospect.connection not in (None, action.connection) and item.queue is not QueueStatus.DONE:
            facts.append((_("Goes now to"), item.prospect.name))
        facts += [(_("Does"), str(DOES[to.does]) if to else ""), (_("Action"), action.uid)]
        if delivery_words.origin_of(action):
            facts.append((_("Made by"), delivery_words.origin_of(action)))
    person = item.person
    request = last_request(details)
    return {
        "id": item.key,
        "code": person.code if person else item.event,
        "who": person.name if person else "",
        "event": item.event,
        "queued": item.is_queued,
        "status": status,
        "tone": tone,
        "done": item.queue is QueueStatus.DONE,
        "may_submit": item.is_submittable,
        "other_mode": is_of_other_mode(item),
        "summary": outlook(item),
        "next": from_micros(due) if due else None,
        "nth": tries(item) + 1,
        "all": AUTOMATIC_RETRIES,
        "timeline": reverse("timeline", args=(item.event, person.code)) if person and item.event else "",
        "call": _call(item, reader, user),
        "changed_at": from_micros(details.at) if details.at else None,
        "changed_by": delivery_words.saved_by(details.by, names) if details.by else "",
        "changed": delivery_words.diff(details.change, config, event) if details.change and event else [],
        "flow": item.flow,
        "flow_version": details.flow_number,
        "sentence": details.why.sentence if details.why else [],
        "answer": details.why.answer if details.why else "",
        "gates": details.why.gates if details.why and not action else [],
        "request": request,
        "gone": _gone(details, reader) if details.change is None or (details.attempts and not details.exchanges) else "",
        "change_gone": _gone(details, reader) if details.change is None else "",
        "again": again_section(details, reader),
        "attempts": attempt_rows(details, reader),
        "attempts_note": ngettext("%(n)d made", "%(n)d made", len(details.attempts)) % {"n": len(details.attempts)},
        "facts": [(name, text) for name, text in facts if text],
        "others": ngettext("All %(n)s of this cause", "All %(n)s of this cause", details.alike.number) % {"n": many(details.alike)}
        if details.alike.number > 1 and item.queue is not QueueStatus.DONE
        else "",
        "others_href": f"{reverse('retry')}?{urlencode({'cause': details.cause})}#items",
    }


def _gone(details: Details, reader: AccountReader) -> str:
    """The words that say when an item's content was removed (X6)."""
    action = details.item.action
    at = details.at or (action.created if action else 0)
    return removed_content(reader, at, (action.ended or 0) if action else 0) or _("Its content is no longer stored.")


def _call(item: RetryItem, reader: AccountReader, user: User) -> dict[str, str]:
    """The call-out at the top of an item: what is wrong, and what cures it."""
    tone = {QueueStatus.FAILED: "failed", QueueStatus.DONE: ""}.get(item.queue, "wait" if item.run else "failed")
    story = story_of(item, reader)
    if item.queue is QueueStatus.DONE:
        return {"tone": tone, "title": story.cause, "text": "", "link": "", "href": ""}
    fix = cured_at(story.trouble, reader.config, user)
    return {"tone": tone, "title": story.cause, "text": story.cure, "link": fix.text, "href": fix.href}
