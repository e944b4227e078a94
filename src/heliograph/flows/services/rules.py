"""What a flow may name: checked before it is saved, and read back for "where used" (F4-F8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import (
    EVENT_STATUSES,
    GONE,
    LISTS,
    OFFERED,
    PROPERTIES,
    SESSION_STATUSES,
    STATUSES,
    Destination,
    FilterRow,
    Flow,
)
from heliograph.domain.mapping.json_bodies import BodyError, checked_text
from heliograph.domain.setup.fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS, FieldError, FieldGroup, SourceKey, Subject, parse_filter
from heliograph.domain.setup.tags import TagKind
from heliograph.flows.models import FLOW_NAME_LENGTH
from heliograph.setup.errors import Invalid
from heliograph.setup.models.tags import KIND_NAMES
from heliograph.setup.names import NAME_LENGTH

MOST_DESTINATIONS = 20
MOST_FILTERS = 50
MOST_VALUES = 500
VALUE_LENGTH = 1_000
INTEGRATION, ACTION = "Webhooks", "Webhook"

KIND_OF_PLACE: Mapping[str, TagKind] = {
    STATUSES: TagKind.REGISTRATION_STATUS,
    PROPERTIES: TagKind.REGISTRATION_PROPERTY,
    SESSION_STATUSES: TagKind.SESSION_STATUS,
    EVENT_STATUSES: TagKind.EVENT_STATUS,
    EVENT_TAGS: TagKind.EVENT,
    ATTENDEE_TYPE_TAGS: TagKind.ATTENDEE_TYPE,
}


def checked(flow: Flow, config: AccountConfig) -> Flow:
    """The flow to store; it may be incomplete. Raises Invalid if it can never be valid in this account."""
    flow = replace(
        flow, name=_text(flow.name, "name", FLOW_NAME_LENGTH), emptied=tuple(n for n in flow.emptied if n in LISTS and not getattr(flow, n))
    )
    for name in LISTS:
        for tag in getattr(flow, name):
            _check_tag(tag, KIND_OF_PLACE[name], name, config)
        flow = _with(flow, **{name: tuple(dict.fromkeys(getattr(flow, name)))})
    if flow.watch is not None:  # a list that this watch does not offer is dropped: otherwise it would return unnoticed with another watch
        offered = OFFERED[flow.watch]
        flow = _with(flow, **{name: () for name in LISTS if name not in offered}, emptied=tuple(n for n in flow.emptied if n in offered))
    if len(flow.filters) > MOST_FILTERS:
        raise Invalid({"filters": [f"At most {MOST_FILTERS} filters are possible."]})
    subject = Subject(SUBJECT_OF_WATCH[flow.watch]) if flow.watch else None
    filters = tuple(_filter(row, f"filters[{i}]", subject, config) for i, row in enumerate(flow.filters))
    if len(flow.destinations) > MOST_DESTINATIONS:
        raise Invalid({"destinations": [f"At most {MOST_DESTINATIONS} destinations are possible."]})
    ids = [d.id for d in flow.destinations if d.id]
    if len(set(ids)) != len(ids):
        raise Invalid({"destinations": ["A destination occurs twice."]})
    destinations = tuple(_destination(d, f"destinations[{i}]", config) for i, d in enumerate(flow.destinations))
    return replace(flow, filters=filters, destinations=destinations)


def _with(flow: Flow, **parts: Any) -> Flow:
    """The flow with other lists, named at runtime."""
    return replace(flow, **parts)


def _filter(row: FilterRow, where: str, subject: Subject | None, config: AccountConfig) -> FilterRow:
    try:
        key = parse_filter(row.field)
    except FieldError as error:
        raise Invalid({where: [str(error)]}) from None
    if len(row.values) > MOST_VALUES:
        raise Invalid({where: [f"At most {MOST_VALUES} values are possible."]})
    values = tuple(dict.fromkeys(_text(value, where, VALUE_LENGTH) for value in row.values)) if row.op.takes_values else ()
    is_event = key == EVENT_TAGS or (isinstance(key, SourceKey) and key.group in (FieldGroup.EVENT, FieldGroup.EVENT_CUSTOM))
    if subject is Subject.EVENT and not is_event:
        raise Invalid({where: ["A flow that watches events filters by event fields only."]})
    if isinstance(key, str):
        for value in values:
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise Invalid({where: [f"There is no tag {value}."]})
            _check_tag(int(value), KIND_OF_PLACE[key], where, config)
    elif key.id is not None:
        known = config.event_fields if key.group is FieldGroup.EVENT_CUSTOM else config.profile_fields
        if key.id not in known:
            raise Invalid({where: [f"There is no custom field {key.id}."]})
        if not known[key.id].is_enumerated:
            raise Invalid({where: [f"{known[key.id].label} has no pre-configured answers, so a flow cannot filter by it."]})
    return replace(row, values=values)


def _destination(d: Destination, where: str, config: AccountConfig) -> Destination:
    if d.connection is not None and d.connection not in config.connections:
        raise Invalid({where: [f"There is no connection {d.connection}."]})
    for mapping in (d.payload_mapping, None if d.header_mapping == GONE else d.header_mapping):
        if mapping is not None and mapping not in config.mappings:
            raise Invalid({where: [f"There is no mapping {mapping}."]})
    if d.integration not in ("", INTEGRATION) or d.action not in ("", ACTION):
        raise Invalid({where: ["Webhooks is the only integration."]})
    return replace(d, name=_text(d.name, where, NAME_LENGTH))


def _check_tag(tag: int, kind: TagKind, where: str, config: AccountConfig) -> None:
    if tag not in config.tags:
        raise Invalid({where: [f"There is no tag {tag}."]})
    if kind not in config.tags[tag].kinds:
        raise Invalid({where: [f"The tag {config.tags[tag].label} is not made for {KIND_NAMES[kind]}."]})


def _text(text: str, where: str, longest: int) -> str:
    try:
        return checked_text(text.strip(), "", longest=longest)
    except BodyError as error:
        raise Invalid({where: [str(error).capitalize() + "."]}) from None


def named_tags(flow: Flow) -> set[tuple[str, int]]:
    """(place, tag) of every tag with a row that the flow names. A place is the name of a list or the field of a filter."""
    found = {(name, tag) for name in LISTS for tag in getattr(flow, name)}
    found |= {(row.field, int(value)) for row in flow.filters if row.field in KIND_OF_PLACE for value in row.values}
    return {(place, tag) for place, tag in found if tag > 0}


def named_fields(flow: Flow) -> set[int]:
    """The custom fields that the flow filters by."""
    keys = (parse_filter(row.field) for row in flow.filters)
    return {key.id for key in keys if isinstance(key, SourceKey) and key.id is not None}


def without_tag(flow: Flow, tag: int) -> Flow:
    """The flow without a tag in its lists; a list that lost its last one makes it incomplete (P12)."""
    emptied = set(flow.emptied)
    for name in LISTS:
        before = getattr(flow, name)
        if tag in before:
            after = tuple(t for t in before if t != tag)
            flow = _with(flow, **{name: after})
            if not after:
                emptied.add(name)
    return replace(flow, emptied=tuple(name for name in LISTS if name in emptied))


def with_tag_replaced(flow: Flow, old: int, new: int) -> Flow:
    """The flow with one tag replaced by another, in lists and filters."""
    for name in LISTS:
        flow = _with(flow, **{name: tuple(dict.fromkeys(new if t == old else t for t in getattr(flow, name)))})
    filters = tuple(
        replace(row, values=tuple(dict.fromkeys(str(new) if v == str(old) else v for v in row.values)))
        if row.field in KIND_OF_PLACE
        else row
        for row in flow.filters
    )
    return replace(flow, filters=filters)
