"""The table "Sent to each destination" of Insights: its rows, for components/destinations.html (X2)."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.connections.connection_deliveries import last_delivered
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.figures import Measure
from heliograph.insights.destination_figures import DestinationFigures, destination_figures
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.views.insights_frame import Frame
from heliograph.store.instants import from_micros
from heliograph.web.charts import hour_bars
from heliograph.web.enumerations import enumeration
from heliograph.web.percentages import difference, percent

MOST: Final = 50
"""The destinations that are listed; more have the page of Connection Activity."""
SHOWN_FLOWS: Final = 3
"""How many flows are named below a destination; of more, the number."""


def destination_rows(reader: AccountReader, frame: Frame, figures: PeriodFigures, before: PeriodFigures) -> list[dict[str, Any]]:
    """A row for each destination of the period.

    before: the figures of the period before
    """
    destinations = destination_figures(reader, frame, figures)[:MOST]
    ids = [each.connection for each in destinations]
    names = reader.connection_names(ids)
    last = last_delivered(reader.db, reader.account, ids)
    rows = []
    for each in destinations:
        earlier = sum(before.by_column(Measure.SUCCESS, connection=each.connection))
        sign = "+" if each.sent > earlier else "−" if each.sent < earlier else "±"
        delivered_at = last.get(each.connection)
        rows.append(
            _row(each, names.get(each.connection, ""), frame)
            | {
                "flows": _flows(reader, each.connection),
                "before": f"{sign}{share}" if (share := difference(each.sent, earlier)) else "",
                "last": from_micros(delivered_at) if delivered_at else None,
            }
        )
    return rows


def _row(each: DestinationFigures, name: str, frame: Frame) -> dict[str, Any]:
    def records(kind: RecordKind, number: int | None) -> str:
        return frame.records_at(kind, connection=each.connection) if number else ""

    undelivered = sum(each.undelivered)
    return {
        "name": name or _("Without a name"),
        "href": reverse("connection-overview", args=(each.connection,)),
        "bars": hour_bars(each.delivered, each.undelivered),
        "label": _("%(name)s: %(sent)s delivered, %(rest)s not delivered")
        % {"name": name, "sent": intcomma(each.sent), "rest": intcomma(undelivered)},
        "hours_href": frame.feed(connection=str(each.connection)),
        "people": each.people,
        "people_href": records(RecordKind.PEOPLE, each.people),
        "sent": each.sent,
        "sent_href": records(RecordKind.SUCCESS, each.sent),
        "rate": percent(each.rate) if each.rate is not None else "",
        "held": ngettext("%(n)s held", "%(n)s held", each.held_count) % {"n": intcomma(each.held_count)} if each.held_count else "",
        "held_href": records(RecordKind.HELD, each.held_count),
        "waits": ngettext("%(n)s waiting", "%(n)s waiting", each.waiting) % {"n": intcomma(each.waiting)} if each.waiting else "",
        "waits_href": records(RecordKind.QUEUED, each.waiting),
        "failed": ngettext("%(n)s failed", "%(n)s failed", each.failed) % {"n": intcomma(each.failed)} if each.failed else "",
        "failed_href": records(RecordKind.FAILED, each.failed),
        "invalid": ngettext("%(n)s invalid", "%(n)s invalid", each.invalid) % {"n": intcomma(each.invalid)} if each.invalid else "",
        "invalid_href": records(RecordKind.VALIDATION, each.invalid),
    }


def _flows(reader: AccountReader, connection: int) -> str:
    """The names of the flows that use a connection."""
    flows = reader.config.flows.values()
    names = [flow.name or _("Without a name") for flow in flows if any(each.connection == connection for each in flow.destinations)]
    return enumeration(names, SHOWN_FLOWS)
