"""Previews which Live flows would be affected: before an event leaves Testing, and before a bulk change of registrations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.filters import ChangeComparison, is_of_event
from heliograph.domain.flow.flow import PROPERTIES, STATUSES, Flow, Mode, Watch
from heliograph.domain.natural_order import natural_order
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig, EventState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def running(config: AccountConfig, facets: Facet) -> list[Flow]:
    """Complete and active Live flows that watch for any of these facets, by name."""
    flows = {flow.id: flow for facet in Facet if facet & facets for flow in config.by_facet.get(facet, ()) if flow.mode is Mode.LIVE}
    return sorted(flows.values(), key=lambda flow: (natural_order(flow.name), flow.id))


def live_flows(event: EventConfig, state: EventState, config: AccountConfig) -> tuple[list[Flow], list[Flow]]:
    """The Live flows for registrations of an event with this `state`.

    Returns the flows that would act on its registrations, and the flows whose filters exclude the event.
    """
    takes: list[Flow] = []
    leaves: list[Flow] = []
    for flow in running(config, Facet.CREATED | Facet.UPDATED | Facet.STATUS_CHANGED | Facet.SESSION_STATUS_CHANGED):
        (takes if _passes(flow, event, state, config) else leaves).append(flow)
    return takes, leaves


def on_status(events: Iterable[EventConfig], status: str, config: AccountConfig) -> list[Flow]:
    """Live flows that may act when registrations of these live events change to `status`.

    They watch the status's tags, and their event filters let the event pass. Filters by person and lists of properties depend on the
    registration, so these flows act on some registrations only.
    """
    flows: dict[int, Flow] = {}
    for event in events:
        if config.is_test_event(event.state.status):
            continue
        tags = next((s.tags for s in (*config.statuses.values(), *event.statuses.values()) if s.name == status), frozenset())
        for flow in running(config, Facet.UPDATED | Facet.STATUS_CHANGED):
            lists = flow.tags_of(STATUSES)
            watches_status = bool(tags & set(lists)) if lists else flow.watch is Watch.REGISTRATION and STATUSES not in flow.emptied
            if watches_status and PROPERTIES not in flow.emptied and _passes(flow, event, event.state, config):
                flows[flow.id] = flow
    return sorted(flows.values(), key=lambda flow: (natural_order(flow.name), flow.id))


def may_take(flow: Flow, event: EventConfig, config: AccountConfig) -> bool:
    """True if the flow may take changes of the event's registrations.

    A Live flow takes none of an event in Planning or Testing. No flow takes one of an event that its filters exclude.
    """
    return not (flow.mode is Mode.LIVE and config.is_test_event(event.state.status)) and _passes(flow, event, event.state, config)


def _passes(flow: Flow, event: EventConfig, state: EventState, config: AccountConfig) -> bool:
    """True if the event passes the flow's event filters."""
    change = Change(0, SubjectKind.EVENT, event.id, 1, Facet.EVENT_UPDATED, _EPOCH, "", event_state=state)
    return ChangeComparison(change, config, event).passes(row for row in flow.filters if is_of_event(row.field))
