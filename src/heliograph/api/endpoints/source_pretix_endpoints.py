"""What the pages of a pretix source do besides its settings: looking again, and its webhook in pretix (S4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Path, modify
from dmr.routing import path

from heliograph.api.documents.shared_forms import number_of
from heliograph.api.documents.source_documents import PretixLookDocument, PretixWebhookDocument
from heliograph.api.endpoints.source_endpoints import SourceController, SourcePath
from heliograph.api.token_access import SET_UP
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.services import pretix_webhook
from heliograph.sources.services.pretix_events import look_again
from heliograph.sources.services.pretix_setup import pretix_row, setup_of


class LookAtPretix(SourceController):
    """Looking at a pretix again."""

    access: ClassVar = {"POST": SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> PretixLookDocument:
        """Read the products and questions of the events at pretix once more. Those that nobody has matched are named."""
        id = number_of(parsed_path.source)
        if refusal := look_again(self.account.pk, id, by=self.actor):
            raise Invalid({"pretix": [refusal]})
        return PretixLookDocument(new=list(setup_of(pretix_row(id)).new_parts.values()))


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
    path("sources/<str:source>/pretix/look", LookAtPretix.as_view()),
    path("sources/<str:source>/pretix/webhook", WebhookAtPretix.as_view()),
]
