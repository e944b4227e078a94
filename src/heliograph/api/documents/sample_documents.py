"""Rows for a new mapping: from a sample of the target's JSON, and from presets (guide: Mappings; M2, B3)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.mapping_documents import RowForm
from heliograph.api.documents.shared_forms import Document
from heliograph.domain.mapping.mapping import EmptyPolicy, MappingKind
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.sample_json import SampleLoss
from heliograph.domain.setup.fields import Subject


class SampleForm(Document):
    """A sample of what the target takes."""

    text: Annotated[str, msgspec.Meta(description="JSON of one record, or a form.")]
    values: Annotated[bool, msgspec.Meta(description="The sample's values become typed text.")] = False
    subject: Annotated[Subject, msgspec.Meta(description="What the mapping is for: source fields of it are proposed.")] = (
        Subject.REGISTRATION
    )


class LossDocument(Document):
    """A part of the sample that cannot become a row."""

    path: str
    why: str

    @classmethod
    def from_loss(cls, loss: SampleLoss) -> Self:
        """The document of a loss."""
        return cls(path=loss.path, why=loss.kind.value)


class SampleRows(Document):
    """The rows of a sample."""

    rows: list[RowForm]
    proposed: Annotated[dict[str, str], msgspec.Meta(description="By target the key of the source field that it probably means.")]
    losses: list[LossDocument]


class StartDocument(Document):
    """Rows to start a mapping from: those of a preset."""

    preset: str
    name: Annotated[str, msgspec.Meta(description="The application.")]
    kind: MappingKind
    subject: Subject
    empty: EmptyPolicy
    rows: list[RowForm]

    @classmethod
    def from_mapping(cls, preset: str, name: str, mapping: FieldMapping) -> Self:
        """The document of a preset's mapping."""
        rows = [RowForm.from_row(row, is_sealed=mapping.seals(row)) for row in mapping.rows]
        return cls(preset=preset, name=name, kind=mapping.kind, subject=mapping.subject, empty=mapping.empty, rows=rows)
