"""Tries the rule of a flow that is being edited on the past: what it would have sent of the last changes, and what the rule in force sends
(F9). Both by the tags, mappings and connections of today, as if the flow were on. Nothing is sent or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.rendering import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.flows.flow_test import LOOKED_AT, has_rule
from heliograph.flows.services.request_preview import Sendable, sendable
from heliograph.recording.contents import CHANGE_COLUMNS, read_change
from heliograph.store.database import Row

MOST: Final = 1_000
"""Changes that both rules are tried on: the newest that either watches for."""


class PastVerdict(StrEnum):
    """Which rule sends a change."""

    BOTH = "both"
    GAINED = "gained"
    LOST = "lost"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change that a rule sends. at: microseconds; problems: why it would end as a validation error, by the edited rule."""

    id: int
    at: int
    change: Change
    event: EventConfig
    registration: int | None
    verdict: PastVerdict
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PastTrial:
    """The result. looked: how many changes were tried; gone: how many of them have no content any more; rows: those that a rule sends, newest
    first; in_force: whether the flow has a rule that sends today."""

    looked: int = 0
    gone: int = 0
    rows: Sequence[PastChange] = field(default=())
    in_force: bool = False

    def count(self, *verdicts: PastVerdict) -> int:
        """How many changes have one of these verdicts."""
        return sum(row.verdict in verdicts for row in self.rows)

    @property
    def would_send(self) -> int:
        """How many the edited rule would send, with those that would fail."""
        return self.count(PastVerdict.BOTH, PastVerdict.GAINED)

    @property
    def sends(self) -> int:
        """How many the rule in force sends."""
        return self.count(PastVerdict.BOTH, PastVerdict.LOST)

    @property
    def failing(self) -> list[PastChange]:
        """Those that would end as a validation error."""
        return [row for row in self.rows if row.problems]

    @property
    def notable(self) -> list[PastChange]:
        """Those that only one of the rules sends, or that would fail."""
        return [row for row in self.rows if row.problems or row.verdict is not PastVerdict.BOTH]


def try_on_past(reading: AccountReader, flow: Flow, *, now: datetime) -> PastTrial:
    """Tries a flow, saved or not, beside the stored one of its id."""
    config = reading.config
    edited = replace(config, flows={**config.flows, flow.id: flow})
    stored = config.flows.get(flow.id)
    stored = stored if stored is not None and has_rule(stored, config) else None
    rows = _newest(reading, sum({int(f) for of in (flow, stored) if of and of.watch for f in of.watch.facets}))
    events = reading.events({row[11] for row in rows})
    targets = [found for d in flow.destinations if isinstance(found := sendable(reading.db, edited, d), Sendable)]
    tried, gone = [], 0
    for row in rows:
        change, event = read_change(row), events.get(row[11])
        if change is None or event is None:
            gone += 1
            continue
        verdict = _verdict(_takes(flow, change, edited, event), stored is not None and _takes(stored, change, config, event))
        if verdict is PastVerdict.NEITHER:
            continue
        sent = verdict is not PastVerdict.LOST
        problems = _problems(targets, flow, change, edited, event, now) if sent else ()
        tried.append(PastChange(row[0], row[5], change, event, row[14], verdict, problems))
    return PastTrial(len(rows), gone, tried, stored is not None)


def _verdict(would_send: bool, sends: bool) -> PastVerdict:
    if would_send:
        return PastVerdict.BOTH if sends else PastVerdict.GAINED
    return PastVerdict.LOST if sends else PastVerdict.NEITHER


def _takes(flow: Flow, change: Change, config: AccountConfig, event: EventConfig) -> bool:
    return explain(flow, change, config, event, as_if_running=True).verdict is FlowVerdict.TRIGGERED


def _problems(
    targets: Sequence[Sendable], flow: Flow, change: Change, config: AccountConfig, event: EventConfig, now: datetime
) -> tuple[str, ...]:
    """The validation errors at all destinations; each once."""
    found = (target.request(flow, change, config, event, now=now) for target in targets)
    return tuple(dict.fromkeys(str(problem) for each in found if isinstance(each, InvalidValues) for problem in each.problems))


def _newest(reading: AccountReader, facets: int) -> list[Row]:
    """The newest changes with one of the facets that flows may judge."""
    return reading.db.all(
        f"SELECT {CHANGE_COLUMNS}, c.registration_id"
        f" FROM (SELECT * FROM change WHERE account_id = :account ORDER BY at DESC, id DESC LIMIT {LOOKED_AT}) c"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE (c.facets & :facets) <> 0 AND NOT c.quiet"
        f" ORDER BY c.at DESC, c.id DESC LIMIT {MOST}",
        {"account": reading.account, "facets": facets},
    )
