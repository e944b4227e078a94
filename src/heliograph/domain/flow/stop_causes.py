"""What keeps an action from being sent today, as its flow and its connection are now (D5, D7, F3). The worker asks this before each request; the
Retry Queue asks it before it promises one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.flow import Destination, Flow, Mode
from heliograph.domain.flow.request_lacks import request_lacks

if TYPE_CHECKING:
    from heliograph.domain.flow.account_config import AccountConfig
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
    if to is None:
        return Cause.DESTINATION_REMOVED
    stop = stop_of_flow(owner, made_in, facets)
    if stop is not None:
        return stop
    if lacks := request_lacks(to, config):
        return lacks[0].cause
    return None if (is_complete(owner, config) if complete is None else complete) else Cause.FLOW_INCOMPLETE


def stop_of_flow(flow: Flow, made_in: Mode, facets: Facet | None = None) -> Cause | None:
    """Why nothing that was made in this mode goes out by the flow; None where nothing keeps it."""
    if not flow.active:
        return Cause.FLOW_INACTIVE
    if flow.mode is not made_in:
        return Cause.FLOW_MODE
    if facets is not None and (flow.watch is None or not facets & flow.watch.facets):
        return Cause.FLOW_WATCH
    return None


def stop_sentence(stop: Cause, config: AccountConfig, flow: Flow, made_in: Mode, destination: Destination | None = None) -> str:
    """A stop as a sentence, with which the worker stores it."""
    if stop is Cause.FLOW_MODE:
        return f"It was made in {made_in}, but the flow is now {flow.mode}."
    lack = next((lack for lack in request_lacks(destination, config) if lack.cause is stop), None) if destination else None
    return _SENTENCES[stop] if lack is None else lack.value


_SENTENCES = {
    Cause.FLOW_INACTIVE: "The flow is switched off.",
    Cause.FLOW_WATCH: "The flow now watches something else.",
    Cause.FLOW_INCOMPLETE: "The flow is incomplete.",
}
