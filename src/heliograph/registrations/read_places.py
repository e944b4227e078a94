"""The places for full reads: how many registrations are read whole at one time, and by whom.

A read holds a thread of the pages' process, so a process has few places. An account has one of them at most. Accounts take turns: whoever is
refused for lack of a place waits in a queue as long as it asks again; a free place is for the first of them. A read that has lasted for a turn
ends after its chunk once somebody waits; it goes on later behind what it has sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from heliograph.domain.errors import TooMuchWork

MOST_READS: Final = 2
"""Full reads of a process at one time, of all accounts."""
TURN: Final = 60.0
"""Seconds that a read may hold its place while another account waits."""
ASK_AGAIN: Final = 10
"""Seconds after which a refused read should be asked for again."""
WAITS_FOR: Final = 3.0 * ASK_AGAIN
"""Seconds for which a refused account keeps its place in the queue without asking again."""


class NoReadPlace(TooMuchWork):
    """No full read can begin now."""


@dataclass
class ReadPlaces:
    """The full reads of a process, and the accounts that wait for one."""

    most: int = MOST_READS
    turn: float = TURN
    clock: Callable[[], float] = time.monotonic
    _begun: dict[int, float] = field(default_factory=dict, init=False)
    """When the read of each account began, the oldest first."""
    _waiting: dict[int, float] = field(default_factory=dict, init=False)
    """When each waiting account asked last, in the order of their first questions."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def place(self, account: int) -> Iterator[None]:
        """Holds a place for a read of the account. Raises NoReadPlace."""
        with self._lock:
            if account in self._begun:
                raise NoReadPlace(_("Another full read of this account is running. Wait until it has ended."))
            waiting = self._waiting_now()
            ahead = waiting.index(account) if account in waiting else len(waiting)
            if len(self._begun) + ahead >= self.most:
                self._waiting[account] = self.clock()
                raise NoReadPlace(
                    _("Full reads of other accounts are running. Ask again in a moment: whoever has waited longest goes first.")
                )
            self._waiting.pop(account, None)
            self._begun[account] = self.clock()
        try:
            yield
        finally:
            with self._lock:
                del self._begun[account]

    def is_over(self, account: int) -> bool:
        """True if the account's read has had its turn, and another account waits for a place."""
        with self._lock:
            # As many of the oldest reads end as accounts wait.
            oldest = list(self._begun)[: len(self._waiting_now())]
            return account in oldest and self.clock() - self._begun[account] >= self.turn

    def _waiting_now(self) -> list[int]:
        """The accounts that wait, the first one first. Those that do not ask again are forgotten."""
        now = self.clock()
        self._waiting = {account: last_at for account, last_at in self._waiting.items() if now - last_at < WAITS_FOR}
        return list(self._waiting)


READ_PLACES: Final = ReadPlaces()
