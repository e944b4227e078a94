"""What an event is set up with: custom statuses, attendee types, questions, sessions, properties (P3-P6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import ClassVar, Final

from django.db.models import Model, QuerySet
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.event_setup_documents import (
    AttendeeTypeChange,
    AttendeeTypeDocument,
    NewAttendeeType,
    NewProperty,
    NewQuestion,
    NewSession,
    PropertyChange,
    PropertyDocument,
    QuestionChange,
    QuestionDocument,
    SessionChange,
    SessionDocument,
)
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.documents.status_documents import CustomStatusChange, NewCustomStatus, RegistrationStatusDocument
from heliograph.api.list_answers import Items, ListQuery, rows_by_id
from heliograph.api.token_access import READ, SET_UP_EVENTS
from heliograph.setup.models import AttendeeType, Question, RegistrationProperty, RegistrationStatus, Session
from heliograph.setup.services import event_setup
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.models import Event


class EventSetupPath(Document):
    """The address of an event."""

    event: Id


class EventSetupController(ApiController):
    """What the endpoints of an event's set-up share."""

    access: ClassVar = {"GET": READ, "POST": SET_UP_EVENTS}

    def rows[M: Model](self, model: type[M], event: str) -> QuerySet[M]:
        """The rows of an event, from the read connection. Raises DoesNotExist if the account has no such event, Problem (404)."""
        rows: QuerySet[M] = model._default_manager.using("read").filter(event=Event.objects.using("read").get(pk=number_of(event)))
        return rows

    @contextmanager
    def planning(self, event: str) -> Iterator[tuple[SetupTransaction, int]]:
        """The transaction of a change of the event's set-up, and the event's number. Raises NotThere, Problem (404)."""
        number = number_of(event)
        with saving(self.account.pk, by=self.actor, events=[number]) as transaction:
            yield transaction, number


class OneOfEventController(EventSetupController):
    """What the endpoints of one object of an event share."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP_EVENTS, "DELETE": SET_UP_EVENTS}
    has_etag: ClassVar = True


class CustomStatusPath(EventSetupPath):
    """The address of a custom registration status."""

    status: Id


class CustomStatuses(EventSetupController):
    """The custom registration statuses of an event."""

    def get(self, parsed_path: Path[EventSetupPath], parsed_query: Query[ListQuery]) -> Items[RegistrationStatusDocument]:
        """List the custom registration statuses of an event."""
        rows = self.rows(RegistrationStatus, parsed_path.event).prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, RegistrationStatusDocument.from_row)

    def post(self, parsed_path: Path[EventSetupPath], parsed_body: Body[NewCustomStatus]) -> RegistrationStatusDocument:
        """Add a custom registration status to an event. Its code and name must differ from those of the standard ones."""
        with self.planning(parsed_path.event) as (transaction, event):
            return RegistrationStatusDocument.from_row(event_setup.save_status(transaction, event, parsed_body.facts))


class OneCustomStatus(OneOfEventController):
    """A custom registration status of an event."""

    def get(self, parsed_path: Path[CustomStatusPath]) -> RegistrationStatusDocument:
        """Read a custom registration status of an event."""
        return RegistrationStatusDocument.from_row(self.rows(RegistrationStatus, parsed_path.event).get(pk=number_of(parsed_path.status)))

    def patch(self, parsed_path: Path[CustomStatusPath], parsed_body: Body[CustomStatusChange]) -> RegistrationStatusDocument:
        """Change a custom registration status of an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            row = event_setup.row_of(transaction, RegistrationStatus, event, number_of(parsed_path.status))
            return RegistrationStatusDocument.from_row(event_setup.save_status(transaction, event, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[CustomStatusPath]) -> None:
        """Delete a custom registration status of an event that no registration has."""
        with self.planning(parsed_path.event) as (transaction, event):
            event_setup.delete_status(transaction, event, number_of(parsed_path.status))


class AttendeeTypePath(EventSetupPath):
    """The address of an attendee type."""

    attendee_type: Id


class AttendeeTypes(EventSetupController):
    """The attendee types of an event."""

    def get(self, parsed_path: Path[EventSetupPath], parsed_query: Query[ListQuery]) -> Items[AttendeeTypeDocument]:
        """List the attendee types of an event."""
        rows = self.rows(AttendeeType, parsed_path.event).prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, AttendeeTypeDocument.from_row)

    def post(self, parsed_path: Path[EventSetupPath], parsed_body: Body[NewAttendeeType]) -> AttendeeTypeDocument:
        """Add an attendee type to an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            return AttendeeTypeDocument.from_row(event_setup.save_type(transaction, event, parsed_body.facts))


class OneAttendeeType(OneOfEventController):
    """An attendee type of an event."""

    def get(self, parsed_path: Path[AttendeeTypePath]) -> AttendeeTypeDocument:
        """Read an attendee type of an event."""
        return AttendeeTypeDocument.from_row(self.rows(AttendeeType, parsed_path.event).get(pk=number_of(parsed_path.attendee_type)))

    def patch(self, parsed_path: Path[AttendeeTypePath], parsed_body: Body[AttendeeTypeChange]) -> AttendeeTypeDocument:
        """Change an attendee type of an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            row = event_setup.row_of(transaction, AttendeeType, event, number_of(parsed_path.attendee_type))
            return AttendeeTypeDocument.from_row(event_setup.save_type(transaction, event, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[AttendeeTypePath]) -> None:
        """Delete an attendee type of an event that no registration has."""
        with self.planning(parsed_path.event) as (transaction, event):
            event_setup.delete_type(transaction, event, number_of(parsed_path.attendee_type))


class QuestionPath(EventSetupPath):
    """The address of a question."""

    question: Id


class Questions(EventSetupController):
    """The questions of an event."""

    def get(self, parsed_path: Path[EventSetupPath], parsed_query: Query[ListQuery]) -> Items[QuestionDocument]:
        """List the questions of an event."""
        rows = self.rows(Question, parsed_path.event)
        return rows_by_id(self.request, rows, parsed_query, QuestionDocument.from_row)

    def post(self, parsed_path: Path[EventSetupPath], parsed_body: Body[NewQuestion]) -> QuestionDocument:
        """Add a question to an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            return QuestionDocument.from_row(event_setup.save_question(transaction, event, parsed_body.facts))


class OneQuestion(OneOfEventController):
    """A question of an event."""

    def get(self, parsed_path: Path[QuestionPath]) -> QuestionDocument:
        """Read a question of an event."""
        return QuestionDocument.from_row(self.rows(Question, parsed_path.event).get(pk=number_of(parsed_path.question)))

    def patch(self, parsed_path: Path[QuestionPath], parsed_body: Body[QuestionChange]) -> QuestionDocument:
        """Change a question of an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            row = event_setup.row_of(transaction, Question, event, number_of(parsed_path.question))
            return QuestionDocument.from_row(event_setup.save_question(transaction, event, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[QuestionPath]) -> None:
        """Delete a question of an event that nobody has answered."""
        with self.planning(parsed_path.event) as (transaction, event):
            event_setup.delete_question(transaction, event, number_of(parsed_path.question))


class SessionPath(EventSetupPath):
    """The address of a session."""

    session: Id


class Sessions(EventSetupController):
    """The sessions of an event."""

    def get(self, parsed_path: Path[EventSetupPath], parsed_query: Query[ListQuery]) -> Items[SessionDocument]:
        """List the sessions of an event."""
        rows = self.rows(Session, parsed_path.event)
        return rows_by_id(self.request, rows, parsed_query, SessionDocument.from_row)

    def post(self, parsed_path: Path[EventSetupPath], parsed_body: Body[NewSession]) -> SessionDocument:
        """Add a session to an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            return SessionDocument.from_row(event_setup.save_session(transaction, event, parsed_body.facts))


class OneSession(OneOfEventController):
    """A session of an event."""

    def get(self, parsed_path: Path[SessionPath]) -> SessionDocument:
        """Read a session of an event."""
        return SessionDocument.from_row(self.rows(Session, parsed_path.event).get(pk=number_of(parsed_path.session)))

    def patch(self, parsed_path: Path[SessionPath], parsed_body: Body[SessionChange]) -> SessionDocument:
        """Change a session of an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            row = event_setup.row_of(transaction, Session, event, number_of(parsed_path.session))
            return SessionDocument.from_row(event_setup.save_session(transaction, event, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[SessionPath]) -> None:
        """Delete a session of an event for which nobody is registered."""
        with self.planning(parsed_path.event) as (transaction, event):
            event_setup.delete_session(transaction, event, number_of(parsed_path.session))


class PropertyPath(EventSetupPath):
    """The address of a custom registration property."""

    property: Id


class Properties(EventSetupController):
    """The custom registration properties of an event."""

    def get(self, parsed_path: Path[EventSetupPath], parsed_query: Query[ListQuery]) -> Items[PropertyDocument]:
        """List the custom registration properties of an event."""
        rows = self.rows(RegistrationProperty, parsed_path.event).prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, PropertyDocument.from_row)

    def post(self, parsed_path: Path[EventSetupPath], parsed_body: Body[NewProperty]) -> PropertyDocument:
        """Add a custom registration property to an event. An event has at most 30."""
        with self.planning(parsed_path.event) as (transaction, event):
            return PropertyDocument.from_row(event_setup.save_property(transaction, event, parsed_body.facts))


class OneProperty(OneOfEventController):
    """A custom registration property of an event."""

    def get(self, parsed_path: Path[PropertyPath]) -> PropertyDocument:
        """Read a custom registration property of an event."""
        return PropertyDocument.from_row(self.rows(RegistrationProperty, parsed_path.event).get(pk=number_of(parsed_path.property)))

    def patch(self, parsed_path: Path[PropertyPath], parsed_body: Body[PropertyChange]) -> PropertyDocument:
        """Change a custom registration property of an event."""
        with self.planning(parsed_path.event) as (transaction, event):
            row = event_setup.row_of(transaction, RegistrationProperty, event, number_of(parsed_path.property))
            return PropertyDocument.from_row(event_setup.save_property(transaction, event, parsed_body.facts(row), row.pk))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[PropertyPath]) -> None:
        """Delete a custom registration property of an event that no registration has."""
        with self.planning(parsed_path.event) as (transaction, event):
            event_setup.delete_property(transaction, event, number_of(parsed_path.property))


ROUTES: Final = [
    path("events/<str:event>/custom-statuses", CustomStatuses.as_view()),
    path("events/<str:event>/custom-statuses/<str:status>", OneCustomStatus.as_view()),
    path("events/<str:event>/attendee-types", AttendeeTypes.as_view()),
    path("events/<str:event>/attendee-types/<str:attendee_type>", OneAttendeeType.as_view()),
    path("events/<str:event>/questions", Questions.as_view()),
    path("events/<str:event>/questions/<str:question>", OneQuestion.as_view()),
    path("events/<str:event>/sessions", Sessions.as_view()),
    path("events/<str:event>/sessions/<str:session>", OneSession.as_view()),
    path("events/<str:event>/properties", Properties.as_view()),
    path("events/<str:event>/properties/<str:property>", OneProperty.as_view()),
]
