"""The parts that the doors of one process share: the batch writer, the token cache, and the budget for bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from heliograph.domain.snapshot import ConfigProvider
from heliograph.engine.counters import ConnectionEnd
from heliograph.engine.ingest.batch_queue import BatchQueue
from heliograph.engine.ingest.batch_writer import BatchWriter
from heliograph.engine.ingest.inbound_reception import InboundReception
from heliograph.engine.ingest.refusal_lines import Refusal, RefusalLines
from heliograph.engine.ingest.refused_documents import RefusedDocuments
from heliograph.engine.ingest.request_rules import PATH, BodyBudget
from heliograph.engine.ingest.token_cache import TokenCache
from heliograph.engine.tracer import Tracer
from heliograph.store.access_refusals import PROCESS, AccessRefusal, Reason, RefusalWriter
from heliograph.store.database import Database
from heliograph.store.secrets import Vault
from heliograph.store.token_check import prefix_of


class Reception:
    """on_recorded: called after a commit that made changes; on_death: called when the writer's thread dies, so that the process is never
    half alive; tracer: makes the spans of requests, if traces are on; vault: opens the secrets of live sources, without it no source is
    called; on_stored: called after a commit that stored calls of sources."""

    def __init__(
        self,
        open_writer: Callable[[], Database],
        open_reader: Callable[[], Database],
        provider: Callable[[Database], ConfigProvider],
        *,
        on_recorded: Callable[[], object] = lambda: None,
        on_death: Callable[[BaseException], object],
        tracer: Tracer | None = None,
        vault: Vault | None = None,
        on_stored: Callable[[], object] = lambda: None,
    ) -> None:
        self.tracer = tracer
        self.writer = BatchWriter(open_writer, provider, endpoint=PATH, on_recorded=on_recorded, on_death=on_death, tracer=tracer)
        self.tokens = TokenCache(open_reader)
        self.inbound = (
            InboundReception(open_writer, open_reader, vault, self.writer.counters, on_stored=on_stored, on_death=on_death)
            if vault
            else None
        )
        self.body_budget = BodyBudget()
        self.refused = RefusedDocuments(self.writer.counters)
        self.ended_connections = RefusalLines("connections_ended")
        self._refusals = RefusalWriter(open_writer)

    @property
    def queues(self) -> Iterator[BatchQueue[Any, Any]]:
        """The queues of its writers."""
        yield self.writer.queue
        if self.inbound is not None:
            yield self.inbound.writer.queue

    def refuse_token(self, token: str, address: str) -> None:
        """Counts a request without a valid token, for the log and the audit.

        address: the network address of the sender
        """
        PROCESS.note(AccessRefusal(Reason.UNKNOWN_TOKEN, address, token_prefix=prefix_of(token) or ""))

    def note_connection(self, end: ConnectionEnd, address: str) -> None:
        """Counts a connection that the fast door ended or refused, for the metrics and the log.

        address: the peer's
        """
        self.writer.counters.ended(end)
        self.ended_connections.count(Refusal(end.value, address))

    def close(self, seconds: float = 5.0) -> None:
        """Records what was accepted, then ends."""
        if self.inbound is not None:
            self.inbound.close(seconds)
        self.writer.stop(seconds)
        self.tokens.close()
        self._refusals.close()
        self.refused.write()
        self.ended_connections.write()
        if self.tracer is not None:
            self.tracer.close()
