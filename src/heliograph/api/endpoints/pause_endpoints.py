"""Pausing connections, and releasing what they hold (C8)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, modify
from dmr.routing import path

from heliograph.api.documents.connection_state_documents import ConnectionState, PauseRequest, ReleaseRequest
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.token_access import ADMINISTER
from heliograph.connections.services import pause as holding


class PauseOfConnection(ConnectionController):
    """Pausing a connection."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[PauseRequest]) -> ConnectionState:
        """Pause a connection, also during a release. Requests are held in their order, and no try is used up."""
        with self.saving() as transaction:
            holding.pause(transaction, number_of(parsed_path.connection), parsed_body.why)
        return ConnectionState.from_row(self.listed_row(parsed_path))


class ResumptionOfConnection(ConnectionController):
    """Resuming a connection."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionPath]) -> ConnectionState:
        """Resume a paused connection: all held requests are due at once. A wait that its target asked for (`Retry-After`) goes on."""
        with self.saving() as transaction:
            holding.resume(transaction, number_of(parsed_path.connection))
        return ConnectionState.from_row(self.listed_row(parsed_path))


class ReleaseOfConnection(ConnectionController):
    """Releasing what a connection holds."""

    access: ClassVar = {"POST": ADMINISTER}

    @modify(status_code=HTTPStatus.ACCEPTED)
    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[ReleaseRequest]) -> JobDocument:
        """Release the held requests of a paused connection at a rate, as a job. Once nothing is held any more, the connection is open as before."""
        with self.saving() as transaction:
            return JobDocument.of_job(holding.release(transaction, number_of(parsed_path.connection), parsed_body.rate))


ROUTES: Final = [
    path("connections/<str:connection>/pause", PauseOfConnection.as_view()),
    path("connections/<str:connection>/resume", ResumptionOfConnection.as_view()),
    path("connections/<str:connection>/release", ReleaseOfConnection.as_view()),
]
