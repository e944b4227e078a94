"""A past version of a flow as it can be saved now, and the things that it names but that no longer exist (F10, P12).

Leaving these out never widens the rule: a list or filter row that loses its last value, a row whose field is gone, and a destination
that loses a part make the flow incomplete (F2) until someone chooses a replacement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import GONE, LISTS, Destination, FilterRow, Flow, Op
from heliograph.domain.setup.fields import FieldGroup, SourceKey
from heliograph.domain.setup.filter_fields import parse_filter
from heliograph.flows.services.rules import ANSWERS, KIND_OF_PLACE, without_tag


class MissingPart(StrEnum):
    """The kinds of things that a version can name and that no longer exist."""

    TAG = "tag"
    FIELD = "custom field"
    CONNECTION = "connection"
    PAYLOAD_MAPPING = "payload mapping"
    HEADER_MAPPING = "header mapping"


@dataclass(frozen=True, slots=True)
class Gone:
    """A thing that a version names and that no longer exists."""

    part: MissingPart
    key: int | str
    """Its id, or a custom field's key."""
    place: str
    """Where the version names it: the name of the list, the filter row (its number, from 0) or the name of the destination."""


@dataclass(frozen=True, slots=True)
class RestorableFlow:
    """A version as it would be saved now, and the things that are left out of it."""

    flow: Flow
    gone: tuple[Gone, ...] = ()


def restorable(flow: Flow, present: Iterable[int], config: AccountConfig) -> RestorableFlow:
    """A past version as it would be saved now.

    flow: the past version
    present: the ids of its destinations that still exist; the others return as new ones
    """
    gone = [Gone(MissingPart.TAG, tag, name) for name in LISTS for tag in getattr(flow, name) if not _is_there(tag, name, config)]
    for lost in gone:
        # Only the list for which the tag is no longer made loses it. Other lists keep it.
        other_lists = {name: getattr(flow, name) for name in LISTS if name != lost.place}
        taken = without_tag(flow, int(lost.key))
        emptied = tuple(name for name in taken.emptied if name == lost.place or name in flow.emptied)
        flow = replace(taken, **other_lists, emptied=emptied)
    filters = tuple(_filter(row, str(n), config, gone) for n, row in enumerate(flow.filters))
    known = set(present)
    destinations = tuple(replace(_destination(d, config, gone), id=d.id if d.id in known else 0) for d in flow.destinations)
    return RestorableFlow(replace(flow, filters=filters, destinations=destinations), tuple(gone))


def _is_there(tag: int, place: str, config: AccountConfig) -> bool:
    return tag in config.tags and KIND_OF_PLACE[place] in config.tags[tag].kinds


def _filter(row: FilterRow, place: str, config: AccountConfig, gone: list[Gone]) -> FilterRow:
    key = parse_filter(row.field)
    if isinstance(key, SourceKey):
        known = config.event_fields if key.group is FieldGroup.EVENT_CUSTOM else config.profile_fields
        if key.id is None or (_is_there(key.id, ANSWERS, config) if key.tag_kind else key.id in known):
            return row
        gone.append(Gone(MissingPart.TAG, key.id, place) if key.tag_kind else Gone(MissingPart.FIELD, row.field, place))
        return FilterRow("event.code", Op.IS_ANY_OF)  # like a row that was just added: without values it makes the flow incomplete
    lost = [value for value in row.values if not _is_there(int(value), key, config)]
    gone += [Gone(MissingPart.TAG, int(value), place) for value in lost]
    if lost and row.op is Op.IS_NONE_OF:  # without the value it would let in what it kept out
        return replace(row, values=())
    return replace(row, values=tuple(value for value in row.values if value not in lost))


def _destination(destination: Destination, config: AccountConfig, gone: list[Gone]) -> Destination:
    if destination.connection is not None and destination.connection not in config.connections:
        gone.append(Gone(MissingPart.CONNECTION, destination.connection, destination.name))
        destination = replace(destination, connection=None)
    if destination.payload_mapping is not None and destination.payload_mapping not in config.mappings:
        gone.append(Gone(MissingPart.PAYLOAD_MAPPING, destination.payload_mapping, destination.name))
        destination = replace(destination, payload_mapping=None)
    if destination.header_mapping is not None and destination.header_mapping not in config.mappings:
        gone.append(Gone(MissingPart.HEADER_MAPPING, destination.header_mapping, destination.name))
        destination = replace(destination, header_mapping=GONE)
    return destination
