"""Live sources (S1)."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, ClassVar, Final

import msgspec
from django.http import HttpResponse
from dmr import Body, Path, Query, ResponseSpec, modify, validate
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.controller import ApiController
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.documents.source_documents import (
    Become,
    CertainDocument,
    EventbriteDocument,
    ListDocument,
    ListTrialDocument,
    MadeSecret,
    MissingAnswer,
    NewProof,
    NewSecret,
    NewSource,
    ProofDocument,
    ReadDocument,
    SecretDocument,
    SourceCallDocument,
    SourceChange,
    SourceDocument,
    SourceRemoval,
    SourceRemovalDocument,
)
from heliograph.api.list_answers import Items, ListQuery, all_of, items_of
from heliograph.api.token_access import ADMINISTER, READ, READ_SET_UP, SET_UP
from heliograph.domain.mapping.json_bodies import BodyError, unknown_member
from heliograph.domain.sentence_template import whole_sentence, with_capital
from heliograph.domain.source.certain import CERTAIN, CertainEvent
from heliograph.domain.source.eventbrite import EVENTBRITE, EventbriteEvent
from heliograph.domain.source.handshake import HANDSHAKE_MEMBERS, Handshake
from heliograph.domain.source.platforms import COMMAND, has_described_list
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.verification import VERIFICATION_MEMBERS, Verification, VerificationError
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources import source_removal
from heliograph.sources.list_request import description_of
from heliograph.sources.models import Source, SourceCall
from heliograph.sources.services import certain_events, command_runs, eventbrite_events, list_readings, source_proof
from heliograph.sources.services import sources as service
from heliograph.sources.services.source_proof import SourceProof
from heliograph.sources.source_list import source_rows
from heliograph.sources.trial_read import try_list
from heliograph.store.django_database import read_database
from heliograph.store.source_registrations import count_registrations
from heliograph.web.cursor import keyset


class SourcePath(Document):
    """The address of a source."""

    source: Id


class SecretPath(SourcePath):
    """The address of a secret of a source."""

    secret: Id


class SourceController(ApiController):
    """What the endpoints of sources share."""

    def saving(self) -> AbstractContextManager[SetupTransaction]:
        """The transaction of a save."""
        return saving(self.account.pk, by=self.actor)

    @staticmethod
    def document(source: Source) -> SourceDocument:
        """A source with what it did in the last 24 hours."""
        with read_database() as db:
            (row,) = source_rows(db, [source])
        return SourceDocument.from_row(row)


class Sources(SourceController):
    """The sources of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}

    def get(self) -> Items[SourceDocument]:
        """List the live sources of the account, each with what it did in the last 24 hours."""
        with read_database() as db:
            return all_of(source_rows(db, Source.objects.filter(deleted_at=None)), SourceDocument.from_row)

    def post(self, parsed_body: Body[NewSource]) -> SourceDocument:
        """Add a source. It records nothing before it is switched on."""
        with self.saving() as transaction:
            source = service.add_source(transaction, parsed_body.platform, parsed_body.name)
        return self.document(source)


class OneSource(SourceController):
    """One source."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> SourceDocument:
        """Read a source."""
        return self.document(service.source_row(number_of(parsed_path.source)))

    def patch(self, parsed_path: Path[SourcePath], parsed_body: Body[SourceChange]) -> SourceDocument:
        """Rename a source."""
        with self.saving() as transaction:
            source = service.rename(transaction, number_of(parsed_path.source), parsed_body.name)
        return self.document(source)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[SourcePath]) -> None:
        """Remove a source. Its address no longer answers; what it has recorded stays."""
        with self.saving() as transaction:
            service.remove(transaction, number_of(parsed_path.source))


class RemovalOfSource(SourceController):
    """Removing a source with what came by it."""

    access: ClassVar = {"GET": READ_SET_UP, "POST": SET_UP}
    counts_first: ClassVar = True

    def get(self, parsed_path: Path[SourcePath]) -> SourceRemovalDocument:
        """Read what removing a source with its registrations would do. Nothing is changed."""
        id = number_of(parsed_path.source)
        service.source_row(id)
        with read_database() as db:
            return SourceRemovalDocument.from_preview(source_removal.preview(db, self.account.pk, id))

    @validate(ResponseSpec(JobDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[SourceRemoval]) -> HttpResponse:
        """Remove a source, and set the registrations that came only by it inactive, as a job. `DELETE` leaves them as they are."""
        id = number_of(parsed_path.source)
        return self.start_counted(lambda: self._count(id), lambda total: self._remove(id, parsed_body.registrations, total))

    def _count(self, id: int) -> int:
        service.source_row(id)
        with read_database() as db:
            return count_registrations(db, self.account.pk, id).own

    def _remove(self, id: int, become: Become, total: int) -> JobDocument:
        with self.saving() as transaction:
            job = source_removal.remove_source(transaction, id, source_removal.Afterwards(become.value), total)
        assert job is not None
        return JobDocument.of_job(job)


class PauseOfSource(SourceController):
    """Pausing a source."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> SourceDocument:
        """Pause a source. What calls bring is kept; nothing is read or recorded until it is resumed."""
        with self.saving() as transaction:
            source = service.pause(transaction, number_of(parsed_path.source))
        return self.document(source)


class ResumptionOfSource(SourceController):
    """Resuming a source."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> SourceDocument:
        """Resume a paused source. What was kept is recorded in its order, and reading goes on where it stopped."""
        with self.saving() as transaction:
            source = service.resume(transaction, number_of(parsed_path.source))
        return self.document(source)


class CallsOfSource(SourceController):
    """The calls of a source."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[SourcePath], parsed_query: Query[ListQuery]) -> Items[SourceCallDocument]:
        """List the calls and reads of a source, newest first."""
        source = service.source_row(number_of(parsed_path.source))
        calls = keyset(SourceCall.objects.filter(source=source), "at", "id", parsed_query.cursor_of(int, int), size=parsed_query.limit)
        return items_of(self.request, calls, SourceCallDocument.from_row)


class ProofOfSource(SourceController):
    """How the calls of a source prove themselves."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> ProofDocument:
        """Read the address of a source that is called, how its calls prove themselves, and its secrets without their texts."""
        return _proof_document(service.source_row(number_of(parsed_path.source)))

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[NewProof]) -> ProofDocument:
        """Choose how calls prove themselves. Its secrets stay valid."""
        proof = _read_proof(parsed_body)
        with self.saving() as transaction:
            return _proof_document(source_proof.save_proof(transaction, number_of(parsed_path.source), proof))


def _read_proof(body: NewProof) -> SourceProof:
    if body.preset:
        if body.preset not in PRESETS:
            raise Invalid({"preset": [f"There is no sender {body.preset!r}. Known are: {', '.join(PRESETS)}."]})
        preset = PRESETS[body.preset]
        return SourceProof(preset.verification, preset.handshake)
    for name, value, known in (("verification", body.verification, VERIFICATION_MEMBERS), ("handshake", body.handshake, HANDSHAKE_MEMBERS)):
        if unknown := unknown_member(value, known):
            raise Invalid({f"{name}.{unknown}"[:200]: [f"A {name} has no such member."]})
    try:
        verification = Verification.from_body(body.verification) if body.verification else None
        handshake = Handshake.from_body(body.handshake) if body.handshake else None
    except VerificationError as error:
        raise Invalid({error.field or "verification": [whole_sentence(error.reason)]}) from None
    return SourceProof(verification, handshake)


def _proof_document(source: Source) -> ProofDocument:
    if not source.path:
        raise Problem("not-found", "This source is read, it is not called, so no call proves itself.")
    body = source_proof.proof_body(source_proof.proof_of(source))
    return ProofDocument(
        address=source_proof.address_of(source),
        verification=body["verification"] or None,
        handshake=body["handshake"] or None,
        secrets=[
            SecretDocument(id=str(each.pk), since=each.created, ends=each.ends, used=each.used) for each in source_proof.secrets_of(source)
        ],
    )


class ListOfSource(SourceController):
    """The list that a source reads."""

    access: ClassVar = {"GET": READ_SET_UP, "PUT": SET_UP}

    def get(self, parsed_path: Path[SourcePath]) -> ListDocument:
        """Read how the list of a source is asked and read."""
        source = service.source_row(number_of(parsed_path.source))
        if "list" not in json.loads(source.settings):
            raise Problem("not-found", _list_cure(source))
        return ListDocument(list=description_of(source.settings).to_body())

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[ListDocument]) -> ListDocument:
        """Describe the list that a source reads. If its items may be others now, everything is read once more."""
        description = _read_list(parsed_body)
        with self.saving() as transaction:
            list_readings.save_list(transaction, number_of(parsed_path.source), description)
        return ListDocument(list=description.to_body())


class CertainOfSource(SourceController):
    """The event at Certain that a source reads."""

    access: ClassVar = {"PUT": SET_UP}

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[CertainDocument]) -> ListDocument:
        """Say which event of Certain a source reads. Its list follows from that, and its mapping if there is none yet.

        From Certain's public documentation, never run against the real service: try the list before the source is switched on.
        """
        event = CertainEvent.from_body(_event_body(parsed_body))
        with self.saving() as transaction:
            source = certain_events.save_event(transaction, number_of(parsed_path.source), event)
        return ListDocument(list=description_of(source.settings).to_body())


class EventbriteOfSource(SourceController):
    """The event at Eventbrite that a source reads."""

    access: ClassVar = {"PUT": SET_UP}

    def put(self, parsed_path: Path[SourcePath], parsed_body: Body[EventbriteDocument]) -> ListDocument:
        """Say which event of Eventbrite a source reads. Its list follows from that, and its mapping if there is none yet.

        From Eventbrite's public documentation, never run against the real service: try the list before the source is switched on.
        """
        event = EventbriteEvent.from_body(_event_body(parsed_body))
        with self.saving() as transaction:
            source = eventbrite_events.save_event(transaction, number_of(parsed_path.source), event)
        return ListDocument(list=description_of(source.settings).to_body())


def _event_body(document: CertainDocument | EventbriteDocument) -> dict[str, Any]:
    """The document of an event elsewhere as its body, with the number of its connection."""
    connection = None if document.connection is None else number_of(document.connection)
    return msgspec.structs.asdict(document) | {"connection": connection}


class TrialOfList(SourceController):
    """Trying the description of a list."""

    access: ClassVar = {"POST": READ_SET_UP}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[ListDocument]) -> ListTrialDocument:
        """Try a description by up to three requests: the first page, the next one, and what changed since a time. Nothing is stored.

        Many servers ignore a parameter that they do not know; `since` says whether this one does.
        """
        source = service.source_row(number_of(parsed_path.source))
        if not has_described_list(source.platform):
            raise Problem("not-found", _list_cure(source))
        return ListTrialDocument.from_trial(try_list(self.account.pk, _read_list(parsed_body)))


def _list_cure(source: Source) -> str:
    """Why a source has no list, and what describes one."""
    if has_described_list(source.platform):
        place = source.platform if source.platform in (CERTAIN, EVENTBRITE) else "list"
        return f"The list of this source is not described yet. PUT sources/{source.pk}/{place} describes it."
    if source.platform == PRETIX:
        return f"The list of a pretix follows from what is read there: PUT sources/{source.pk}/pretix."
    return f"This source reads no list. Its platform is {source.platform!r}; add a source with the platform 'rest' for a list."


def _read_list(body: ListDocument) -> RestList:
    try:
        description = RestList.from_body(body.list)
    except BodyError as error:
        raise Invalid({error.where or "list": [with_capital(error.reason)]}) from None
    if unknown := sorted(body.list.keys() - description.to_body().keys()):
        raise Invalid({unknown[0][:100]: ["A list has no such member."]})
    return description


class ReadingOfSource(SourceController):
    """Reading a source now."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath]) -> ReadDocument:
        """Read a source now, or run its program. Of one that is not switched on a page is kept, as a sample for its mapping."""
        id = number_of(parsed_path.source)
        read_now = command_runs.run_now if service.source_row(id).platform == COMMAND else list_readings.read_now
        count = read_now(self.account.pk, id, by=self.actor)
        return ReadDocument(items=count)


class MissingOfSource(SourceController):
    """Registrations that a source no longer lists."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[MissingAnswer]) -> SourceDocument:
        """Decide what becomes of registrations that are missing at the platform. A source asks if they are more than a tenth of all."""
        with self.saving() as transaction:
            source = list_readings.answer_missing(transaction, number_of(parsed_path.source), set_inactive=parsed_body.set_inactive)
        return self.document(source)


class SecretsOfSource(SourceController):
    """The secrets of a source."""

    access: ClassVar = {"POST": SET_UP}

    def post(self, parsed_path: Path[SourcePath], parsed_body: Body[NewSecret]) -> MadeSecret:
        """Add a secret, the sender's or a new one. The one before stays valid for 7 days; two can be valid at once."""
        with self.saving() as transaction:
            secret = source_proof.add_secret(transaction, number_of(parsed_path.source), parsed_body.secret)
        return MadeSecret(secret=secret)


class OneSecretOfSource(SourceController):
    """One secret of a source."""

    access: ClassVar = {"DELETE": SET_UP}

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[SecretPath]) -> None:
        """End a secret now. Calls with it are refused."""
        with self.saving() as transaction:
            source_proof.end_secret(transaction, number_of(parsed_path.source), number_of(parsed_path.secret))


ROUTES: Final = [
    path("sources", Sources.as_view()),
    path("sources/<str:source>", OneSource.as_view()),
    path("sources/<str:source>/removal", RemovalOfSource.as_view()),
    path("sources/<str:source>/list", ListOfSource.as_view()),
    path("sources/<str:source>/certain", CertainOfSource.as_view()),
    path("sources/<str:source>/eventbrite", EventbriteOfSource.as_view()),
    path("sources/<str:source>/list/trial", TrialOfList.as_view()),
    path("sources/<str:source>/read", ReadingOfSource.as_view()),
    path("sources/<str:source>/missing", MissingOfSource.as_view()),
    path("sources/<str:source>/pause", PauseOfSource.as_view()),
    path("sources/<str:source>/resume", ResumptionOfSource.as_view()),
    path("sources/<str:source>/calls", CallsOfSource.as_view()),
    path("sources/<str:source>/proof", ProofOfSource.as_view()),
    path("sources/<str:source>/secrets", SecretsOfSource.as_view()),
    path("sources/<str:source>/secrets/<str:secret>", OneSecretOfSource.as_view()),
]
