"""Presets as JSON: applications whose connection and first mapping are filled in (B3)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.connection_documents import ConnectionDocument
from heliograph.api.documents.mapping_documents import MappingDocument
from heliograph.api.documents.shared_forms import Document
from heliograph.domain.connection.presets import Blank, BlankKind, Preset, PresetGroup
from heliograph.domain.delivery.action import Does


class BlankDocument(Document):
    """A value to fill in."""

    name: str
    label: str
    kind: BlankKind
    help: str
    default: str
    required: bool
    takes_fields: Annotated[bool, msgspec.Meta(description="It is a URL that may hold source fields in braces.")]

    @classmethod
    def from_blank(cls, blank: Blank) -> Self:
        """The document of a blank."""
        return cls(
            name=blank.name,
            label=blank.label,
            kind=blank.kind,
            help=blank.help,
            default=blank.default,
            required=blank.required,
            takes_fields=blank.takes_fields,
        )


class PresetDocument(Document):
    """A preset."""

    key: str
    name: str
    group: PresetGroup
    what: str
    needs: str
    sets: str
    does: Annotated[Does, msgspec.Meta(description="What a request does at the target: choose it in the flow.")]
    blanks: list[BlankDocument]
    ask: Annotated[list[str], msgspec.Meta(description="What to ask the administrator of the application.")]
    notes: list[str]

    @classmethod
    def from_preset(cls, preset: Preset) -> Self:
        """The document of a preset."""
        return cls(
            key=preset.key,
            name=preset.name,
            group=preset.group,
            what=preset.what,
            needs=preset.needs,
            sets=preset.sets,
            does=preset.does,
            blanks=[BlankDocument.from_blank(each) for each in preset.blanks],
            ask=list(preset.ask),
            notes=list(preset.notes),
        )


class FilledPreset(Document):
    """The values of a preset's blanks, by name."""

    values: Annotated[
        dict[str, str], msgspec.Meta(description="An absent one has its default; without `name` the connection is named after the preset.")
    ]


class MadeDocument(Document):
    """The connection and the mappings that were made from a preset."""

    connection: ConnectionDocument
    mappings: list[MappingDocument]
