"""Sending an item again, as it was or with today's mapping, and how the two requests differ (D8)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import Exchange
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import ActionState
from heliograph.flows.services.request_preview import RequestPreview
from heliograph.retry.item_details import Details

SHOWN = 300
"""Characters of a value in the comparison."""


@dataclass(frozen=True, slots=True)
class Again:
    """How an item can be sent again."""

    delivered: bool
    """True if sending it makes a new action (resend); False if it is submitted."""
    differs: list[tuple[str, str, str]]
    """The fields in which the two requests differ: (field, value as it was, value with today's mapping)."""
    note: str
    """How the requests differ, in a sentence."""
    today: str
    """Today's mapping with its version; "" if there is none."""
    was: str
    """The mapping's version that it was sent with last; "" if it is not known."""


def again_section(details: Details, reader: AccountReader) -> Again | None:
    """How an item can be sent again; None for one that cannot be, or was never sent."""
    action, last = details.item.action, details.last_sent
    if action is None or last is None:
        return None
    delivered = action.state is ActionState.SUCCESS
    waits = details.item.is_submittable
    if not delivered and not waits:
        return None
    differs = differences(last, details.today) if details.today else []
    return Again(
        delivered=delivered,
        differs=differs,
        note=_note(details.today, differs),
        today=_mapping_today(details, reader),
        was=_("Mapping version %(n)s, which it was sent with last") % {"n": details.then.payload_number} if details.then else "",
    )


def _note(today: RequestPreview | None, differs: list[tuple[str, str, str]]) -> str:
    if today is None:
        return _("Its flow or destination was deleted, or its content is no longer stored.")
    if today.problems:
        return _("Today’s mapping would refuse it: %(problems)s") % {"problems": "; ".join(today.problems)}
    if today.why:
        return message_words(today.why)
    if not differs:
        return _("Today’s mapping sends the same.")
    return ngettext("%(n)d field differs", "%(n)d fields differ", len(differs)) % {"n": len(differs)}


def _mapping_today(details: Details, reader: AccountReader) -> str:
    flow = reader.config.flows.get(details.item.row.flow)
    action = details.item.action
    destination = next((d for d in flow.destinations if action and d.id == action.destination), None) if flow else None
    mapping = destination.payload_mapping if destination else None
    known = reader.config.mappings.get(mapping or 0)
    if known is None or mapping is None:
        return ""
    return _("%(mapping)s, version %(n)s") % {"mapping": known.name, "n": reader.config.numbers.get(("mapping", mapping), 0)}


def differences(last: Exchange, today: RequestPreview) -> list[tuple[str, str, str]]:
    """The fields in which the two requests differ: (field, value as it was, value with today's mapping).

    A value is "" if the request has no such field. If a body is not a flat JSON object, the bodies are compared as one field.
    """
    if today.problems or today.why:
        return []
    then, now = last.json_rows(), Exchange(request_body=today.body).json_rows()
    if then is None or now is None:
        return [] if last.request_body == today.body else [(_("Body"), last.request_body[:SHOWN], today.body[:SHOWN])]
    was, will = dict(then), dict(now)
    names = [*was, *(name for name in will if name not in was)]
    return [(name, was.get(name, "")[:SHOWN], will.get(name, "")[:SHOWN]) for name in names if was.get(name) != will.get(name)]
