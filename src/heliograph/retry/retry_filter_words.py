"""A filter of the Retry Queue in words, for pages and the audit."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import OPEN_STATUSES
from heliograph.retry.retry_items import RetryFilter


def filter_words(retry_filter: RetryFilter, reader: AccountReader, *, names_text: bool = True) -> str:
    """A filter in words: "Status Failed, category General, all flows and events".

    names_text: whether the searched text is quoted. It may be a person's name, which the audit must not keep.
    """
    searched = (
        _("“%(text)s” in registration or reason") % {"text": retry_filter.text} if names_text else _("a text in registration or reason")
    )
    events = reader.events([retry_filter.event]) if retry_filter.event else {}
    event = events.get(retry_filter.event or 0)
    statuses = [_(status.value) for status in retry_filter.statuses]
    waits = _("Waits for a tag") if retry_filter.untagged else _("Waiting") if retry_filter.statuses == OPEN_STATUSES else ""
    parts = [
        waits or (_("Status %(status)s") % {"status": _(" or ").join(statuses)} if statuses else ""),
        _("category %(category)s") % {"category": _(retry_filter.category.value)} if retry_filter.category else "",
        _("flow %(flow)s") % {"flow": reader.flow_names([retry_filter.flow]).get(retry_filter.flow, "")} if retry_filter.flow else "",
        _("event %(event)s") % {"event": event.code if event else ""} if retry_filter.event else "",
        _("connection %(connection)s") % {"connection": reader.connection_names([retry_filter.connection]).get(retry_filter.connection, "")}
        if retry_filter.connection
        else "",
        searched if retry_filter.text else "",
        _("one cause") if retry_filter.cause else "",
        _("all flows and events") if not (retry_filter.flow or retry_filter.event or retry_filter.cause) else "",
    ]
    return ", ".join(part for part in parts if part)
