"""The words for what a flow lacks, and for what is wrong with its connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _

from heliograph.connections import connection_words
from heliograph.connections.connection_list import ConnectionRow
from heliograph.domain.connection.connection_health import SENDS_NOTHING, Health
from heliograph.domain.flow.completeness import FlowLack, Missing
from heliograph.domain.flow.flow import EVENT_STATUSES, GONE, PROPERTIES, SESSION_STATUSES, STATUSES, Flow
from heliograph.domain.flow.sentence import ConnectionTrouble, PartState


def list_name(name: str) -> str:
    """The name of a list of "Activate for", as in the guide."""
    return {
        STATUSES: _("Registration Statuses"),
        PROPERTIES: _("Registration Properties"),
        SESSION_STATUSES: _("Session Registration Statuses"),
        EVENT_STATUSES: _("Event Statuses"),
    }.get(name, name)


def lacking(missing: Missing, flow: Flow) -> str:
    """One thing that a flow lacks, as a short sentence."""
    destination = next((d.name for d in flow.destinations if str(d.id) == missing.place), "")
    named = {"name": destination or _("without a name")}
    match missing.lack:
        case FlowLack.NAME:
            return _("A name")
        case FlowLack.WATCH:
            return _("What the flow watches for")
        case FlowLack.LIST:
            return _("%(list)s: at least one tag") % {"list": list_name(missing.place)}
        case FlowLack.FILTER_VALUES:
            return _("Values for each filter row")
        case FlowLack.DESTINATION:
            return _("A destination")
        case FlowLack.DESTINATION_NAME:
            return _("A name for each destination")
        case FlowLack.CONNECTION:
            return _("A usable connection for destination “%(name)s”") % named
        case FlowLack.ACTION:
            return _("An action for destination “%(name)s”") % named
        case FlowLack.PAYLOAD_MAPPING:
            return _("A payload mapping for destination “%(name)s”") % named
        case FlowLack.FITTING_MAPPING:
            return _("The payload mapping of “%(name)s” does not fit what the flow watches") % named
        case FlowLack.HEADER_MAPPING:
            gone = any(str(d.id) == missing.place and d.header_mapping == GONE for d in flow.destinations)
            text = _("The header mapping of “%(name)s” was deleted") if gone else _("The header mapping of “%(name)s” does not fit")
            return text % named
        case FlowLack.CLASH:
            return _("The mappings of “%(name)s” do not go with its connection") % named


FAILING: Final = frozenset({Health.REFUSES, Health.SILENT, Health.BLOCKED, Health.LOST})
"""States in which a connection fails: its chip is red."""


def troubles_of(rows: Mapping[int, ConnectionRow]) -> dict[int, ConnectionTrouble]:
    """What is wrong with connections at present, by the connection's id, in words that follow its name: "paused", "refuses, 401". Connections that
    send are omitted."""
    troubles = {}
    for id, row in rows.items():
        if row.health in FAILING:
            status = row.evidence.attempt.status if row.evidence is not None and row.health is Health.REFUSES else None
            words = state_in_words(row)
            troubles[id] = ConnectionTrouble(
                PartState.FAILED, _("%(state)s, %(status)d") % {"state": words, "status": status} if status else words
            )
        elif row.health in SENDS_NOTHING:
            troubles[id] = ConnectionTrouble(PartState.WAITS, state_in_words(row))
    return troubles


def offered_as(row: ConnectionRow) -> str:
    """The name of a connection in a select. If it sends nothing at present, its state follows: "CRM (not connected yet)"."""
    if row.health not in SENDS_NOTHING:
        return row.connection.name
    return _("%(name)s (%(state)s)") % {"name": row.connection.name, "state": state_in_words(row)}


def state_in_words(row: ConnectionRow) -> str:
    """A connection's state as a part of a sentence: "not connected yet"."""
    text = connection_words.headline(row)
    return text[:1].lower() + text[1:]
