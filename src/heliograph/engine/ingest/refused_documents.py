"""What the doors refuse: by status for `/metrics` (O2), and by reason and sender for the log (O12).

A document that is refused is answered to its sender, who may not look. The line names the sender by the public part of its token and by its
address, and never what was sent. The log has requests without a valid token from `store.access_refusals`.
"""

from __future__ import annotations

from http import HTTPStatus

from heliograph.domain.http_request import PROBLEM
from heliograph.engine.counters import INGEST, ProcessCounters
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.engine.ingest.refusal_lines import SAID_EVERY, Refusal, RefusalLines
from heliograph.store.token_check import prefix_of


class RefusedDocuments:
    """Counts what the doors of a process refuse."""

    def __init__(self, counters: ProcessCounters | None = None, said_every: float = SAID_EVERY) -> None:
        self._counters = counters or ProcessCounters()
        self._lines = RefusalLines("documents_refused", said_every)

    def note(self, reply: IngestReply, token: str, address: str) -> None:
        """Counts a refusal; any other reply is none.

        token: as it was sent
        address: the sender's on the network
        """
        if not reply.is_problem:
            return
        self.count(reply.status)
        if reply.status != HTTPStatus.UNAUTHORIZED:
            reason = str(reply.content["type"]).removeprefix(PROBLEM)
            self._lines.count(Refusal(reason, address, prefix_of(token) or ""))

    def count(self, status: int) -> None:
        """Counts a request that was refused before anything of it was read as a document."""
        self._counters.refused(INGEST, status)

    def write(self) -> bool:
        """Writes what was counted since the last time. False if there was nothing."""
        return self._lines.write()
