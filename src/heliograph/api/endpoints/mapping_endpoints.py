"""Mappings (guide: Mappings; M1-M9, P12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.mapping_documents import MappingChange, MappingDocument, NewMapping, SourceFieldDocument, at_members
from heliograph.api.documents.mapping_list_documents import ListedMappingDocument
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, all_of, sequence_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.mapping_list import MappingListFilter, listed
from heliograph.mappings.services import copy_mapping, delete_mapping, entered_mapping, mapping_row, save_mapping
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.source_fields import SourceFields


class MappingQuery(ListQuery):
    """The parameters of the list of mappings."""

    q: Annotated[str, msgspec.Meta(description="Only with these words in name, target fields, or the names of flows that use it.")] = ""
    kind: Annotated[MappingKind | None, msgspec.Meta(description="Only of this kind.")] = None
    subject: Annotated[Subject | None, msgspec.Meta(description="Only for this.")] = None


class FieldQuery(ListQuery):
    """The parameters of the list of source fields."""

    subject: Annotated[Subject, msgspec.Meta(description="What the mapping is for.")] = Subject.REGISTRATION


class MappingPath(Document):
    """The address of a mapping."""

    mapping: Id


class MappingController(ApiController):
    """What the endpoints of mappings share."""

    of_signal: ClassVar = True

    @contextmanager
    def saving(self) -> Iterator[SetupTransaction]:
        """A transaction of the account's set-up, whose errors name the members of documents."""
        with at_members(), saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            yield transaction


class Mappings(MappingController):
    """The mappings of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}

    def get(self, parsed_query: Query[MappingQuery]) -> Items[ListedMappingDocument]:
        """List the mappings of the account, with the flows that use them."""
        filters = MappingListFilter(parsed_query.q, parsed_query.kind, parsed_query.subject)
        with account_reader(self.account.pk) as reader:
            rows = listed(reader.config, filters)
        return sequence_by_id(self.request, rows, parsed_query, ListedMappingDocument.from_list, id="id")

    def post(self, parsed_body: Body[NewMapping]) -> MappingDocument:
        """Create a mapping."""
        with self.saving() as transaction:
            return MappingDocument.from_row(save_mapping(transaction, entered_mapping(parsed_body.body)))


class SourceFieldList(MappingController):
    """The fields that fill target fields."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[FieldQuery]) -> Items[SourceFieldDocument]:
        """List the source fields of the account, by group. The list is always answered whole."""
        with account_reader(self.account.pk) as reader:
            fields = SourceFields.from_config(reader.config, parsed_query.subject).by_key.values()
        return all_of(fields, lambda each: SourceFieldDocument(key=each.key, label=each.label, group=each.group, shape=each.shape))


class OneMapping(MappingController):
    """One mapping."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[MappingPath]) -> MappingDocument:
        """Read a mapping."""
        return MappingDocument.from_row(mapping_row(number_of(parsed_path.mapping)))

    def patch(self, parsed_path: Path[MappingPath], parsed_query: Query[Confirmation], parsed_body: Body[MappingChange]) -> MappingDocument:
        """Change a mapping."""
        id = number_of(parsed_path.mapping)
        with self.saving() as transaction:
            mapping = entered_mapping(parsed_body.body(mapping_row(id)))
            return MappingDocument.from_row(save_mapping(transaction, mapping, id, confirmed=parsed_query.confirmed))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[MappingPath]) -> None:
        """Delete a mapping that no flow uses. What was sent by it keeps its versions."""
        with self.saving() as transaction:
            delete_mapping(transaction, number_of(parsed_path.mapping))


class CopyOfMapping(MappingController):
    """Copying a mapping."""

    access: ClassVar = {"POST": SET_UP}

    def post(self, parsed_path: Path[MappingPath]) -> MappingDocument:
        """Copy a mapping under another name, with its texts that are stored encrypted. No flow uses the copy."""
        with self.saving() as transaction:
            return MappingDocument.from_row(copy_mapping(transaction, number_of(parsed_path.mapping)))


ROUTES: Final = [
    path("mappings", Mappings.as_view()),
    path("mappings/fields", SourceFieldList.as_view()),
    path("mappings/<str:mapping>", OneMapping.as_view()),
    path("mappings/<str:mapping>/copy", CopyOfMapping.as_view()),
]
