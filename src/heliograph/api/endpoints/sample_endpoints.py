"""Rows for a new mapping: from a sample of the target's JSON, and from presets (guide: Mappings; M2, B3)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Query, modify
from dmr.routing import path

from heliograph.api.documents.mapping_documents import RowForm
from heliograph.api.documents.sample_documents import LossDocument, SampleForm, SampleRows, StartDocument
from heliograph.api.endpoints.mapping_endpoints import MappingController
from heliograph.api.list_answers import Items, ListQuery, all_of
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.mapping.proposals import proposals
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.preset_starts import starts
from heliograph.mappings.services import rows_of_sample
from heliograph.setup.source_fields import SourceFields


class StartQuery(ListQuery):
    """The parameters of the list of starts."""

    kind: MappingKind = MappingKind.PAYLOAD
    subject: Subject = Subject.REGISTRATION


class SampleOfTarget(MappingController):
    """The rows of a sample."""

    access: ClassVar = {"POST": SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[SampleForm]) -> SampleRows:
        """Make rows from a sample of what the target takes, with the source fields that they probably mean. Nothing is saved."""
        proposal = rows_of_sample(parsed_body.text, values=parsed_body.values)
        with account_reader(self.account.pk) as reader:
            fields = SourceFields.from_config(reader.config, parsed_body.subject)
        return SampleRows(
            rows=[RowForm.from_row(row, is_sealed=False) for row in proposal.new],
            proposed=dict(proposals(proposal.new, fields.by_key.values())),
            losses=[LossDocument.from_loss(loss) for loss in proposal.losses],
        )


class MappingStarts(MappingController):
    """The rows of presets."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_query: Query[StartQuery]) -> Items[StartDocument]:
        """List rows to start a mapping from: those of the presets. The list is always answered whole."""
        return all_of(
            starts(parsed_query.kind, parsed_query.subject).items(),
            lambda item: StartDocument.from_mapping(item[0], item[1][0], item[1][1]),
        )


ROUTES: Final = [
    path("mappings/sample", SampleOfTarget.as_view()),
    path("mappings/starts", MappingStarts.as_view()),
]
