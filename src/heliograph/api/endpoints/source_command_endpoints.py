"""Sources that run a program (S6)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Body, Path
from dmr.routing import path

from heliograph.api.documents.shared_forms import number_of
from heliograph.api.documents.source_documents import CommandDocument
from heliograph.api.endpoints.source_endpoints import SourceController, SourcePath
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.platforms import COMMAND
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.command_job import CommandSettings
from heliograph.sources.models import Source
from heliograph.sources.services import command_runs
from heliograph.sources.services.sources import source_row
from heliograph.sources.source_list import settings_of


class CommandOfSource(SourceController):
    """The program of a source."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> CommandDocument:
        """Read which program a source runs, and how often."""
        source = source_row(number_of(parsed_path.source))
        if source.platform != COMMAND or "command" not in settings_of(source):
            raise NotThere("This source runs no program.")
        return _document(source)

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[CommandDocument]) -> CommandDocument:
        """Choose which of the account's programs a source runs. Another program begins without a state."""
        try:
            settings = CommandSettings.from_body({"name": parsed_body.name, "every": parsed_body.every})
        except BodyError as error:
            raise Invalid({error.where: [error.reason]}) from None
        with self.saving() as transaction:
            return _document(command_runs.save_command(transaction, number_of(parsed_path.source), settings))


def _document(source: Source) -> CommandDocument:
    return CommandDocument(**settings_of(source)["command"])


ROUTES: Final = [path("sources/<str:source>/command", CommandOfSource.as_view())]
