"""Registrations (guide: Registrations; I1-I3, P8, P10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from django.http import HttpResponse
from dmr import Body, Path, Query, ResponseSpec, modify, validate
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.controller import ApiController
from heliograph.api.document_parser import PARSERS
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.registration_documents import (
    ActiveDocument,
    ActiveEffect,
    FilterText,
    NewRegistration,
    OfDelivery,
    OfEvent,
    OfScope,
    OfStatus,
    OfType,
    RecordedDocument,
    RegistrationChange,
    RegistrationDocument,
    RegistrationFilters,
    SearchWords,
    StatusChange,
    StatusChangePreview,
)
from heliograph.api.documents.shared_forms import Document, Id, NameOfThing, number_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import FORESEE, READ, SEND, SEND_AND_READ
from heliograph.engine.ingest.problem_documents import reply_of
from heliograph.registrations import bulk_change, draft
from heliograph.registrations.active_change import flows_acting, set_active
from heliograph.registrations.document_intake import change_registration, record_document
from heliograph.registrations.draft import Opened
from heliograph.registrations.list import ListScope, RegistrationFilter, Registrations, RegistrationSort
from heliograph.setup.services.setup_save import acting
from heliograph.store.django_database import read_database


class RegistrationQuery(ListQuery):
    """The parameters of the list of registrations."""

    q: SearchWords = ""
    event: OfEvent = None
    status: OfStatus = ""
    type: OfType = ""
    scope: OfScope = msgspec.field(default=ListScope.ALL, name="is")
    delivery: OfDelivery = None
    sort: Annotated[RegistrationSort, msgspec.Meta(description="By code or name; otherwise last modified first.")] = (
        RegistrationSort.MODIFIED
    )

    @property
    def registration_filter(self) -> RegistrationFilter:
        """The filters for the list's query. Raises Problem (400)."""
        filters = RegistrationFilters(
            q=self.q, event=self.event, status=self.status, type=self.type, scope=self.scope, delivery=self.delivery
        )
        return filters.read()


class LookUpQuery(Document):
    """A registration by its codes."""

    event_code: Annotated[FilterText, msgspec.Meta(description="The code of its event.")]
    code: Annotated[FilterText, msgspec.Meta(description="The registration code.")]


class RegistrationPath(Document):
    """The address of a registration."""

    registration: Id


class RegistrationList(ApiController):
    """The registrations of the account."""

    access: ClassVar = {"GET": READ, "POST": SEND}
    parsers: ClassVar = PARSERS

    def get(self, parsed_query: Query[RegistrationQuery]) -> Items[RegistrationDocument]:
        """List registrations."""
        registration_filter, account = parsed_query.registration_filter, self.account.pk
        sort = registration_filter.fitting_sort(parsed_query.sort)
        cursor = parsed_query.cursor_of(*sort.parts)
        with read_database() as db:
            listed = Registrations(db, account).page(registration_filter, sort, cursor, size=parsed_query.limit)
            registrations = draft.opened_many(db, account, [row.id for row in listed.rows])
        rows = [registrations[row.id] for row in listed.rows if row.id in registrations]
        return items_of(self.request, listed.with_rows(rows), RegistrationDocument.from_opened)

    @validate(
        ResponseSpec(RecordedDocument, status_code=HTTPStatus.CREATED, description="A registration was created."),
        ResponseSpec(RecordedDocument, status_code=HTTPStatus.OK, description="It exists; `outcome` says whether it was changed."),
        *ApiController.responses,
    )
    def post(self, parsed_body: Body[NewRegistration]) -> HttpResponse:
        """Create a registration, or change it if it exists. As `/ingest` does for one document."""
        reply = reply_of(record_document(self.account.pk, parsed_body, by=self.actor))
        if reply.is_problem:
            raise Problem.from_reply(reply)
        return self.to_response(RecordedDocument.from_reply(reply), status_code=HTTPStatus(reply.status))


class OneRegistration(ApiController):
    """One registration."""

    access: ClassVar = {"GET": READ, "PATCH": SEND_AND_READ}
    parsers: ClassVar = PARSERS
    has_etag: ClassVar = True
    read_version: int | None = None
    """The version that If-Match was compared with."""

    def get(self, parsed_path: Path[RegistrationPath]) -> RegistrationDocument:
        """Read a registration."""
        registration = _read(self.account.pk, parsed_path)
        self.read_version = registration.version
        return RegistrationDocument.from_opened(registration)

    def patch(self, parsed_path: Path[RegistrationPath], parsed_body: Body[RegistrationChange]) -> RegistrationDocument:
        """Change a registration. It is one change, however many members are sent."""
        id, account = number_of(parsed_path.registration), self.account.pk
        reply = reply_of(change_registration(account, id, parsed_body, by=self.actor, expected=self.read_version))
        if reply.is_problem:
            raise Problem.from_reply(reply)
        return RegistrationDocument.from_opened(_read(account, parsed_path))


class RegistrationLookUp(ApiController):
    """The look-up of a registration."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[LookUpQuery]) -> RegistrationDocument:
        """Read a registration by the code of its event and its own."""
        with read_database() as db:
            registration = draft.opened(db, self.account.pk, parsed_query.event_code, parsed_query.code)
        if registration is None:
            raise Problem("not-found")
        return RegistrationDocument.from_opened(registration)


class RegistrationActive(ApiController):
    """Is Active of a registration."""

    access: ClassVar = {"GET": FORESEE, "POST": SEND_AND_READ}

    def get(self, parsed_path: Path[RegistrationPath]) -> ActiveEffect:
        """Read whether a registration is active, and which flows would act if that were changed."""
        registration = _read(self.account.pk, parsed_path)
        return ActiveEffect(
            active=registration.state.active, flows=[NameOfThing(id=str(flow.id), name=flow.name) for flow in flows_acting(registration)]
        )

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[RegistrationPath], parsed_body: Body[ActiveDocument]) -> RegistrationDocument:
        """Delete a registration, or bring it back. If it is in that state already, nothing is recorded."""
        id, account = number_of(parsed_path.registration), self.account.pk
        with acting(account) as db:
            registration = draft.opened_by_id(db, account, id)
            if registration.state.active is not parsed_body.active:
                reply = reply_of(set_active(db, registration, active=parsed_body.active, by=self.actor))
                if reply.is_problem:
                    raise Problem.from_reply(reply)
                registration = draft.opened_by_id(db, account, id)
        return RegistrationDocument.from_opened(registration)


class StatusSetting(ApiController):
    """Setting the status of many registrations."""

    access: ClassVar = {"POST": SEND}
    counts_first: ClassVar = True

    @validate(ResponseSpec(JobDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_body: Body[StatusChange]) -> HttpResponse:
        """Set the status of many registrations, as a job. Each of them gets a change of its own."""
        account, wish = self.account.pk, parsed_body.wish
        return self.start_counted(
            lambda: bulk_change.total_of(account, wish),
            lambda total: JobDocument.of_job(bulk_change.start(account, wish, total, by=self.actor)),
        )


class StatusSettingPreview(ApiController):
    """What setting the status of many registrations would do."""

    access: ClassVar = {"POST": SEND_AND_READ}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[StatusChange]) -> StatusChangePreview:
        """Preview setting the status of many registrations. Nothing is changed."""
        wish = parsed_body.wish
        with read_database() as db:
            bulk_change.check(db, self.account.pk, wish)
            return StatusChangePreview.from_preview(bulk_change.preview(db, self.account.pk, wish))


def _read(account: int, address: RegistrationPath) -> Opened:
    """The registration of an address. Raises NotInAccount."""
    with read_database() as db:
        return draft.opened_by_id(db, account, number_of(address.registration))


ROUTES: Final = [
    path("registrations", RegistrationList.as_view()),
    path("registrations/lookup", RegistrationLookUp.as_view()),
    path("registrations/set-status", StatusSetting.as_view()),
    path("registrations/set-status/preview", StatusSettingPreview.as_view()),
    path("registrations/<str:registration>", OneRegistration.as_view()),
    path("registrations/<str:registration>/is-active", RegistrationActive.as_view()),
]
