"""The parts that a flow lacks before it can run (F2).

Complete = name, watch, its required lists, at least one destination, and every destination with name, usable connection, action
and a fitting payload mapping, which go together. A filter row without values, or a list whose last tag was deleted, never widens a rule: it makes
the flow incomplete (P12).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.clashes import clash_of
from heliograph.domain.flow.flow import REQUIRED, Flow, Watch
from heliograph.domain.flow.request_lacks import RequestLack, request_lacks

if TYPE_CHECKING:
    from heliograph.domain.flow.account_config import AccountConfig


class FlowLack(StrEnum):
    """The parts that a flow can lack. Pages say them in words and link to the place."""

    NAME = "name"
    WATCH = "watch"
    LIST = "list"
    FILTER_VALUES = "filter values"
    DESTINATION = "destination"
    DESTINATION_NAME = "destination name"
    CONNECTION = "connection"
    ACTION = "action"
    PAYLOAD_MAPPING = "payload mapping"
    FITTING_MAPPING = "fitting mapping"
    HEADER_MAPPING = "header mapping"
    CLASH = "clash"
    """A mapping of it sends what its connection cannot."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One part that a flow lacks. `place`: the name of the list, the number of the filter row, or the id of the destination."""

    lack: FlowLack
    place: str = ""


SUBJECT_OF_WATCH = {Watch.REGISTRATION: "registration", Watch.STATUS: "registration", Watch.SESSION_STATUS: "session", Watch.EVENT: "event"}


def missing(flow: Flow, config: AccountConfig) -> tuple[Missing, ...]:
    """Everything that the flow is missing, in the order of the page; empty = complete."""
    lacks: list[Missing] = []
    if not flow.name.strip():
        lacks.append(Missing(FlowLack.NAME))
    if flow.watch is None:
        lacks.append(Missing(FlowLack.WATCH))
    else:
        lacks += [Missing(FlowLack.LIST, name) for name in REQUIRED[flow.watch] if not flow.tags_of(name)]
    lacks += [Missing(FlowLack.LIST, name) for name in flow.emptied if Missing(FlowLack.LIST, name) not in lacks]
    lacks += [
        Missing(FlowLack.FILTER_VALUES, str(index))
        for index, row in enumerate(flow.filters)
        if row.op.takes_values and len([value for value in row.values if value.strip()]) < (row.op.bounds or 1)
    ]
    if not flow.destinations:
        lacks.append(Missing(FlowLack.DESTINATION))
    for destination in flow.destinations:
        destination_id = str(destination.id)
        if not destination.name.strip():
            lacks.append(Missing(FlowLack.DESTINATION_NAME, destination_id))
        for_request = request_lacks(destination, config)
        if any(lack.cause is Cause.CONNECTION_GONE for lack in for_request):
            lacks.append(Missing(FlowLack.CONNECTION, destination_id))
        if not destination.action:
            lacks.append(Missing(FlowLack.ACTION, destination_id))
        subject = SUBJECT_OF_WATCH[flow.watch] if flow.watch else None
        if RequestLack.PAYLOAD_MAPPING in for_request:
            lacks.append(Missing(FlowLack.PAYLOAD_MAPPING, destination_id))
        elif not _fits(config, destination.payload_mapping, "payload", subject):
            lacks.append(Missing(FlowLack.FITTING_MAPPING, destination_id))
        elif RequestLack.HEADER_MAPPING in for_request or not _fits(config, destination.header_mapping, "header", subject):
            lacks.append(Missing(FlowLack.HEADER_MAPPING, destination_id))
        if clash_of(destination, config) is not None:
            lacks.append(Missing(FlowLack.CLASH, destination_id))
    return tuple(lacks)


def _fits(config: AccountConfig, id: int | None, kind: str, subject: str | None) -> bool:
    """Whether a mapping is of this kind and for this subject; True if there is none."""
    if id is None:
        return True
    mapping = config.mappings[id]
    return mapping.kind == kind and (subject is None or fits(mapping.subject, subject))


def fits(mapping_subject: str, watched: str) -> bool:
    """True if a mapping for one kind of subject works in a flow that watches another: a session registration includes a registration (M1)."""
    return mapping_subject == watched or (mapping_subject == "registration" and watched == "session")


def is_complete(flow: Flow, config: AccountConfig) -> bool:
    """True if nothing is missing (F2)."""
    return not missing(flow, config)
