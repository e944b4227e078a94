"""The OAuth2 access of connections (C4). A consent needs a browser, so it begins on the connection's page."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Path
from dmr.routing import path

from heliograph.api.documents.access_documents import AccessDocument
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.token_access import READ
from heliograph.connections.services import oauth_grant
from heliograph.store.django_database import read_database


class AccessOfConnection(ConnectionController):
    """The access of a connection."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[ConnectionPath]) -> AccessDocument:
        """Read the OAuth2 access of a connection: whether it is connected, as whom, and what went wrong."""
        with read_database() as db:
            return AccessDocument.from_access(oauth_grant.access(db, self.account.pk, number_of(parsed_path.connection)))


ROUTES: Final = [path("connections/<str:connection>/access", AccessOfConnection.as_view())]
