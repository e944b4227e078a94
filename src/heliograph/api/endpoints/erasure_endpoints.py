"""Erasing a person, and what sources propose (B7)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.erasure_documents import ErasureDocument, NewErasure, PersonDocument, ProposalDocument
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, all_of, items_of
from heliograph.api.token_access import MANAGE_PEOPLE
from heliograph.deliveries.account_reader import account_reader
from heliograph.registrations.erasures.person import known_of, person_of, told_of
from heliograph.registrations.erasures.person_erasure import backups_left, erasure_of, keep_proposed, start_erasure
from heliograph.store import erasures
from heliograph.web.cursor import pages


class PersonPath(Document):
    """The address of the person of a registration."""

    registration: Id


class ErasurePath(Document):
    """The address of an erasure."""

    erasure: Id


class ProposalPath(Document):
    """The address of a proposal."""

    proposal: Id


class PersonOfRegistration(ApiController):
    """What is known of the person of a registration."""

    access: ClassVar = {"GET": MANAGE_PEOPLE}

    def get(self, parsed_path: Path[PersonPath]) -> PersonDocument:
        """Read what is known of the person of a registration, and whom it was told to, before you erase them."""
        with account_reader(self.account.pk) as reader:
            person = person_of(reader, number_of(parsed_path.registration))
            return PersonDocument.from_person(person, known_of(reader, person), told_of(reader, person), backups_left(reader.db.now()))


class Erasures(ApiController):
    """The erasures of the account."""

    access: ClassVar = {"GET": MANAGE_PEOPLE, "POST": MANAGE_PEOPLE}

    def get(self, parsed_query: Query[ListQuery]) -> Items[ErasureDocument]:
        """List the erasures of the account, the newest first. They name nobody."""
        with account_reader(self.account.pk) as reader:
            page = pages(
                lambda at, limit: erasures.erasures(reader.db, reader.account, int(at.key[0]) if at else None, limit),
                lambda row: (row.id,),
                parsed_query.cursor_of(int),
                size=parsed_query.limit,
            )
        return items_of(self.request, page, ErasureDocument.from_row)

    def post(self, parsed_body: Body[NewErasure]) -> ErasureDocument:
        """Erase a person everywhere. A job does it; this cannot be undone."""
        with account_reader(self.account.pk) as reader:
            person = person_of(reader, number_of(parsed_body.registration))
        row = start_erasure(
            self.account.pk,
            person,
            why=parsed_body.why,
            reference=parsed_body.reference,
            confirmation=parsed_body.confirmation,
            by=self.actor,
        )
        return ErasureDocument.from_row(row)


class OneErasure(ApiController):
    """One erasure."""

    access: ClassVar = {"GET": MANAGE_PEOPLE}

    def get(self, parsed_path: Path[ErasurePath]) -> ErasureDocument:
        """Read an erasure: what has gone so far, and who was told."""
        return ErasureDocument.from_row(erasure_of(self.account.pk, number_of(parsed_path.erasure)))


class ErasureProposals(ApiController):
    """What sources have erased."""

    access: ClassVar = {"GET": MANAGE_PEOPLE}

    def get(self) -> Items[ProposalDocument]:
        """List the registrations that sources have erased, and about which nobody has decided yet: at most 200, the oldest first."""
        with account_reader(self.account.pk) as reader:
            return all_of(erasures.open_proposals(reader.db, reader.account), ProposalDocument.from_proposal)


class ErasureProposal(ApiController):
    """One proposal."""

    access: ClassVar = {"DELETE": MANAGE_PEOPLE}

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[ProposalPath]) -> None:
        """Decline a proposal: the registration is kept. It is not proposed again. To accept one, erase its person."""
        keep_proposed(self.account.pk, number_of(parsed_path.proposal), by=self.actor)


ROUTES: Final = [
    path("registrations/<str:registration>/person", PersonOfRegistration.as_view()),
    path("erasures", Erasures.as_view()),
    path("erasures/<str:erasure>", OneErasure.as_view()),
    path("erasure-proposals", ErasureProposals.as_view()),
    path("erasure-proposals/<str:proposal>", ErasureProposal.as_view()),
]
