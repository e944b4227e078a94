"""How long the account keeps content and records (O4): its own terms, shorter than the installation's, and the agreement to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection, transaction
from django.utils.translation import gettext as _

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.domain.ids import read_id
from heliograph.domain.retention import Announcement, Terms
from heliograph.setup.services.setup_save import acting, saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, SetupError
from heliograph.store import retention_record
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database
from heliograph.store.queue.removal import MOST_STEPS, STEPS, Survey, survey
from heliograph.store.retention_record import RemovalDay, Removed

DAYS_SHOWN: Final = 14
"""Most days with a removal that are shown: the newest."""


class RemovesFirst(SetupError):
    """Content or records would be removed by these terms (O4). Nothing was saved; ask, then do it with `confirmed=True`."""

    def __init__(self, terms: Terms, removal: Survey) -> None:
        self.terms, self.removal = terms, removal
        counts = {name: getattr(removal.removed, name) for name in Removed.__slots__}
        parts = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        least = "at least " if removal.more else ""
        super().__init__(
            f"Content is kept for {terms.content:,} days, records for {terms.rows:,}. What is older is removed, {least}{parts or 'nothing'} now;"
            " this cannot be undone."
        )


class NothingOld(SetupError):
    "Nothing is older than the limit."


def installation_terms() -> Terms:
    """The terms of the operator's settings. No account keeps anything longer."""
    terms: Terms = settings.HELIOGRAPH.retention
    return terms


def terms_of(row: Account) -> Terms:
    """The terms that hold for the account."""
    return installation_terms().shortened(row.content_days, row.row_days)


def typed_terms(content: str, rows: str) -> tuple[int | None, int | None]:
    """Days as they were typed, for content and for records; "" = the installation's. Raises Invalid."""
    most = installation_terms()
    typed_days, errors = [], {}
    for name, text, limit in (("content", content, most.content), ("rows", rows, most.rows)):
        days = read_id(text.strip()) if text.strip() else limit
        if days is None or not 1 <= days <= limit:
            refusal = _("A whole number of days from 1 to %(most)s is needed, or nothing for %(most)s.")
            errors[name] = [refusal % {"most": intcomma(limit)}]
        typed_days.append(days or limit)
    if not errors and typed_days[0] > typed_days[1]:
        errors["content"] = [_("Content is kept no longer than its record.")]
    if errors:
        raise Invalid(errors)
    return (typed_days[0] if typed_days[0] != most.content else None, typed_days[1] if typed_days[1] != most.rows else None)


def checked_terms(content: int | None, rows: int | None) -> tuple[int | None, int | None]:
    """The account's own days for content and for records; None for the installation's. Raises Invalid."""
    most = installation_terms()
    return typed_terms(*("" if days in (None, limit) else str(days) for days, limit in ((content, most.content), (rows, most.rows))))


def agreed_removal(account: int, terms: Terms, before: Terms) -> Survey | None:
    """The removal that somebody must confirm before these terms are saved, counted now.

    None if the terms remove nothing that the terms `before` keep.
    """
    if not terms.removes_more_than(before):
        return None
    removal = counted_removal(account, terms)
    return removal if removal.may_remove else None


def counted_removal(account: int, terms: Terms) -> Survey:
    """What these terms remove now, counted in at most MOST_STEPS steps, for the confirmation."""
    with read_database() as db:
        return survey(db, account, terms.cuts(db.now()), steps=MOST_STEPS)


@dataclass(frozen=True, slots=True)
class RemovalOutlook:
    """What the terms in force remove next, and what was removed lately. Instants are microseconds."""

    removal: Survey
    now: int
    days: Sequence[RemovalDay]
    """The newest days on which something was removed."""
    notice: Announcement | None
    """The announcement of a removal by these terms; None if it has not been announced."""

    @property
    def has_begun(self) -> bool:
        """True if the removal runs every hour."""
        return self.notice is not None and self.notice.begins <= self.now


def removal_outlook(db: Database, account: int, terms: Terms) -> RemovalOutlook:
    """What these terms remove next, counted in at most STEPS steps."""
    now, notice = db.now(), retention_record.announcement(db, account)
    return RemovalOutlook(
        survey(db, account, terms.cuts(now), steps=STEPS),
        now,
        retention_record.removal_days(db, account, DAYS_SHOWN),
        notice if notice is not None and notice.covers(terms) else None,
    )


def change_terms(account: int, content: int | None, rows: int | None, *, by: str, confirmed: bool) -> Terms:
    """Checks and saves the account's terms in days; None = the installation's. Raises Invalid, RemovesFirst."""
    content, rows = checked_terms(content, rows)
    terms = installation_terms().shortened(content, rows)
    removal = agreed_removal(account, terms, terms_of(Account.objects.get(pk=account)))
    if removal is not None and not confirmed:
        raise RemovesFirst(terms, removal)
    with saving(account, by=by, whole_account=True) as transaction:
        return save_terms(transaction, content, rows, seen=removal is not None)


def save_terms(transaction: SetupTransaction, content: int | None, rows: int | None, *, seen: bool) -> Terms:
    """Saves the account's terms in days; None = the installation's.

    seen: True if an Administrator has confirmed what these terms remove now, so that the removal may begin. If they remove nothing yet, there
        was nothing to confirm, and the first removal is announced before it happens (O4).
    """
    transaction.needs_account()
    row = Account.objects.get(pk=transaction.account)
    before = _audit_values(terms_of(row))
    row.content_days, row.row_days = content, rows
    row.save(update_fields=["content_days", "row_days"])
    terms = terms_of(row)
    transaction.note(Deed.CHANGED, "account", row, before, _audit_values(terms))
    if seen:
        retention_record.agree(transaction.db, transaction.account, terms, transaction.db.now(), transaction.by)
    else:
        retention_record.narrow(transaction.db, transaction.account, terms)
    return terms


def start_removal(account: int, *, by: str, confirmed: bool) -> None:
    """Lets the removal by the terms in force begin with the next retention round. Raises NothingOld, RemovesFirst."""
    terms = terms_of(Account.objects.get(pk=account))
    removal = counted_removal(account, terms)
    if not removal.may_remove:
        raise NothingOld
    if not confirmed:
        raise RemovesFirst(terms, removal)
    with acting(account):
        begin_removal(account, by=by)


def begin_removal(account: int, *, by: str) -> None:
    """Lets the removal begin with the next retention round, before its announced time. The page has shown the rows to be removed."""
    with transaction.atomic():
        db = of_django(connection)
        row = Account.objects.select_for_update().get(pk=account)
        retention_record.agree(db, account, terms_of(row), db.now(), by)
        audit.note(
            db,
            account,
            by=by,
            what=Deed.CHANGED,
            kind="account",
            id=account,
            name=row.name,
            before={"removal_begins": "as announced"},
            after={"removal_begins": "at once"},
        )


def _audit_values(terms: Terms) -> dict[str, int]:
    return {"content_kept_(days)": terms.content, "records_kept_(days)": terms.rows}
