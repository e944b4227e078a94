"""The statuses of the account, with tags on each (guide: Applying Tags in an Account; P2, P3, P5)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import Document, Id, number_of, numbers_of
from heliograph.api.documents.status_documents import RegistrationStatusDocument, StandardTagsDocument, StatusDocument, TagsChange
from heliograph.api.list_answers import Items, ListQuery, rows_by_id
from heliograph.api.token_access import READ, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.setup.standard_tags import plan_standard_tags
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.standard_tag_use import use_standard_tags


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
        """Tag a standard registration status. Changes that waited for its first tag are checked again."""
        row = RegistrationStatus.objects.get(pk=number_of(parsed_path.status), event=None)
        self.save_tags(TagKind.REGISTRATION_STATUS, row.pk, parsed_body)
        return RegistrationStatusDocument.from_row(row)


class StandardTags(ApiController):
    """The standard tags of the registration statuses."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}

    def get(self) -> StandardTagsDocument:
        """Read what using the standard tags would do: the tags that are missing, and the statuses without a tag."""
        with account_reader(self.account.pk) as reader:
            config = reader.config
        plan = plan_standard_tags(config.statuses.values(), config.tags.values())
        return StandardTagsDocument.from_plan(plan)

    @modify(status_code=HTTPStatus.OK)
    def post(self) -> StandardTagsDocument:
        """Use the standard tags: each registration status without a tag gets its own. Missing tags are created. A second request changes nothing."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            return StandardTagsDocument.from_plan(use_standard_tags(transaction).plan)


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
        """Tag a status of session registrations. Changes that waited for its first tag are checked again."""
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
        """Tag a status of events. Changes that waited for its first tag are checked again."""
        row = EventStatus.objects.get(pk=number_of(parsed_path.status))
        self.save_tags(TagKind.EVENT_STATUS, row.pk, parsed_body)
        return StatusDocument.from_row(row)


ROUTES: Final = [
    path("registration-statuses", RegistrationStatuses.as_view()),
    path("registration-statuses/standard-tags", StandardTags.as_view()),
    path("registration-statuses/<str:status>", OneRegistrationStatus.as_view()),
    path("session-registration-statuses", SessionStatuses.as_view()),
    path("session-registration-statuses/<str:status>", OneSessionStatus.as_view()),
    path("event-statuses", EventStatuses.as_view()),
    path("event-statuses/<str:status>", OneEventStatus.as_view()),
]
