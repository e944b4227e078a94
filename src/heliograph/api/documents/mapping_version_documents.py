"""Versions of mappings as JSON (F10)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.mapping_documents import MappingDocument, RowForm, members_of
from heliograph.api.documents.shared_forms import Document
from heliograph.api.documents.version_documents import VersionComparison, VersionDocument
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_restoration import RestorableMapping
from heliograph.mappings.row_changes import PlacedRow, RowChange
from heliograph.setup.services.versions import Version


class MappingVersion(VersionDocument, kw_only=True):
    """A version of a mapping. It may name fields that are gone."""

    mapping: MappingDocument

    @classmethod
    def from_mapping_version(cls, id: int, version: Version) -> Self:
        """The document of a version."""
        head = msgspec.structs.asdict(VersionDocument.from_version(version))
        mapping = MappingDocument(**members_of(id, version.number, FieldMapping.from_body(version.body)))
        return cls(**head, mapping=mapping)


class RowDifference(Document):
    """A row that differs."""

    before: Annotated[RowForm | None, msgspec.Meta(description="null: it was added.")]
    after: Annotated[RowForm | None, msgspec.Meta(description="null: it was removed.")]

    @classmethod
    def from_change(cls, change: RowChange, old: FieldMapping, new: FieldMapping) -> Self:
        """The document of a change between two versions."""

        def form(placed: PlacedRow | None, mapping: FieldMapping) -> RowForm | None:
            return None if placed is None else RowForm.from_row(placed.row, is_sealed=mapping.seals(placed.row))

        return cls(before=form(change.before, old), after=form(change.after, new))


class MappingComparison(VersionComparison, kw_only=True):
    """What differs between two versions of a mapping."""

    rows: list[RowDifference]


class MappingRestoration(Document):
    """What restoring a version of a mapping would do. Texts that are stored encrypted stay as they are now."""

    left_out: Annotated[list[str], msgspec.Meta(description="What the version names and what is gone, in words.")]
    stops: Annotated[
        list[str], msgspec.Meta(description="Required targets that would have no source: nothing is sent until they have one.")
    ]
    rows: Annotated[list[RowForm], msgspec.Meta(description="The rows as they would be saved.")]

    @classmethod
    def from_restorable(cls, restorable: RestorableMapping, left_out: list[str]) -> Self:
        """The document. left_out: in words."""
        mapping = restorable.mapping
        rows = [RowForm.from_row(row, is_sealed=mapping.seals(row)) for row in mapping.rows]
        return cls(left_out=left_out, stops=list(restorable.stops), rows=rows)
