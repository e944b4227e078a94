"""Actions: the request to one destination about one change, and its attempts (D1, D8)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Path
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.action_documents import ActionDocument, AttemptExchange
from heliograph.api.documents.shared_forms import Document
from heliograph.api.list_answers import Items, all_of
from heliograph.api.token_access import READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.stored_actions import attempts, find_action, prospect
from heliograph.store.queue.action_rows import attempts_of


class ActionPath(Document):
    """The address of an action."""

    action: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="The id of an action, or its webhook-id.")]


class OneAction(ApiController):
    """One action."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ActionPath]) -> ActionDocument:
        """Read an action by its id, or by the webhook-id of its requests."""
        with account_reader(self.account.pk) as reader:
            action = find_action(reader, parsed_path.action)
            of_action = attempts_of(reader.db, reader.account, [action.id]).get(action.id, [])
            last = of_action[-1] if of_action else None
            connections = reader.connection_names([action.connection])
            return ActionDocument.from_action(action, prospect(reader, action), last, reader.flow_names([action.flow]), connections)


class ActionAttempts(ApiController):
    """The attempts of an action."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ActionPath]) -> Items[AttemptExchange]:
        """List the attempts of an action in order, with each request and its answer as they are stored: secrets are masked."""
        with account_reader(self.account.pk) as reader:
            made = attempts(reader, find_action(reader, parsed_path.action))
            connections = reader.connection_names({attempt.connection for attempt in made.attempts})
        return all_of(
            made.attempts,
            lambda attempt: AttemptExchange.from_exchange(attempt, made.exchanges.get(attempt.number), made.removed, connections),
        )


ROUTES: Final = [
    path("actions/<str:action>", OneAction.as_view()),
    path("actions/<str:action>/attempts", ActionAttempts.as_view()),
]
