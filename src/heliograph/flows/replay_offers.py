"""Decides when to offer a replay: a flow was off while changes passed, or is saved with a rule that would have decided otherwise (F1, Y1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.replay_links import LATELY, delivered_lately
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.flow_trial import CountedChanges, changes_since
from heliograph.store.configuration_versions import ACCOUNT

_VERSIONS: Final = 200
"""Most versions of a flow that are read to find out when it was switched off: the newest."""


@dataclass(frozen=True, slots=True)
class ReplayOffer:
    """An offer to replay changes over a flow."""

    since: int
    """The begin of the range, in microseconds."""
    until: int
    """The end of the range, in microseconds."""
    count: int = 0
    """The changes that a replay would concern; 0 if they are not counted."""
    more: bool = False
    """Whether there are more than were counted."""


def passed_while_off(reader: AccountReader, flow: int) -> ReplayOffer | None:
    """Offers the changes that the flow would have taken since it was switched off. None if there are none, or if it was never on before."""
    current = reader.config.flows.get(flow)
    since = _switched_off(reader, flow)
    if current is None or since is None or missing(current, reader.config):
        return None
    counted = changes_since(reader, current, since)
    count = sum(_takes(reader, current, *each) for each in _decidable(counted))
    return ReplayOffer(since, reader.db.now(), count, counted.more) if count else None


def decided_otherwise(reader: AccountReader, before: Flow, after: Flow) -> ReplayOffer | None:
    """Offers the changes of the last seven days for which the saved flow differs from the flow before: it would take or leave out other
    changes, or it sends with another mapping or over another connection."""
    if not after.active or before.mode is not after.mode or missing(after, reader.config):
        return None
    now = reader.db.now()
    if _rules(before) != _rules(after):
        counted = changes_since(reader, after, now - LATELY)
        count = sum(_takes(reader, after, *each) is not _takes(reader, before, *each) for each in _decidable(counted))
        if count:
            return ReplayOffer(now - LATELY, now, count, counted.more)
    sent_as = [[(d.connection, d.payload_mapping, d.header_mapping) for d in flow.destinations] for flow in (before, after)]
    if sent_as[0] != sent_as[1] and delivered_lately(reader.db, reader.account, [after.id], now):
        return ReplayOffer(now - LATELY, now)
    return None


def _rules(flow: Flow) -> Sequence[object]:
    return (flow.watch, flow.statuses, flow.properties, flow.session_statuses, flow.event_statuses, flow.filters)


def _decidable(counted: CountedChanges) -> Sequence[tuple[Change, EventConfig]]:
    """The changes whose content is stored."""
    return [(change, event) for change, event in counted.changes if change is not None and event is not None]


def _takes(reader: AccountReader, flow: Flow, change: Change, event: EventConfig) -> bool:
    config = replace(reader.config, flows={**reader.config.flows, flow.id: flow})
    return explain(flow, change, config, event, as_if_running=True).verdict is FlowVerdict.TRIGGERED


def _switched_off(reader: AccountReader, flow: int) -> int | None:
    """When the flow, which is on, was last switched off (microseconds); None if it never was."""
    rows = reader.db.all(
        f"SELECT at, body FROM config_history WHERE account_id = :account AND scope = {ACCOUNT} AND scope_id = :account AND kind = 'flow'"
        f" AND entity_id = :flow ORDER BY number DESC LIMIT {_VERSIONS}",
        {"account": reader.account, "flow": flow},
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
