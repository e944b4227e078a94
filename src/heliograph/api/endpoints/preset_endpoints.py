"""Presets (B3)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.documents.mapping_documents import MappingDocument
from heliograph.api.documents.preset_documents import FilledPreset, MadeDocument, PresetDocument
from heliograph.api.documents.shared_forms import Document
from heliograph.api.endpoints.connection_endpoints import ConnectionController
from heliograph.api.list_answers import Items, ListQuery, all_of
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.connections.preset_files import presets
from heliograph.presets import services
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid


class PresetPath(Document):
    """The address of a preset."""

    preset: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="Its key.")]


class Presets(ConnectionController):
    """The presets that ship with Heliograph."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_query: Query[ListQuery]) -> Items[PresetDocument]:
        """List the presets: applications whose connection and first mapping are filled in. The list is always answered whole."""
        return all_of(presets(), PresetDocument.from_preset)


class OnePreset(ConnectionController):
    """One preset."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_path: Path[PresetPath]) -> PresetDocument:
        """Read a preset with its blanks."""
        return PresetDocument.from_preset(services.preset(parsed_path.preset))


class ConnectionFromPreset(ConnectionController):
    """Making a connection from a preset."""

    access: ClassVar = {"POST": SET_UP}

    def post(self, parsed_path: Path[PresetPath], parsed_body: Body[FilledPreset]) -> MadeDocument:
        """Create a connection and its mapping from a preset. Both are ordinary ones afterwards. Test the connection."""
        preset = services.preset(parsed_path.preset)
        names = ["name", *(blank.name for blank in preset.blanks)]
        for unknown in parsed_body.values.keys() - set(names):
            raise Problem.from_field(f"values.{unknown}", "is not known here.", allowed=names, name="request")
        try:
            with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
                name = services.suggested_name(self.account.pk, preset)
                made = services.make(transaction, preset.key, {"name": name} | parsed_body.values)
                mappings = [MappingDocument.from_row(row) for row in made.mappings]
                return MadeDocument(connection=self.document(made.connection), mappings=mappings)
        except Invalid as error:
            raise Invalid({f"values.{field}": sentences for field, sentences in error.fields.items()}) from None


ROUTES: Final = [
    path("presets", Presets.as_view()),
    path("presets/<str:preset>", OnePreset.as_view()),
    path("presets/<str:preset>/connections", ConnectionFromPreset.as_view()),
]
