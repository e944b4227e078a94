"""A flow in the editor: read from a post and changed by the form's buttons, but not saved.

Nothing typed is lost: a text that cannot be parsed stays in the form as it was typed, with an error.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from heliograph.accounts.kept_form import AGAIN
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import GONE, LISTS, OFFERED, Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.ids import read_id
from heliograph.domain.setup.fields import Subject
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.services.rules import ACTION, INTEGRATION, KIND_OF_PLACE, MOST_DESTINATIONS, MOST_FILTERS
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.forms import member_of

LONGEST = 20_000
"""Most characters of one chip input that are parsed."""


@dataclass(frozen=True, slots=True)
class FlowDraft:
    """A flow that is being edited."""

    flow: Flow
    """New destinations have negative ids."""
    opened: int | None = None
    """The version that is being edited; None for a new flow."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Sentences, by form field."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """The texts of refused chip inputs, by form field."""

    @property
    def to_save(self) -> Flow:
        """The flow for `save_flow`, in which new destinations have the id 0."""
        return replace(self.flow, destinations=tuple(replace(d, id=max(0, d.id)) for d in self.flow.destinations))

    def refused(self, errors: Mapping[str, Iterable[str]]) -> FlowDraft:
        """The draft with the service's errors added, by form field."""
        texts = {_field(name): " ".join(_(sentence) for sentence in sentences) for name, sentences in errors.items()}
        return replace(self, errors={**self.errors, **texts})


def new() -> FlowDraft:
    """A new flow: Active and Test (F2)."""
    return FlowDraft(Flow(0))


def subject_of(flow: Flow) -> Subject:
    """The kind of subject that the flow watches; a registration if no watch is chosen."""
    return Subject(SUBJECT_OF_WATCH[flow.watch]) if flow.watch else Subject.REGISTRATION


def tag_choices(config: AccountConfig, name: str) -> TagChoices:
    """The tags that a list of "Activate for" offers: those made for its kind of object.

    name: that of the list
    """
    return TagChoices(config.tags, KIND_OF_PLACE[name], standard=True)


def read(form: QueryDict, base: FlowDraft, config: AccountConfig, values: FilterValues) -> FlowDraft:
    """The posted draft.

    base: the stored flow, or a new one
    """
    errors: dict[str, str] = {}
    typed: dict[str, str] = {}
    parts: dict[str, Any] = {
        "name": form.get("name", "")[:LONGEST],
        "mode": Mode.LIVE if "live" in form else Mode.TEST,
        "watch": member_of(Watch, form.get("watch"), None),
    }
    for name in LISTS:
        text = form.get(name, "")[:LONGEST]
        tags = tag_choices(config, name).read(text)
        before = getattr(base.flow, name)
        parts[name] = before if set(tags.ids) == set(before) else tags.ids  # the order of the chips does not matter
        if tags.error:
            errors[name], typed[name] = tags.error, text
    on_purpose = set(form.getlist("on-purpose"))
    parts["emptied"] = tuple(n for n in LISTS if n in form.getlist("emptied") and n not in on_purpose and not parts[n])
    flow = replace(base.flow, **parts)
    flow = replace(flow, filters=_filters(form, base.flow, values, errors, typed), destinations=_destinations(form, config, errors))
    opened = read_id(form.get("opened", ""))
    return FlowDraft(flow, base.opened if base.opened is None else opened or base.opened, errors, typed)


def _filters(form: QueryDict, stored: Flow, values: FilterValues, errors: dict[str, str], typed: dict[str, str]) -> tuple[FilterRow, ...]:
    rows: list[FilterRow] = []
    for n in form.getlist("row")[:MOST_FILTERS]:
        key = form.get(f"f{n}-field", "")[:100]
        op = member_of(Op, form.get(f"f{n}-op"), Op.IS_ANY_OF)
        if op not in values.ops(key):
            op = Op.IS_ANY_OF
        was = member_of(Op, form.get(f"f{n}-op-was"), op)
        parts = {part: form.get(f"f{n}-{part}", "")[:LONGEST].strip() for part in ("values", "last")}
        text = "; ".join(part for part in parts.values() if part)
        if op.bounds and op.bounds != was.bounds:  # the values were typed for another number of bounds
            text = "; ".join([word for word in text.split(";") if not values.read(key, op, word, ()).error][: op.bounds])
        stored_values = [value for row in stored.filters if row.field == key for value in row.values]
        chips = values.read(key, op, text, stored_values)
        at = len(rows)
        if chips.error and op.takes_values and form.get(f"f{n}-was", key) == key:
            errors[f"f{at}-values"], typed[f"f{at}-values"] = chips.error, text
            if op.bounds:
                typed |= {f"f{at}-{part}": word for part, word in parts.items()}
        rows.append(FilterRow(key, op, chips.values if form.get(f"f{n}-was", key) == key else ()))  # values of another field do not fit
    return tuple(rows)


def _destinations(form: QueryDict, config: AccountConfig, errors: dict[str, str]) -> tuple[Destination, ...]:
    destinations: list[Destination] = []
    for n in form.getlist("destination")[:MOST_DESTINATIONS]:
        at, given = len(destinations), {name: form.get(f"d{n}-{name}", "") for name in ("id", "connection", "payload", "header")}
        ids = {name: read_id(text) for name, text in given.items()}
        lost: dict[str, Container[object]] = {
            "connection": config.connections,
            "payload": config.mappings,
            "header": {*config.mappings, GONE},
        }
        for name, known in lost.items():
            if given[name] and ids[name] not in known:
                errors[f"d{at}-{name}"] = _("What was chosen here is gone. Choose another one.")
                ids[name] = None
        destinations.append(
            Destination(
                ids["id"] or -(at + 1),
                name=form.get(f"d{n}-name", "")[:LONGEST],
                integration=form.get(f"d{n}-integration", INTEGRATION)[:40],
                connection=ids["connection"],
                action=form.get(f"d{n}-action", "")[:40],
                payload_mapping=ids["payload"],
                header_mapping=ids["header"],
                does=Does.ADDS if form.get(f"d{n}-does") == Does.ADDS.value else Does.UPDATES,
            )
        )
    return tuple(destinations)


def pressed(draft: FlowDraft, form: QueryDict) -> FlowDraft | None:
    """The draft after the pressed button, if the button only changes the form; None for any other button."""
    flow = draft.flow
    added, removed_row, removed = form.get("add", ""), read_id(form.get("remove-filter", "")), read_id(form.get("remove-destination", ""))
    if added == "filter":
        return replace(draft, flow=replace(flow, filters=(*flow.filters, FilterRow("event.code", Op.IS_ANY_OF))[:MOST_FILTERS]))
    if added == "destination":
        new = Destination(min([0, *(d.id for d in flow.destinations)]) - 1, integration=INTEGRATION, action=ACTION)
        return replace(draft, flow=replace(flow, destinations=(*flow.destinations, new)[:MOST_DESTINATIONS]))
    if removed_row is not None:
        return _without(draft, "f", removed_row, filters=_all_but(flow.filters, removed_row))
    if removed is not None:
        return _without(draft, "d", removed, destinations=_all_but(flow.destinations, removed))
    return draft if "look" in form or AGAIN in form else None


def _all_but[T](rows: tuple[T, ...], at: int) -> tuple[T, ...]:
    return rows[:at] + rows[at + 1 :]


def _without(draft: FlowDraft, letter: str, at: int, **parts: Any) -> FlowDraft:
    """The draft without one row. The errors and typed texts of the rows after it move up with them.

    letter: "f" for a filter row, "d" for a destination
    at: the row's number, from 0
    parts: the flow's fields without the row
    """

    def moved(texts: Mapping[str, str]) -> dict[str, str]:
        moved_texts = {}
        for name, text in texts.items():
            number, dash, rest = name[1:].partition("-")
            if name[:1] == letter and dash and number.isdecimal():
                if int(number) == at:
                    continue
                name = f"{letter}{int(number) - (int(number) > at)}-{rest}"  # noqa: PLW2901
            moved_texts[name] = text
        return moved_texts

    return replace(draft, flow=replace(draft.flow, **parts), errors=moved(draft.errors), typed=moved(draft.typed))


def with_chosen(draft: FlowDraft, config: AccountConfig, at: int | None, part: str, id: int, *, does: Does | None = None) -> FlowDraft:
    """The draft with a connection or mapping that was just created for it.

    at: the number of the destination, from 0; None for the first that lacks the part
    part: connection, payload or header
    id: that of the connection or mapping
    does: what a request over that connection does, if known
    """
    flow = draft.flow
    if not flow.destinations:
        draft = pressed(draft, QueryDict("add=destination")) or draft
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


def _field(name: str) -> str:
    """The form field for a field of a service's error."""
    head, bracket, rest = name.partition("[")
    number = rest.partition("]")[0]
    if bracket and number.isdecimal():
        return f"f{number}-values" if head == "filters" else f"d{number}-name"
    return name
