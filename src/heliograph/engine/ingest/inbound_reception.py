"""The parts for calls of sources that the doors of one process share: the sources they know, the writer, and what is noted (S2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from heliograph.domain.source.inbound_request import InboundRequest, RefusalReason
from heliograph.engine.counters import INBOUND, ProcessCounters
from heliograph.engine.ingest import inbound_rules
from heliograph.engine.ingest.batch_queue import Mishap, WriterBusy
from heliograph.engine.ingest.inbound_notes import InboundNotes
from heliograph.engine.ingest.inbound_rules import Judged, Reply
from heliograph.engine.ingest.inbound_writer import CallResult, CallWriter
from heliograph.engine.ingest.look_up_cache import LookUpCache
from heliograph.engine.ingest.problem_documents import FAILED, IngestReply
from heliograph.engine.ingest.refusal_lines import Refusal, RefusalLines
from heliograph.engine.ingest.request_rules import REPLY_WITHIN, BodyBudget
from heliograph.store.database import Database
from heliograph.store.inbound_calls import DoorSource, InboundCall, find_source
from heliograph.store.secrets import Vault


class SourceCache(LookUpCache[DoorSource]):
    """The sources that this process knows, by their paths."""

    def __init__(self, open_database: Callable[[], Database], vault: Vault) -> None:
        super().__init__(open_database, "sources")
        self._vault = vault

    def _ask(self, db: Database, key: str) -> DoorSource | None:
        return find_source(db, self._vault, key)


class InboundReception:
    """vault: opens the sources' secrets
    on_stored: called after a commit that stored calls, to wake who records them
    on_death: called when the writer's thread dies
    """

    def __init__(
        self,
        open_writer: Callable[[], Database],
        open_reader: Callable[[], Database],
        vault: Vault,
        counters: ProcessCounters,
        *,
        on_stored: Callable[[], object],
        on_death: Callable[[BaseException], object],
    ) -> None:
        self.writer = CallWriter(open_writer, counters, on_stored=on_stored, on_death=on_death)
        self.sources = SourceCache(open_reader, vault)
        self.body_budget = BodyBudget(inbound_rules.MOST_CALL_BYTES)
        self.notes = InboundNotes(open_writer)
        self._counters = counters
        self._lines = RefusalLines("calls_refused")

    def known(self, path: str) -> DoorSource | Future[DoorSource | None] | IngestReply:
        """The source with this path, a look-up to wait for, or the reply to a call whose path leads nowhere."""
        source = self.sources.known(path)
        if source is not None:
            return source
        if self.sources.is_absent(path):
            return inbound_rules.NOTHING_HERE
        return self.sources.look_up(path) or inbound_rules.BUSY

    def judge(self, source: DoorSource, request: InboundRequest, address: str) -> Judged:
        """Judges a call whose body is read, and counts it if it is refused. address: the sender's on the network"""
        now = time.time_ns() // 1000
        judged = inbound_rules.judge(source, request, now, fits_ed25519)
        if judged.refusal is not None:
            self.refuse(source, judged.refusal, address, now)
        return judged

    def refuse(self, source: DoorSource, reason: RefusalReason, address: str, now: int) -> None:
        """Counts a refused call for the source's page and for the log. now: microseconds"""
        self.notes.refused(source, reason, now)
        self._lines.count(Refusal(reason.value, address))

    def store(self, call: InboundCall) -> Reply:
        """Stores a call. Waits for the commit."""
        stored: Future[Sequence[CallResult]] = Future()
        try:
            self.writer.submit([call], len(call.body), stored.set_result)
            return self.reply_to(call, stored.result(REPLY_WITHIN)[0])
        except WriterBusy:
            return inbound_rules.BUSY
        except TimeoutError:
            return inbound_rules.UNAVAILABLE

    def reply_to(self, call: InboundCall, result: CallResult) -> Reply:
        """The reply to a call that was to be stored."""
        if result is None:
            self.notes.called(call)
            return inbound_rules.STORED
        return inbound_rules.UNAVAILABLE if result is Mishap.UNAVAILABLE else FAILED

    def count(self, reply: Reply) -> None:
        """Counts a reply that refuses a call, for /metrics."""
        if reply.is_problem:
            self._counters.refused(INBOUND, reply.status)

    def close(self, seconds: float = 5.0) -> None:
        """Stores what was accepted, then ends."""
        self.writer.stop(seconds)
        self.sources.close()
        self.notes.close(seconds)
        self._lines.write()


def source_of(look_up: Future[DoorSource | None]) -> DoorSource | IngestReply:
    """The source that a look-up finds, or the reply to the call. It may wait."""
    try:
        return look_up.result(REPLY_WITHIN) or inbound_rules.NOTHING_HERE
    except (Exception, CancelledError):  # noqa: BLE001 -- logged where it was raised; without the database nothing is taken
        return inbound_rules.UNAVAILABLE


def fits_ed25519(key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether an Ed25519 signature fits. key: the public one"""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
