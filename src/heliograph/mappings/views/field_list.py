"""The list of source fields in the mapping editor, each with its value of the chosen person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from django.utils.translation import gettext as _

from heliograph.domain.mapping.rendering import FactSource
from heliograph.domain.mapping.transform import text_of
from heliograph.domain.setup.fields import FieldGroup
from heliograph.setup.source_fields import SourceFields


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One entry of the field list; value: what the chosen person has."""

    key: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class FieldList:
    """The field list, by group."""

    groups: tuple[tuple[str, tuple[FieldShown, ...]], ...]


def group_name(group: FieldGroup) -> str:
    """The guide's name of a group of fields."""
    return _(group)


def field_list(fields: SourceFields, facts: FactSource, zone: tzinfo) -> FieldList:
    """Every field with its value of the chosen person."""
    return FieldList(
        tuple(
            (group_name(group), tuple(FieldShown(f.key, f.label, shortened(text_of(facts.value(f.key), zone), 120)) for f in found))
            for group, found in fields.groups.items()
        )
    )


def as_json(found: FieldList) -> list[Mapping[str, object]]:
    """The entry as JSON, for the page's script."""
    return [{"name": name, "fields": [[f.key, f.label, f.value] for f in fields]} for name, fields in found.groups]


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; an ellipsis says that there is more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
