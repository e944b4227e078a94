"""A flow as labelled texts, for read-only pages and for comparing versions (F10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections.does_words import DOES
from heliograph.connections.models import Connection
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import LISTS, FilterRow, Flow, Mode, Op
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.flows.flow_words import list_name
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.web.field_names import field_label

OPS = {
    Op.IS_ANY_OF: gettext_lazy("is any of"),
    Op.IS_NONE_OF: gettext_lazy("is none of"),
    Op.CONTAINS: gettext_lazy("contains"),
    Op.STARTS_WITH: gettext_lazy("starts with"),
    Op.IS_BEFORE: gettext_lazy("is before"),
    Op.IS_AFTER: gettext_lazy("is after"),
    Op.IS_LESS: gettext_lazy("is less than"),
    Op.IS_MORE: gettext_lazy("is more than"),
    Op.IS_AT_MOST: gettext_lazy("is at most"),
    Op.IS_AT_LEAST: gettext_lazy("is at least"),
    Op.IS_BETWEEN: gettext_lazy("is between"),
    Op.IS_EMPTY: gettext_lazy("is empty"),
    Op.IS_NOT_EMPTY: gettext_lazy("is not empty"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One setting of a flow as a text."""

    key: str
    """Identifies the setting in every version of the flow."""
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class FlowDifference:
    """A setting that differs between two versions. The text of a version that lacks it is ""."""

    label: str
    before: str
    after: str


def names_of(config: AccountConfig, flows: Iterable[Flow]) -> sentence.SentenceNames:
    """The current names of everything that these flows name by id. Deleted connections and mappings have their last name. Needs the account's
    scope."""
    names = sentence.SentenceNames.from_config(config)
    destinations = [d for flow in flows for d in flow.destinations]
    connections = {d.connection for d in destinations} - config.connections.keys() - {None}
    mappings = {id for d in destinations for id in (d.payload_mapping, d.header_mapping)} - config.mappings.keys() - {None}
    if not connections and not mappings:
        return names
    gone = _("%(name)s (deleted)")
    return sentence.SentenceNames(
        tags=names.tags,
        fields=names.fields,
        connections={**names.connections, **_gone(Connection, connections, gone)},
        mappings={**names.mappings, **_gone(StoredMapping, mappings, gone)},
    )


def _gone(model: type[Connection | StoredMapping], ids: Iterable[int | None], template: str) -> dict[int, str]:
    return {pk: template % {"name": name} for pk, name in model.objects.filter(pk__in=list(ids)).values_list("pk", "name")}


def facts(flow: Flow, names: sentence.SentenceNames) -> list[Fact]:
    """The settings of a flow, in the order of its page. Empty ones are omitted."""
    rows = [
        Fact("name", _("Name"), flow.name),
        Fact("mode", _("Live or Test"), _("Live") if flow.mode is Mode.LIVE else _("Test")),
        Fact("active", _("Active"), _("On") if flow.active else _("Off")),
        Fact("watch", _("Watch"), _(flow.watch.value) if flow.watch else ""),
    ]
    rows += [Fact(name, list_name(name), _(" or ").join(_tag(tag, names.tags) for tag in getattr(flow, name))) for name in LISTS]
    rows += [Fact(f"filter {n}", _("Filter %(n)d") % {"n": n + 1}, filter_text(row, names)) for n, row in enumerate(flow.filters)]
    for destination in flow.destinations:
        head = destination.name or _("Destination without a name")
        parts = (
            ("name", _("Destination name"), destination.name),
            ("connection", _("Connection"), _named(destination.connection, names.connections)),
            ("payload", _("Payload mapping"), _named(destination.payload_mapping, names.mappings)),
            ("header", _("Http Header mapping"), _named(destination.header_mapping, names.mappings)),
            ("does", _("What a request does"), str(DOES[destination.does])),
        )
        rows += [Fact(f"destination {destination.id} {key}", f"{head}: {label}", text) for key, label, text in parts]
    return [fact for fact in rows if fact.text]


def filter_text(row: FilterRow, names: sentence.SentenceNames) -> str:
    """One row of Flow Filters as text."""
    label = field_name(row.field, names)
    values = [_tag(int(v), names.tags) if row.field in (EVENT_TAGS, ATTENDEE_TYPE_TAGS) and v.isdecimal() else v for v in row.values]
    return " ".join(
        part
        for part in (
            label,
            str(OPS[row.op]),
            (_(" and ") if row.op is Op.IS_BETWEEN else _(" or ")).join(values) if row.op.takes_values else "",
        )
        if part
    )


def field_name(key: str, names: sentence.SentenceNames) -> str:
    """The name of a filter's field on pages."""
    return field_label(key, names.fields.get(key, key))


def differences(before: list[Fact], after: list[Fact]) -> list[FlowDifference]:
    """The settings that differ between two versions, in the order of the page."""
    was, now = {fact.key: fact for fact in before}, {fact.key: fact for fact in after}
    keys = dict.fromkeys([*now, *was])
    rows = [(key, was.get(key), now.get(key)) for key in keys]
    return [
        FlowDifference((new or old or Fact("", "", "")).label, old.text if old else "", new.text if new else "")
        for _key, old, new in rows
        if (old.text if old else "") != (new.text if new else "")
    ]


def _tag(id: int, names: Mapping[int, str]) -> str:
    return names.get(id) or _("a deleted tag")


def _named(id: int | None, names: Mapping[int, str]) -> str:
    return "" if id is None else names.get(id) or _("a deleted one")
