"""Tag coverage: objects without a tag that flows or mappings need, and tagging them in bulk (P11)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Query, modify
from dmr.routing import path

from heliograph.accounts.models import Role
from heliograph.accounts.roles import RANKS
from heliograph.api.controller import ApiController
from heliograph.api.documents.coverage_documents import AppliedTags, TagsToApply, UntaggedDocument
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ, SET_UP_EVENTS
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import KINDS, Gap, apply_exactly, coverage
from heliograph.store.django_database import read_database
from heliograph.web.cursor import Cursor, pages
from heliograph.web.list_filters import LONGEST_FILTER


class CoverageQuery(ListQuery):
    """The parameters of the list of objects without a tag."""

    object: Annotated[TagKind | None, msgspec.Meta(description="Only objects of this kind.")] = None
    event: Annotated[
        str, msgspec.Meta(max_length=LONGEST_FILTER, description="Only those of the event with this code; `account`: those of the account.")
    ] = ""


class TagCoverage(ApiController):
    """Objects without a tag."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[CoverageQuery]) -> Items[UntaggedDocument]:
        """List the objects that lack a tag which a flow or a mapping needs, by kind."""
        with read_database() as db:
            gaps = coverage(db, self.account.pk).matching(parsed_query.object, parsed_query.event)
        rows = sorted((gap for each in gaps.values() for gap in each), key=_key)

        def fetch(at: Cursor | None, limit: int) -> Sequence[Gap]:
            return [gap for gap in rows if at is None or _key(gap) > at.key][:limit]

        page = pages(fetch, _key, parsed_query.cursor_of(int, int), size=parsed_query.limit)
        return items_of(self.request, page, UntaggedDocument.from_gap)


class TagCoverageApply(ApiController):
    """Tagging objects in bulk."""

    access: ClassVar = {"POST": SET_UP_EVENTS}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[TagsToApply]) -> AppliedTags:
        """Tag objects that lack a tag. Changes that waited for it are checked again. Objects of the account need the role Administrator."""
        applied = apply_exactly(
            self.account.pk,
            parsed_body.keys,
            parsed_body.tag_number,
            by=self.actor,
            administers=RANKS[Role(self.grant.role)] >= RANKS[Role.ADMINISTRATOR],
        )
        return AppliedTags(tagged=applied.tagged, left=[UntaggedDocument.from_gap(gap) for gap in applied.left])


def _key(gap: Gap) -> tuple[int, int]:
    return KINDS.index(gap.kind), gap.id


ROUTES: Final = [
    path("tag-coverage", TagCoverage.as_view()),
    path("tag-coverage/apply", TagCoverageApply.as_view()),
]
