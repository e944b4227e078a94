"""A source that reads pretix: its settings, and the steps of its set-up: looking, choosing events, matching, and its webhook in pretix (S4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, modify
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.documents.source_pretix_documents import (
    PretixDocument,
    PretixEventChoices,
    PretixLookDocument,
    PretixMatchDocument,
    PretixWebhookDocument,
)
from heliograph.api.endpoints.source_endpoints import SourceController, SourcePath
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.sentence_template import whole_sentence
from heliograph.domain.source.pretix import PretixSettings
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.services import pretix_readings, pretix_webhook
from heliograph.sources.services import sources as service
from heliograph.sources.services.pretix_events import EventChoice, choose_events, look_again
from heliograph.sources.services.pretix_match import save_match
from heliograph.sources.services.pretix_match_proposals import MatchProposals
from heliograph.sources.services.pretix_setup import look, pretix_row, setup_of


class PretixOfSource(SourceController):
    """What a source reads from pretix."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> PretixDocument:
        """Read what a source reads from pretix."""
        settings = pretix_readings.pretix_settings(service.source_row(number_of(parsed_path.source)))
        if settings is None:
            raise Problem(
                "not-found", f"What this source reads from pretix is not said yet. PUT sources/{parsed_path.source}/pretix says it."
            )
        return PretixDocument(pretix=settings.to_body())

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[PretixDocument]) -> PretixDocument:
        """Say what a source reads from pretix. Its mapping follows from it; everything is read once more, without flows acting on it."""
        try:
            settings = PretixSettings.from_body(parsed_body.pretix)
        except BodyError as error:
            raise Invalid({error.where or "pretix": [whole_sentence(error.reason)]}) from None
        with self.saving() as transaction:
            pretix_readings.save_pretix(transaction, number_of(parsed_path.source), settings)
        return PretixDocument(pretix=settings.to_body())


class LookAtPretix(SourceController):
    """Looking at a pretix again."""

    access: ClassVar = {"POST": SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> PretixLookDocument:
        """Read the events at pretix once more, and the products and questions of the chosen ones. The answer names what has no match yet."""
        id = number_of(parsed_path.source)
        if refusal := look(self.account.pk, id, by=self.actor) or look_again(self.account.pk, id, by=self.actor):
            raise Invalid({"pretix": [refusal]})
        return PretixLookDocument.from_setup(setup_of(pretix_row(id)))


class EventsAtPretix(SourceController):
    """The events of a pretix that are read."""

    access: ClassVar = {"PUT": SET_UP}

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[PretixEventChoices]) -> PretixLookDocument:
        """Choose the events that are read. Events that are not here yet are created, in Testing. A look comes first; a match follows."""
        source = pretix_row(number_of(parsed_path.source))
        choices = [EventChoice(each.event, each.code) for each in parsed_body.events]
        if refusal := choose_events(self.account.pk, source.pk, choices, by=self.actor, seen=source.version):
            raise Invalid({"pretix": [refusal]})
        return PretixLookDocument.from_setup(setup_of(pretix_row(source.pk)))


class MatchAtPretix(SourceController):
    """What becomes of the parts of a pretix."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> PretixMatchDocument:
        """Read what becomes of states, products and questions: as it was saved, or as it is proposed by name."""
        return PretixMatchDocument.from_proposals(self._proposals(parsed_path.source))

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[PretixMatchDocument]) -> PretixDocument:
        """Save what becomes of states, products and questions. Statuses, attendee types, sessions, questions and tags that are not here yet are
        created. What is not sent becomes what is proposed; `{}` takes all proposals."""
        id = number_of(parsed_path.source)
        match = parsed_body.over(self._proposals(parsed_path.source).match())
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            settings = pretix_readings.pretix_settings(save_match(transaction, id, match))
        assert settings is not None
        return PretixDocument(pretix=settings.to_body())

    def _proposals(self, source: str) -> MatchProposals:
        row = pretix_row(number_of(source))
        if not setup_of(row).is_read:
            raise Invalid({"pretix": [f"Its events are not chosen yet. PUT sources/{source}/pretix/events chooses them."]})
        return MatchProposals(self.account.pk, row)


class WebhookAtPretix(SourceController):
    """The webhook of a source in pretix."""

    access: ClassVar = {"POST": SET_UP, "DELETE": SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> PretixWebhookDocument:
        """Set up the webhook in pretix, with a new secret. The one that was set up before ends. If pretix refuses, all is as before."""
        id = number_of(parsed_path.source)
        pretix_webhook.set_up_webhook(self.account.pk, id, by=self.actor)
        return PretixWebhookDocument(webhook=setup_of(pretix_row(id)).webhook)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[SourcePath]) -> None:
        """Take the webhook away that was set up in pretix. Its secret ends."""
        pretix_webhook.end_webhook(self.account.pk, number_of(parsed_path.source), by=self.actor)


ROUTES: Final = [
    path("sources/<str:source>/pretix", PretixOfSource.as_view()),
    path("sources/<str:source>/pretix/look", LookAtPretix.as_view()),
    path("sources/<str:source>/pretix/events", EventsAtPretix.as_view()),
    path("sources/<str:source>/pretix/match", MatchAtPretix.as_view()),
    path("sources/<str:source>/pretix/webhook", WebhookAtPretix.as_view()),
]
