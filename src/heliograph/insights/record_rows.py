"""A record in words: a row of a list and of its export (X3)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import not_triggered
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import ActionState
from heliograph.insights.record_kinds import RowKind
from heliograph.insights.records import Record
from heliograph.store.instants import from_micros


def row_of(record: Record, row_kind: RowKind, reader: AccountReader) -> dict[str, Any]:
    """A record as insights/records.html shows it, and as it is exported."""
    event, person = record.event.code if record.event else "", record.person
    timeline = reverse("timeline", args=(event, person.code)) if person and event else ""
    if record.state is None:
        tone, state = ("quiet", _("Not triggered")) if record.reason else ("", "")
    else:
        is_attempt = row_kind is RowKind.ATTEMPT
        tone, state = (
            delivery_words.attempt_state(record.state) if is_attempt else delivery_words.state_of(record.state, is_held=record.is_held)
        )
    # The URL that explains the flow's decision (F9): the timeline; for an event or an erased person, a page of its own.
    why_url = ""
    if record.flow_id and record.change is not None:
        query = urlencode({"why-change": record.change_id, "why-flow": record.flow_id})
        why_url = f"{timeline}?{query}#why" if timeline else reverse("why", args=(record.change_id, record.flow_id))
    return {
        "at": from_micros(record.at),
        "who": (person.name if person else record.event.state.name if record.event else "") or "",
        "code": person.code if person else event,
        "event": event,
        "href": timeline,
        "what": delivery_words.sentence_of(record.change, reader.config, record.event),
        "flow": record.flow,
        "connection": record.connection,
        "tone": tone,
        "state": state,
        "why": why_url,
        "said": _reason_words(record, reader),
        "changes": record.changes,
        "is_replay": record.is_replay,
        "integration": str(record.integration.name) if record.integration else "",
    }


def _reason_words(record: Record, reader: AccountReader) -> str:
    """The reason why a record was not sent, in words; "" if it was."""
    if record.reason is not None:
        stop = record.message if record.reason.is_untagged else ""
        return not_triggered(record.reason, None, record.change, reader.config, record.event, record.flow_id, stop)[0]
    if record.state in (ActionState.QUEUED, ActionState.FAILED):
        answered = delivery_words.answered(record.status) if record.status else ""
        return delivery_words.cause_of(record.cause, record.blamed, record.message or answered) if record.message or answered else ""
    return message_words(record.message) if record.state is ActionState.VALIDATION else ""
