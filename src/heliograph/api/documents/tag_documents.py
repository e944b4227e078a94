"""Tags as JSON (guide: Setting Tags Up for an Account)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import Tag
from heliograph.setup.services.tags import TagFacts

Name = Annotated[str, msgspec.Meta(description="Unique in the account, whatever its case.")]
Label = Annotated[str, msgspec.Meta(description="Shown on pages; the name if it is empty.")]
Kinds = Annotated[list[TagKind], msgspec.Meta(description="The kinds of objects that can have the tag; at least one.")]


class TagDocument(Document):
    """A tag."""

    id: Id
    name: Name
    label: Label
    kinds: Kinds

    @classmethod
    def from_row(cls, row: Tag) -> TagDocument:
        """The document of a row."""
        return cls(id=str(row.pk), name=row.name, label=row.label, kinds=[TagKind(kind) for kind in row.kinds])


class NewTag(Document):
    """A tag to create."""

    name: Name
    kinds: Kinds
    label: Label = ""

    @property
    def facts(self) -> TagFacts:
        return TagFacts(self.name, frozenset(self.kinds), self.label)


class TagChange(Document):
    """What to change of a tag. An absent member stays as it is."""

    name: Name | UnsetType = UNSET
    label: Label | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET

    def facts(self, row: Tag) -> TagFacts:
        """The tag with the changes."""
        return TagFacts(
            row.name if self.name is UNSET else self.name,
            frozenset(TagKind(kind) for kind in row.kinds) if self.kinds is UNSET else frozenset(self.kinds),
            row.label if self.label is UNSET else self.label,
        )


class MergeTag(Document):
    """The tag that replaces this one."""

    into: Id
