"""The list of source fields in the mapping editor, each with the chosen person's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from heliograph.domain.mapping.mapping_renderer import FactSource
from heliograph.domain.mapping.transform import text_of
from heliograph.domain.setup.fields import FieldGroup, SourceField
from heliograph.setup.source_fields import SourceFields
from heliograph.web.field_names import field_label, standard_name


@dataclass(frozen=True, slots=True)
class FieldShown:
    """An entry of the field list."""

    key: str
    label: str
    value: str
    """The chosen person's value, shortened."""


@dataclass(frozen=True, slots=True)
class FieldList:
    """The field list, by group."""

    groups: tuple[tuple[str, tuple[FieldShown, ...]], ...]


def group_name(group: FieldGroup) -> str:
    """The name of a group of fields, as in the guide."""
    return standard_name(group.value)


def field_list(fields: SourceFields, facts: FactSource, zone: tzinfo) -> FieldList:
    """Every field with the chosen person's value."""
    return FieldList(
        tuple(
            (
                group_name(group),
                tuple(_field_of(field, facts, zone) for field in group_fields),
            )
            for group, group_fields in fields.groups.items()
        )
    )


def _field_of(field: SourceField, facts: FactSource, zone: tzinfo) -> FieldShown:
    return FieldShown(field.key, field_label(field.key, field.label), shortened(text_of(facts.value(field.key), zone), 120))


def as_json(listed: FieldList) -> list[Mapping[str, object]]:
    """The list as JSON, for the page's script."""
    return [{"name": name, "fields": [[f.key, f.label, f.value] for f in fields]} for name, fields in listed.groups]


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters; an ellipsis marks a cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
