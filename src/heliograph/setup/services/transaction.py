"""What a transaction of the set-up holds and does while it is under way (`save.saving` opens it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.setup.errors import NotThere
from heliograph.setup.usage import Tagged
from heliograph.setup.version_bodies import account_bodies
from heliograph.store import configuration
from heliograph.store.config_cache import Uncommitted
from heliograph.store.configuration import ACCOUNT
from heliograph.store.database import Database


@dataclass(slots=True)
class SetupTransaction:
    """The transaction that is under way. The set-up of `events` is written at its end, that of the account where `whole_account`."""

    db: Database
    account: int
    by: str
    whole_account: bool = False
    events: set[int] = field(default_factory=set)
    tagged: set[Tagged] = field(default_factory=set)

    def needs_account(self) -> None:
        """States that the account's own set-up is being changed."""
        assert self.whole_account, "saving(..., whole_account=True) is needed to change the account's set-up"

    def needs_event(self, event: int) -> None:
        """States that an event's set-up is being changed. Raises NotThere for an event that was not locked, so also for another account's."""
        if event not in self.events:
            raise NotThere(f"There is no event {event} here.")

    def lock_more_events(self, events: Iterable[int]) -> None:
        """With the account held exclusively nobody else holds one of its events: more can be taken in any order."""
        self.needs_account()
        new = set(events) - self.events
        configuration.lock_exclusive(self.db, events=[(self.account, e) for e in new], accounts=[self.account])
        self.events |= new

    def write_account(self) -> None:
        """Writes the account's part now: what follows in this transaction reads it (an event with an answer to a field that was just made)."""
        if self.whole_account:
            configuration.save(self.db, self.account, ACCOUNT, self.account, account_bodies(self.account), by=self.by)

    def note(self, what: Deed, kind: str, row: models.Model, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        """Writes the audit."""
        audit.note(self.db, self.account, by=self.by, what=what, kind=kind, id=row.pk, name=str(row), before=before, after=after)

    @property
    def source(self) -> Uncommitted:
        """Configuration as this transaction sees it."""
        return Uncommitted(self.db)
