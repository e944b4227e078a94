"""How long the account keeps content and records (O4): its own terms, shorter than the installation's, and the agreement to begin."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.domain.ids import read_id
from heliograph.domain.retention import Terms
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.store import retention_record
from heliograph.store.django_database import of_django


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
            errors[name] = [f"A whole number of days from 1 to {limit:,} is needed, or nothing for {limit:,}."]
        typed_days.append(days or limit)
    if not errors and typed_days[0] > typed_days[1]:
        errors["content"] = ["Content is kept no longer than its record."]
    if errors:
        raise Invalid(errors)
    return (typed_days[0] if typed_days[0] != most.content else None, typed_days[1] if typed_days[1] != most.rows else None)


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
