"""Begins the erasure of a person (B7), for the page, the REST API and the command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.save_order import SavedSince
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.errors import NotInAccount
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.jobs import control
from heliograph.registrations.erasures import erasure_job
from heliograph.registrations.erasures.person import Person, person_of, told_of, words_of
from heliograph.setup.setup_errors import Invalid
from heliograph.store import erasures
from heliograph.store.django_database import of_django
from heliograph.store.erasures import Decision, ErasureRow

LONGEST_REFERENCE: Final = 60


@dataclass(frozen=True, slots=True)
class BackupsLeft:
    """The scheduled backups that hold the person after the erasure."""

    count: int
    until: int
    """When the last of them is removed, in microseconds, if every backup is made in time."""


def backups_left(now: int) -> BackupsLeft | None:
    """The scheduled backups that go on holding what is erased now; None if none are scheduled here."""
    schedule = settings.HELIOGRAPH.backup_schedule
    return BackupsLeft(schedule.keep, now + schedule.keep * schedule.every) if schedule is not None else None


def start_erasure(account: int, person: Person, *, why: ErasureReason, reference: str, confirmation: str, by: str) -> ErasureRow:
    """Begins to erase the person: notes it in the audit, and creates its job, in one transaction.

    reference: of the account's own files; it may name nobody
    confirmation: what was typed; it has to be the person's e-mail address, or their code if there is none

    Raises Invalid, NotInAccount if the person was erased meanwhile, SavedSince if another registration is theirs since, TooMuchWork.
    """
    reference = " ".join(reference.split())
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        ids, reader = person.ids, AccountReader(db, account)
        if sorted(person_of(reader, ids[0]).ids) != sorted(ids):
            raise SavedSince
        problems: dict[str, list[str]] = {}
        if confirmation.strip().casefold() != person.confirmation.casefold():
            problems["confirmation"] = [_("This is not %(text)s.") % {"text": person.confirmation}]
        if len(reference) > LONGEST_REFERENCE:
            problems["reference"] = [_("A reference has at most %(n)d characters.") % {"n": LONGEST_REFERENCE}]
        elif reference and words_of(db, account, ids).are_asked_for_by(reference):
            problems["reference"] = [_("This names the person. The reference is kept, so use one without a name.")]
        if problems:
            raise Invalid(problems)
        applications = told_of(reader, person)
        id = erasures.begin(
            db,
            account,
            why=why.value,
            reference=reference,
            by=by,
            registrations=len(ids),
            applications=[each.name for each in applications],
        )
        job = control.create(erasure_job.KIND, account, {"erasure": id, "registrations": ids, "by": by}, by=by)
        erasures.note_job(db, id, job.pk)
        audit.note(
            db,
            account,
            by=by,
            what=Deed.ERASED,
            kind="person",
            id=id,
            name=reference or f"#{id}",
            after={"registrations": len(ids), "why": why.value},
        )
    return erasure_of(account, id)


def erasure_of(account: int, id: int) -> ErasureRow:
    """An erasure of the account. Raises NotInAccount."""
    row = erasures.erasure(of_django(connection), account, id)
    if row is None:
        raise NotInAccount(f"There is no erasure {id}.")
    return row


def keep_proposed(account: int, id: int, *, by: str) -> None:
    """Declines a source's proposal: the registration stays. Raises NotInAccount for one that is not open."""
    with transaction.atomic():
        db = of_django(connection)
        proposal = erasures.lock_proposal(db, account, id)
        if proposal is None:
            raise NotInAccount(f"There is no proposal {id}.")
        erasures.decide(db, account, [proposal.registration], Decision.KEPT, by)
