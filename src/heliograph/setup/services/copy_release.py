"""Lets the accounts of a restored copy send (O14), for the page Restored copy and for `heliograph release`."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.setup.setup_errors import NotThere
from heliograph.store.django_database import of_django, read_database
from heliograph.store.restored_copy import WaitingActions, release_account, unreleased_copy, waiting_actions


def release_accounts(code: str | None, *, by: str) -> list[str]:
    """Releases one account, or all. Returns the codes of the accounts that did not send before. Raises NotThere.

    code: of the account; None for all
    """
    return [account.code for account in _accounts(code) if release_copy(account, by=by)]


def waiting_accounts(code: str | None) -> dict[str, WaitingActions]:
    """What goes out once they are released: of one account, or of all that do not send yet, by their codes. Raises NotThere.

    code: of the account; None for all
    """
    with read_database() as db:
        return {account.code: waiting_actions(db, account.pk) for account in _accounts(code) if unreleased_copy(db, account.pk)}


def _accounts(code: str | None) -> Iterable[Account]:
    accounts = Account.objects.order_by("code")
    if code is None:
        return accounts
    named = accounts.filter(code__iexact=code)
    if not named:
        raise NotThere(f"There is no account {code}.")
    return named


def release_copy(account: Account, *, by: str) -> bool:
    """Releases an account, with an entry of the audit. False if it sent already."""
    with transaction.atomic(), scope(account=account.pk):
        db = of_django(connection)
        if not release_account(db, account.pk, by):
            return False
        audit.note(
            db,
            account.pk,
            by=by,
            what=Deed.CHANGED,
            kind="account",
            id=account.pk,
            name=account.name,
            before={"sends": False},
            after={"sends": True},
        )
    return True
