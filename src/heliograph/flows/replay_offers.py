"""When a replay is worth offering: a flow was off while changes passed, or is saved with a rule that would have decided otherwise (F1, Y1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.replay_links import LATELY, delivered_lately
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.flows.flow_test import CountedChanges, changes_since

_VERSIONS: Final = 200
"""Versions of a flow that are looked at for when it was switched off."""


@dataclass(frozen=True, slots=True)
class ReplayOffer:
    """n: changes that a replay would concern, 0 where they are not counted; more: there are others. since, until: microseconds."""

    since: int
    until: int
    n: int = 0
    more: bool = False


def passed_while_off(of: AccountReader, flow: int) -> ReplayOffer | None:
    """The changes that the flow would have taken since it was switched off. None if there are none, or if it was never on before."""
    found = of.config.flows.get(flow)
    since = _switched_off(of, flow)
    if found is None or since is None or missing(found, of.config):
        return None
    counted = changes_since(of, found, since)
    n = sum(_takes(of, found, *each) for each in _decidable(counted))
    return ReplayOffer(since, of.db.now(), n, counted.more) if n else None


def decided_otherwise(of: AccountReader, before: Flow, after: Flow) -> ReplayOffer | None:
    """What a saved flow would have done otherwise in the last seven days: took or left out, or sent with another mapping or elsewhere."""
    if not after.active or before.mode is not after.mode or missing(after, of.config):
        return None
    now = of.db.now()
    if _rules(before) != _rules(after):
        counted = changes_since(of, after, now - LATELY)
        n = sum(_takes(of, after, *each) is not _takes(of, before, *each) for each in _decidable(counted))
        if n:
            return ReplayOffer(now - LATELY, now, n, counted.more)
    sent_as = [[(d.connection, d.payload_mapping, d.header_mapping) for d in flow.destinations] for flow in (before, after)]
    if sent_as[0] != sent_as[1] and delivered_lately(of.db, of.account, [after.id], now):
        return ReplayOffer(now - LATELY, now)
    return None


def _rules(flow: Flow) -> Sequence[object]:
    return (flow.watch, flow.statuses, flow.properties, flow.session_statuses, flow.event_statuses, flow.filters)


def _decidable(counted: CountedChanges) -> Sequence[tuple[Change, EventConfig]]:
    """The changes whose content is kept."""
    return [(change, event) for change, event in counted.changes if change is not None and event is not None]


def _takes(of: AccountReader, flow: Flow, change: Change, event: EventConfig) -> bool:
    config = replace(of.config, flows={**of.config.flows, flow.id: flow})
    return explain(flow, change, config, event, as_if_running=True).verdict is FlowVerdict.TRIGGERED


def _switched_off(of: AccountReader, flow: int) -> int | None:
    """When the flow, which is on, was last switched off."""
    rows = of.db.all(
        "SELECT at, body FROM config_history WHERE account_id = :account AND scope = 1 AND scope_id = :account AND kind = 'flow'"
        f" AND entity_id = :flow ORDER BY number DESC LIMIT {_VERSIONS}",
        {"account": of.account, "flow": flow},
    )
    versions = [(at, bool(json.loads(body).get("active"))) for at, body in rows]
    while versions and versions[0][1]:
        versions.pop(0)
    off: int | None = None
    for at, active in versions:
        if active:
            return off
        off = int(at)
    return None
