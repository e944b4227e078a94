"""The filter of a list of records in words, for the audit of its export (X3, P1)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.database import AccountReader
from heliograph.insights.record_kinds import RecordFilter
from heliograph.insights.views.insights import FACETS
from heliograph.insights.views.records import OUTCOMES, REPLAYS


def filter_words(wanted: RecordFilter, of: AccountReader) -> list[str]:
    """What narrows the list, apart from its period and mode.

    A text that was searched for is only said to be there: it may name a person, and the audit is kept for good.
    """
    event = of.events([wanted.event]).get(wanted.event) if wanted.event else None
    flow = of.flow_names([wanted.flow]).get(wanted.flow, "") if wanted.flow else ""
    connection = of.connection_names([wanted.connection]).get(wanted.connection, "") if wanted.connection else ""
    parts = [
        _("event %(event)s") % {"event": event.code} if event else "",
        _("flow %(flow)s") % {"flow": flow} if flow else "",
        _("connection %(connection)s") % {"connection": connection} if connection else "",
        str(FACETS[wanted.facet]) if wanted.facet else "",
        _("category %(category)s") % {"category": _(wanted.category.value)} if wanted.category else "",
        str(OUTCOMES[wanted.outcome]) if wanted.outcome else "",
        str(REPLAYS[wanted.replays]) if wanted.replays in REPLAYS else "",
        _("one cause") if wanted.alike else "",
        _("those that have moved since") if wanted.was else "",
        _("a code or name") if wanted.text else "",
    ]
    return [part for part in parts if part]
