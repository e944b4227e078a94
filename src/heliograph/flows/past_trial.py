"""Tries the rule of a flow that is being edited on past changes, beside the rule in force (F9).

Both rules decide by the tags, mappings and connections of today, as if the flow were on. Nothing is sent or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.mapping_renderer import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.flow_trial import LOOKED_AT, has_rule
from heliograph.flows.services.request_preview import Sendable, sendable
from heliograph.recording.contents import CHANGE_COLUMNS, read_change
from heliograph.store.database import Row

MOST: Final = 1_000
"""Most changes on which both rules are tried: the newest that either of them watches."""


class PastVerdict(StrEnum):
    """Which of the two rules sends a change: the edited one gains or loses it."""

    BOTH = "both"
    GAINED = "gained"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change that at least one of the rules sends."""

    id: int
    at: int
    """When it was recorded, in microseconds."""
    change: Change
    event: EventConfig
    registration: int | None
    verdict: PastVerdict
    problems: tuple[str, ...] = ()
    """Why it would end as a validation error by the edited rule."""


@dataclass(frozen=True, slots=True)
class PastTrial:
    """The result of both rules for the past changes."""

    changes_tried: int = 0
    gone: int = 0
    """How many of these changes have no stored content any more."""
    rows: Sequence[PastChange] = field(default=())
    """The changes that a rule sends, newest first."""
    in_force: bool = False
    """Whether the stored flow has a rule."""

    def count(self, *verdicts: PastVerdict) -> int:
        """How many changes have one of these verdicts."""
        return sum(row.verdict in verdicts for row in self.rows)

    @property
    def would_send(self) -> int:
        """How many changes the edited rule would send, including those that would fail."""
        return self.count(PastVerdict.BOTH, PastVerdict.GAINED)

    @property
    def sends(self) -> int:
        """How many changes the rule in force sends."""
        return self.count(PastVerdict.BOTH, PastVerdict.LOST)

    @property
    def failing(self) -> list[PastChange]:
        """The changes that would end as a validation error."""
        return [row for row in self.rows if row.problems]

    @property
    def notable(self) -> list[PastChange]:
        """The changes that only one of the rules sends, or that would fail."""
        return [row for row in self.rows if row.problems or row.verdict is not PastVerdict.BOTH]


def try_on_past(reader: AccountReader, flow: Flow, *, now: datetime) -> PastTrial:
    """Tries a flow, saved or not, beside the stored flow with its id."""
    config = reader.config
    edited = replace(config, flows={**config.flows, flow.id: flow})
    stored = config.flows.get(flow.id)
    stored = stored if stored is not None and has_rule(stored, config) else None
    rows = _newest(reader, sum({int(f) for rule in (flow, stored) if rule and rule.watch for f in rule.watch.facets}))
    events = reader.events({row[11] for row in rows})
    targets = [target for d in flow.destinations if isinstance(target := sendable(reader.db, edited, d), Sendable)]
    tried, gone = [], 0
    for row in rows:
        change, event = read_change(row), events.get(row[11])
        if change is None or event is None:
            gone += 1
            continue
        would_send = _takes(flow, change, edited, event)
        sends = stored is not None and _takes(stored, change, config, event)
        if not would_send and not sends:
            continue
        verdict = PastVerdict.LOST if not would_send else PastVerdict.BOTH if sends else PastVerdict.GAINED
        # The validation errors at all destinations, without repetitions.
        requests = [target.request(flow, change, edited, event, now=now) for target in targets] if would_send else []
        problems = tuple(
            dict.fromkeys(problem.sentence for each in requests if isinstance(each, InvalidValues) for problem in each.problems)
        )
        tried.append(PastChange(row[0], row[5], change, event, row[14], verdict, problems))
    return PastTrial(len(rows), gone, tried, stored is not None)


def _takes(flow: Flow, change: Change, config: AccountConfig, event: EventConfig) -> bool:
    return explain(flow, change, config, event, as_if_running=True).verdict is FlowVerdict.TRIGGERED


def _newest(reader: AccountReader, facets: int) -> list[Row]:
    """The newest changes that have one of the facets and were recorded with evaluation."""
    return reader.db.all(
        f"SELECT {CHANGE_COLUMNS}, c.registration_id"
        f" FROM (SELECT * FROM change WHERE account_id = :account ORDER BY at DESC, id DESC LIMIT {LOOKED_AT}) c"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE (c.facets & :facets) <> 0 AND NOT c.quiet"
        f" ORDER BY c.at DESC, c.id DESC LIMIT {MOST}",
        {"account": reader.account, "facets": facets},
    )
