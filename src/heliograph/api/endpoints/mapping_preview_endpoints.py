"""What a mapping would send (guide: Preview Mapping; M7)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from django.utils import timezone
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.documents.mapping_documents import at_members
from heliograph.api.documents.mapping_preview_documents import PreviewDocument, PreviewSubject, UnsavedMapping
from heliograph.api.documents.shared_forms import number_of, numbers_of
from heliograph.api.endpoints.mapping_endpoints import MappingController, MappingPath
from heliograph.api.token_access import READ, SET_UP_AND_READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.setup.fields import Subject
from heliograph.mappings import mapping_warnings, warning_words
from heliograph.mappings.mapping_subjects import Subjects
from heliograph.mappings.mapping_trial import MappingTrial, TrialChoice
from heliograph.mappings.services import entered_mapping, mapping_row


class PreviewController(MappingController):
    """What both previews share."""

    def preview_of(self, mapping: FieldMapping, subject: PreviewSubject, id: int = 0) -> PreviewDocument:
        """What a mapping would send. id: of the stored mapping. Raises Problem (400) for data that the account does not have."""
        name, other = ("event", "registration") if mapping.subject is Subject.EVENT else ("registration", "event")
        if getattr(subject, other) is not None:
            raise Problem.from_field(other, f"A mapping for this is tried with `{name}`.")
        chosen = getattr(subject, name)
        choice = TrialChoice(id=None if chosen is None else numbers_of(name, [chosen])[0], made_up=subject.made_up)
        with account_reader(self.account.pk) as reader:
            subjects = Subjects(reader.db, self.account.pk, reader.config, mapping.subject)
            uses = mapping_warnings.used_by(reader.config, id) if id else []
            trial = MappingTrial.of_mapping(subjects, mapping, uses, choice, timezone.now())
            if trial.is_nobody:
                raise Problem.from_field(name, "There is none with this id.")
            warnings = list(warning_words.all_warnings(reader.db, reader.config, id, trial))
            return PreviewDocument.from_trial(trial, trial.unsendable(reader.db, reader.config, as_query=False), warnings)


class PreviewOfMapping(PreviewController):
    """The preview of a mapping."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[MappingPath], parsed_query: Query[PreviewSubject]) -> PreviewDocument:
        """Read what a mapping would send for a registration, for an event, or for made-up data, with warnings. Nothing is sent."""
        row = mapping_row(number_of(parsed_path.mapping))
        return self.preview_of(FieldMapping.from_body(row.body), parsed_query, row.pk)


class PreviewOfUnsaved(PreviewController):
    """The preview of a mapping that is not saved."""

    access: ClassVar = {"POST": SET_UP_AND_READ}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[UnsavedMapping]) -> PreviewDocument:
        """Preview a mapping that is not saved. Nothing is saved or sent."""
        with at_members():
            mapping = entered_mapping(parsed_body.mapping.body)
        return self.preview_of(mapping.sealed, parsed_body)


ROUTES: Final = [
    path("mappings/preview", PreviewOfUnsaved.as_view()),
    path("mappings/<str:mapping>/preview", PreviewOfMapping.as_view()),
]
