"""Starting points for a new mapping: the mappings of presets (B3)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.connections.preset_files import presets
from heliograph.domain.flow.completeness import fits
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.setup.fields import Subject


def starts(kind: MappingKind, subject: Subject) -> dict[str, tuple[str, FieldMapping]]:
    """The starting points for a mapping of this kind and subject: the application's name and mapping, by the preset's key."""
    starting_points: dict[str, tuple[str, FieldMapping]] = {}
    for each in presets():
        for body in each.start():
            mapping = FieldMapping.from_body({"name": _("%(connection)s mapping") % {"connection": each.name}, **body})
            if mapping.rows and mapping.kind is kind and fits(mapping.subject.value, subject.value):
                starting_points.setdefault(each.key, (each.name, mapping))
    return starting_points
