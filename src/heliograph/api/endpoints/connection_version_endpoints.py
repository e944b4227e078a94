"""Versions of connections (F10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Path, Query, modify
from dmr.routing import path

from heliograph.api.documents.connection_documents import ConnectionDocument
from heliograph.api.documents.connection_version_documents import ConnectionRestoration, ConnectionVersion
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of, optional_number
from heliograph.api.documents.version_documents import SettingDifference, VersionComparison, VersionDocument
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.endpoints.flow_version_endpoints import ComparisonQuery
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ, READ_SET_UP, SET_UP
from heliograph.connections.connection_facts import differences
from heliograph.connections.services.connections import connection_row, restorable, restore_connection
from heliograph.domain.connection.connection import Connection
from heliograph.setup.version_list import version_of, version_page, version_pair
from heliograph.store.django_database import read_database

KIND: Final = "connection"


class ConnectionVersionPath(Document):
    """The address of a version."""

    connection: Id
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="The number of the version.")]


class ConnectionVersions(ConnectionController):
    """The versions of a connection."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[ConnectionPath], parsed_query: Query[ListQuery]) -> Items[VersionDocument]:
        """List the versions of a connection, the newest first."""
        id = connection_row(number_of(parsed_path.connection)).pk
        with read_database() as db:
            page = version_page(db, self.account.pk, KIND, id, parsed_query.cursor_of(int), size=parsed_query.limit)
        return items_of(self.request, page, VersionDocument.from_version)


class OneConnectionVersion(ConnectionController):
    """One version of a connection."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[ConnectionVersionPath]) -> ConnectionVersion:
        """Read a version of a connection."""
        id = connection_row(number_of(parsed_path.connection)).pk
        with read_database() as db:
            version = version_of(db, self.account.pk, KIND, id, number_of(parsed_path.version))
        return ConnectionVersion.from_connection_version(id, version, whole=self.sees_whole)


class ConnectionVersionDifferences(ConnectionController):
    """The differences of two versions."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[ConnectionVersionPath], parsed_query: Query[ComparisonQuery]) -> VersionComparison:
        """Compare two versions of a connection, setting by setting, in words. Secrets are never shown."""
        number, other = number_of(parsed_path.version), optional_number("with", parsed_query.other)
        id = connection_row(number_of(parsed_path.connection)).pk
        with read_database() as db:
            older, newer = version_pair(db, self.account.pk, KIND, id, number, other)
        if older is None:
            return VersionComparison(older=None, newer=newer.number, differences=[])
        changes = differences(older.body, newer.body, whole=self.sees_whole)
        settings = [SettingDifference(setting=each.name, before=each.before, after=each.after) for each in changes]
        return VersionComparison(older=older.number, newer=newer.number, differences=settings)


class ConnectionVersionRestoration(ConnectionController):
    """Restoring a version of a connection."""

    access: ClassVar = {"GET": READ_SET_UP, "POST": SET_UP}

    def get(self, parsed_path: Path[ConnectionVersionPath]) -> ConnectionRestoration:
        """Read what restoring a version would do."""
        row = connection_row(number_of(parsed_path.connection))
        with read_database() as db:
            version = version_of(db, self.account.pk, KIND, row.pk, number_of(parsed_path.version))
        return ConnectionRestoration(lacks=list(restorable(Connection.from_body(row.body), version).lacks))

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionVersionPath], parsed_query: Query[Confirmation]) -> ConnectionDocument:
        """Make a version the newest one, with the URLs and secrets of today. Asks first if a change would."""
        id, number = number_of(parsed_path.connection), number_of(parsed_path.version)
        with self.saving() as transaction:
            version_of(transaction.db, self.account.pk, KIND, connection_row(id).pk, number)
            return self.document(restore_connection(transaction, id, number, confirmed=parsed_query.confirmed))


ROUTES: Final = [
    path("connections/<str:connection>/versions", ConnectionVersions.as_view()),
    path("connections/<str:connection>/versions/<str:version>", OneConnectionVersion.as_view()),
    path("connections/<str:connection>/versions/<str:version>/differences", ConnectionVersionDifferences.as_view()),
    path("connections/<str:connection>/versions/<str:version>/restoration", ConnectionVersionRestoration.as_view()),
]
