"""What the doors refuse, for the log (O12).

A document that is refused is answered to its sender, who may not look. The line names the sender by the public part of its token and by its
address, and never what was sent. Requests without a valid token are not counted here but in `store.access_refusals`.
"""

from __future__ import annotations

from http import HTTPStatus

from heliograph.domain.http_request import PROBLEM
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.engine.ingest.refusal_lines import SAID_EVERY, Refusal, RefusalLines
from heliograph.store.token_check import prefix_of


class RefusedDocuments:
    """Counts what the doors of a process refuse."""

    def __init__(self, said_every: float = SAID_EVERY) -> None:
        self._lines = RefusalLines("documents_refused", said_every)

    def note(self, reply: IngestReply, token: str, address: str) -> None:
        """Counts a refusal; any other reply is none.

        token: as it was sent
        address: the sender's on the network
        """
        if reply.is_problem and reply.status != HTTPStatus.UNAUTHORIZED:
            reason = str(reply.content["type"]).removeprefix(PROBLEM)
            self._lines.count(Refusal(reason, address, prefix_of(token) or ""))

    def write(self) -> bool:
        """Writes what was counted since the last time. False if there was nothing."""
        return self._lines.write()
