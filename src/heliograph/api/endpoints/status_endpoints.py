"""The statuses of the account, with tags on each (guide: Applying Tags in an Account; P2, P3, P5)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Body, Path, Query
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import Document, Id, number_of, numbers_of
from heliograph.api.documents.status_documents import RegistrationStatusDocument, StatusDocument, TagsChange
from heliograph.api.list_answers import Items, ListQuery, rows_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving


class StatusPath(Document):
    """The address of a status."""

    status: Id


class StatusController(ApiController):
    """What the endpoints of one status of the account share. Only its tags can be changed."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP}
    has_etag: ClassVar = True

    def save_tags(self, kind: TagKind, status: int, change: TagsChange) -> None:
        """Saves the tags of a change; without `tags` it saves nothing. Raises Problem (400), Invalid, NotThere."""
        if isinstance(change.tags, list):
            with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
                set_tags(transaction, kind, status, numbers_of("tags", change.tags))


class RegistrationStatuses(ApiController):
    """The standard registration statuses, which every event has."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[ListQuery]) -> Items[RegistrationStatusDocument]:
        """List the standard registration statuses."""
        rows = RegistrationStatus.objects.using("read").filter(event=None).prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, RegistrationStatusDocument.from_row)


class OneRegistrationStatus(StatusController):
    """One standard registration status."""

    def get(self, parsed_path: Path[StatusPath]) -> RegistrationStatusDocument:
        """Read a standard registration status."""
        row = RegistrationStatus.objects.using("read").get(pk=number_of(parsed_path.status), event=None)
        return RegistrationStatusDocument.from_row(row)

    def patch(self, parsed_path: Path[StatusPath], parsed_body: Body[TagsChange]) -> RegistrationStatusDocument:
        """Tag a standard registration status. Changes that waited for its first tag are judged again."""
        row = RegistrationStatus.objects.get(pk=number_of(parsed_path.status), event=None)
        self.save_tags(TagKind.REGISTRATION_STATUS, row.pk, parsed_body)
        return RegistrationStatusDocument.from_row(row)


class SessionStatuses(ApiController):
    """The statuses of session registrations."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[ListQuery]) -> Items[StatusDocument]:
        """List the statuses of session registrations."""
        rows = SessionStatus.objects.using("read").prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, StatusDocument.from_row)


class OneSessionStatus(StatusController):
    """One status of session registrations."""

    def get(self, parsed_path: Path[StatusPath]) -> StatusDocument:
        """Read a status of session registrations."""
        return StatusDocument.from_row(SessionStatus.objects.using("read").get(pk=number_of(parsed_path.status)))

    def patch(self, parsed_path: Path[StatusPath], parsed_body: Body[TagsChange]) -> StatusDocument:
        """Tag a status of session registrations. Changes that waited for its first tag are judged again."""
        row = SessionStatus.objects.get(pk=number_of(parsed_path.status))
        self.save_tags(TagKind.SESSION_STATUS, row.pk, parsed_body)
        return StatusDocument.from_row(row)


class EventStatuses(ApiController):
    """The statuses of events."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[ListQuery]) -> Items[StatusDocument]:
        """List the statuses of events."""
        rows = EventStatus.objects.using("read").prefetch_related("tags")
        return rows_by_id(self.request, rows, parsed_query, StatusDocument.from_row)


class OneEventStatus(StatusController):
    """One status of events."""

    def get(self, parsed_path: Path[StatusPath]) -> StatusDocument:
        """Read a status of events."""
        return StatusDocument.from_row(EventStatus.objects.using("read").get(pk=number_of(parsed_path.status)))

    def patch(self, parsed_path: Path[StatusPath], parsed_body: Body[TagsChange]) -> StatusDocument:
        """Tag a status of events. Changes that waited for its first tag are judged again."""
        row = EventStatus.objects.get(pk=number_of(parsed_path.status))
        self.save_tags(TagKind.EVENT_STATUS, row.pk, parsed_body)
        return StatusDocument.from_row(row)


ROUTES: Final = [
    path("registration-statuses", RegistrationStatuses.as_view()),
    path("registration-statuses/<str:status>", OneRegistrationStatus.as_view()),
    path("session-registration-statuses", SessionStatuses.as_view()),
    path("session-registration-statuses/<str:status>", OneSessionStatus.as_view()),
    path("event-statuses", EventStatuses.as_view()),
    path("event-statuses/<str:status>", OneEventStatus.as_view()),
]
