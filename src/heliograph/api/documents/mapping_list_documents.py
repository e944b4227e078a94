"""The list of mappings as JSON (guide: Mappings; M1)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.mapping_documents import MappingDocument, members_of
from heliograph.api.documents.shared_forms import Instant, NameOfThing
from heliograph.mappings.mapping_list import ListedMapping


class ListedMappingDocument(MappingDocument, kw_only=True):
    """A mapping in the list."""

    flows: Annotated[list[NameOfThing], msgspec.Meta(description="The flows that use it.")]
    changed: Instant
    by: Annotated[str, msgspec.Meta(description="Who changed it last: `user:7`, `token:3`.")]
    joined: Annotated[
        list[str], msgspec.Meta(description="Its tags that several questions of one event carry, so that their answers are joined.")
    ]

    @classmethod
    def from_list(cls, row: ListedMapping) -> Self:
        """The document of a row of the list."""
        return cls(
            **members_of(row.id, row.number, row.mapping),
            flows=[NameOfThing(id=str(flow.id), name=flow.name) for flow in row.flows],
            changed=row.changed,
            by=row.by,
            joined=list(row.joined),
        )
