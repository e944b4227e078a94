"""Checks what a flow names before it is saved, lists it for "where used", and removes what is deleted (F4-F8, P12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH
from heliograph.domain.flow.filters import bounds_of, matches, plain
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
    Mode,
    Op,
)
from heliograph.domain.mapping.json_bodies import BodyError, checked_text
from heliograph.domain.sentence_template import whole_sentence
from heliograph.domain.setup.fields import FieldError, FieldGroup, SourceKey, Subject
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS, parse_filter
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import FLOW_NAME_LENGTH
from heliograph.setup.models.tag_models import KIND_NAMES
from heliograph.setup.name_fields import NAME_LENGTH
from heliograph.setup.setup_errors import Invalid

MOST_DESTINATIONS = 20
MOST_FILTERS = 50
MOST_VALUES = 500
VALUE_LENGTH = 1_000
INTEGRATION, ACTION = "Webhooks", "Webhook"

ANSWERS = "answer.tag"
"""The place of a question tag whose answers a filter row compares. The row's field names the tag, not its values."""

KIND_OF_PLACE: Mapping[str, TagKind] = {
    STATUSES: TagKind.REGISTRATION_STATUS,
    PROPERTIES: TagKind.REGISTRATION_PROPERTY,
    SESSION_STATUSES: TagKind.SESSION_STATUS,
    EVENT_STATUSES: TagKind.EVENT_STATUS,
    EVENT_TAGS: TagKind.EVENT,
    ATTENDEE_TYPE_TAGS: TagKind.ATTENDEE_TYPE,
    ANSWERS: TagKind.QUESTION,
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
    if flow.watch is not None:  # a list that this watch does not offer is dropped, because it would return unnoticed with another watch
        offered = OFFERED[flow.watch]
        flow = _with(flow, **{name: () for name in LISTS if name not in offered}, emptied=tuple(n for n in flow.emptied if n in offered))
    if len(flow.filters) > MOST_FILTERS:
        raise Invalid({"filters": [_("At most %(most)s filters are possible.") % {"most": MOST_FILTERS}]})
    subject = Subject(SUBJECT_OF_WATCH[flow.watch]) if flow.watch else None
    filters = tuple(_filter(row, f"filters[{i}]", subject, config) for i, row in enumerate(flow.filters))
    if len(flow.destinations) > MOST_DESTINATIONS:
        raise Invalid({"destinations": [_("At most %(most)s destinations are possible.") % {"most": MOST_DESTINATIONS}]})
    ids = [d.id for d in flow.destinations if d.id]
    if len(set(ids)) != len(ids):
        raise Invalid({"destinations": [_("A destination occurs twice.")]})
    destinations = tuple(_destination(d, f"destinations[{i}]", config) for i, d in enumerate(flow.destinations))
    return replace(flow, filters=filters, destinations=destinations)


def _with(flow: Flow, **parts: Any) -> Flow:
    """The flow with other fields, whose names are known at runtime only."""
    return replace(flow, **parts)


def _filter(row: FilterRow, where: str, subject: Subject | None, config: AccountConfig) -> FilterRow:
    try:
        key = parse_filter(row.field)
    except FieldError as error:
        raise Invalid({where: [error.sentence]}) from None
    if len(row.values) > MOST_VALUES:
        raise Invalid({where: [_("At most %(most)s values are possible.") % {"most": MOST_VALUES}]})
    values = tuple(dict.fromkeys(_text(value, where, VALUE_LENGTH) for value in row.values)) if row.op.takes_values else ()
    if row.op.bounds:
        values = _bounds(row, where)
    is_event = key == EVENT_TAGS or (isinstance(key, SourceKey) and key.group in (FieldGroup.EVENT, FieldGroup.EVENT_CUSTOM))
    if subject is Subject.EVENT and not is_event:
        raise Invalid({where: [_("A flow that watches events filters by event fields only.")]})
    if isinstance(key, SourceKey) and key.group is FieldGroup.SESSION and subject not in (None, Subject.SESSION):
        raise Invalid({where: [_("Only a flow that watches sessions filters by session fields.")]})
    if isinstance(key, str):
        for value in values:
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise Invalid({where: [_("There is no tag %(id)s.") % {"id": value}]})
            _check_tag(int(value), KIND_OF_PLACE[key], where, config)
    elif key.tag_kind is not None:
        _check_tag(key.id or 0, key.tag_kind, where, config)
    elif key.id is not None and key.id not in (config.event_fields if key.group is FieldGroup.EVENT_CUSTOM else config.profile_fields):
        raise Invalid({where: [_("There is no custom field %(id)s.") % {"id": key.id}]})
    return replace(row, values=values)


def _bounds(row: FilterRow, where: str) -> tuple[str, ...]:
    """The values of a comparison; too few make the flow incomplete (F2). Raises Invalid for a value that is neither a day nor a number."""
    values = tuple(value.strip() for value in row.values if value.strip())
    if len(values) > row.op.bounds:
        refusal = _("“%(op)s” compares with two values.") if row.op.bounds > 1 else _("“%(op)s” compares with one value.")
        raise Invalid({where: [refusal % {"op": _(row.op.value)}]})
    for value in values:
        if bounds_of(row.op, (value,) * row.op.bounds) is None:
            refusal = _("“%(value)s” cannot be compared: days are written as 2027-01-31, numbers as 12.5.")
            raise Invalid({where: [refusal % {"value": value[:100]}]})
    if len(values) == row.op.bounds and bounds_of(row.op, values) is None:
        raise Invalid({where: [_("A day and a number cannot be compared. Give two days or two numbers.")]})
    return values


def _destination(destination: Destination, where: str, config: AccountConfig) -> Destination:
    if destination.connection is not None and destination.connection not in config.connections:
        raise Invalid({where: [_("There is no connection %(id)s.") % {"id": destination.connection}]})
    for mapping in (destination.payload_mapping, None if destination.header_mapping == GONE else destination.header_mapping):
        if mapping is not None and mapping not in config.mappings:
            raise Invalid({where: [_("There is no mapping %(id)s.") % {"id": mapping}]})
    if destination.integration not in ("", INTEGRATION) or destination.action not in ("", ACTION):
        raise Invalid({where: [_("Webhooks is the only integration.")]})
    return replace(destination, name=_text(destination.name, where, NAME_LENGTH))


def _check_tag(tag: int, kind: TagKind, where: str, config: AccountConfig) -> None:
    if tag not in config.tags:
        raise Invalid({where: [_("There is no tag %(id)s.") % {"id": tag}]})
    if kind not in config.tags[tag].kinds:
        refusal = _("The tag %(label)s is not made for %(kind)s.")
        raise Invalid({where: [refusal % {"label": config.tags[tag].label, "kind": KIND_NAMES[kind]}]})


def _text(text: str, where: str, longest: int) -> str:
    try:
        return checked_text(text.strip(), "", longest=longest)
    except BodyError as error:
        raise Invalid({where: [whole_sentence(error.reason)]}) from None


def named_tags(flow: Flow) -> set[tuple[str, int]]:
    """The place and id of each tag that the flow names, without standard tags, which have no row. A place is the name of a list, the field of a
    filter, or ANSWERS."""
    places_and_tags = {(name, tag) for name in LISTS for tag in getattr(flow, name)}
    places_and_tags |= {(row.field, int(value)) for row in flow.filters if row.field in KIND_OF_PLACE for value in row.values}
    places_and_tags |= {(ANSWERS, key.id) for key in _keys(flow) if key.tag_kind is not None and key.id is not None}
    return {(place, tag) for place, tag in places_and_tags if tag > 0}


def named_fields(flow: Flow) -> set[int]:
    """The custom fields by which the flow filters."""
    return {key.id for key in _keys(flow) if key.tag_kind is None and key.id is not None}


def _keys(flow: Flow) -> list[SourceKey]:
    return [key for key in (parse_filter(row.field) for row in flow.filters) if isinstance(key, SourceKey)]


def without_tag(flow: Flow, tag: int) -> Flow:
    """The flow without a tag in its lists. A list that loses its last tag makes the flow incomplete (P12)."""
    emptied = set(flow.emptied)
    for name in LISTS:
        before = getattr(flow, name)
        if tag in before:
            after = tuple(t for t in before if t != tag)
            flow = _with(flow, **{name: after})
            if not after:
                emptied.add(name)
    return replace(flow, emptied=tuple(name for name in LISTS if name in emptied))


def is_wider(before: Flow, after: Flow) -> bool:
    """Whether saving makes an active flow take more live changes: it goes from Test to Live, or a Live flow loses the last tag of a list or all
    filters of a field."""
    if after.mode is not Mode.LIVE or not after.active:
        return False
    if before.mode is not Mode.LIVE:
        return True
    emptied = [name for name in LISTS if getattr(before, name) and not getattr(after, name) and name not in after.emptied]
    return bool(emptied) or not {row.field for row in before.filters} <= {row.field for row in after.filters}


def takes_more(before: Flow, after: Flow) -> bool:
    """Whether a Live flow might act on a change that it did not act on before. Besides what is wider, that is another watch, another tag in a
    list, and a row of Flow Filters that is gone or lets other values through.

    This is stricter than what the editor asks about, whose user sees the rule: a configuration file is applied without anybody looking (B5).
    """
    if is_wider(before, after):
        return True
    if after.mode is not Mode.LIVE or not after.active:
        return False
    return (
        before.watch is not after.watch
        or any(_list_takes_more(name, before, after) for name in LISTS)
        or not all(any(_row_keeps_out(row, each) for each in after.filters) for row in before.filters)
    )


def selects_more(flow: Flow, place: str, before: frozenset[int], after: frozenset[int]) -> bool:
    """Whether a flow selects a thing by the tags that it has afterwards, and did not by those before.

    place: the list, or the field of a filter, that selects by them
    """
    if place in LISTS:
        selected = flow.tags_of(place)
        return bool(selected) and before.isdisjoint(selected) and not after.isdisjoint(selected)
    values_before, values_after = tuple(map(str, before)), tuple(map(str, after))
    return any(row.field == place and matches(row, values_after) and not matches(row, values_before) for row in flow.filters)


def _list_takes_more(name: str, before: Flow, after: Flow) -> bool:
    """Whether a list, of which the change needs any tag, lets other changes through."""
    tags_before, tags_after = set(getattr(before, name)), set(getattr(after, name))
    if tags_before:
        return bool(tags_after - tags_before)
    return name in before.emptied and name not in after.emptied and not tags_after


def _row_keeps_out(before: FilterRow, after: FilterRow) -> bool:
    """Whether a row keeps out everything that another one kept out."""
    if (before.field, before.op) != (after.field, after.op):
        return False
    values_before, values_after = set(map(plain, before.values)), set(map(plain, after.values))
    if before.op is Op.IS_NONE_OF:
        return values_before <= values_after
    if before.op in (Op.IS_ANY_OF, Op.CONTAINS, Op.STARTS_WITH):
        return values_after <= values_before
    return before.values == after.values


def without_values(flow: Flow, field: str, lost: Iterable[str]) -> Flow:
    """The flow after values of a filter's field are deleted: options, codes, or tags by their ids (P12).

    "Is any of" keeps its other values. "Is none of" would let in what it kept out, so it loses all its values and the flow stops. Patterns
    (contains, starts with) name no value.
    """
    gone = set(map(plain, lost))
    filters = []
    for row in flow.filters:
        remaining_values = tuple(value for value in row.values if plain(value) not in gone)
        if row.field != field or row.op not in (Op.IS_ANY_OF, Op.IS_NONE_OF) or remaining_values == row.values:
            filters.append(row)
        else:
            filters.append(replace(row, values=remaining_values if row.op is Op.IS_ANY_OF else ()))
    return replace(flow, filters=tuple(filters))


def without_tag_anywhere(flow: Flow, tag: int) -> Flow:
    """The flow after a tag is deleted: without it in lists and filters."""
    for field in (EVENT_TAGS, ATTENDEE_TYPE_TAGS):
        flow = without_values(flow, field, [str(tag)])
    return without_tag(flow, tag)


def with_tag_replaced(flow: Flow, old: int, new: int) -> Flow:
    """The flow with one tag replaced by another, in lists and filters."""
    for name in LISTS:
        flow = _with(flow, **{name: tuple(dict.fromkeys(new if t == old else t for t in getattr(flow, name)))})
    filters = []
    for row in flow.filters:
        if row.field in KIND_OF_PLACE:
            filters.append(replace(row, values=tuple(dict.fromkeys(str(new) if v == str(old) else v for v in row.values))))
        else:
            filters.append(replace(row, field=f"answer.{new}") if row.field == f"answer.{old}" else row)
    return replace(flow, filters=tuple(filters))
