"""Connections (guide: Setting up a Connection; C1, C5, P12, N2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.accounts.models import Role
from heliograph.accounts.roles import RANKS
from heliograph.api.controller import ApiController
from heliograph.api.documents.connection_documents import ConnectionChange, ConnectionCopy, ConnectionDocument, NewConnection
from heliograph.api.documents.connection_state_documents import ConnectionState, ListedConnection
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, sequence_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import connection_row, copy_connection, delete_connection, save_connection
from heliograph.connections.services.entered_connection import at_entered_fields
from heliograph.domain.connection.connection import Auth
from heliograph.domain.connection.connection_health import Health
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store.django_database import read_database


class ConnectionQuery(ListQuery):
    """The parameters of the list of connections."""

    q: Annotated[str, msgspec.Meta(description="Only with these words in name, host, or the names of flows that use it.")] = ""
    type: Annotated[Auth | None, msgspec.Meta(description="Only of this Authentication Type.")] = None
    health: Annotated[Health | None, msgspec.Meta(description="Only with this health.")] = None


class ConnectionPath(Document):
    """The address of a connection."""

    connection: Id


class ConnectionController(ApiController):
    """What the endpoints of connections share."""

    of_signal: ClassVar = True

    @property
    def sees_whole(self) -> bool:
        """True if the token sees the members that only Administrators see (C5)."""
        return RANKS[Role(self.grant.role)] >= RANKS[SET_UP.role]

    def document(self, row: Connection) -> ConnectionDocument:
        """The document of a connection."""
        return ConnectionDocument.from_row(row, whole=self.sees_whole)

    def listed_row(self, parsed_path: ConnectionPath) -> ConnectionRow:
        """The row of the Connection List for a connection: its facts and its state. Raises NotThere, Problem (404)."""
        with read_database() as db:
            row = ConnectionList(db, self.account.pk).row(number_of(parsed_path.connection))
        if row is None:
            raise NotThere
        return row

    @contextmanager
    def saving(self) -> Iterator[SetupTransaction]:
        """The transaction of a change. Raises Invalid, which names the members of the document."""
        try:
            with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
                yield transaction
        except Invalid as error:
            raise at_entered_fields(error) from None


class Connections(ConnectionController):
    """The connections of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}

    def get(self, parsed_query: Query[ConnectionQuery]) -> Items[ListedConnection]:
        """List the connections of the account, with their health."""
        filters = ConnectionListFilter(parsed_query.q, parsed_query.type, parsed_query.health)
        with read_database() as db:
            rows = ConnectionList(db, self.account.pk).rows(filters)
        versions = dict(Connection.objects.filter(deleted_at=None).values_list("pk", "number"))

        def item(row: ConnectionRow) -> ListedConnection:
            return ListedConnection.from_list(row, versions.get(row.id, 0), whole=self.sees_whole)

        return sequence_by_id(self.request, rows, parsed_query, item, id="id")

    def post(self, parsed_body: Body[NewConnection]) -> ConnectionDocument:
        """Create a connection. Test it afterwards."""
        with self.saving() as transaction:
            return self.document(save_connection(transaction, parsed_body.facts(None)))


class OneConnection(ConnectionController):
    """One connection."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[ConnectionPath]) -> ConnectionDocument:
        """Read a connection."""
        return self.document(connection_row(number_of(parsed_path.connection)))

    def patch(
        self, parsed_path: Path[ConnectionPath], parsed_query: Query[Confirmation], parsed_body: Body[ConnectionChange]
    ) -> ConnectionDocument:
        """Change a connection."""
        id = number_of(parsed_path.connection)
        with self.saving() as transaction:
            facts = parsed_body.facts(connection_row(id))
            return self.document(save_connection(transaction, facts, id, confirmed=parsed_query.confirmed))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[ConnectionPath]) -> None:
        """Delete a connection that no flow uses, with its secrets. What was sent over it stays in Metrics, under its name."""
        with self.saving() as transaction:
            delete_connection(transaction, number_of(parsed_path.connection))


class StateOfConnection(ConnectionController):
    """The state of a connection."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[ConnectionPath]) -> ConnectionState:
        """Read how a connection is: its health, last attempt and test, pause, and who uses it."""
        return ConnectionState.from_row(self.listed_row(parsed_path))


class CopyOfConnection(ConnectionController):
    """Copying a connection."""

    access: ClassVar = {"POST": SET_UP}

    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[ConnectionCopy]) -> ConnectionDocument:
        """Copy a connection with its secrets. No flow uses the copy; the sign-in of an OAuth2 connection is not copied."""
        with self.saving() as transaction:
            return self.document(copy_connection(transaction, number_of(parsed_path.connection), parsed_body.name))


ROUTES: Final = [
    path("connections", Connections.as_view()),
    path("connections/<str:connection>", OneConnection.as_view()),
    path("connections/<str:connection>/state", StateOfConnection.as_view()),
    path("connections/<str:connection>/copy", CopyOfConnection.as_view()),
]
