"""What uses the set-up of an event and the custom fields of the account: it cannot be deleted while something does (P12)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Path
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.documents.usage_documents import UseDocument
from heliograph.api.endpoints.custom_field_endpoints import CustomFieldPath
from heliograph.api.endpoints.event_setup_endpoints import (
    AttendeeTypePath,
    CustomStatusPath,
    EventSetupController,
    PropertyPath,
    QuestionPath,
    SessionPath,
)
from heliograph.api.list_answers import Items, all_of
from heliograph.api.token_access import FORESEE, READ_SET_UP
from heliograph.setup.models import AttendeeType, CustomField, Question, RegistrationProperty, RegistrationStatus, Session
from heliograph.setup.services.custom_fields import field_uses
from heliograph.setup.services.event_setup import uses_of
from heliograph.setup.usage import Thing


class EventUsesController(EventSetupController):
    """What the endpoints about uses of one object of an event share."""

    access: ClassVar = {"GET": FORESEE}
    model: ClassVar[type[AttendeeType | Question | RegistrationProperty | RegistrationStatus | Session]]
    thing: ClassVar[Thing]

    def uses(self, event: str, id: str) -> Items[UseDocument]:
        """All uses of the object. They are few, because registrations are counted and not listed. Raises DoesNotExist, Problem (404)."""
        row = self.rows(self.model, event).get(pk=number_of(id))
        return all_of(uses_of(self.account.pk, number_of(event), self.thing, row.pk), UseDocument.from_use)


class FieldUsesController(ApiController):
    """What the endpoints about uses of a custom field share."""

    access: ClassVar = {"GET": READ_SET_UP}
    kind: ClassVar[CustomField.Kind]

    def uses(self, id: str) -> Items[UseDocument]:
        """All uses of the field. Raises DoesNotExist, Problem (404)."""
        row = CustomField.objects.using("read").get(pk=number_of(id), kind=self.kind)
        return all_of(field_uses(self.account.pk, row.pk), UseDocument.from_use)


class CustomStatusUses(EventUsesController):
    """What uses a custom registration status of an event."""

    model: ClassVar = RegistrationStatus
    thing: ClassVar = Thing.REGISTRATION_STATUS

    def get(self, parsed_path: Path[CustomStatusPath]) -> Items[UseDocument]:
        """List what uses a custom registration status of an event."""
        return self.uses(parsed_path.event, parsed_path.status)


class AttendeeTypeUses(EventUsesController):
    """What uses an attendee type of an event."""

    model: ClassVar = AttendeeType
    thing: ClassVar = Thing.ATTENDEE_TYPE

    def get(self, parsed_path: Path[AttendeeTypePath]) -> Items[UseDocument]:
        """List what uses an attendee type of an event."""
        return self.uses(parsed_path.event, parsed_path.attendee_type)


class QuestionUses(EventUsesController):
    """What uses a question of an event."""

    model: ClassVar = Question
    thing: ClassVar = Thing.QUESTION

    def get(self, parsed_path: Path[QuestionPath]) -> Items[UseDocument]:
        """List what uses a question of an event."""
        return self.uses(parsed_path.event, parsed_path.question)


class SessionUses(EventUsesController):
    """What uses a session of an event."""

    model: ClassVar = Session
    thing: ClassVar = Thing.SESSION

    def get(self, parsed_path: Path[SessionPath]) -> Items[UseDocument]:
        """List what uses a session of an event."""
        return self.uses(parsed_path.event, parsed_path.session)


class PropertyUses(EventUsesController):
    """What uses a custom registration property of an event."""

    model: ClassVar = RegistrationProperty
    thing: ClassVar = Thing.REGISTRATION_PROPERTY

    def get(self, parsed_path: Path[PropertyPath]) -> Items[UseDocument]:
        """List what uses a custom registration property of an event."""
        return self.uses(parsed_path.event, parsed_path.property)


class EventFieldUses(FieldUsesController):
    """What uses a custom field of events."""

    kind: ClassVar = CustomField.Kind.EVENT

    def get(self, parsed_path: Path[CustomFieldPath]) -> Items[UseDocument]:
        """List what uses a custom field of events."""
        return self.uses(parsed_path.field)


class ProfileFieldUses(FieldUsesController):
    """What uses a custom field of profiles."""

    kind: ClassVar = CustomField.Kind.PROFILE

    def get(self, parsed_path: Path[CustomFieldPath]) -> Items[UseDocument]:
        """List what uses a custom field of profiles."""
        return self.uses(parsed_path.field)


ROUTES: Final = [
    path("events/<str:event>/custom-statuses/<str:status>/uses", CustomStatusUses.as_view()),
    path("events/<str:event>/attendee-types/<str:attendee_type>/uses", AttendeeTypeUses.as_view()),
    path("events/<str:event>/questions/<str:question>/uses", QuestionUses.as_view()),
    path("events/<str:event>/sessions/<str:session>/uses", SessionUses.as_view()),
    path("events/<str:event>/properties/<str:property>/uses", PropertyUses.as_view()),
    path("event-data/<str:field>/uses", EventFieldUses.as_view()),
    path("profile-data/<str:field>/uses", ProfileFieldUses.as_view()),
]
