"""Creates accounts with their standard statuses, and changes their settings (P1-P3, P5)."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account, StartPage
from heliograph.domain.setup.statuses import EVENT_STATUSES, REGISTRATION_STATUSES, SESSION_STATUSES
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.name_fields import folded, storable
from heliograph.setup.services import queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, check
from heliograph.setup.version_bodies import account_bodies
from heliograph.store import configuration_versions
from heliograph.store.django_database import of_django


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The settings of an account."""

    code: str
    name: str
    timezone: str = "UTC"
    signal_enabled: bool = True
    """False if the operator has turned the pages of Signal off (N4)."""
    start_page: str = StartPage.OVERVIEW


def create_account(facts: AccountFacts, *, by: str) -> Account:
    """A new account with the 11 registration statuses, 5 session statuses and 7 event statuses. Raises Invalid."""
    row = Account(code=facts.code.strip(), name=facts.name.strip(), timezone=facts.timezone, signal_enabled=facts.signal_enabled)
    _check(row)
    with transaction.atomic():
        row.save()
        with scope(account=row.pk):
            RegistrationStatus.objects.bulk_create(
                RegistrationStatus(account=row, code=_code(name), name=name, cls=cls.value, position=index)
                for index, (name, cls) in enumerate(REGISTRATION_STATUSES.items())
            )
            SessionStatus.objects.bulk_create(
                SessionStatus(account=row, code=_code(name), name=name, position=index) for index, name in enumerate(SESSION_STATUSES)
            )
            EventStatus.objects.bulk_create(
                EventStatus(account=row, code=_code(name), name=name, position=index) for index, name in enumerate(EVENT_STATUSES)
            )
            db = of_django(connection)
            configuration_versions.lock_exclusive(db, accounts=[row.pk])
            configuration_versions.save(db, row.pk, configuration_versions.ACCOUNT, row.pk, account_bodies(row.pk), by=by)
            audit.note(db, row.pk, by=by, what=Deed.CREATED, kind="account", id=row.pk, name=row.name, after=_audit_values(row))
    return row


def change_account(transaction: SetupTransaction, facts: AccountFacts) -> Account:
    """Saves an account's settings. Raises Invalid."""
    transaction.needs_account()
    row = Account.objects.get(pk=transaction.account)
    before = _audit_values(row)
    row.code, row.name, row.timezone, row.signal_enabled = facts.code.strip(), facts.name.strip(), facts.timezone, facts.signal_enabled
    row.start_page = facts.start_page
    _check(row)
    row.save()
    if row.signal_enabled and not before["signal_enabled"]:
        queue_effects.signal_enabled(transaction.db, transaction.account)
    transaction.note(Deed.CHANGED, "account", row, before, _audit_values(row))
    return row


def _check(row: Account) -> None:
    check(row)
    try:
        storable(row.name)
    except ValidationError as error:
        raise Invalid({"name": error.messages}) from None
    taken = {folded(code) for code in Account.objects.exclude(pk=row.pk).values_list("code", flat=True)}
    if folded(row.code) in taken:
        raise Invalid({"code": [_("An account with this code already exists.")]})


def _audit_values(row: Account) -> dict[str, object]:
    values = {"code": row.code, "name": row.name, "timezone": row.timezone, "signal_enabled": row.signal_enabled}
    return values | {"start_page": row.start_page}


def _code(name: str) -> str:
    return name.upper().replace(" ", "-")
