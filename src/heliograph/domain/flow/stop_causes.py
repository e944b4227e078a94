"""The reason why an action cannot be sent today, by its current flow and connection (D5, D7, F3). The worker checks this before each request, and the
Retry Queue before it promises one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
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
    """A flow's destination. None: the flow or the destination was deleted."""
    owner = config.flows.get(flow)
    return next((each for each in owner.destinations if each.id == destination), None) if owner else None


def stop_of(
    config: AccountConfig, flow: int, destination: int, made_in: Mode, facets: Facet | None = None, *, complete: bool | None = None
) -> Cause | None:
    """Why an action cannot be sent today. None: it can.

    made_in: the mode in which it was made
    facets: those of its change; None: the change's content is no longer stored
    complete: whether the flow lacks nothing, if the caller knows that already
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
    """Why the flow sends no action that was made in this mode. None: it does."""
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
        return AttemptSentence.OTHER_MODE.fill(then=made_in, now=flow.mode)
    lack = next((lack for lack in request_lacks(destination, config) if lack.cause is stop), None) if destination else None
    return _SENTENCES[stop] if lack is None else lack.value


_SENTENCES = {
    Cause.FLOW_INACTIVE: AttemptSentence.FLOW_OFF.fill(),
    Cause.FLOW_WATCH: AttemptSentence.FLOW_WATCHES_ELSE.fill(),
    Cause.FLOW_INCOMPLETE: AttemptSentence.FLOW_INCOMPLETE.fill(),
}
