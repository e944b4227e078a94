"""Versions of mappings (F10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Path, Query, modify
from dmr.routing import path

from heliograph.api.documents.mapping_documents import MappingDocument
from heliograph.api.documents.mapping_version_documents import MappingComparison, MappingRestoration, MappingVersion, RowDifference
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of, optional_number
from heliograph.api.documents.version_documents import SettingDifference, VersionDocument
from heliograph.api.endpoints.flow_version_endpoints import ComparisonQuery
from heliograph.api.endpoints.mapping_endpoints import MappingController, MappingPath
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ, READ_SET_UP, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.mapping_version_words import fields_of_versions, gone_texts, setting_changes
from heliograph.mappings.row_changes import row_changes
from heliograph.mappings.services import mapping_row, restorable, restore_mapping, sealed_texts
from heliograph.setup.version_list import version_of, version_page, version_pair
from heliograph.store.django_database import read_database

KIND: Final = "mapping"


class MappingVersionPath(Document):
    """The address of a version."""

    mapping: Id
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="The number of the version.")]


class MappingVersions(MappingController):
    """The versions of a mapping."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[MappingPath], parsed_query: Query[ListQuery]) -> Items[VersionDocument]:
        """List the versions of a mapping, the newest first."""
        id = mapping_row(number_of(parsed_path.mapping)).pk
        with read_database() as db:
            page = version_page(db, self.account.pk, KIND, id, parsed_query.cursor_of(int), size=parsed_query.limit)
        return items_of(self.request, page, VersionDocument.from_version)


class OneMappingVersion(MappingController):
    """One version of a mapping."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[MappingVersionPath]) -> MappingVersion:
        """Read a version of a mapping."""
        id = mapping_row(number_of(parsed_path.mapping)).pk
        with read_database() as db:
            return MappingVersion.from_mapping_version(id, version_of(db, self.account.pk, KIND, id, number_of(parsed_path.version)))


class MappingVersionDifferences(MappingController):
    """The differences of two versions."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[MappingVersionPath], parsed_query: Query[ComparisonQuery]) -> MappingComparison:
        """Compare two versions of a mapping. Rows are compared by their targets; equal ones are omitted."""
        number, other = number_of(parsed_path.version), optional_number("with", parsed_query.other)
        id = mapping_row(number_of(parsed_path.mapping)).pk
        with read_database() as db:
            older, newer = version_pair(db, self.account.pk, KIND, id, number, other)
        if older is None:
            return MappingComparison(older=None, newer=newer.number, differences=[], rows=[])
        old, new = FieldMapping.from_body(older.body), FieldMapping.from_body(newer.body)
        settings = [SettingDifference(setting=name, before=before, after=after) for name, before, after in setting_changes(old, new)]
        rows = [RowDifference.from_change(change, old, new) for change in row_changes(old, new)]
        return MappingComparison(older=older.number, newer=newer.number, differences=settings, rows=rows)


class MappingVersionRestoration(MappingController):
    """Restoring a version of a mapping."""

    access: ClassVar = {"GET": READ_SET_UP, "POST": SET_UP}

    def get(self, parsed_path: Path[MappingVersionPath]) -> MappingRestoration:
        """Read what restoring a version would do: what is left out since it is gone, and what could not be sent then."""
        row = mapping_row(number_of(parsed_path.mapping))
        with account_reader(self.account.pk) as reader:
            version = version_of(reader.db, self.account.pk, KIND, row.pk, number_of(parsed_path.version))
            sealed = sealed_texts(reader.db, self.account.pk, row.pk).keys()
            restored = restorable(version, reader.config, sealed)
            left_out = gone_texts(restored, fields_of_versions(reader, row.pk, Subject(row.subject)))
        return MappingRestoration.from_restorable(restored, left_out)

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[MappingVersionPath], parsed_query: Query[Confirmation]) -> MappingDocument:
        """Make a version the newest, without fields that are gone, and with the encrypted texts of today. Asks first as a change does."""
        id, number = number_of(parsed_path.mapping), number_of(parsed_path.version)
        with self.saving() as transaction:
            version_of(transaction.db, self.account.pk, KIND, mapping_row(id).pk, number)
            restore_mapping(transaction, id, number, confirmed=parsed_query.confirmed)
            return MappingDocument.from_row(mapping_row(id))


ROUTES: Final = [
    path("mappings/<str:mapping>/versions", MappingVersions.as_view()),
    path("mappings/<str:mapping>/versions/<str:version>", OneMappingVersion.as_view()),
    path("mappings/<str:mapping>/versions/<str:version>/differences", MappingVersionDifferences.as_view()),
    path("mappings/<str:mapping>/versions/<str:version>/restoration", MappingVersionRestoration.as_view()),
]
