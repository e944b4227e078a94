"""A full read: all registrations that match filters, in chunks, beside live traffic (D9).

Each chunk is a short transaction of its own. So a long read holds no old state of the database, and memory does not grow with the account. Between
chunks the read pauses as jobs do. Registrations are returned in the order in which they were created. Each one that exists at the beginning is
returned once, in its state at the time when its chunk is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from heliograph.domain.errors import NotInAccount, TooMuchWork
from heliograph.jobs.pace import Pace
from heliograph.registrations.draft import Opened, opened_many
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.store.database import Database
from heliograph.store.django_database import read_database

CHUNK: Final = 250
"""Registrations of a chunk, at most."""
SCAN: Final = 2_500
"""Registrations that a chunk looks through, at most."""
MOST_READS: Final = 2
"""Full reads of a process at one time: each holds one of its threads. An account has one."""


class ReadPlaces:
    """The full reads of this process."""

    def __init__(self) -> None:
        self._accounts: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, account: int) -> Iterator[None]:
        """Holds a place for a read of the account. Raises TooMuchWork if there is none."""
        with self._lock:
            if account in self._accounts or len(self._accounts) >= MOST_READS:
                raise TooMuchWork(_("Another full read of registrations is running. Wait until it has ended."))
            self._accounts.add(account)
        try:
            yield
        finally:
            with self._lock:
                self._accounts.discard(account)


READ_PLACES: Final = ReadPlaces()


@dataclass
class FullRead:
    """One full read."""

    account: int
    filters: RegistrationFilter
    after: int = 0
    """The serial after which the read goes on."""
    _pace: Pace = field(default_factory=Pace, init=False)

    @classmethod
    def behind(cls, account: int, filters: RegistrationFilter, registration: int | None) -> FullRead:
        """A read that begins after this registration; for None, at the first one. Raises NotInAccount if there is no such registration."""
        if registration is None:
            return cls(account, filters)
        with read_database() as db:
            serial = Registrations(db, account).serial_of(registration)
        if serial is None:
            raise NotInAccount(_("There is no such registration any more. Begin anew."))
        return cls(account, filters, serial)

    def chunks(self) -> Iterator[Sequence[Opened]]:
        """The registrations, chunk by chunk. Pauses between chunks while others need the processors or the database."""
        is_over = False
        while not is_over:
            self._pace.began()
            began = time.monotonic()
            with read_database() as db:
                rows, is_over = self._chunk(db)
            if rows:
                yield rows
            if not is_over:
                time.sleep(self._pace.pause(time.monotonic() - began))

    def _chunk(self, db: Database) -> tuple[Sequence[Opened], bool]:
        """The next registrations, and whether they are the last ones."""
        walked = Registrations(db, self.account).serials(self.filters, self.after, CHUNK, SCAN)
        registrations = opened_many(db, self.account, [id for _serial, id in walked.rows])
        if len(walked.rows) == CHUNK:
            self.after, is_over = walked.rows[-1][0], False
        else:
            is_over = walked.scan_end is None
            self.after = self.after if walked.scan_end is None else int(walked.scan_end[0])
        return [registrations[id] for _serial, id in walked.rows if id in registrations], is_over
