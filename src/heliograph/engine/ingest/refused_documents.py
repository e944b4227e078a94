"""What the doors refuse, for the log (O12): by reason and sender, the first at once, then one line a minute.

A document that is refused is answered to its sender, who may not look. The line names the sender by the public part of its token and by its
address, and never what was sent. Requests without a valid token are not counted here but in `store.access_refusals`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog

from heliograph.domain.http_request import PROBLEM
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.store.token_check import prefix_of

log = structlog.get_logger(__name__)

SAID_EVERY: Final = 60.0
"""Seconds between two lines of one reason and sender."""
MOST_SENDERS: Final = 20
"""Reasons with their senders within that time. Beyond them only the reason is counted, so that a flood does not fill the log."""


class _Refusal(NamedTuple):
    reason: str
    """The last part of the problem's type, such as "refused", "size", "busy"."""
    token: str
    address: str


class RefusedDocuments:
    """Counts what the doors of a process refuse."""

    def __init__(self, said_every: float = SAID_EVERY) -> None:
        self._said_every = said_every
        self._lock = threading.Lock()
        self._counts: Counter[_Refusal] = Counter()
        self._written: set[_Refusal] = set()
        self._runs = False

    def note(self, reply: IngestReply, token: str, address: str) -> None:
        """Counts a refusal; any other reply is none.

        token: as it was sent
        address: the sender's on the network
        """
        if not reply.is_problem or reply.status == HTTPStatus.UNAUTHORIZED:
            return
        refusal = _Refusal(str(reply.content["type"]).removeprefix(PROBLEM), prefix_of(token) or "", address)
        with self._lock:
            if refusal not in self._written and len(self._written) >= MOST_SENDERS:
                refusal = _Refusal(refusal.reason, "", "")
            if refusal in self._written:
                self._counts[refusal] += 1
                return
            self._written.add(refusal)
            starts, self._runs = not self._runs, True
        self._write(refusal, 1)
        if starts:
            threading.Thread(target=self._run, name="refused documents", daemon=True).start()

    def write(self) -> bool:
        """Writes what was counted since the last time. False if there was nothing: the next refusal is then written at once."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._written = set(counts)
            self._runs = bool(counts)
        for refusal, times in counts.items():
            self._write(refusal, times)
        return bool(counts)

    def _write(self, refusal: _Refusal, times: int) -> None:
        log.warning("documents_refused", times=times, **{name: value for name, value in refusal._asdict().items() if value})

    def _run(self) -> None:
        while True:
            time.sleep(self._said_every)
            if not self.write():
                return
