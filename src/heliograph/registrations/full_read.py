"""A full read: all registrations that match filters, in chunks, beside live traffic (D9).

Each chunk is a short transaction of its own. So a long read holds no old state of the database, and memory does not grow with the account. Between
chunks the read pauses as jobs do. Registrations are returned in the order in which they were created. Each one that exists at the beginning is
returned once, in its state at the time when its chunk is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.domain.errors import NotInAccount
from heliograph.jobs.pace import Pace
from heliograph.registrations.draft import Opened, opened_many
from heliograph.registrations.list import ListScope, RegistrationFilter, Registrations
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database

CHUNK: Final = 250
"""Registrations of a chunk, at most."""
SCAN: Final = 2_500
"""Registrations that a chunk looks through, at most."""


@dataclass
class FullRead:
    """One full read."""

    account: int
    filters: RegistrationFilter
    after: int = 0
    """The serial after which the read goes on."""
    is_complete: bool = field(default=False, init=False)
    """True once the last registrations are read."""
    _pace: Pace = field(default_factory=Pace, init=False)

    @classmethod
    def behind(cls, account: int, filters: RegistrationFilter, registration: int | None) -> FullRead:
        """A read that begins after this registration; for None, at the first one. Raises NotInAccount if there is no such registration."""
        if registration is None:
            return cls(account, filters)
        with read_database() as db:
            serial = Registrations(db, account).serial_of(registration)
        if serial is None:
            raise NotInAccount(_("This registration no longer exists. Begin anew."))
        return cls(account, filters, serial)

    def note(self, by: str) -> None:
        """Writes the audit entry of the read: whoever takes a list away stands there (P1)."""
        with read_database() as db:
            facts: dict[str, object] = {"filter": _filter_words(Registrations(db, self.account), self.filters)}
        if self.after:
            facts["part"] = _("continues where an earlier read was cut off")
        with transaction.atomic():
            db = of_django(connection)
            audit.note(
                db, self.account, by=by, what=Deed.EXPORTED, kind="registrations", id=self.account, name=_("Registrations"), after=facts
            )

    def chunks(self) -> Iterator[Sequence[Opened]]:
        """The registrations, chunk by chunk. Pauses between chunks while others need the processors or the database."""
        while not self.is_complete:
            self._pace.began()
            began = time.monotonic()
            with read_database() as db:
                rows = self._chunk(db)
            if rows:
                yield rows
            if not self.is_complete:
                time.sleep(self._pace.pause(time.monotonic() - began))

    def _chunk(self, db: Database) -> Sequence[Opened]:
        """The next registrations."""
        walked = Registrations(db, self.account).serials(self.filters, self.after, CHUNK, SCAN)
        registrations = opened_many(db, self.account, [id for _serial, id in walked.rows])
        if len(walked.rows) == CHUNK:
            self.after = walked.rows[-1][0]
        else:
            self.is_complete = walked.scan_end is None
            self.after = self.after if walked.scan_end is None else int(walked.scan_end[0])
        return [registrations[id] for _serial, id in walked.rows if id in registrations]


def _filter_words(registrations: Registrations, filters: RegistrationFilter) -> list[str]:
    """The filters as the audit words them, which is kept for good: what was searched for is not quoted, because it may name a person."""
    parts = []
    if filters.event is not None and registrations.has_event(filters.event):
        parts.append(_("event %(event)s") % {"event": registrations.provider.event(filters.event).code})
    if filters.status in registrations.statuses():
        parts.append(_("status %(status)s") % {"status": filters.status})
    if filters.type in registrations.types():
        parts.append(_("type %(type)s") % {"type": filters.type})
    if filters.kind is not ListScope.ALL:
        parts.append({ListScope.LIVE: _("Live"), ListScope.TEST: _("Test"), ListScope.INACTIVE: _("Not active")}[filters.kind])
    if filters.text:
        parts.append(_("words in code, name, e-mail or organization"))
    return parts or [_("all registrations")]
