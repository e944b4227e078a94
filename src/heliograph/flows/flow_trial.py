"""Tries a flow before it is activated: on one change, and on the changes of the last week (F5, F9). Nothing is sent or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import FlowLack, missing
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, GateResult, explain
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.fields import Subject
from heliograph.flows.drafts import subject_of
from heliograph.flows.services.request_preview import RequestPreview, preview
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change
from heliograph.setup.setup_errors import Invalid
from heliograph.store.where import Where

DAYS = 7
LOOKED_AT = 20_000
"""Most changes of the last DAYS whose facets are read: the newest."""
JUDGED = 2_000
"""Most changes that the flow decides: the newest that it watches."""


NO_RULE: Final = gettext_lazy("First choose the flow’s source and the values of its filters.")


class NothingToTry(HeliographError):
    """A flow cannot be tried like this. The sentence says why."""


@dataclass(frozen=True, slots=True)
class TrialSubject:
    """What a flow is tried on: the latest change of a registration or of an event that it watches, or a certain change. Ids; one of them is given."""

    registration: int | None = None
    event: int | None = None
    change: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeToTry:
    """A change whose content is stored."""

    id: int
    change: Change
    event: int
    registration: int | None
    """None for an event's change."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a flow would do with a change."""

    change: Change
    event: EventConfig
    running: Explanation
    """The gates as if the flow were active and complete."""
    active: GateResult
    """The actual result of the gate "active"."""
    previews: Sequence[tuple[Destination, RequestPreview]]

    @property
    def triggers(self) -> bool:
        """Whether the flow, as it is, would send the change."""
        return self.active.passed and self.running.verdict is FlowVerdict.TRIGGERED


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of the changes of the last DAYS a flow would have taken."""

    taken: int = 0
    untagged: int = 0
    """Changes that it could not decide, because a tag is missing."""
    judged: int = 0
    """Changes that it decided."""
    gone: int = 0
    """Changes whose content is no longer stored."""
    more: bool = False
    """Whether there are older changes that were not read."""


def change_to_try(reader: AccountReader, flow: Flow, subject: TrialSubject) -> ChangeToTry:
    """The change on which a flow is tried. Raises Invalid, by the fields of TrialSubject, and NothingToTry."""
    given_ids = {name: id for name in ("registration", "event", "change") if (id := getattr(subject, name)) is not None}
    if len(given_ids) != 1:
        raise Invalid({"": [_("Give one of these: a registration, an event or a change.")]})
    ((name, id),) = given_ids.items()
    if name == "change":
        recorded = reader.changes([id]).get(id)
        if recorded is None:
            raise Invalid({"change": [_("This change does not exist.")]})
        if recorded[0] is None:
            raise NothingToTry(_("The content of this change is no longer stored."))
        return ChangeToTry(id, recorded[0], recorded[1][1], _registration_of(reader, id))
    watches_events = subject_of(flow) is Subject.EVENT
    if watches_events is not (name == "event"):
        sentence = _("A flow that watches events is tried on an event.") if watches_events else _("This flow is tried on a registration.")
        raise Invalid({name: [sentence]})
    if name == "registration" and not reader.people([id]):
        raise Invalid({"registration": [_("This registration no longer exists.")]})
    if name == "event" and not reader.events([id]):
        raise Invalid({"event": [_("This event no longer exists. Choose another one.")]})
    return latest_change(reader, flow, id)


def latest_change(reader: AccountReader, flow: Flow, subject: int) -> ChangeToTry:
    """The latest change of a registration (or event) on which a flow is tried. Raises NothingToTry."""
    latest = subject_change(reader, flow, subject)
    if latest is None:
        raise NothingToTry(_("No change of it has been recorded yet."))
    id, change, event = latest
    if change is None:
        raise NothingToTry(_("The content of its last change is no longer stored. Save it once, then test again."))
    return ChangeToTry(id, change, event, _registration_of(reader, id))


def _registration_of(reader: AccountReader, change: int) -> int | None:
    ((registration,),) = reader.db.all("SELECT registration_id FROM change WHERE id = :id", {"id": change})
    return None if registration is None else int(registration)


def subject_change(reader: AccountReader, flow: Flow, subject: int) -> tuple[int, Change | None, int] | None:
    """The latest change of a registration (or event) that the flow watches; if there is none, its latest change.

    Returns the change's id, the change (None if its content is no longer stored), and the event's id.
    """
    of_subject = Where("c.account_id = :account", account=reader.account)
    if subject_of(flow) is Subject.EVENT:
        of_subject &= Where("c.subject_id = :subject", "c.kind = :kind", subject=subject, kind=SubjectKind.EVENT.value)
        order = "c.version"
    else:
        of_subject &= Where("c.registration_id = :subject", subject=subject)
        order = "c.id"
    watched = Where("(c.facets & :facets) <> 0", facets=int(flow.watch.facets) if flow.watch else 0)
    for where in (of_subject & watched, of_subject):
        rows = reader.db.all(f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE {where.sql} ORDER BY {order} DESC LIMIT 1", where.params)
        if rows:
            return rows[0][0], read_change(rows[0]), rows[0][11]
    return None


def try_change(reader: AccountReader, flow: Flow, change: Change, event: EventConfig, *, now: datetime) -> Trial:
    """Decides a change by the flow, saved or not, and the current configuration, and builds the request for each destination.

    A change that was recorded without evaluation is tried like any other.
    """
    change = replace(change, quiet=False)
    config = replace(reader.config, flows={**reader.config.flows, flow.id: flow})
    running = explain(flow, change, config, event, as_if_running=True)
    gates = explain(flow, change, config, event).gates
    # If an earlier gate stops the change, the gate "active" has no result yet: the change is tried with facets that the flow watches.
    if not any(gate.name is GateName.ACTIVE for gate in gates):
        watched = replace(change, facets=flow.watch.facets if flow.watch else Facet(0))
        gates = explain(flow, watched, config, event).gates
    never = GateResult(GateName.ACTIVE, passed=False, expected=("active", "complete"))
    active = next((gate for gate in gates if gate.name is GateName.ACTIVE), never)
    previews = [(d, preview(reader.db, config, event, change, flow, d, now=now)) for d in flow.destinations]
    return Trial(change, event, running, active, previews)


def has_rule(flow: Flow, config: AccountConfig) -> bool:
    """Whether the flow's watch, required lists and filter values are filled in. Without them it would seem to take every change."""
    return not {FlowLack.WATCH, FlowLack.LIST, FlowLack.FILTER_VALUES} & {m.lack for m in missing(flow, config)}


def needs_rule(flow: Flow, config: AccountConfig) -> None:
    """Raises NothingToTry if the flow has no rule yet."""
    if not has_rule(flow, config):
        raise NothingToTry(str(NO_RULE))


@dataclass(frozen=True, slots=True)
class CountedChanges:
    """Changes that a flow watches."""

    changes: Sequence[tuple[Change | None, EventConfig | None]]
    """Newest first, each with its event. None if the content, or the event, no longer exists."""
    more: bool
    """Whether there are older ones."""


def changes_since(reader: AccountReader, flow: Flow, since: int) -> CountedChanges:
    """The newest JUDGED changes that the flow watches.

    since: an instant in microseconds
    """
    if flow.watch is None:
        return CountedChanges((), more=False)
    rows = reader.db.all(
        f"SELECT {CHANGE_COLUMNS} FROM (SELECT * FROM change WHERE account_id = :account AND at > :since ORDER BY at DESC, id DESC LIMIT {LOOKED_AT}) c"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE (c.facets & :facets) <> 0 AND NOT c.quiet"
        f" ORDER BY c.at DESC, c.id DESC LIMIT {JUDGED + 1}",
        {"account": reader.account, "since": since, "facets": int(flow.watch.facets)},
    )
    more = len(rows) > JUDGED
    rows = rows[:JUDGED]
    events = reader.events({row[11] for row in rows})
    return CountedChanges([(read_change(row), events.get(row[11])) for row in rows], more)


def count_taken(reader: AccountReader, flow: Flow) -> Counted:
    """Counts the changes of the last DAYS that the flow would have taken, by current rules and tags."""
    if flow.watch is None:
        return Counted()
    counted = changes_since(reader, flow, reader.db.now() - DAYS * DAY)
    config = replace(reader.config, flows={**reader.config.flows, flow.id: flow})
    taken = untagged = gone = 0
    for change, event in counted.changes:
        if change is None or event is None:
            gone += 1
            continue
        explanation = explain(flow, change, config, event, as_if_running=True)
        taken += explanation.verdict is FlowVerdict.TRIGGERED
        untagged += explanation.reason is not None and explanation.reason.is_untagged
    return Counted(taken, untagged, len(counted.changes) - gone, gone, counted.more)
