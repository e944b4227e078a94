"""The account: its code, name and time zone, its retry intervals, and how long it keeps content and records (P1, D5, O4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Query, modify
from dmr.routing import path

from heliograph.accounts.models import Account
from heliograph.api.controller import ApiController
from heliograph.api.documents.account_documents import (
    AccountChange,
    AccountDocument,
    RemovalDocument,
    RetentionChange,
    RetentionDocument,
    RetryIntervalsChange,
    RetryIntervalsDocument,
)
from heliograph.api.documents.shared_forms import Confirmation
from heliograph.api.token_access import ADMINISTER, READ, SET_UP
from heliograph.setup.services.account_creation import change_account
from heliograph.setup.services.retention_terms import change_terms, removal_outlook, start_removal, terms_of
from heliograph.setup.services.retry_intervals import save_minutes
from heliograph.setup.services.setup_save import saving
from heliograph.store.django_database import read_database


class AccountController(ApiController):
    """What the endpoints of the account share."""

    def row(self, using: str = "default") -> Account:
        """The account's current row, read from the database `using`.

        `self.account` may be older: it was read before the request noted the count of saves (accounts/save_order.py).
        """
        row: Account = Account.objects.using(using).get(pk=self.account.pk)
        return row

    def outlook(self) -> RemovalDocument:
        """What the terms in force remove next, counted now."""
        terms = terms_of(self.row("read"))
        with read_database() as db:
            return RemovalDocument.from_outlook(removal_outlook(db, self.account.pk, terms))


class AccountItself(AccountController):
    """The account of the token."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP}
    has_etag: ClassVar = True

    def get(self) -> AccountDocument:
        """Read the account."""
        return AccountDocument.from_row(self.row("read"))

    def patch(self, parsed_body: Body[AccountChange]) -> AccountDocument:
        """Change the account's code, name, time zone and start page."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            return AccountDocument.from_row(change_account(transaction, parsed_body.facts(self.row())))


class RetryIntervals(AccountController):
    """The retry intervals of the account."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP}
    has_etag: ClassVar = True

    def get(self) -> RetryIntervalsDocument:
        """Read the retry intervals."""
        return RetryIntervalsDocument.from_row(self.row("read"))

    def patch(self, parsed_body: Body[RetryIntervalsChange]) -> RetryIntervalsDocument:
        """Change the retry intervals. They hold for what fails from now on; the more serious the cause, the sooner it is tried again."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            save_minutes(transaction, parsed_body.minutes)
            return RetryIntervalsDocument.from_row(self.row())


class Retention(AccountController):
    """How long the account keeps content and records."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP}
    has_etag: ClassVar = True

    def get(self) -> RetentionDocument:
        """Read how long content and records are kept."""
        return RetentionDocument.from_row(self.row("read"))

    def patch(self, parsed_query: Query[Confirmation], parsed_body: Body[RetentionChange]) -> RetentionDocument:
        """Change how long content and records are kept. Asks first if something is older than the new terms; once that is
        confirmed, its removal begins within the hour and cannot be undone."""
        content, rows = parsed_body.days(self.row())
        change_terms(self.account.pk, content, rows, by=self.actor, confirmed=parsed_query.confirmed)
        return RetentionDocument.from_row(self.row())


class RetentionRemoval(AccountController):
    """What is removed by the terms in force."""

    access: ClassVar = {"GET": READ}

    def get(self) -> RemovalDocument:
        """Read what is removed next, and what was removed lately."""
        return self.outlook()


class RetentionStart(AccountController):
    """Starting a removal before its announced time."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False  # what goes is counted first, which no transaction may wait for

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_query: Query[Confirmation]) -> RemovalDocument:
        """Begin the announced removal within the hour. Asks first, because it cannot be undone. A second request changes nothing, so it takes no
        Idempotency-Key."""
        start_removal(self.account.pk, by=self.actor, confirmed=parsed_query.confirmed)
        return self.outlook()


ROUTES: Final = [
    path("account", AccountItself.as_view()),
    path("retry-intervals", RetryIntervals.as_view()),
    path("retention", Retention.as_view()),
    path("retention/removal", RetentionRemoval.as_view()),
    path("retention/removal/start", RetentionStart.as_view()),
]
