"""Custom profile and event fields of the account as JSON (P6)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.answer_forms import Label, OptionTexts, TypeOfAnswer, type_of
from heliograph.api.documents.shared_forms import Document, Id, sent_or
from heliograph.setup.models import CustomField
from heliograph.setup.services.custom_fields import FieldFacts

Code = Annotated[str, msgspec.Meta(description="For files and the API. An empty one is made of the label.")]


class CustomFieldDocument(Document):
    """A custom field of profiles or of events."""

    id: Id
    code: Code
    label: Label
    type: TypeOfAnswer
    options: OptionTexts

    @classmethod
    def from_row(cls, row: CustomField) -> CustomFieldDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, label=row.label, type=type_of(row.type), options=list(row.options))


class NewCustomField(Document):
    """A custom field to add."""

    label: Label
    code: Code = ""
    type: TypeOfAnswer = "text"
    options: OptionTexts = msgspec.field(default_factory=list)

    def facts(self, kind: CustomField.Kind) -> FieldFacts:
        """The facts of a new field, for the service. kind: of profiles or of events."""
        return FieldFacts(kind.value, self.code, self.label, self.type, tuple(self.options))


class CustomFieldChange(Document):
    """What to change of a custom field. An absent member stays as it is."""

    label: Label | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    type: TypeOfAnswer | UnsetType = UNSET
    options: OptionTexts | UnsetType = UNSET

    def facts(self, row: CustomField) -> FieldFacts:
        """The facts of a stored field with the changes."""
        return FieldFacts(
            row.kind,
            sent_or(self.code, row.code),
            sent_or(self.label, row.label),
            sent_or(self.type, type_of(row.type)),
            tuple(sent_or(self.options, row.options)),
        )
