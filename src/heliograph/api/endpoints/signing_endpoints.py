"""The signing of a connection's requests (Standard Webhooks; C7)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Path, Query, modify
from dmr.routing import path

from heliograph.api.documents.shared_forms import Confirmation, number_of
from heliograph.api.documents.signing_documents import NewSigningSecret, SigningState
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.token_access import READ, SET_UP
from heliograph.connections.services import signing_secrets
from heliograph.connections.services.connections import connection_row
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.secret import Secret


class SigningController(ConnectionController):
    """What the endpoints of signing share."""

    def signing_of(self, parsed_path: ConnectionPath) -> SigningState:
        """How the requests of a connection are signed. Raises NotThere, Problem (404)."""
        secrets = Connection.from_body(connection_row(number_of(parsed_path.connection)).body).secrets
        return SigningState(is_signed=Secret.SIGNING in secrets, is_rotating=Secret.SIGNING_BEFORE in secrets)


class SigningOfConnection(SigningController):
    """The signing of a connection. The answer to POST has a secret."""

    access: ClassVar = {"GET": READ, "POST": SET_UP, "DELETE": SET_UP}
    answers_secret: ClassVar = True

    def get(self, parsed_path: Path[ConnectionPath]) -> SigningState:
        """Read whether a connection's requests are signed."""
        return self.signing_of(parsed_path)

    def post(self, parsed_path: Path[ConnectionPath], parsed_query: Query[Confirmation]) -> NewSigningSecret:
        """Sign with a new secret, which only this answer has. If there is one already, both sign until the new one is finished."""
        with self.saving() as transaction:
            secret = signing_secrets.rotate(transaction, number_of(parsed_path.connection), again=parsed_query.confirmed)
            return NewSigningSecret(secret=secret, is_rotating=self.signing_of(parsed_path).is_rotating)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[ConnectionPath]) -> None:
        """Stop signing. The secrets are deleted. A target that checks signatures will refuse the requests."""
        with self.saving() as transaction:
            signing_secrets.stop(transaction, number_of(parsed_path.connection))


class FinishOfSigning(SigningController):
    """The end of a rotation."""

    access: ClassVar = {"POST": SET_UP}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionPath]) -> SigningState:
        """Sign with the newest secret alone, once the target knows it."""
        with self.saving() as transaction:
            signing_secrets.finish(transaction, number_of(parsed_path.connection))
            return self.signing_of(parsed_path)


ROUTES: Final = [
    path("connections/<str:connection>/signing", SigningOfConnection.as_view()),
    path("connections/<str:connection>/signing/finish", FinishOfSigning.as_view()),
]
