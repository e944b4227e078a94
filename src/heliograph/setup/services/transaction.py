"""A running transaction of the set-up, which `setup_save.saving` opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db import transaction as django_transaction
from django.utils.translation import gettext as _

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.setup.setup_errors import NotThere
from heliograph.setup.usage import Tagged
from heliograph.setup.version_bodies import account_bodies
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Uncommitted
from heliograph.store.configuration_versions import ACCOUNT
from heliograph.store.database import Database


@dataclass(slots=True)
class SetupTransaction:
    """A running transaction of the set-up.

    At its end `saving` writes a version for each event in `events`, and one for the account if `is_account_changed`, which needs `whole_account`.
    """

    db: Database
    account: int
    by: str
    whole_account: bool = False
    events: set[int] = field(default_factory=set)
    tagged: set[Tagged] = field(default_factory=set)
    is_account_changed: bool = False
    one_version: bool = False
    """Whether all saves of the transaction make one version of the account. A change that it records must be quiet then, because a change keeps
    the version by which it was decided, and that must not differ from what was in force."""
    watched: AccountConfig | None = None
    """Inside `versions.watching_flows_once`: the configuration, as of its last refresh."""
    made: dict[tuple[int, int], int] = field(default_factory=dict)
    """With `one_version`: the version of each scope that this transaction has made: (scope, id) -> version."""
    provider: Uncommitted = field(init=False)
    """The configuration as this transaction sees it."""

    def __post_init__(self) -> None:
        self.provider = Uncommitted(self.db)

    def needs_signal(self) -> None:
        """Declares that a flow, mapping or connection of the account is being changed. The account must be locked exclusively for that."""
        assert self.whole_account, "saving(..., whole_account=True) is needed to change what belongs to the account"

    def needs_account(self) -> None:
        """Declares that the account's own set-up is being changed, which is all that `account_bodies` reads."""
        self.needs_signal()
        self.is_account_changed = True

    def needs_event(self, event: int) -> None:
        """Declares that an event's set-up is being changed.

        Raises NotThere for an event that is not locked, and so also for an event of another account.
        """
        if event not in self.events:
            raise NotThere(_("There is no event %(id)s here.") % {"id": event})

    def lock_more_events(self, events: Iterable[int]) -> None:
        """Locks more events, in any order.

        Two savers cannot deadlock: the account is locked exclusively, so nobody else has a lock on its events.
        """
        self.needs_signal()
        new = set(events) - self.events
        configuration_versions.lock_exclusive(self.db, events=[(self.account, e) for e in new], accounts=[self.account])
        self.events |= new

    def write_account(self) -> None:
        """Writes the account's part now, because later steps of this transaction read it (an event with an answer to a field just created)."""
        if self.is_account_changed:
            self.save_version(ACCOUNT, self.account, account_bodies(self.account))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Wraps a part of the transaction that is rolled back by itself if it raises, also what the transaction remembers of it."""
        made = dict(self.made)
        try:
            with django_transaction.atomic():
                yield
        except BaseException:
            self.made = made
            self.provider.forget()
            raise

    def save_version(self, scope: int, scope_id: int, bodies: Mapping[tuple[str, int], Mapping[str, object] | None]) -> None:
        """Writes a version of a scope. bodies: (kind, entity id) -> body; None = deleted."""
        self.provider.forget()
        made = configuration_versions.make_version(
            self.db, self.account, scope, scope_id, bodies, by=self.by, made=self.made.get((scope, scope_id))
        )
        if made is not None and self.one_version:
            self.made[scope, scope_id] = made

    def note(self, what: Deed, kind: str, row: models.Model, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        """Writes an audit entry."""
        audit.note(self.db, self.account, by=self.by, what=what, kind=kind, id=row.pk, name=str(row), before=before, after=after)
