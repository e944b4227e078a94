"""Tags (guide: Setting Tags Up for an Account; P12)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import Document, Id, number_of, numbers_of
from heliograph.api.documents.tag_documents import MergeTag, NewTag, TagChange, TagDocument
from heliograph.api.list_answers import Items, ListQuery, sequence_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import Tag
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import delete_tag, merge_tags, save_tag


class TagQuery(ListQuery):
    """The parameters of the list of tags."""

    object: Annotated[TagKind | None, msgspec.Meta(description="Only tags for this kind of object.")] = None


class TagPath(Document):
    """The address of a tag."""

    tag: Id


class Tags(ApiController):
    """The tags of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}

    def get(self, parsed_query: Query[TagQuery]) -> Items[TagDocument]:
        """List the tags of the account."""
        kind = parsed_query.object
        rows = [row for row in Tag.objects.order_by("pk") if kind is None or kind.value in row.kinds]
        return sequence_by_id(self.request, rows, parsed_query, TagDocument.from_row)

    def post(self, parsed_body: Body[NewTag]) -> TagDocument:
        """Create a tag."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            return TagDocument.from_row(save_tag(transaction, parsed_body.facts))


class OneTag(ApiController):
    """One tag."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[TagPath]) -> TagDocument:
        """Read a tag."""
        return TagDocument.from_row(Tag.objects.get(pk=number_of(parsed_path.tag)))

    def patch(self, parsed_path: Path[TagPath], parsed_body: Body[TagChange]) -> TagDocument:
        """Change a tag. A kind cannot be taken away while objects of it have the tag."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            row = Tag.objects.get(pk=number_of(parsed_path.tag))
            return TagDocument.from_row(save_tag(transaction, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[TagPath]) -> None:
        """Delete a tag. Everything that has it loses it; a flow stops if it was the last tag of one of its lists or filters."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            delete_tag(transaction, number_of(parsed_path.tag))


class TagMerge(ApiController):
    """Merging tags."""

    access: ClassVar = {"POST": SET_UP}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[TagPath], parsed_body: Body[MergeTag]) -> TagDocument:
        """Replace a tag by another one everywhere, and delete it. Returns the other one."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            (into,) = numbers_of("into", [parsed_body.into])
            return TagDocument.from_row(merge_tags(transaction, number_of(parsed_path.tag), into))


ROUTES: Final = [
    path("tags", Tags.as_view()),
    path("tags/<str:tag>", OneTag.as_view()),
    path("tags/<str:tag>/merge", TagMerge.as_view()),
]
