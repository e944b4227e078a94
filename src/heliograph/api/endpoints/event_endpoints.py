"""Events (guide: Adding an event; P2, P9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.event_documents import CopyOfEvent, EventChange, EventDocument, LeaveTesting, LeavingDocument, NewEvent
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of, numbers_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import FORESEE, READ, SET_UP_EVENTS
from heliograph.deliveries.account_reader import account_reader
from heliograph.setup import mark_test_job
from heliograph.setup.event_list import list_events
from heliograph.setup.services.events import copy_event, save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.models import Event
from heliograph.web.list_filters import LONGEST_FILTER


class EventQuery(ListQuery):
    """The parameters of the list of events."""

    q: Annotated[str, msgspec.Meta(max_length=LONGEST_FILTER, description="Words, each of which is in the code or the name.")] = ""
    status: Annotated[Id | None, msgspec.Meta(description="Only events with the status of this id.")] = None


class EventPath(Document):
    """The address of an event."""

    event: Id


class Events(ApiController):
    """The events of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP_EVENTS}

    def get(self, parsed_query: Query[EventQuery]) -> Items[EventDocument]:
        """List the events of the account, the newest first."""
        status = None if parsed_query.status is None else numbers_of("status", [parsed_query.status])[0]
        with account_reader(self.account.pk) as reader:
            page, _matching = list_events(
                reader.db,
                self.account.pk,
                text=parsed_query.q,
                status=status,
                cursor=parsed_query.cursor_of(int),
                size=parsed_query.limit,
            )
            events, config = reader.events(page.rows), reader.config
        return items_of(self.request, page, lambda id: EventDocument.from_state(id, events[id].state, config))

    def post(self, parsed_body: Body[NewEvent]) -> EventDocument:
        """Add an event. It begins in Testing: every registration that is made until it leaves Testing is a Test registration."""
        with saving(self.account.pk, by=self.actor) as transaction:
            config = transaction.provider.account(self.account.pk)
            return saved_event(transaction, save_event(transaction, parsed_body.state(config)))


class OneEvent(ApiController):
    """One event."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP_EVENTS}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[EventPath]) -> EventDocument:
        """Read an event."""
        with account_reader(self.account.pk) as reader:
            row = Event.objects.using("read").get(pk=number_of(parsed_path.event))
            return EventDocument.from_state(row.pk, reader.provider.event(row.pk).state, reader.config)

    def patch(self, parsed_path: Path[EventPath], parsed_query: Query[Confirmation], parsed_body: Body[EventChange]) -> EventDocument:
        """Change an event. Asks first if flows filter by its old code or name. An event whose registrations are not all marked as Test leaves
        Planning or Testing only by `leave-testing`."""
        event, confirmed = number_of(parsed_path.event), parsed_query.confirmed
        # confirmed: flows are changed as well, which needs the account
        with saving(self.account.pk, by=self.actor, events=[event], whole_account=confirmed) as transaction:
            config = transaction.provider.account(self.account.pk)
            state = parsed_body.state(transaction.provider.event(event).state, config)
            return saved_event(transaction, save_event(transaction, state, event, confirmed=confirmed))


class EventCopy(ApiController):
    """Copying an event."""

    access: ClassVar = {"POST": SET_UP_EVENTS}

    def post(self, parsed_path: Path[EventPath], parsed_body: Body[CopyOfEvent]) -> EventDocument:
        """Copy an event: its set-up with all tags, and no registrations. The copy begins in Testing."""
        with saving(self.account.pk, by=self.actor) as transaction:
            new = copy_event(transaction, number_of(parsed_path.event), code=parsed_body.code, name=parsed_body.name, **parsed_body.times)
            return saved_event(transaction, new)


class EventLeaveTesting(ApiController):
    """Taking an event out of Planning or Testing."""

    access: ClassVar = {"GET": FORESEE, "POST": SET_UP_EVENTS}

    def get(self, parsed_path: Path[EventPath], parsed_query: Query[LeaveTesting]) -> LeavingDocument:
        """Read what leaving Planning or Testing would do: how many registrations would be marked as Test, and what Live flows would do afterwards."""
        (status,) = numbers_of("status", [parsed_query.status])
        with account_reader(self.account.pk) as reader:
            row = Event.objects.using("read").get(pk=number_of(parsed_path.event))
            leaving = mark_test_job.leaving(reader.db, reader.config, reader.provider.event(row.pk), status)
        return LeavingDocument.from_leaving(leaving)

    @modify(status_code=HTTPStatus.ACCEPTED)
    def post(self, parsed_path: Path[EventPath], parsed_body: Body[LeaveTesting]) -> JobDocument:
        """Take an event out of Planning or Testing. The job marks its registrations as Test, in changes that no flow checks, and
        then changes its status. If the event has such a job already, that one is returned; a failed one can be resumed."""
        (status,) = numbers_of("status", [parsed_body.status])
        return JobDocument.of_job(mark_test_job.start(self.account.pk, number_of(parsed_path.event), status, by=self.actor))


def saved_event(transaction: SetupTransaction, event: int) -> EventDocument:
    """The document of an event that the transaction has saved."""
    provider = transaction.provider
    return EventDocument.from_state(event, provider.event(event).state, provider.account(transaction.account))


ROUTES: Final = [
    path("events", Events.as_view()),
    path("events/<str:event>", OneEvent.as_view()),
    path("events/<str:event>/copy", EventCopy.as_view()),
    path("events/<str:event>/leave-testing", EventLeaveTesting.as_view()),
]
