"""The mapping of a source, its trial on calls that came, switching it on, and running calls again (S2)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, modify
from dmr.routing import path

from heliograph.api.documents.shared_forms import number_of, numbers_of
from heliograph.api.documents.source_documents import SourceDocument
from heliograph.api.documents.source_mapping_documents import (
    CallsRun,
    CallsToRun,
    CallTrialDocument,
    NewSourceMapping,
    SourceMappingDocument,
    SwitchOn,
    mapping_from,
)
from heliograph.api.endpoints.source_endpoints import SourceController, SourcePath
from heliograph.api.token_access import OPERATE, READ_SET_UP, SET_UP
from heliograph.sources.call_trial import try_newest
from heliograph.sources.services import source_mappings as service
from heliograph.sources.services.sources import source_row
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import read_database


class MappingOfSource(SourceController):
    """The mapping of a source."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> SourceMappingDocument:
        """Read how the calls of a source become registrations."""
        source = source_row(number_of(parsed_path.source))
        return SourceMappingDocument.from_row(source, stored_mapping(source))

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[NewSourceMapping]) -> SourceMappingDocument:
        """Save the mapping of a source. If the source is on, the calls that wait for a corrected mapping run again."""
        mapping = mapping_from(parsed_body.mapping)
        with self.saving() as transaction:
            source = service.save_mapping(transaction, number_of(parsed_path.source), mapping, seen=parsed_body.version)
        return SourceMappingDocument.from_row(source, mapping)


class TrialOfMapping(SourceController):
    """Trying a mapping."""

    access: ClassVar = {"POST": READ_SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[NewSourceMapping]) -> CallTrialDocument:
        """Try a mapping with the last 20 calls of a source: what they would become, and why some would wait. Nothing is recorded."""
        source = source_row(number_of(parsed_path.source))
        mapping = mapping_from(parsed_body.mapping)
        with read_database() as db:
            return CallTrialDocument.from_trial(try_newest(db, Committed(db), source, mapping))


class SwitchOnOfSource(SourceController):
    """Switching a source on."""

    access: ClassVar = {"POST": SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[SwitchOn]) -> SourceDocument:
        """Switch a source on: its calls are recorded by its mapping from now on."""
        id = number_of(parsed_path.source)
        with self.saving() as transaction:
            source = service.switch_on(transaction, id, stored_mapping(source_row(id)), parsed_body.kept_calls)
        return self.document(source)


class CallsOfSourceAgain(SourceController):
    """Running calls again."""

    access: ClassVar = {"POST": OPERATE}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[CallsToRun]) -> CallsRun:
        """Run calls of a source again by its mapping as it is now. What is recorded already changes nothing."""
        calls = None if parsed_body.calls is None else numbers_of("calls", parsed_body.calls)
        with self.saving() as transaction:
            return CallsRun(service.run_again(transaction, number_of(parsed_path.source), calls))


ROUTES: Final = [
    path("sources/<str:source>/mapping", MappingOfSource.as_view()),
    path("sources/<str:source>/mapping/trial", TrialOfMapping.as_view()),
    path("sources/<str:source>/switch-on", SwitchOnOfSource.as_view()),
    path("sources/<str:source>/calls/again", CallsOfSourceAgain.as_view()),
]
