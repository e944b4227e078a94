"""A flow in the editor: read from a post and changed by the form's buttons, but not saved.

Nothing typed is lost: a text that cannot be parsed stays in the form as it was typed, with an error.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext as _

from heliograph.accounts.kept_form import AGAIN
from heliograph.accounts.languages import translated
from heliograph.connections.preset_files import presets
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH
from heliograph.domain.flow.destination_defaults import with_defaults
from heliograph.domain.flow.flow import GONE, LISTS, OFFERED, Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.ids import read_id
from heliograph.domain.setup.fields import Subject
from heliograph.flows.editor_forms import DestinationForm, FilterForm, FlowForm
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.services.rules import ACTION, INTEGRATION, KIND_OF_PLACE, MOST_DESTINATIONS, MOST_FILTERS
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.forms import member_of

type Rows = Literal["", "filters", "destinations"]


class FieldPlace(NamedTuple):
    """A field of the form, or of one of its rows."""

    name: str
    rows: Rows = ""
    position: int = 0
    """The row's place among its rows, from 0."""


@dataclass(frozen=True, slots=True)
class FlowDraft:
    """A flow that is being edited."""

    flow: Flow
    """New destinations have negative ids."""
    opened: int | None = None
    """The version that is being edited; None for a new flow."""
    errors: Mapping[FieldPlace, str] = field(default_factory=dict)
    """Sentences."""
    typed: Mapping[FieldPlace, str] = field(default_factory=dict)
    """The texts of refused inputs of tags and values."""

    @property
    def to_save(self) -> Flow:
        """The flow for `save_flow`, in which new destinations have the id 0."""
        return replace(self.flow, destinations=tuple(replace(d, id=max(0, d.id)) for d in self.flow.destinations))

    def refused(self, errors: Mapping[str, Iterable[str]]) -> FlowDraft:
        """The draft with the service's errors added."""
        texts = {_place(name): " ".join(translated(sentence) for sentence in sentences) for name, sentences in errors.items()}
        return replace(self, errors={**self.errors, **texts})


def texts_of_row(texts: Mapping[FieldPlace, str], rows: Rows = "", position: int = 0) -> dict[str, str]:
    """The texts of one row by field; of the form itself without `rows`."""
    return {place.name: text for place, text in texts.items() if (place.rows, place.position) == (rows, position)}


def new() -> FlowDraft:
    """A new flow: Active and Test (F2)."""
    return FlowDraft(Flow(0))


def subject_of(flow: Flow) -> Subject:
    """The kind of subject that the flow watches; a registration if no watch is chosen."""
    return Subject(SUBJECT_OF_WATCH[flow.watch]) if flow.watch else Subject.REGISTRATION


def tag_choices(config: AccountConfig, name: str) -> TagChoices:
    """The tags that a list of "Activate for" offers: the ones that are made for its kind of object.

    name: the name of the list
    """
    return TagChoices(config.tags, KIND_OF_PLACE[name], standard=True)


def read(form: FlowForm, base: FlowDraft, config: AccountConfig, values: FilterValues) -> FlowDraft:
    """The posted draft.

    base: the stored flow, or a new one
    """
    posted = form.posted
    errors: dict[FieldPlace, str] = {}
    typed: dict[FieldPlace, str] = {}
    parts: dict[str, Any] = {
        "name": posted["name"],
        "mode": Mode.LIVE if posted["live"] else Mode.TEST,
        "watch": member_of(Watch, posted["watch"], None),
    }
    for name in LISTS:
        tags = tag_choices(config, name).read(posted[name])
        before = getattr(base.flow, name)
        parts[name] = before if set(tags.ids) == set(before) else tags.ids  # the order of the chips does not matter
        if tags.error:
            errors[FieldPlace(name)], typed[FieldPlace(name)] = tags.error, posted[name]
    emptied = set(posted["emptied"]) - set(posted["on_purpose"])
    parts["emptied"] = tuple(name for name in LISTS if name in emptied and not parts[name])
    flow = replace(base.flow, **parts)
    flow = replace(flow, filters=_filters(form, base.flow, values, errors, typed), destinations=_destinations(form, config, errors))
    return FlowDraft(flow, base.opened if base.opened is None else read_id(posted["opened"]) or base.opened, errors, typed)


def _filters(
    form: FlowForm, stored: Flow, values: FilterValues, errors: dict[FieldPlace, str], typed: dict[FieldPlace, str]
) -> tuple[FilterRow, ...]:
    rows: list[FilterRow] = []
    for at, number in enumerate(form.posted["row"][:MOST_FILTERS]):
        row = FilterForm(form.data, prefix=f"f{number}").posted
        key, is_same_field = row["key"], row["was"] in ("", row["key"])  # values of another field do not fit
        op = member_of(Op, row["op"], Op.IS_ANY_OF)
        if op not in values.ops(key):
            op = Op.IS_ANY_OF
        was = member_of(Op, row["op_was"], op)
        parts = {name: row[name].strip() for name in ("values", "last")}
        text = "; ".join(part for part in parts.values() if part)
        if op.bounds and op.bounds != was.bounds:  # the values were typed for another number of bounds
            text = "; ".join([word for word in text.split(";") if not values.read(key, op, word, ()).error][: op.bounds])
        stored_values = [value for row in stored.filters if row.field == key for value in row.values]
        chips = values.read(key, op, text, stored_values)
        if chips.error and op.takes_values and is_same_field:
            errors[FieldPlace("values", "filters", at)] = chips.error
            typed |= {FieldPlace(name, "filters", at): word for name, word in (parts if op.bounds else {"values": text}).items()}
        rows.append(FilterRow(key, op, chips.values if is_same_field else ()))
    return tuple(rows)


def _destinations(form: FlowForm, config: AccountConfig, errors: dict[FieldPlace, str]) -> tuple[Destination, ...]:
    destinations: list[Destination] = []
    for at, number in enumerate(form.posted["destination"][:MOST_DESTINATIONS]):
        row = DestinationForm(form.data, prefix=f"d{number}").posted
        ids = {name: read_id(row[name]) for name in ("id", "connection", "payload", "header")}
        lost: dict[str, Container[object]] = {
            "connection": config.connections,
            "payload": config.mappings,
            "header": {*config.mappings, GONE},
        }
        for name, known in lost.items():
            if row[name] and ids[name] not in known:
                errors[FieldPlace(name, "destinations", at)] = _("What you chose here was deleted. Choose another one.")
                ids[name] = None
        destinations.append(
            Destination(
                ids["id"] or -(at + 1),
                name=row["name"],
                integration=row["integration"] or INTEGRATION,
                connection=ids["connection"],
                action=row["action"],
                payload_mapping=ids["payload"],
                header_mapping=ids["header"],
                does=member_of(Does, row["does"], Does.UPDATES),
            )
        )
    return tuple(destinations)


def with_usual_parts(draft: FlowDraft, config: AccountConfig) -> FlowDraft:
    """The draft whose destinations have a name, a mapping and what a request does, where their connection tells."""
    subject = SUBJECT_OF_WATCH[draft.flow.watch] if draft.flow.watch else None
    destinations = tuple(with_defaults(each, config, presets(), subject) for each in draft.flow.destinations)
    return replace(draft, flow=replace(draft.flow, destinations=destinations))


def pressed(draft: FlowDraft, form: FlowForm, config: AccountConfig) -> FlowDraft | None:
    """The draft after the pressed button, if the button only changes the form; None for any other button."""
    flow, posted = draft.flow, form.posted
    removed_filter, removed_destination = read_id(posted["remove_filter"]), read_id(posted["remove_destination"])
    if posted["add"] == "filter":
        return replace(draft, flow=replace(flow, filters=(*flow.filters, FilterRow("event.code", Op.IS_ANY_OF))[:MOST_FILTERS]))
    if posted["add"] == "destination":
        return with_usual_parts(_with_destination(draft, config), config)
    if removed_filter is not None:
        return _without(draft, "filters", removed_filter)
    if removed_destination is not None:
        return _without(draft, "destinations", removed_destination)
    if posted["look"]:
        return with_usual_parts(draft, config)
    return draft if AGAIN in form.data else None


def _with_destination(draft: FlowDraft, config: AccountConfig) -> FlowDraft:
    """The draft with one destination more. If the account has one connection, it has that."""
    destinations = draft.flow.destinations
    only = next(iter(config.connections)) if len(config.connections) == 1 and not destinations else None
    new = Destination(min([0, *(d.id for d in destinations)]) - 1, integration=INTEGRATION, connection=only, action=ACTION)
    return replace(draft, flow=replace(draft.flow, destinations=(*destinations, new)[:MOST_DESTINATIONS]))


def _without(draft: FlowDraft, rows: Rows, at: int) -> FlowDraft:
    """The draft without one row. The errors and typed texts of the rows after it move up with them.

    at: the row's number, from 0
    """

    def moved(texts: Mapping[FieldPlace, str]) -> dict[FieldPlace, str]:
        return {
            place._replace(position=place.position - (place.rows == rows and place.position > at)): text
            for place, text in texts.items()
            if (place.rows, place.position) != (rows, at)
        }

    others: dict[str, Any] = {rows: tuple(row for n, row in enumerate(getattr(draft.flow, rows)) if n != at)}
    return replace(draft, flow=replace(draft.flow, **others), errors=moved(draft.errors), typed=moved(draft.typed))


def with_chosen(draft: FlowDraft, config: AccountConfig, at: int | None, part: str, id: int, *, does: Does | None = None) -> FlowDraft:
    """The draft with a connection or mapping that was just created for it.

    at: the number of the destination, from 0; None for the first that lacks the part
    part: connection, payload or header
    id: the id of the connection or mapping
    does: what a request over that connection does, if known
    """
    draft = draft if draft.flow.destinations else _with_destination(draft, config)
    flow = draft.flow
    name = {"connection": "connection", "payload": "payload_mapping", "header": "header_mapping"}[part]
    places = range(len(flow.destinations))
    if at is None or at not in places:
        at = next((n for n in places if getattr(flow.destinations[n], name) is None), places[-1])
    chosen: dict[str, Any] = {name: id} | ({} if does is None else {"does": does})
    if part == "connection" and not flow.destinations[at].name.strip():
        chosen["name"] = config.connections[id].name
    destinations = tuple(replace(d, **chosen) if n == at else d for n, d in enumerate(flow.destinations))
    return replace(draft, flow=replace(flow, destinations=destinations))


def hidden_lists(flow: Flow) -> list[str]:
    """The lists that this watch does not offer. The form keeps them, so that they return with another watch, but they are not saved."""
    return [name for name in LISTS if flow.watch is None or name not in OFFERED[flow.watch]]


def _place(name: str) -> FieldPlace:
    """The form field for a field of a service's error, such as filters[0].values."""
    head, bracket, rest = name.partition("[")
    number = rest.partition("]")[0]
    if bracket and number.isdecimal():
        return FieldPlace("values", "filters", int(number)) if head == "filters" else FieldPlace("name", "destinations", int(number))
    return FieldPlace(name)
