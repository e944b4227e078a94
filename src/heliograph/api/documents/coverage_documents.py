"""Objects without a tag as JSON (P11)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from heliograph.api.documents.shared_forms import Document, Id, numbers_of
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import Gap

Kind = Annotated[TagKind, msgspec.Meta(description="The kind of object.")]


class UntaggedDocument(Document):
    """An object without a tag that a flow or mapping needs."""

    object: Kind
    id: Id
    name: str
    event: Annotated[str | None, msgspec.Meta(description="The code of its event; null for an object of the account.")]
    suggested_tag: Annotated[Id | None, msgspec.Meta(description="The tag that its name has elsewhere; null for none.")]
    other_events: Annotated[int, msgspec.Meta(description="In how many other events its name has that tag.")]
    waiting: Annotated[int, msgspec.Meta(description="Changes in the Retry Queue that wait for its tag.")]
    is_more: Annotated[bool, msgspec.Meta(description="There may be more than `waiting`: only the oldest 10,000 were looked at.")]

    @classmethod
    def from_gap(cls, gap: Gap) -> UntaggedDocument:
        """The document of an untagged object."""
        return cls(
            object=gap.kind,
            id=str(gap.id),
            name=gap.name,
            event=gap.where if gap.event is not None else None,
            suggested_tag=None if gap.suggested is None else str(gap.suggested.id),
            other_events=gap.others,
            waiting=gap.waits.number,
            is_more=gap.waits.is_more,
        )


class ObjectOfKind(Document):
    """An object, by its kind and id."""

    object: Kind
    id: Id


class TagsToApply(Document):
    """Objects to tag: with one tag, or each with its suggested one."""

    objects: Annotated[list[ObjectOfKind], msgspec.Meta(min_length=1, max_length=1_000)]
    tag: Annotated[Id | None, msgspec.Meta(description="The tag of all of them; null: of each its suggested one.")] = None

    @property
    def keys(self) -> list[str]:
        """The objects as `setup.coverage` names them: `question:7`. Raises Problem (400)."""
        return [f"{each.object.value}:{number}" for each, number in zip(self.objects, numbers_of("objects", [each.id for each in self.objects]), strict=True)]  # fmt: skip

    @property
    def tag_number(self) -> int | None:
        return None if self.tag is None else numbers_of("tag", [self.tag])[0]


class AppliedTags(Document):
    """What was tagged."""

    tagged: Annotated[int, msgspec.Meta(description="How many objects have got a tag.")]
    left: Annotated[
        list[UntaggedDocument],
        msgspec.Meta(description="Objects that have none still: without a suggestion, or the token's role may not tag them."),
    ]
