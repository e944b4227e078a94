"""Statuses of registrations, session registrations and events as JSON (P2, P3, P5)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, ids_of, numbers_of, sent_or
from heliograph.domain.setup.standard_tags import StandardTagsPlan
from heliograph.domain.setup.statuses import StatusClass
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services.event_setup import StatusFacts

Name = Annotated[str, msgspec.Meta(description="Unique in its list, whatever its case.")]
Code = Annotated[str, msgspec.Meta(description="For files and the API. An empty one is made of the name.")]
Tags = Annotated[list[Id], msgspec.Meta(description="The ids of its tags, each made for this kind of object.")]
Class = Annotated[StatusClass, msgspec.Meta(description="What the status means, whatever its name.")]


class StatusDocument(Document):
    """A status of session registrations or of events."""

    id: Id
    code: Code
    name: Name
    tags: Tags

    @classmethod
    def from_row(cls, row: SessionStatus | EventStatus) -> StatusDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, name=row.name, tags=ids_of(row.tags.all()))


class RegistrationStatusDocument(Document):
    """A registration status: a standard one of the account, or a custom one of an event."""

    id: Id
    code: Code
    name: Name
    status_class: Class = msgspec.field(name="class")
    tags: Tags

    @classmethod
    def from_row(cls, row: RegistrationStatus) -> RegistrationStatusDocument:
        """The document of a row."""
        return cls(id=str(row.pk), code=row.code, name=row.name, status_class=StatusClass(row.cls), tags=ids_of(row.tags.all()))


class TagsChange(Document):
    """The new tags of a status of the account; of the rest of it nothing can be changed."""

    tags: Tags | UnsetType = UNSET


class StandardTag(Document):
    """A status without a tag, and its standard tag."""

    status: Annotated[Id, msgspec.Meta(description="The id of the status.")]
    tag: Annotated[str, msgspec.Meta(description="The name of the tag.")]


class StandardTagsDocument(Document):
    """What using the standard tags does."""

    created: Annotated[list[str], msgspec.Meta(description="The names of the tags that are missing, and are created.")]
    applied: Annotated[list[StandardTag], msgspec.Meta(description="The statuses without a tag, each with the tag that it gets.")]
    already_tagged: Annotated[int, msgspec.Meta(description="How many statuses have a tag, and keep it.")]

    @classmethod
    def from_plan(cls, plan: StandardTagsPlan) -> StandardTagsDocument:
        """The document of a plan."""
        applied = [StandardTag(status=str(status), tag=tag) for status, tag in plan.tag_of.items()]
        return cls(created=list(plan.new), applied=applied, already_tagged=plan.already_tagged)


class NewCustomStatus(Document):
    """A custom registration status to add."""

    name: Name
    status_class: Class = msgspec.field(name="class")
    code: Code = ""
    tags: Tags = msgspec.field(default_factory=list)

    @property
    def facts(self) -> StatusFacts:
        return StatusFacts(self.code, self.name, self.status_class, tuple(numbers_of("tags", self.tags)))


class CustomStatusChange(Document):
    """What to change of a custom registration status. An absent member stays as it is."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    status_class: Class | UnsetType = msgspec.field(name="class", default=UNSET)
    tags: Tags | UnsetType = UNSET

    def facts(self, row: RegistrationStatus) -> StatusFacts:
        """The status with the changes."""
        return StatusFacts(
            sent_or(self.code, row.code),
            sent_or(self.name, row.name),
            sent_or(self.status_class, StatusClass(row.cls)),
            tuple(numbers_of("tags", sent_or(self.tags, ids_of(row.tags.all())))),
        )
