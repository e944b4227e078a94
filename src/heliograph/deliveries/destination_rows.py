"""Where a registration stands, in words: a line for each destination (deliveries/destinations.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.deliveries import delivery_words
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.registration_destinations import DestinationOfRegistration
from heliograph.deliveries.unsent_reasons import UnsentReason
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.item_state import ItemState
from heliograph.store.instants import from_micros
from heliograph.web.templatetags.moments import ago, moment

_SUBMITTED: Final = (ActionState.QUEUED, ActionState.FAILED)


def destination_rows(
    rows: Sequence[DestinationOfRegistration],
    timeline: str,
    newest_change: int | None,
    *,
    may_send: bool,
    reasons: Mapping[int, UnsentReason],
) -> list[dict[str, Any]]:
    """The lines of a registration's destinations.

    timeline: the URL of its timeline
    newest_change: its newest change, for the links to why nothing was sent where no reason is known; None if none is stored
    may_send: whether the reader may send it again
    reasons: why flows sent nothing, by flow
    """
    return [_row(row, timeline, newest_change, may_send=may_send, reason=reasons.get(row.flow)) for row in rows]


def _row(
    row: DestinationOfRegistration, timeline: str, newest_change: int | None, *, may_send: bool, reason: UnsentReason | None
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": row.connection_name or row.flow_name,
        "flow": row.flow_name,
        "quote": "",
        "title": "",
        "href": "",
        "resend": "",
        "resend_href": "",
        "item": "",
    }
    change = reason.change if reason is not None else newest_change
    why = f"{timeline}?{urlencode({'why-change': change, 'why-flow': row.flow})}#why" if change is not None else ""
    action = row.action
    if action is None or (row.stuck is not None and action.state is ActionState.SUCCESS):
        return line | _of_decision(row, reason) | {"href": why, "link": _("Why") if why else ""}
    tone, state = delivery_words.delivery_state(action.state, is_held=row.prospect.is_held)
    at = from_micros(row.attempt.at if row.attempt is not None else action.created)
    keeps = hindrance(row.prospect)
    says = ago(at)
    if action.state is ActionState.PENDING:
        says = keeps or says
    if action.state is ActionState.QUEUED:
        says = keeps or delivery_words.next_try(action.due_at) or says
    if action.state in (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION):
        did = delivery_words.did(action, row.attempt, row.connection_name, keeps)
        says = _("%(did)s %(when)s") % {"did": did, "when": says}
    line |= {
        "tone": tone,
        "state": state,
        "says": says,
        "quote": row.target_words if row.target_words not in says else "",  # the words of a response rule may contain it
        "title": moment(at),
        "href": reverse("retry-item", args=(f"a{action.id}",)),
        "link": _("See it"),
        "item": f"a{action.id}",
    }
    if may_send and action.state is ActionState.SUCCESS:
        line |= {"resend": _("Resend"), "resend_href": reverse("retry-resend", args=(f"a{action.id}",))}
    elif may_send and action.state in _SUBMITTED:
        line |= {"resend": _("Send now"), "resend_href": reverse("retry-submit")}
    return line


def _of_decision(row: DestinationOfRegistration, reason: UnsentReason | None) -> dict[str, str]:
    if row.stuck is ItemState.UNTAGGED:
        return {"tone": "wait", "state": _("Waits for a tag"), "says": _("It is checked as soon as its status or property has one.")}
    if row.stuck is ItemState.WAITING:
        return {"tone": "wait", "state": _("Waiting"), "says": hindrance(row.prospect) or _("Its check is tried again.")}
    if row.stuck is ItemState.FAILED:
        return {"tone": "failed", "state": _("Failed"), "says": _("It could not be checked.")}
    return {"tone": "quiet", "state": _("Not sent"), "says": reason.says if reason else _("This flow sends none of its changes.")}
