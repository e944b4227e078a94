"""Event Data and Profile Data: the custom fields of the account (P6)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.custom_field_documents import CustomFieldChange, CustomFieldDocument, NewCustomField
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, rows_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.setup.models import CustomField
from heliograph.setup.services.custom_fields import delete_field, save_field
from heliograph.setup.services.setup_save import saving


class CustomFieldPath(Document):
    """The address of a custom field."""

    field: Id


class FieldsController(ApiController):
    """The custom fields of one kind."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}
    kind: ClassVar[CustomField.Kind]

    def fields(self, query: ListQuery) -> Items[CustomFieldDocument]:
        """A page of the fields, in the order of ids."""
        return rows_by_id(self.request, CustomField.objects.using("read").filter(kind=self.kind), query, CustomFieldDocument.from_row)

    def added(self, field: NewCustomField) -> CustomFieldDocument:
        """Stores a new field. Returns its document. Raises Invalid."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            return CustomFieldDocument.from_row(save_field(transaction, field.facts(self.kind)))


class OneFieldController(ApiController):
    """One custom field of a kind."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}
    has_etag: ClassVar = True
    kind: ClassVar[CustomField.Kind]

    def field(self, path: CustomFieldPath) -> CustomFieldDocument:
        """The document of a field. Raises DoesNotExist for an id of the other kind."""
        return CustomFieldDocument.from_row(CustomField.objects.using("read").get(pk=number_of(path.field), kind=self.kind))

    def changed(self, path: CustomFieldPath, change: CustomFieldChange, confirmation: Confirmation) -> CustomFieldDocument:
        """Stores a change of a field. Returns its new document. Raises DoesNotExist, Invalid, LosesValues."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            row = CustomField.objects.get(pk=number_of(path.field), kind=self.kind)
            return CustomFieldDocument.from_row(save_field(transaction, change.facts(row), row.pk, confirmed=confirmation.confirmed))

    def remove(self, path: CustomFieldPath) -> None:
        """Deletes a field. Raises DoesNotExist, InUse."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            delete_field(transaction, CustomField.objects.get(pk=number_of(path.field), kind=self.kind).pk)


class EventFields(FieldsController):
    """The custom fields of events."""

    kind: ClassVar = CustomField.Kind.EVENT

    def get(self, parsed_query: Query[ListQuery]) -> Items[CustomFieldDocument]:
        """List the custom fields of events."""
        return self.fields(parsed_query)

    def post(self, parsed_body: Body[NewCustomField]) -> CustomFieldDocument:
        """Add a custom field of events."""
        return self.added(parsed_body)


class OneEventField(OneFieldController):
    """One custom field of events."""

    kind: ClassVar = CustomField.Kind.EVENT

    def get(self, parsed_path: Path[CustomFieldPath]) -> CustomFieldDocument:
        """Read a custom field of events."""
        return self.field(parsed_path)

    def patch(
        self, parsed_path: Path[CustomFieldPath], parsed_query: Query[Confirmation], parsed_body: Body[CustomFieldChange]
    ) -> CustomFieldDocument:
        """Change a custom field of events. Asks first if flows filter by an option that is taken away."""
        return self.changed(parsed_path, parsed_body, parsed_query)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[CustomFieldPath]) -> None:
        """Delete a custom field of events that has no answers, and that no flow or mapping names."""
        self.remove(parsed_path)


class ProfileFields(FieldsController):
    """The custom fields of profiles."""

    kind: ClassVar = CustomField.Kind.PROFILE

    def get(self, parsed_query: Query[ListQuery]) -> Items[CustomFieldDocument]:
        """List the custom fields of profiles."""
        return self.fields(parsed_query)

    def post(self, parsed_body: Body[NewCustomField]) -> CustomFieldDocument:
        """Add a custom field of profiles."""
        return self.added(parsed_body)


class OneProfileField(OneFieldController):
    """One custom field of profiles."""

    kind: ClassVar = CustomField.Kind.PROFILE

    def get(self, parsed_path: Path[CustomFieldPath]) -> CustomFieldDocument:
        """Read a custom field of profiles."""
        return self.field(parsed_path)

    def patch(
        self, parsed_path: Path[CustomFieldPath], parsed_query: Query[Confirmation], parsed_body: Body[CustomFieldChange]
    ) -> CustomFieldDocument:
        """Change a custom field of profiles. Asks first if flows filter by an option that is taken away."""
        return self.changed(parsed_path, parsed_body, parsed_query)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[CustomFieldPath]) -> None:
        """Delete a custom field of profiles that has no answers, and that no flow or mapping names."""
        self.remove(parsed_path)


ROUTES: Final = [
    path("event-data", EventFields.as_view()),
    path("event-data/<str:field>", OneEventField.as_view()),
    path("profile-data", ProfileFields.as_view()),
    path("profile-data/<str:field>", OneProfileField.as_view()),
]
