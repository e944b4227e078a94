"""Watched folders (S7)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Body, Path
from dmr.routing import path

from heliograph.api.documents.shared_forms import number_of
from heliograph.api.documents.source_documents import FolderDocument, NewFolderReading
from heliograph.api.endpoints.source_endpoints import SourceController, SourcePath
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.platforms import FOLDER
from heliograph.registrations.imports.columns import ColumnsError
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.folder_columns import FolderReading, reading_of
from heliograph.sources.folder_place import folder_name
from heliograph.sources.models import Source
from heliograph.sources.services import watched_folders
from heliograph.sources.services.sources import source_row


class FolderOfSource(SourceController):
    """The folder of a source."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> FolderDocument:
        """Read the name of a source's folder, and how its files are read."""
        source = source_row(number_of(parsed_path.source))
        if source.platform != FOLDER:
            raise NotThere("This source takes no files.")
        return _document(source)

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[NewFolderReading]) -> FolderDocument:
        """Remember how the files of a source's folder are read. Files that are being imported keep their reading."""
        try:
            reading = FolderReading.from_body(parsed_body.reading)
        except BodyError as error:
            raise Invalid({f"reading.{error.where}" if error.where else "reading": [error.reason]}) from None
        except ColumnsError as error:
            raise Invalid({"reading.columns": [error.sentence]}) from None
        with self.saving() as transaction:
            return _document(watched_folders.save_reading(transaction, number_of(parsed_path.source), reading))


def _document(source: Source) -> FolderDocument:
    reading = reading_of(source.settings)
    return FolderDocument(folder=folder_name(source.pk), reading=None if reading is None else reading.to_body())


ROUTES: Final = [path("sources/<str:source>/folder", FolderOfSource.as_view())]
