"""What keeps an action from being sent today, as its flow and its connection are now (D5, D7, F3). The worker asks this before each request; the
Retry Queue asks it before it promises one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.flow import Destination, Flow, Mode

if TYPE_CHECKING:
    from heliograph.domain.flow.configuration import AccountConfig
    from heliograph.domain.registration.change import Facet

GONE = frozenset({Cause.FLOW_DELETED, Cause.DESTINATION_REMOVED})
"""Nothing can be sent any more."""


def destination_of(config: AccountConfig, flow: int, destination: int) -> Destination | None:
    """A flow's destination; None where either is gone."""
    owner = config.flows.get(flow)
    return next((each for each in owner.destinations if each.id == destination), None) if owner else None


def stop_of(
    config: AccountConfig, flow: int, destination: int, made_in: Mode, facets: Facet | None = None, *, complete: bool | None = None
) -> Cause | None:
    """Why an action cannot be sent today; None where nothing keeps it.

    made_in: the mode in which it was made
    facets: those of its change, None where its content is gone
    complete: whether the flow lacks nothing, where the caller knows that already
    """
    owner = config.flows.get(flow)
    if owner is None:
        return Cause.FLOW_DELETED
    to = destination_of(config, flow, destination)
    return Cause.DESTINATION_REMOVED if to is None else stop_of_flow(owner, made_in, facets) or _stop_at(config, owner, to, complete)


def stop_of_flow(flow: Flow, made_in: Mode, facets: Facet | None = None) -> Cause | None:
    """Why nothing that was made in this mode goes out by the flow; None where nothing keeps it."""
    if not flow.active:
        return Cause.FLOW_INACTIVE
    if flow.mode is not made_in:
        return Cause.FLOW_MODE
    if facets is not None and (flow.watch is None or not facets & flow.watch.facets):
        return Cause.FLOW_WATCH
    return None


def _stop_at(config: AccountConfig, flow: Flow, destination: Destination, complete: bool | None) -> Cause | None:
    connection = config.connections.get(destination.connection) if destination.connection is not None else None
    if connection is None or connection.lacks:
        return Cause.CONNECTION_GONE
    if destination.payload_mapping is None or destination.payload_mapping not in config.mappings:
        return Cause.MAPPING_GONE
    if destination.header_mapping is not None and destination.header_mapping not in config.mappings:
        return Cause.MAPPING_GONE
    return None if (is_complete(flow, config) if complete is None else complete) else Cause.FLOW_INCOMPLETE
