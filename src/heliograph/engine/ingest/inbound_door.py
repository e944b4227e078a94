"""Calls to /in/<path> at the fast door (S2; docs/design/sources.md, section 5).

The event loop reads, verifies and answers; large bodies are verified on another thread, and the batch of a writer's thread stores calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from heliograph.domain.source.inbound_request import InboundRequest, RefusalReason
from heliograph.engine.counters import ConnectionEnd
from heliograph.engine.ingest import inbound_rules, problem_documents, request_rules
from heliograph.engine.ingest.batch_queue import WriterBusy
from heliograph.engine.ingest.door_places import Place
from heliograph.engine.ingest.inbound_reception import InboundReception
from heliograph.engine.ingest.inbound_rules import Judged, Reply
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.engine.ingest.result_handover import Landing
from heliograph.store.inbound_calls import DoorSource

type Receive = Callable[[], Awaitable[Any]]


class Disconnected(Exception):
    """The sender has disconnected; nobody waits for a reply."""


class InboundDoor:
    """Handles calls on one event loop."""

    def __init__(self, reception: InboundReception, landing: Landing) -> None:
        self._reception, self._landing = reception, landing
        reception.writer.on_answered = landing.wake

    async def handle(self, scope: Any, receive: Receive, *, place: Place, address: str) -> Reply:
        """The reply to a call. Raises Disconnected.

        place: the connection's
        address: the sender's on the network
        """
        reply = await self._handle(scope, receive, place, address)
        self._reception.count(reply)
        return reply

    async def _handle(self, scope: Any, receive: Receive, place: Place, address: str) -> Reply:
        called = inbound_rules.address_of(scope["path"])
        if called is None:
            return inbound_rules.NOTHING_HERE
        source = await self._source(called.source)
        if isinstance(source, IngestReply):
            return source
        query = scope["query_string"].decode("latin-1")
        request = InboundRequest(scope["method"], called.rest, query, read_headers(scope["headers"]))
        if refusal := inbound_rules.refusal_of_head(request):
            if refusal is inbound_rules.TOO_LARGE:
                self._reception.refuse(source, RefusalReason.TOO_LARGE, address, time.time_ns() // 1000)
            return refusal
        size, body = 0, bytearray()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while True:
                async with asyncio.timeout_at(began + request_rules.body_within(size)):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                part = message.get("body", b"")
                if not self._reception.body_budget.take(source.id, len(part)):
                    return inbound_rules.BUSY
                size += len(part)
                if size > inbound_rules.LARGEST_CALL:
                    self._reception.refuse(source, RefusalReason.TOO_LARGE, address, time.time_ns() // 1000)
                    return inbound_rules.TOO_LARGE
                body += part
                if not message.get("more_body", False):
                    break
            return await self._answer(source, replace(request, body=bytes(body)), place, address)
        except TimeoutError:
            return problem_documents.TOO_SLOW
        finally:
            self._reception.body_budget.give_back(source.id, size)

    async def _answer(self, source: DoorSource, request: InboundRequest, place: Place, address: str) -> Reply:
        judged = await self._judge(source, request, address)
        if judged.call is None:
            return judged.reply
        if end := place.admit(source.account):
            return problem_documents.TOO_MANY_CONNECTIONS if end is ConnectionEnd.ACCOUNT else problem_documents.NO_PLACE
        try:
            (result,) = await self._landing.submit(self._reception.writer.submit, [judged.call], len(judged.call.body))
        except WriterBusy:
            return inbound_rules.BUSY
        return self._reception.reply_to(judged.call, result)

    async def _judge(self, source: DoorSource, request: InboundRequest, address: str) -> Judged:
        if len(request.body) <= inbound_rules.LARGE:
            return self._reception.judge(source, request, address)
        return await asyncio.to_thread(self._reception.judge, source, request, address)

    async def _source(self, path: str) -> DoorSource | IngestReply:
        known = self._reception.known(path)
        if not isinstance(known, Future):
            return known
        try:
            async with asyncio.timeout(request_rules.REPLY_WITHIN):
                return await asyncio.wrap_future(known) or inbound_rules.NOTHING_HERE
        except Exception:  # noqa: BLE001 -- logged where it was raised; without the database nothing is taken
            return inbound_rules.UNAVAILABLE


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """ASGI's headers as text: lower-case names."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
