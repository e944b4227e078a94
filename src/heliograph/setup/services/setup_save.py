"""One transaction of the set-up: locks first, then rows, then versions (docs/design/configuration.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import save_order
from heliograph.setup.services import dependents
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import NotThere
from heliograph.setup.version_bodies import setup_body
from heliograph.store import configuration_versions
from heliograph.store.configuration_versions import EVENT
from heliograph.store.database import Database
from heliograph.store.django_database import of_django


@contextmanager
def saving(
    account: int, *, by: str, events: Iterable[int] = (), whole_account: bool = False, one_version: bool = False
) -> Iterator[SetupTransaction]:
    """Opens the transaction, or joins the caller's.

    by: the actor (user:7, token:3, import:12).
    events: the ids of the events whose set-up is changed.
    whole_account: True if the account's set-up is changed.
    one_version: True if all that is saved is one version of the account (`SetupTransaction.one_version`).
    Raises NotThere for an event of another account, SavedSince if another save came after this request had begun.
    """
    event_ids = set(events)
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        pairs = [(account, event) for event in event_ids]
        if whole_account:
            configuration_versions.lock_exclusive(db, accounts=[account], events=pairs)
        else:
            configuration_versions.lock_exclusive(db, events=pairs, read_accounts=[account])
        save_order.check(db, account)
        known = {
            row[0]
            for row in db.all(
                f"SELECT id FROM event WHERE account_id = :account AND {db.member('id', 'ids')}",
                {"account": account, "ids": list(event_ids)},
            )
        }
        if event_ids - known:
            raise NotThere(_("There is no event %(id)s here.") % {"id": min(event_ids - known)})
        under_way = SetupTransaction(db, account, by, whole_account, known, one_version=one_version)
        yield under_way
        under_way.write_account()
        for event in sorted(under_way.events):
            under_way.save_version(EVENT, event, {("setup", event): setup_body(event)})
        if under_way.tagged:
            for each in dependents.everyone():
                each.tagged(db, account, under_way.tagged)
        save_order.count(db, account)


@contextmanager
def acting(account: int) -> Iterator[Database]:
    """Opens a transaction that only reads the set-up. Until its end, nobody can change the set-up of the account or of its events.

    Raises SavedSince if another save came after this request had begun.
    """
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        configuration_versions.lock_shared(db, [account], configuration_versions.all_events(account))
        save_order.check(db, account)
        yield db
