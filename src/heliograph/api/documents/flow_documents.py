"""Flows as JSON (guide: Setting Up Flows; F1-F8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, Instant, numbers_of
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import FlowLack, missing
from heliograph.domain.flow.flow import LISTS, Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.flow.sentence import SentenceNames, plain
from heliograph.domain.setup.tag_kinds import STANDARD_TAGS
from heliograph.flows import flow_words
from heliograph.flows.flow_list import FlowRow
from heliograph.flows.flow_warnings import FlowWarning
from heliograph.flows.services.rules import MOST_FILTERS, MOST_VALUES
from heliograph.store.instants import from_micros
from heliograph.web.field_names import flow_parts

Name = Annotated[str, msgspec.Meta(description="The name of the flow; a flow without one is incomplete.")]
ActsIn = Annotated[Mode, msgspec.Meta(description="A Live flow takes live registrations of live events, a Test flow all others.")]
Watches = Annotated[Watch | None, msgspec.Meta(description="What the flow watches for; null: not chosen yet.")]
TagIds = Annotated[
    list[Id],
    msgspec.Meta(
        description="Ids of tags. The tags of the standard properties are `-1` Complete, `-2` Badge Printed, `-3` On To Do List, `-4` Invoice Generated"
        " and `-5` Test. A list that the flow's watch does not offer is not stored."
    ),
]
Emptied = Annotated[
    list[Literal["statuses", "properties", "session_statuses", "event_statuses"]],
    msgspec.Meta(
        description="The lists whose last tag was deleted. The flow is incomplete until they are filled, or no longer named here because they are"
        " empty on purpose."
    ),
]
_STANDARD: Final = {str(id): id for id in STANDARD_TAGS}


class FilterForm(Document):
    """A row of Flow Filters. A change must match all rows, and of each row one of its values."""

    field: Annotated[
        str,
        msgspec.Meta(
            max_length=100,
            description="The key of the field: `event.code`, `event.custom.7`, `event.tags`, `profile.position`, `profile.custom.9`, `answer.4` (the"
            " answers to questions with the tag 4), `registration.order_code`, `session.code`, `attendee_type.tags` …",
        ),
    ]
    op: Annotated[Op, msgspec.Meta(description="How the field is compared. It must fit the field: days, numbers or texts.")]
    values: Annotated[
        list[str],
        msgspec.Meta(
            max_length=MOST_VALUES,
            description="What it is compared with; tags by their ids, days as 2027-01-31, numbers as 12.5. None for `is empty` and `is not empty`.",
        ),
    ] = msgspec.field(default_factory=list)

    @property
    def row(self) -> FilterRow:
        """The filter, for the services."""
        return FilterRow(self.field, self.op, tuple(self.values))

    @classmethod
    def from_row(cls, row: FilterRow) -> FilterForm:
        """The document of a filter."""
        return cls(field=row.field, op=row.op, values=list(row.values))


Filters = Annotated[list[FilterForm], msgspec.Meta(max_length=MOST_FILTERS)]


class DestinationForm(Document):
    """Where the flow sends. A destination that lacks a part makes the flow incomplete."""

    id: Annotated[
        Id | UnsetType,
        msgspec.Meta(description="Of a destination that the flow has: it stays the same one. A new one has no id."),
    ] = UNSET
    name: str = ""
    integration: Literal["", "Webhooks"] = "Webhooks"
    connection: Annotated[Id | None, msgspec.Meta(description="Null: not chosen yet.")] = None
    action: Literal["", "Webhook"] = "Webhook"
    payload_mapping: Annotated[Id | None, msgspec.Meta(description="Null: not chosen yet.")] = None
    header_mapping: Annotated[
        Id | None,
        msgspec.Meta(
            description="Null: none. `0`: the one that was chosen is gone; the flow is incomplete until another one, or none, is."
        ),
    ] = None
    does: Annotated[
        Does,
        msgspec.Meta(
            description="`updates`: newer data is never overwritten by a late retry. `adds`: every request is sent, whatever was sent meanwhile."
        ),
    ] = Does.UPDATES

    def facts(self, place: str) -> Destination:
        """The destination, for the services. Raises Problem, which names the place."""
        ids = {
            name: None if id is None else numbers_of(f"{place}.{name}", [id])[0]
            for name in ("connection", "payload_mapping", "header_mapping")
            for id in (getattr(self, name),)
        }
        number = 0 if self.id is UNSET else numbers_of(f"{place}.id", [self.id])[0]
        return Destination(number, self.name, self.integration, action=self.action, does=self.does, **ids)

    @classmethod
    def from_facts(cls, facts: Destination) -> DestinationForm:
        """The document of a destination."""
        return cls(
            id=str(facts.id) if facts.id > 0 else UNSET,
            name=facts.name,
            integration="Webhooks" if facts.integration else "",
            connection=_id(facts.connection),
            action="Webhook" if facts.action else "",
            payload_mapping=_id(facts.payload_mapping),
            header_mapping=_id(facts.header_mapping),
            does=facts.does,
        )


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


Active = Annotated[bool, msgspec.Meta(description="Whether the flow is switched on.")]


class FlowSettings(Document, kw_only=True):
    """The settings of a flow."""

    name: Name
    mode: ActsIn
    active: Active
    watch: Watches
    statuses: TagIds
    properties: TagIds
    session_statuses: TagIds
    event_statuses: TagIds
    emptied: Emptied
    filters: Filters
    destinations: list[DestinationForm]


class NewFlow(Document):
    """A flow to create, complete or not."""

    name: Name = ""
    mode: ActsIn = Mode.TEST
    active: Active = True
    watch: Watches = None
    statuses: TagIds = msgspec.field(default_factory=list)
    properties: TagIds = msgspec.field(default_factory=list)
    session_statuses: TagIds = msgspec.field(default_factory=list)
    event_statuses: TagIds = msgspec.field(default_factory=list)
    emptied: Emptied = msgspec.field(default_factory=list)
    filters: Filters = msgspec.field(default_factory=list)
    destinations: list[DestinationForm] = msgspec.field(default_factory=list)

    @property
    def facts(self) -> Flow:
        """The flow, for the services. Raises Problem."""
        return changed(Flow(0), msgspec.structs.asdict(self))


class FlowChange(Document):
    """What to change of a flow. An absent member stays as it is; a list is replaced by the one that is sent."""

    name: Name | UnsetType = UNSET
    mode: ActsIn | UnsetType = UNSET
    active: Active | UnsetType = UNSET
    watch: Watches | UnsetType = UNSET
    statuses: TagIds | UnsetType = UNSET
    properties: TagIds | UnsetType = UNSET
    session_statuses: TagIds | UnsetType = UNSET
    event_statuses: TagIds | UnsetType = UNSET
    emptied: Emptied | UnsetType = UNSET
    filters: Filters | UnsetType = UNSET
    destinations: Annotated[
        list[DestinationForm] | UnsetType,
        msgspec.Meta(description="All destinations. One whose id is not named here is removed: what waits for it ends as Failed."),
    ] = UNSET

    def facts(self, stored: Flow) -> Flow:
        """The flow with the changes. Raises Problem."""
        return changed(stored, {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET})


def changed(flow: Flow, members: dict[str, Any]) -> Flow:
    """A flow with the sent members in place of its own. Raises Problem (400) for a text that is no id."""
    for name in members.keys() & set(LISTS):
        members[name] = tuple(_STANDARD[id] if id in _STANDARD else numbers_of(name, [id])[0] for id in members[name])
    if "emptied" in members:
        members["emptied"] = tuple(members["emptied"])
    if "filters" in members:
        members["filters"] = tuple(form.row for form in members["filters"])
    if "destinations" in members:
        members["destinations"] = tuple(form.facts(f"destinations[{at}]") for at, form in enumerate(members["destinations"]))
    return replace(flow, **members)


class MissingPart(Document):
    """Something that a flow lacks before it takes changes (F2)."""

    lack: FlowLack
    place: Annotated[str, msgspec.Meta(description="The name of the list, the number of the filter from 0, or the id of the destination.")]
    text: str


class FlowDocument(FlowSettings, kw_only=True):
    """A flow."""

    id: Id
    version: Annotated[int, msgspec.Meta(description="The number of the version in force.")]
    complete: Annotated[bool, msgspec.Meta(description="False: it takes no change until nothing is missing.")]
    missing: list[MissingPart]
    sentence: Annotated[str, msgspec.Meta(description="The rule as one sentence.")]

    @classmethod
    def from_flow(cls, flow: Flow, config: AccountConfig, names: SentenceNames | None = None) -> FlowDocument:
        """The document of a flow, saved or not.

        names: if they are at hand
        """
        lacks = missing_parts(flow, config)
        rule = flow_parts(flow, names or SentenceNames.from_config(config))
        return cls(**settings_of(flow), id=str(flow.id), version=flow.number, complete=not lacks, missing=lacks, sentence=plain(rule))


class FlowFigures(Document):
    """What a flow does at present."""

    last_run: Annotated[Instant | None, msgspec.Meta(description="When a change last reached it.")]
    changed: Annotated[Instant | None, msgspec.Meta(description="When its version was saved.")]
    changed_by: Annotated[str, msgspec.Meta(description="Who saved it: `user:7`, `token:3`.")]
    held: Annotated[int, msgspec.Meta(description="Actions that were never tried, because their connection sends nothing at present.")]
    queued: Annotated[int, msgspec.Meta(description="Actions and runs that are tried again, also once the flow runs again.")]
    failed: Annotated[
        int,
        msgspec.Meta(
            description="Actions and decisions that are sent or made again only if somebody submits them: the status `Failed` of the Retry Queue."
        ),
    ]
    validation: Annotated[
        int, msgspec.Meta(description="Actions of its present mode that ended as a validation error in the last 24 hours.")
    ]
    untagged: Annotated[int, msgspec.Meta(description="Runs that wait for a tag.")]
    is_more: Annotated[
        bool, msgspec.Meta(description="There may be more than `queued`, `failed` and `untagged`: only the newest were counted.")
    ]
    holds_more: Annotated[bool, msgspec.Meta(description="There may be more than `held`.")]


class ListedFlow(FlowDocument, kw_only=True):
    """A flow in the list, with its figures."""

    figures: FlowFigures

    @classmethod
    def from_listed(cls, row: FlowRow, config: AccountConfig, names: SentenceNames) -> ListedFlow:
        """The document of a row of the list."""
        flow = FlowDocument.from_flow(row.flow, config, names)
        figures = FlowFigures(
            last_run=from_micros(row.last) if row.last else None,
            changed=from_micros(row.changed) if row.changed else None,
            changed_by=row.by,
            held=row.held_count,
            queued=row.queued,
            failed=row.failed,
            validation=row.validation,
            untagged=row.untagged,
            is_more=row.is_more,
            holds_more=row.holds_more,
        )
        return cls(**msgspec.structs.asdict(flow), figures=figures)


def settings_of(flow: Flow) -> dict[str, Any]:
    """The members of FlowSettings."""
    return {
        "name": flow.name,
        "mode": flow.mode,
        "active": flow.active,
        "watch": flow.watch,
        **{name: [str(tag) for tag in getattr(flow, name)] for name in LISTS},
        "emptied": list(flow.emptied),
        "filters": [FilterForm.from_row(row) for row in flow.filters],
        "destinations": [DestinationForm.from_facts(each) for each in flow.destinations],
    }


def missing_parts(flow: Flow, config: AccountConfig) -> list[MissingPart]:
    """What a flow lacks."""
    return [MissingPart(lack=each.lack, place=each.place, text=flow_words.lacking(each, flow)) for each in missing(flow, config)]


class CopiedFlow(Document):
    """The name of the copy."""

    name: Name


class FlowEffects(Document):
    """What deleting a flow, or switching it off, would leave undelivered (P12). Counting stops at 10,001."""

    undelivered: Annotated[
        int,
        msgspec.Meta(
            description="Its undelivered actions. They end as Failed if it is deleted, and wait in Retry while it is switched off."
        ),
    ]
    untagged: Annotated[int, msgspec.Meta(description="Its runs that wait for a tag. If it is deleted, they will not be sent any more.")]
    waiting_for_flow: Annotated[
        int, msgspec.Meta(description="Its runs that wait for it to run again. If it is deleted, they will not be sent any more.")
    ]
    running: Annotated[bool, msgspec.Meta(description="True if it is Live and on.")]


class WarningDocument(Document):
    """A warning about a flow."""

    title: str
    text: str
    connection: Annotated[Id | None, msgspec.Meta(description="The connection that sends nothing at present.")]
    event: Annotated[str, msgspec.Meta(description="The code of the event whose questions share a tag; empty for other warnings.")]

    @classmethod
    def from_warning(cls, warning: FlowWarning) -> WarningDocument:
        """The document of a warning."""
        return cls(title=warning.title, text=warning.text, connection=_id(warning.connection), event=warning.event)
