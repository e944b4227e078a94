"""Erasing a person as JSON: what is known of them, what was done, and what sources propose (B7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from heliograph.api.documents.shared_forms import Document, Id, Instant
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.registrations.erasures.person import KnownOfPerson, Person, ToldApplication
from heliograph.registrations.erasures.person_erasure import BackupsLeft
from heliograph.store.erasures import ErasureRow, Proposal
from heliograph.store.instants import from_micros


class PersonRegistration(Document):
    """One of a person's registrations."""

    id: Id
    event: Annotated[str, msgspec.Meta(description="The code of its event.")]
    code: str


class ToldApplicationDocument(Document):
    """A connection to which something of the person was delivered. It keeps that."""

    name: Annotated[str, msgspec.Meta(description="Of the connection.")]
    host: Annotated[str, msgspec.Meta(description="Host and port; empty if the connection is deleted.")]
    fields: Annotated[list[str], msgspec.Meta(description="What of the person is in the requests that are kept.")]
    times: int
    first: Instant
    last: Instant

    @classmethod
    def from_application(cls, application: ToldApplication) -> ToldApplicationDocument:
        return cls(
            name=application.name,
            host=application.host,
            fields=list(application.fields),
            times=application.times,
            first=from_micros(application.first),
            last=from_micros(application.last),
        )


class PersonDocument(Document):
    """A person: the registrations with one e-mail address, how much is known of them, and who was told. Read it before you erase them."""

    registrations: list[PersonRegistration]
    confirmation: Annotated[
        str, msgspec.Meta(description="What `POST erasures` wants as `confirmation`: the e-mail address, else the code.")
    ]
    sessions: Annotated[int, msgspec.Meta(description="Session registrations.")]
    answers: Annotated[int, msgspec.Meta(description="Answers and custom fields.")]
    changes: Annotated[int, msgspec.Meta(description="Changes whose content is kept.")]
    exchanges: Annotated[int, msgspec.Meta(description="Requests with their answers that are kept.")]
    undelivered: Annotated[int, msgspec.Meta(description="Actions that would end Failed, “erased”.")]
    applications: Annotated[list[ToldApplicationDocument], msgspec.Meta(description="Who was told of the person.")]
    backups: Annotated[int, msgspec.Meta(description="Scheduled backups that would hold the person; others may, too.")]
    backups_until: Annotated[
        Instant | None, msgspec.Meta(description="When the last of these is removed; null if none are scheduled here.")
    ]

    @classmethod
    def from_person(
        cls, person: Person, known: KnownOfPerson, applications: Sequence[ToldApplication], backups: BackupsLeft | None
    ) -> PersonDocument:
        """The document of a person."""
        return cls(
            registrations=[PersonRegistration(id=str(each.id), event=each.event.code, code=each.code) for each in person.registrations],
            confirmation=person.confirmation,
            sessions=known.sessions,
            answers=known.answers,
            changes=known.changes,
            exchanges=known.exchanges,
            undelivered=len(known.undelivered),
            applications=[ToldApplicationDocument.from_application(each) for each in applications],
            backups=backups.count if backups is not None else 0,
            backups_until=from_micros(backups.until) if backups is not None else None,
        )


class NewErasure(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent to erase a person."""

    registration: Annotated[
        Id, msgspec.Meta(description="Any of their registrations; those with the same e-mail address are erased with it.")
    ]
    confirmation: Annotated[str, msgspec.Meta(max_length=1_000, description="Their e-mail address, else the code of the registration.")]
    why: ErasureReason = ErasureReason.ASKED
    reference: Annotated[str, msgspec.Meta(max_length=60, description="Your own; it stays, so it may name nobody.")] = ""


class ErasureDocument(Document):
    """An erasure. It names nobody."""

    id: Id
    job: Annotated[Id | None, msgspec.Meta(description="The job that does it: `GET jobs/{id}`.")]
    why: ErasureReason
    reference: str
    by: Annotated[str, msgspec.Meta(description="Who began it: `user:7`, `token:3`, …")]
    begun: Instant
    ended: Annotated[Instant | None, msgspec.Meta(description="Null while its job has not ended.")]
    registrations: Annotated[int, msgspec.Meta(description="How many belong to the person.")]
    counts: Annotated[dict[str, int], msgspec.Meta(description="What has gone so far.")]
    applications: Annotated[list[str], msgspec.Meta(description="Connections that were told of the person; they keep that.")]

    @classmethod
    def from_row(cls, row: ErasureRow) -> ErasureDocument:
        """The document of a row."""
        return cls(
            id=str(row.id),
            job=str(row.job) if row.job is not None else None,
            why=ErasureReason(row.why),
            reference=row.reference,
            by=row.by,
            begun=from_micros(row.begun),
            ended=from_micros(row.ended) if row.ended is not None else None,
            registrations=row.registrations,
            counts=dict(row.counts),
            applications=list(row.applications),
        )


class ProposalDocument(Document):
    """A registration that its source has erased, and about which nobody has decided yet."""

    id: Id
    registration: Id
    by: Annotated[str, msgspec.Meta(description="The source that proposes it.")]
    at: Instant

    @classmethod
    def from_proposal(cls, proposal: Proposal) -> ProposalDocument:
        """The document of a proposal."""
        return cls(id=str(proposal.id), registration=str(proposal.registration), by=proposal.by, at=from_micros(proposal.at))
