"""A flow as it would be saved, to be tried before (F9)."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.services.rules import checked
from heliograph.setup.setup_errors import Invalid


def unsaved_flow(reader: AccountReader, flow: Flow, stored: Flow | None) -> Flow:
    """The flow, checked as a save would; nothing is saved. New destinations have negative ids.

    stored: the flow before the change; None for a new one
    Raises Invalid.
    """
    known = {destination.id for destination in stored.destinations} if stored is not None else set()
    for destination in flow.destinations:
        if destination.id and destination.id not in known:
            raise Invalid({"destinations": [_("There is no destination %(id)s in this flow.") % {"id": destination.id}]})
    values = FilterValues(reader.db, reader.account, reader.config)
    tried = checked(values.checked(flow, stored), reader.config)
    return replace(tried, destinations=tuple(_numbered(each, position) for position, each in enumerate(tried.destinations, start=1)))


def _numbered(destination: Destination, position: int) -> Destination:
    return destination if destination.id else replace(destination, id=-position)
