"""The filter of a list of records in words, for the audit of its export (X3, P1)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.insights.record_kinds import RecordFilter
from heliograph.insights.record_words import FACETS, OUTCOMES, REPLAYS


def filter_words(record_filter: RecordFilter, reader: AccountReader) -> list[str]:
    """The parts of a filter in words, apart from its period and mode.

    A searched text is mentioned but not quoted, because it may name a person, and the audit is kept for good.
    """
    event = reader.events([record_filter.event]).get(record_filter.event) if record_filter.event else None
    flow = reader.flow_names([record_filter.flow]).get(record_filter.flow, "") if record_filter.flow else ""
    connection = reader.connection_names([record_filter.connection]).get(record_filter.connection, "") if record_filter.connection else ""
    parts = [
        _("event %(event)s") % {"event": event.code} if event else "",
        _("flow %(flow)s") % {"flow": flow} if flow else "",
        _("connection %(connection)s") % {"connection": connection} if connection else "",
        str(FACETS[record_filter.facet]) if record_filter.facet else "",
        _("category %(category)s") % {"category": _(record_filter.category.value)} if record_filter.category else "",
        str(OUTCOMES[record_filter.outcome]) if record_filter.outcome else "",
        str(REPLAYS[record_filter.replays]) if record_filter.replays in REPLAYS else "",
        _("one cause") if record_filter.alike else "",
        _("those that have changed since") if record_filter.left_kind else "",
        _("a code or name") if record_filter.text else "",
    ]
    return [part for part in parts if part]
