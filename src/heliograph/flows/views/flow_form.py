"""The context of the flow editor's form, for flows/editor.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.does_words import DOES
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH, FlowLack, Missing, fits, missing
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import GONE, LISTS, OFFERED, PROPERTIES, REQUIRED, Destination, FilterRow, Flow, Mode, Watch
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import Shape
from heliograph.domain.setup.filter_fields import is_named_by_account
from heliograph.flows import words
from heliograph.flows.drafts import FlowDraft, hidden_lists, subject_of, tag_choices
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.flow_facts import OPS
from heliograph.flows.services.rules import ACTION, INTEGRATION, MOST_DESTINATIONS, MOST_FILTERS
from heliograph.web.shown_fields import Choice, FormField

WATCHES = {
    Watch.REGISTRATION: gettext_lazy("A registration is created or updated"),
    Watch.STATUS: gettext_lazy("A registration’s status changes"),
    Watch.SESSION_STATUS: gettext_lazy("A session registration’s status changes"),
    Watch.EVENT: gettext_lazy("An event is created or updated"),
}
DOES_WHAT = {
    Does.UPDATES: gettext_lazy("Newer data is never overwritten by a late retry"),
    Does.ADDS: gettext_lazy("Every one is sent; a late retry may follow newer ones"),
}


def form_of(draft: FlowDraft, config: AccountConfig, values: FilterValues, connections: Mapping[int, ConnectionRow]) -> dict[str, Any]:
    """The sections of the form."""
    flow, lacks = draft.flow, missing(draft.flow, config)
    return {
        "opened": draft.opened or "",
        "name": FormField(
            id="name", label=_("Name"), value=flow.name, error=draft.errors.get("name", ""), todo=_name_todo(lacks, draft), follows=True
        ),
        "live": flow.mode is Mode.LIVE,
        "watches": [Choice(w.value, _(w.value), on=w is flow.watch, sub=sub) for w, sub in WATCHES.items()],
        "watch_missing": flow.watch is None and draft.opened is not None,
        "lists": [_list(name, draft, config, lacks) for name in (OFFERED[flow.watch] if flow.watch else ())],
        "hidden": [(name, tag_choices(config, name).text(getattr(flow, name))) for name in hidden_lists(flow) if getattr(flow, name)],
        "filters": [_filter(n, row, draft, values, lacks) for n, row in enumerate(flow.filters)],
        "filters_error": draft.errors.get("filters", ""),
        "field_groups": _field_groups(flow, values),
        "more_filters": len(flow.filters) < MOST_FILTERS,
        "destinations": [_destination(n, d, draft, config, lacks, connections) for n, d in enumerate(flow.destinations)],
        "destinations_error": draft.errors.get("destinations", ""),
        "destination_missing": Missing(FlowLack.DESTINATION) in lacks,
        "more_destinations": len(flow.destinations) < MOST_DESTINATIONS,
    }


def _name_todo(lacks: Sequence[Missing], draft: FlowDraft) -> str:
    return _("Still missing: a name.") if Missing(FlowLack.NAME) in lacks and draft.opened is not None else ""


def _list(name: str, draft: FlowDraft, config: AccountConfig, lacks: Sequence[Missing]) -> dict[str, Any]:
    """One list of "Activate for": its chip input. If the list's last tag was deleted, somebody has to fill it, or say that it is empty on
    purpose."""
    flow = draft.flow
    assert flow.watch is not None
    choices, needed, emptied = tag_choices(config, name), name in REQUIRED[flow.watch], name in flow.emptied
    todo = ""
    if Missing(FlowLack.LIST, name) in lacks:
        todo = _("Still missing: at least one tag, because this flow watches for %(watch)s.") % {"watch": _(flow.watch.value)}
        if not needed:
            todo = _("Its last tag was deleted. Choose another one, or say that it is empty on purpose.")
    help_text = (
        _("If filled, one of these must be set as well.")
        if name == PROPERTIES
        else _("Any of these tags. A status that carries no tag at all goes to Retry and is judged again there.")
    )
    if not choices.label_by_id:
        help_text = _("No tag is made for these yet. An Administrator makes one in Account Settings, under Tags.")
    return {
        "field": FormField(
            kind="chips",
            id=name,
            label=words.list_name(name),
            value=_split(draft.typed.get(name, "")) or choices.labels(getattr(flow, name)),
            options=choices.options,
            optional=not needed,
            help=help_text,
            todo=todo,
            follows=True,
            error=draft.errors.get(name, ""),
            placeholder=_("Add a tag"),
        ),
        "emptied": name if emptied else "",
        "on_purpose": emptied and not needed,
    }


def _field_groups(flow: Flow, values: FilterValues) -> list[tuple[str, list[Choice]]]:
    """The fields that a filter row offers, by the filter types of the guide."""
    offered = values.fields(subject_of(flow))
    return [
        (_(group), [Choice(f.key, f.label if is_named_by_account(f.key) else _(f.label)) for f in fields])
        for group, fields in groupby(offered, key=lambda f: f.group)
    ]


def _filter(n: int, row: FilterRow, draft: FlowDraft, values: FilterValues, lacks: Sequence[Missing]) -> dict[str, Any]:
    return {
        "n": n,
        "number": n + 1,
        "field": row.field,
        "known": any(f.key == row.field for f in values.fields(subject_of(draft.flow))),
        "op": row.op.value,
        "ops": [Choice(op.value, OPS[op], on=op is row.op) for op in OPS if op is row.op or op in values.ops(row.field)],
        "takes_values": row.op.takes_values,
        "values": _bounds(n, row, draft, values, lacks) if row.op.bounds else [_chips(n, row, draft, values, lacks)],
    }


def _chips(n: int, row: FilterRow, draft: FlowDraft, values: FilterValues, lacks: Sequence[Missing]) -> FormField:
    """The chip input for any number of values."""
    id, offered = f"f{n}-values", values.offered(row.field, row.op)
    return FormField(
        kind="chips",
        id=id,
        label=_("Values, row %(n)d") % {"n": n + 1},
        value=_split(draft.typed.get(id, "")) or _split(offered.text(row.values)),
        options=[Choice(value, label) for value, label in offered.labels.items()],
        extra="free" if offered.free else "",
        glue=_("or"),
        placeholder=_("Choose values") if offered.labels else _("Type values"),
        todo=_("Still missing: at least one value.") if Missing(FlowLack.FILTER_VALUES, str(n)) in lacks else "",
        follows=True,
        error=draft.errors.get(id, ""),
    )


def _bounds(n: int, row: FilterRow, draft: FlowDraft, values: FilterValues, lacks: Sequence[Missing]) -> list[FormField]:
    """The input for the day or number with which the field is compared; two of them for "is between"."""
    field = values.field(row.field)
    days = field is not None and field.shape in (Shape.DATE, Shape.INSTANT)
    labels = [_("From, row %(n)d"), _("To, row %(n)d")] if row.op.bounds > 1 else [_("Value, row %(n)d")]
    todo = _("Still missing: two values.") if row.op.bounds > 1 else _("Still missing: a value.")
    lacking = Missing(FlowLack.FILTER_VALUES, str(n)) in lacks
    fields = []
    for at, label in enumerate(labels):
        id = f"f{n}-{'last' if at else 'values'}"
        fields.append(
            FormField(
                kind="date" if days else "text",
                id=id,
                label=label % {"n": n + 1},
                value=draft.typed.get(id) or "".join(row.values[at : at + 1]),
                placeholder="" if days else _("12.5") if field and field.shape else _("2027-01-31 or 12.5"),
                todo=todo if lacking and at == len(labels) - 1 else "",
                follows=True,
                error=draft.errors.get(id, ""),
            )
        )
    return fields


def _destination(
    n: int, d: Destination, draft: FlowDraft, config: AccountConfig, lacks: Sequence[Missing], rows: Mapping[int, ConnectionRow]
) -> dict[str, Any]:
    destination_lacks = {m.lack for m in lacks if m.place == str(d.id)}
    errors = draft.errors

    def todo(lack: FlowLack, text: str) -> str:
        return text if lack in destination_lacks and draft.opened is not None else ""

    ordered = sorted(rows.values(), key=lambda row: (natural_order(row.connection.name), row.id))
    named = [Choice(str(row.id), words.offered_as(row), on=row.id == d.connection) for row in ordered]
    chosen = rows.get(d.connection or 0)
    return {
        "n": n,
        "id": d.id,
        "name_shown": d.name or _("Destination %(n)d") % {"n": n + 1},
        "integration": FormField(
            kind="select", id=f"d{n}-integration", label=_("Integration"), value=d.integration, options=[Choice(INTEGRATION, INTEGRATION)]
        ),
        "name": FormField(
            id=f"d{n}-name",
            label=_("Destination name"),
            value=d.name,
            follows=True,
            error=errors.get(f"d{n}-name", ""),
            todo=todo(FlowLack.DESTINATION_NAME, _("Still missing: a name.")),
        ),
        "connection": FormField(
            kind="select",
            id=f"d{n}-connection",
            label=_("Connection"),
            value=str(d.connection or ""),
            options=named,
            placeholder=_("Choose a connection"),
            follows=True,
            error=errors.get(f"d{n}-connection", ""),
            todo=todo(
                FlowLack.CONNECTION,
                _("No flow can use this connection: %(state)s.") % {"state": words.state_in_words(chosen)}
                if chosen
                else _("Still missing: a connection."),
            ),
        ),
        "action": FormField(
            kind="select",
            id=f"d{n}-action",
            label=_("Action"),
            value=d.action,
            options=[Choice(ACTION, ACTION)],
            placeholder=_("Choose an action"),
            todo=todo(FlowLack.ACTION, _("Still missing: an action.")),
            follows=True,
        ),
        "does": [Choice(does.value, text, on=does is d.does, sub=DOES_WHAT[does]) for does, text in DOES.items()],
        "payload": _mapping(n, "payload", d.payload_mapping, draft, config, destination_lacks),
        "header": _mapping(n, "header", d.header_mapping, draft, config, destination_lacks),
        "payload_id": d.payload_mapping,
        "header_id": d.header_mapping,
    }


def _mapping(n: int, kind: str, chosen: int | None, draft: FlowDraft, config: AccountConfig, destination_lacks: set[FlowLack]) -> FormField:
    """The select with the mappings of one kind that fit the flow's watch. The chosen mapping is included even if it does not fit.

    kind: payload or header
    destination_lacks: what the destination lacks
    """
    subject = SUBJECT_OF_WATCH[draft.flow.watch] if draft.flow.watch else None
    offered = [
        (id, m.name)
        for id, m in config.mappings.items()
        if id == chosen or (m.kind == kind and (subject is None or fits(m.subject, subject)))
    ]
    gone = kind == "header" and chosen == GONE
    todo = _("The one that was here was deleted. Choose another one, or none.") if gone else ""
    if gone:
        offered.append((GONE, _("(deleted)")))
    elif kind == "payload" and FlowLack.PAYLOAD_MAPPING in destination_lacks and draft.opened is not None:
        todo = _("Still missing: a payload mapping.")
    elif FlowLack.FITTING_MAPPING in destination_lacks if kind == "payload" else FlowLack.HEADER_MAPPING in destination_lacks:
        todo = _("This mapping does not fit what the flow watches. Choose another one.")
    return FormField(
        kind="select",
        id=f"d{n}-{kind}",
        label=_("Payload mapping") if kind == "payload" else _("Http Header mapping"),
        value="" if chosen is None else str(chosen),
        options=[Choice(str(id), name) for id, name in sorted(offered, key=lambda pair: (natural_order(pair[1]), pair[0]))],
        placeholder=_("Choose a mapping") if kind == "payload" else _("None"),
        optional=kind == "header",
        todo=todo,
        follows=True,
        error=draft.errors.get(f"d{n}-{kind}", ""),
    )


def refused_items(errors: Mapping[str, str]) -> list[str]:
    """The errors as lines for the callout above the form."""
    names = {
        "name": _("Name"),
        "filters": _("Filters"),
        "destinations": _("Destination"),
        **{name: words.list_name(name) for name in LISTS},
    }
    items = []
    for key, text in errors.items():
        number = key[1:].partition("-")[0]
        if number.isdecimal():
            label = _("Filter %(n)d") if key.startswith("f") else _("Destination %(n)d")
            items.append(f"{label % {'n': int(number) + 1}}: {text}")
        else:
            items.append(f"{names[key]}: {text}" if key in names else text)
    return items


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(";") if word.strip()]
