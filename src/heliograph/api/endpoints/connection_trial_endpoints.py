"""Tests of connections (guide: Save & Test; C3)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Body, Path
from dmr.routing import path

from heliograph.api.documents.connection_trial_documents import ConnectionTrial, NewConnectionTrial
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.token_access import READ, SET_UP
from heliograph.connections.services import test_progress
from heliograph.setup.setup_errors import NotThere
from heliograph.store.django_database import read_database


class TrialOfConnection(ConnectionController):
    """The tests of a connection. They take no key, because no transaction may wait for the target."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}
    takes_key: ClassVar = False

    def get(self, parsed_path: Path[ConnectionPath]) -> ConnectionTrial:
        """Read the last test of a connection, or the one that runs, step by step. The answer is 404 if there was none."""
        id = self.listed_row(parsed_path).id
        with read_database() as db:
            progress = test_progress.under_way(db, self.account.pk, id)
        if progress is not None:
            return ConnectionTrial.from_progress(progress)
        row = self.listed_row(parsed_path)  # once more: the test may have ended since it was read
        if row.tested is None:
            raise NotThere
        at, report = row.tested
        return ConnectionTrial.from_report(at, report, is_stale=row.is_test_stale)

    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[NewConnectionTrial]) -> ConnectionTrial:
        """Test a connection, as Save & Test does, or send a sample. After 4 seconds the answer is a test that still runs: read it until it has ended."""
        id = self.listed_row(parsed_path).id
        report = test_progress.begin(self.account.pk, id, sample=parsed_body.sample)
        if report is None:
            return self.get(parsed_path)
        with read_database() as db:
            return ConnectionTrial.from_report(db.now(), report)


ROUTES: Final = [path("connections/<str:connection>/test", TrialOfConnection.as_view())]
