"""Tests a flow before it is activated: what it would do with one change, and with those of last week (F5, F9). Nothing is sent or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.flow.completeness import FlowLack, missing
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, GateResult, explain
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.fields import Subject
from heliograph.flows.drafts import subject_of
from heliograph.flows.services.request_preview import RequestPreview, preview
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change

DAYS = 7
LOOKED_AT = 20_000
"""Changes of the last days whose facets are read, newest first."""
JUDGED = 2_000
"""Most changes that are decided: the newest that the flow watches for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a flow would do with a change. running: the gates as if it were active and complete; active: that gate's actual answer."""

    change: Change
    event: EventConfig
    running: Explanation
    active: GateResult
    previews: Sequence[tuple[Destination, RequestPreview]]

    @property
    def triggers(self) -> bool:
        """True if the change would actually be sent."""
        return self.active.passed and self.running.verdict is FlowVerdict.TRIGGERED


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of the last days' changes a flow would have accepted. judged: how many were decided; more: there are others."""

    taken: int = 0
    untagged: int = 0
    judged: int = 0
    gone: int = 0
    more: bool = False


def subject_change(reading: AccountReader, flow: Flow, subject: int) -> tuple[int, Change | None, int] | None:
    """The latest change of a registration (or event) that the flow watches for, else its latest: (id, change or None if its content is
    gone, event)."""
    facets = int(flow.watch.facets) if flow.watch else 0
    if subject_of(flow) is Subject.EVENT:
        where, order = "c.subject_id = :subject AND c.kind = :kind", "c.version"
    else:
        where, order = "c.registration_id = :subject", "c.id"
    for condition in (" AND (c.facets & :facets) <> 0", ""):
        rows = reading.db.all(
            f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE c.account_id = :account AND {where}{condition} ORDER BY {order} DESC LIMIT 1",
            {
                "account": reading.account,
                "subject": subject,
                **({"kind": SubjectKind.EVENT.value} if "kind" in where else {}),
                **({"facets": facets} if condition else {}),
            },
        )
        if rows:
            return rows[0][0], read_change(rows[0]), rows[0][11]
    return None


def try_change(reading: AccountReader, flow: Flow, change: Change, event: EventConfig, *, now: datetime) -> Trial:
    """Every gate of the flow, saved or not, for a change by current configuration; and the request for each destination.

    A change that was recorded without evaluation is tested like any other.
    """
    change = replace(change, quiet=False)
    config = replace(reading.config, flows={**reading.config.flows, flow.id: flow})
    running = explain(flow, change, config, event, as_if_running=True)
    asked = explain(flow, change, config, event).gates
    active = next((gate for gate in asked if gate.name is GateName.ACTIVE), None) or _active(flow, change, config, event)
    found = [(d, preview(reading.db, config, event, change, flow, d, now=now)) for d in flow.destinations]
    return Trial(change, event, running, active, found)


def _active(flow: Flow, change: Change, config: AccountConfig, event: EventConfig) -> GateResult:
    """The answer of this gate even if an earlier one said no: computed with a change that every flow watches for."""
    seen = replace(change, facets=flow.watch.facets if flow.watch else Facet(0))
    found = explain(flow, seen, config, event).gates
    return next(
        (gate for gate in found if gate.name is GateName.ACTIVE), GateResult(GateName.ACTIVE, passed=False, expected=("active", "complete"))
    )


def has_rule(flow: Flow, config: AccountConfig) -> bool:
    """True if the flow says what it accepts: its watch, its required lists, the values of its filters. Without them it would seem to accept
    everything."""
    return not {FlowLack.WATCH, FlowLack.LIST, FlowLack.FILTER_VALUES} & {m.lack for m in missing(flow, config)}


@dataclass(frozen=True, slots=True)
class CountedChanges:
    """Changes that a flow watches for, newest first, each with its event; None for what is no longer kept. more: there are others."""

    changes: Sequence[tuple[Change | None, EventConfig | None]]
    more: bool


def changes_since(reading: AccountReader, flow: Flow, since: int) -> CountedChanges:
    """At most JUDGED changes that the flow watches for, since an instant in microseconds."""
    if flow.watch is None:
        return CountedChanges((), more=False)
    rows = reading.db.all(
        f"SELECT {CHANGE_COLUMNS} FROM (SELECT * FROM change WHERE account_id = :account AND at > :since ORDER BY at DESC, id DESC LIMIT {LOOKED_AT}) c"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE (c.facets & :facets) <> 0 AND NOT c.quiet"
        f" ORDER BY c.at DESC, c.id DESC LIMIT {JUDGED + 1}",
        {"account": reading.account, "since": since, "facets": int(flow.watch.facets)},
    )
    more = len(rows) > JUDGED
    rows = rows[:JUDGED]
    events = reading.events({row[11] for row in rows})
    return CountedChanges([(read_change(row), events.get(row[11])) for row in rows], more)


def count_taken(reading: AccountReader, flow: Flow) -> Counted:
    """How many changes of the last seven days the flow would have accepted, by current rules and tags."""
    if flow.watch is None:
        return Counted()
    counted = changes_since(reading, flow, reading.db.now() - DAYS * DAY)
    config = replace(reading.config, flows={**reading.config.flows, flow.id: flow})
    taken = untagged = gone = 0
    for change, event in counted.changes:
        if change is None or event is None:
            gone += 1
            continue
        found = explain(flow, change, config, event, as_if_running=True)
        taken += found.verdict is FlowVerdict.TRIGGERED
        untagged += found.reason is not None and found.reason.is_untagged
    return Counted(taken, untagged, len(counted.changes) - gone, gone, counted.more)
