"""What an event is set up with, as JSON: attendee types, properties, questions, sessions (P4-P6). Custom statuses: status_documents."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.answer_forms import Label, OptionTexts, TypeOfAnswer, type_of
from heliograph.api.documents.shared_forms import Document, Id, Instant, ids_of, numbers_of, sent_or
from heliograph.setup.models import AttendeeType, Question, RegistrationProperty, Session
from heliograph.setup.services.event_setup import PropertyFacts, QuestionFacts, SessionFacts, TypeFacts

Name = Annotated[str, msgspec.Meta(description="Unique in the event, whatever its case.")]
Code = Annotated[str, msgspec.Meta(description="For files and the API. An empty one is made of the name.")]
Tags = Annotated[list[Id], msgspec.Meta(description="The ids of its tags, each made for this kind of object.")]
OneTag = Annotated[Id | None, msgspec.Meta(description="The id of its one tag, by which mappings find its answers; null for none.")]
SessionName = Annotated[str, msgspec.Meta(description="What pages and mappings call it.")]


class AttendeeTypeDocument(Document):
    """An attendee type of an event."""

    id: Id
    code: Code
    name: Name
    tags: Tags

    @classmethod
    def from_row(cls, row: AttendeeType) -> AttendeeTypeDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, name=row.name, tags=ids_of(row.tags.all()))


class PropertyDocument(Document):
    """A custom registration property of an event."""

    id: Id
    code: Code
    name: Name
    tags: Tags

    @classmethod
    def from_row(cls, row: RegistrationProperty) -> PropertyDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, name=row.name, tags=ids_of(row.tags.all()))


class NewAttendeeType(Document):
    """An attendee type to add."""

    name: Name
    code: Code = ""
    tags: Tags = msgspec.field(default_factory=list)

    @property
    def facts(self) -> TypeFacts:
        return TypeFacts(self.code, self.name, tuple(numbers_of("tags", self.tags)))


class NewProperty(Document):
    """A custom registration property to add."""

    name: Name
    code: Code = ""
    tags: Tags = msgspec.field(default_factory=list)

    @property
    def facts(self) -> PropertyFacts:
        return PropertyFacts(self.code, self.name, tuple(numbers_of("tags", self.tags)))


class AttendeeTypeChange(Document):
    """What to change of an attendee type. An absent member stays as it is."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET

    def facts(self, row: AttendeeType) -> TypeFacts:
        """The attendee type with the changes."""
        tags = tuple(numbers_of("tags", sent_or(self.tags, ids_of(row.tags.all()))))
        return TypeFacts(sent_or(self.code, row.code), sent_or(self.name, row.name), tags)


class PropertyChange(Document):
    """What to change of a custom registration property. An absent member stays as it is."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET

    def facts(self, row: RegistrationProperty) -> PropertyFacts:
        """The property with the changes."""
        tags = tuple(numbers_of("tags", sent_or(self.tags, ids_of(row.tags.all()))))
        return PropertyFacts(sent_or(self.code, row.code), sent_or(self.name, row.name), tags)


class QuestionDocument(Document):
    """A question of an event."""

    id: Id
    code: Code
    label: Label
    type: TypeOfAnswer
    options: OptionTexts
    tag: OneTag

    @classmethod
    def from_row(cls, row: Question) -> QuestionDocument:
        """The document of a row."""
        tag = None if row.tag_id is None else str(row.tag_id)
        return cls(id=str(row.pk), code=row.code, label=row.label, type=type_of(row.type), options=list(row.options), tag=tag)


class NewQuestion(Document):
    """A question to add."""

    label: Label
    code: Code = ""
    type: TypeOfAnswer = "text"
    options: OptionTexts = msgspec.field(default_factory=list)
    tag: OneTag = None

    @property
    def facts(self) -> QuestionFacts:
        return QuestionFacts(self.code, self.label, self.type, tuple(self.options), _one_tag(self.tag))


class QuestionChange(Document):
    """What to change of a question. An absent member stays as it is."""

    label: Label | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    type: TypeOfAnswer | UnsetType = UNSET
    options: OptionTexts | UnsetType = UNSET
    tag: OneTag | UnsetType = UNSET

    def facts(self, row: Question) -> QuestionFacts:
        """The question with the changes."""
        return QuestionFacts(
            sent_or(self.code, row.code),
            sent_or(self.label, row.label),
            sent_or(self.type, type_of(row.type)),
            tuple(sent_or(self.options, row.options)),
            row.tag_id if self.tag is UNSET else _one_tag(self.tag),
        )


class SessionDocument(Document):
    """A session of an event."""

    id: Id
    code: Code
    name: SessionName
    start: Instant | None
    end: Instant | None

    @classmethod
    def from_row(cls, row: Session) -> SessionDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, name=row.name, start=row.start, end=row.end)


class NewSession(Document):
    """A session to add."""

    name: SessionName
    code: Code = ""
    start: Instant | None = None
    end: Instant | None = None

    @property
    def facts(self) -> SessionFacts:
        return SessionFacts(self.code, self.name, self.start, self.end)


class SessionChange(Document):
    """What to change of a session. An absent member stays as it is; null clears a time."""

    name: SessionName | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    start: Instant | UnsetType | None = UNSET
    end: Instant | UnsetType | None = UNSET

    def facts(self, row: Session) -> SessionFacts:
        """The session with the changes."""
        return SessionFacts(
            sent_or(self.code, row.code), sent_or(self.name, row.name), sent_or(self.start, row.start), sent_or(self.end, row.end)
        )


def _one_tag(id: str | None) -> int | None:
    return None if id is None else numbers_of("tag", [id])[0]
