"""The context of the flow editor's form, for flows/editor.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections.connection_list import ConnectionRow
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH, FlowLack, Missing, fits, missing
from heliograph.domain.flow.flow import GONE, LISTS, OFFERED, PROPERTIES, REQUIRED, Destination, FilterRow, Flow, Mode, Watch
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import Shape
from heliograph.flows import flow_words
from heliograph.flows.drafts import FieldPlace, FlowDraft, hidden_lists, subject_of, tag_choices, texts_of_row
from heliograph.flows.editor_forms import DestinationForm, FilterForm, FlowForm
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.flow_facts import OPS
from heliograph.flows.services.rules import MOST_DESTINATIONS, MOST_FILTERS
from heliograph.web.field_names import field_label, standard_name
from heliograph.web.shown_fields import Choice, FormField

WATCHES = {
    Watch.REGISTRATION: gettext_lazy("A registration is created or updated"),
    Watch.STATUS: gettext_lazy("A registration’s status changes"),
    Watch.SESSION_STATUS: gettext_lazy("A session registration’s status changes"),
    Watch.EVENT: gettext_lazy("An event is created or updated"),
}


def form_of(draft: FlowDraft, config: AccountConfig, values: FilterValues, connections: Mapping[int, ConnectionRow]) -> dict[str, Any]:
    """The sections of the form."""
    flow, lacks = draft.flow, missing(draft.flow, config)
    tags = {name: tag_choices(config, name).text(getattr(flow, name)) for name in LISTS}
    form = FlowForm(initial={"name": flow.name, "opened": draft.opened or "", **tags, **texts_of_row(draft.typed)})
    form.show_errors(texts_of_row(draft.errors))
    form.say("name", todo=_("Still missing: a name.") if Missing(FlowLack.NAME) in lacks and draft.opened is not None else "")
    # The fields that a filter row offers, by the filter types of the guide.
    offered = groupby(values.fields(subject_of(flow)), key=lambda field: field.group)
    field_groups = [(standard_name(group), [Choice(f.key, field_label(f.key, f.label)) for f in fields]) for group, fields in offered]
    return {
        "fields": form,
        "name": form.draw_field("name"),
        "live": flow.mode is Mode.LIVE,
        "watches": [Choice(w.value, _(w.value), on=w is flow.watch, sub=sub) for w, sub in WATCHES.items()],
        "watch_missing": flow.watch is None and draft.opened is not None,
        "lists": [_list(name, form, flow, config, lacks) for name in (OFFERED[flow.watch] if flow.watch else ())],
        "hidden": [form[name] for name in hidden_lists(flow) if getattr(flow, name)],
        "filters": [_filter(at, row, draft, values, lacks) for at, row in enumerate(flow.filters)],
        "filters_error": draft.errors.get(FieldPlace("filters"), ""),
        "field_groups": field_groups,
        "more_filters": len(flow.filters) < MOST_FILTERS,
        "destinations": [_destination(at, d, draft, config, lacks, connections) for at, d in enumerate(flow.destinations)],
        "destinations_error": draft.errors.get(FieldPlace("destinations"), ""),
        "destination_missing": Missing(FlowLack.DESTINATION) in lacks,
        "more_destinations": len(flow.destinations) < MOST_DESTINATIONS,
    }


def _list(name: str, form: FlowForm, flow: Flow, config: AccountConfig, lacks: Sequence[Missing]) -> dict[str, Any]:
    """One list of "Activate for": its chip input. If the list's last tag was deleted, somebody has to fill it, or say that it is empty on
    purpose."""
    assert flow.watch is not None
    choices, needed, emptied = tag_choices(config, name), name in REQUIRED[flow.watch], name in flow.emptied
    todo = ""
    if Missing(FlowLack.LIST, name) in lacks:
        todo = _("Still missing: at least one tag, because this flow watches for %(watch)s.") % {"watch": _(flow.watch.value)}
        if not needed:
            todo = _("Its last tag was deleted. Choose another one, or say that the list is empty on purpose.")
    help_text = (
        _("If filled, one of these must be set as well.")
        if name == PROPERTIES
        else _("Any of these tags. If a status has no tag at all, its changes wait in Retry until it has one.")
    )
    if not choices.label_by_id:
        help_text = _("No tag for these yet. An Administrator can add one in Account Settings, under Tags.")
    form.say(name, label=flow_words.list_name(name), options=choices.options, optional=not needed, help=help_text, todo=todo)
    return {"field": form.draw_field(name), "emptied": name if emptied else "", "on_purpose": emptied and not needed}


def _filter(at: int, row: FilterRow, draft: FlowDraft, values: FilterValues, lacks: Sequence[Missing]) -> dict[str, Any]:
    form = FilterForm(prefix=f"f{at}")
    form.show_errors(texts_of_row(draft.errors, "filters", at))
    return {
        "fields": form,
        "position": at,
        "number": at + 1,
        "field": row.field,
        "known": any(f.key == row.field for f in values.fields(subject_of(draft.flow))),
        "op": row.op.value,
        "ops": [Choice(op.value, OPS[op], on=op is row.op) for op in OPS if op is row.op or op in values.ops(row.field)],
        "takes_values": row.op.takes_values,
        "values": _inputs(
            form,
            at + 1,
            row,
            texts_of_row(draft.typed, "filters", at),
            values,
            is_lacking=Missing(FlowLack.FILTER_VALUES, str(at)) in lacks,
        ),
    }


def _inputs(
    form: FilterForm, number: int, row: FilterRow, typed: Mapping[str, str], values: FilterValues, *, is_lacking: bool
) -> list[FormField]:
    """The inputs of a filter row: a chip input for any number of values, or an input for the day or number with which the field is compared; "is
    between" has two inputs.

    number: the row's number, from 1
    typed: the texts of refused inputs
    """
    if not row.op.bounds:
        offered = values.offered(row.field, row.op)
        form.initial = {"values": typed.get("values") or offered.text(row.values)}
        form.say(
            "values",
            label=_("Values, row %(n)d") % {"n": number},
            options=[Choice(value, label) for value, label in offered.labels.items()],
            extra="free" if offered.free else "",
            placeholder=_("Choose values") if offered.labels else _("Type values"),
            todo=_("Still missing: at least one value.") if is_lacking else "",
        )
        return [form.draw_field("values")]
    field = values.field(row.field)
    days = field is not None and field.shape in (Shape.DATE, Shape.INSTANT)
    placeholder = "" if days else _("12.5") if field and field.shape else _("2027-01-31 or 12.5")
    if row.op.bounds == 1:
        inputs = {"values": (_("Value, row %(n)d"), _("Still missing: a value."))}
    else:
        inputs = {"values": (_("From, row %(n)d"), ""), "last": (_("To, row %(n)d"), _("Still missing: two values."))}
    bounds = []
    for at, (name, (label, todo)) in enumerate(inputs.items()):
        form.say(name, label=label % {"n": number}, placeholder=placeholder, todo=todo if is_lacking else "")
        text = typed.get(name) or "".join(row.values[at : at + 1])
        bounds.append(replace(form.draw_field(name), kind="date" if days else "text", value=text))
    return bounds


def _destination(
    at: int, destination: Destination, draft: FlowDraft, config: AccountConfig, lacks: Sequence[Missing], rows: Mapping[int, ConnectionRow]
) -> dict[str, Any]:
    destination_lacks = {m.lack for m in lacks if m.place == str(destination.id)}
    form = DestinationForm(
        prefix=f"d{at}",
        initial={
            "id": max(destination.id, 0) or "",
            "integration": destination.integration,
            "name": destination.name,
            "connection": destination.connection or "",
            "action": destination.action,
            "does": destination.does.value,
            "payload": destination.payload_mapping,
            "header": destination.header_mapping,
        },
    )
    form.show_errors(texts_of_row(draft.errors, "destinations", at))

    def say_todo(name: str, lack: FlowLack, text: str) -> None:
        form.say(name, todo=text if lack in destination_lacks and draft.opened is not None else "")

    ordered = sorted(rows.values(), key=lambda row: (natural_order(row.connection.name), row.id))
    chosen = rows.get(destination.connection or 0)
    unusable = _("No flow can use this connection: %(state)s.") % {"state": flow_words.state_in_words(chosen)} if chosen else ""
    say_todo("name", FlowLack.DESTINATION_NAME, _("Still missing: a name."))
    say_todo("connection", FlowLack.CONNECTION, unusable or _("Still missing: a connection."))
    say_todo("action", FlowLack.ACTION, _("Still missing: an action."))
    form.say("connection", options=[Choice(str(row.id), flow_words.offered_as(row)) for row in ordered])
    for kind, mapping in (("payload", destination.payload_mapping), ("header", destination.header_mapping)):
        options, todo = _mapping_options(kind, mapping, draft, config, destination_lacks)
        form.say(kind, options=options, todo=todo)
    return {
        "fields": form,
        "position": at,
        "name_shown": destination.name or _("Destination %(n)d") % {"n": at + 1},
        "payload_id": destination.payload_mapping,
        "header_id": destination.header_mapping,
        **{name: form.draw_field(name) for name in form.fields},
    }


def _mapping_options(
    kind: str, chosen: int | None, draft: FlowDraft, config: AccountConfig, destination_lacks: set[FlowLack]
) -> tuple[list[Choice], str]:
    """The mappings of one kind that fit the flow's watch, and what is still to do. The chosen mapping is included even if it does not fit.

    kind: payload or header
    destination_lacks: what the destination lacks
    """
    subject = SUBJECT_OF_WATCH[draft.flow.watch] if draft.flow.watch else None
    offered = [
        (id, mapping.name)
        for id, mapping in config.mappings.items()
        if id == chosen or (mapping.kind == kind and (subject is None or fits(mapping.subject, subject)))
    ]
    gone = kind == "header" and chosen == GONE
    todo = _("What you chose here was deleted. Choose another one, or none.") if gone else ""
    if gone:
        offered.append((GONE, _("(deleted)")))
    elif kind == "payload" and FlowLack.PAYLOAD_MAPPING in destination_lacks and draft.opened is not None:
        todo = _("Still missing: a payload mapping.")
    elif FlowLack.FITTING_MAPPING in destination_lacks if kind == "payload" else FlowLack.HEADER_MAPPING in destination_lacks:
        todo = _("This mapping does not fit what the flow watches. Choose another one.")
    return [Choice(str(id), name) for id, name in sorted(offered, key=lambda pair: (natural_order(pair[1]), pair[0]))], todo


def refused_items(errors: Mapping[FieldPlace, str]) -> list[str]:
    """The errors as lines for the callout above the form."""
    names = {
        "name": _("Name"),
        "filters": _("Filters"),
        "destinations": _("Destination"),
        **{name: flow_words.list_name(name) for name in LISTS},
    }
    items = []
    for place, text in errors.items():
        if place.rows:
            label = _("Filter %(n)d") if place.rows == "filters" else _("Destination %(n)d")
            items.append(f"{label % {'n': place.position + 1}}: {text}")
        else:
            items.append(f"{names[place.name]}: {text}" if place.name in names else text)
    return items
