"""The fast door: a plain ASGI callable on uvicorn, on its own thread (docs/design/processes.md, section 6; I2, I3, O7).

The event loop reads, checks and answers; everything that waits for the database runs on the batch writer's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import structlog
import uvicorn

from heliograph.domain.client_address import ClientAddresses
from heliograph.domain.http_request import LOCAL, Hosts
from heliograph.engine.counters import ConnectionEnd
from heliograph.engine.ingest import inbound_rules, problem_documents, request_rules
from heliograph.engine.ingest.batch_queue import WriterBusy
from heliograph.engine.ingest.batch_writer import BatchResult
from heliograph.engine.ingest.door_places import DoorPlaces, Place, PlaceLimits
from heliograph.engine.ingest.door_protocol import IS_WHOLE, PLACE, DoorProtocol
from heliograph.engine.ingest.inbound_door import Disconnected, InboundDoor
from heliograph.engine.ingest.inbound_rules import InboundReply
from heliograph.engine.ingest.problem_documents import IngestReply, reply_of
from heliograph.engine.ingest.reception import Reception
from heliograph.engine.ingest.request_rules import IngestHead, IngestRequest
from heliograph.engine.ingest.result_handover import Landing
from heliograph.engine.thread_name import show_thread_name
from heliograph.engine.tracer import traceparent_of
from heliograph.engine.worker.handover import Handover
from heliograph.recording.items import RecordItem
from heliograph.store.token_check import ApiGrant

log = structlog.get_logger(__name__)

GRACE: Final = 8
"""Seconds for running requests to end; the supervisor kills after 10."""
IDLE: Final = 30
WINDOW: Final = 2
"""Per-request limit on chunks in flight."""
MOST_CHUNKS: Final = 8
"""Chunks of an account that are recorded at the same time. Reading further ahead would evict the documents from the CPU cache before they are
recorded."""
FIRST_CHUNK_WITHIN: Final = 5.0
"""Seconds that a request waits for its first chunk to be recorded; then it is refused as WriterBusy."""

DIRECT: Final = ClientAddresses()
"""No proxy is trusted."""

type Receive = Callable[[], Awaitable[Any]]
type Send = Callable[[Any], Awaitable[None]]


class Edge:
    """The ASGI application. One per event loop."""

    def __init__(self, reception: Reception, clients: ClientAddresses = DIRECT) -> None:
        self._reception, self._clients = reception, clients
        self._writer, self._tokens, self._body_budget = reception.writer, reception.tokens, reception.body_budget
        self._tracer = reception.tracer
        self._landing: Landing | None = None
        self._calls: InboundDoor | None = None
        self._chunk_limits: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._record_first: Callable[[], object] = lambda: None
        """Called between two requests or chunks, so that a batch that holds the write lock need not wait for everything that has arrived."""

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._loop is None:
            self._loop = loop = asyncio.get_running_loop()
            handover = Handover(lambda: loop.call_soon_threadsafe(handover.turn), loop.is_running)
            self._writer.handover = handover
            self._landing = Landing(loop)
            self._writer.on_answered = self._landing.wake
            if self._reception.inbound is not None:
                self._calls = InboundDoor(self._reception.inbound, self._landing)
            self._record_first = handover.turn
        self._record_first()
        if self._calls is not None and scope["path"].startswith(inbound_rules.PREFIX):
            with contextlib.suppress(Disconnected):
                called = await self._calls.handle(scope, receive, place=scope[PLACE], address=self._address(scope))
                await _send_reply(scope, called, send)
            return
        head = request_rules.head_of(scope["method"], scope["path"], scope["headers"])
        span = None
        if self._tracer is not None:
            span = self._tracer.receives(head.path, traceparent_of(scope["headers"]))
            head = replace(head, trace=span.traceparent)

        def note_refusal(reply: IngestReply) -> None:
            self._reception.refused.note(reply, head.token, self._address(scope))

        try:
            reply = await self._handle(head, receive, send, note_refusal, place=scope[PLACE], is_whole=scope[IS_WHOLE])
        except Disconnected:
            if span is not None:
                span.end(status=None, error="disconnected")
            return
        if span is not None:
            span.end(status=reply.status if reply is not None else 200)
        if reply is problem_documents.NO_TOKEN:
            self._reception.refuse_token(head.token, self._address(scope))
        if reply is not None:
            if reply.is_problem:
                note_refusal(reply)
            await _send_reply(scope, reply, send)

    def _address(self, scope: Any) -> str:
        """The sender's address on the network."""
        hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        return self._clients.client(scope["client"][0] if scope.get("client") else "", hops)

    async def _handle(
        self, head: IngestHead, receive: Receive, send: Send, note_refusal: Callable[[IngestReply], None], *, place: Place, is_whole: bool
    ) -> IngestReply | None:
        """The reply; None if it has been sent already.

        note_refusal: called with the reply to each line that is refused
        place: the connection's
        is_whole: the body has arrived with the head, so there is nothing to wait for
        """
        astray = request_rules.place(head)
        if astray is not None:
            return astray
        grant = self._tokens.known(head.token) or await self._look_up(head.token)
        if isinstance(grant, IngestReply):
            return grant
        if end := place.admit(grant.account):
            return problem_documents.TOO_MANY_CONNECTIONS if end is ConnectionEnd.ACCOUNT else problem_documents.NO_PLACE
        request = request_rules.body_to_read(head, grant)
        if isinstance(request, IngestReply):
            return request
        self._writer.note_use(grant.token)
        size, body = 0, bytearray()
        assert self._loop is not None
        began = self._loop.time()
        try:
            while True:
                message = await (receive() if is_whole else self._next(receive, began + request_rules.body_within(size)))
                if message["type"] == "http.disconnect":
                    raise Disconnected
                part = message.get("body", b"")
                if not self._body_budget.take(grant.account, len(part)):
                    return problem_documents.BUSY
                size += len(part)
                if size > request.largest:
                    return problem_documents.too_large(request.largest)
                if not message.get("more_body", False):
                    return await self._record(request, bytes(body) + part if body else part, head, grant, send, note_refusal)
                body += part
        except TimeoutError:
            return problem_documents.TOO_SLOW
        finally:
            self._body_budget.give_back(grant.account, size)

    async def _look_up(self, token: str) -> ApiGrant | IngestReply:
        if not token:
            return problem_documents.NO_TOKEN
        look_up: Future[ApiGrant | None] | None = self._tokens.look_up(token)
        if look_up is None:
            return problem_documents.BUSY
        try:
            async with asyncio.timeout(request_rules.REPLY_WITHIN):
                return await asyncio.wrap_future(look_up) or problem_documents.NO_TOKEN
        except Exception:  # noqa: BLE001 -- logged where it was raised; without the database nobody is let in
            return problem_documents.UNAVAILABLE

    async def _next(self, receive: Receive, until: float) -> Any:
        """The next part of the body. until: by the loop's clock. Raises TimeoutError."""
        async with asyncio.timeout_at(until):
            return await receive()

    async def _record(
        self,
        request: IngestRequest,
        body: bytes,
        head: IngestHead,
        grant: ApiGrant,
        send: Send,
        note_refusal: Callable[[IngestReply], None],
    ) -> IngestReply | None:
        if request.many:
            if request_rules.has_too_many_lines(body):
                return problem_documents.too_large(request_rules.MOST_LINES, "lines")
            return await self._record_many(body, head, grant, send, note_refusal)
        item = request_rules.item_of(body, grant, head.key, head.trace)
        if isinstance(item, IngestReply):
            return item
        try:
            return reply_of((await self._submit([item], len(body)))[0])
        except WriterBusy:
            return problem_documents.BUSY

    async def _record_many(
        self, body: bytes, head: IngestHead, grant: ApiGrant, send: Send, note_refusal: Callable[[IngestReply], None]
    ) -> IngestReply | None:
        """Records lines in chunks, a few at a time. If the first chunk cannot be recorded, the whole request is refused."""
        started = False
        under_way: deque[tuple[request_rules.LineChunk, asyncio.Task[list[IngestReply]]]] = deque()
        chunk_limit = self._chunk_limits.setdefault(grant.account, asyncio.Semaphore(MOST_CHUNKS))
        chunks = request_rules.chunks_of(body, grant, head.key, head.trace)

        async def land() -> IngestReply | None:
            nonlocal started
            chunk, task = under_way.popleft()
            replies = await task
            if not started and replies and all(reply in (problem_documents.BUSY, problem_documents.UNAVAILABLE) for reply in replies):
                return replies[0]
            if not started:
                started = True
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-ndjson")]})
            numbered = list(chunk.replies(replies))
            for _number, reply in numbered:
                if reply.is_problem:
                    note_refusal(reply)
            lines = b"".join(reply.line(number) for number, reply in numbered)
            await send({"type": "http.response.body", "body": lines, "more_body": True})
            return None

        try:
            while True:
                if not await _enter(chunk_limit, patient=started or bool(under_way)):
                    return problem_documents.BUSY
                self._record_first()
                chunk = next(chunks, None)
                if chunk is None:
                    chunk_limit.release()
                    break
                task = asyncio.ensure_future(self._chunk(chunk.items, chunk.size, patient=started))
                task.add_done_callback(lambda _: chunk_limit.release())
                under_way.append((chunk, task))
                if len(under_way) == WINDOW and (reply := await land()):
                    return reply
            while under_way:
                if reply := await land():
                    return reply
        finally:
            for _, task in under_way:
                task.cancel()
        if not started:
            return problem_documents.EMPTY
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return None

    async def _chunk(self, items: Sequence[RecordItem], size: int, *, patient: bool) -> list[IngestReply]:
        """The replies to the lines of a chunk.

        patient: True if the response has begun: then it waits instead of being refused
        """
        if not items:
            return []
        for pause in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0) if patient else ():
            try:
                return [reply_of(result) for result in await self._submit(items, size)]
            except WriterBusy:
                await asyncio.sleep(pause)
        try:
            return [reply_of(result) for result in await self._submit(items, size)]
        except WriterBusy:
            return [problem_documents.BUSY] * len(items)

    async def _submit(self, items: Sequence[RecordItem], size: int) -> Sequence[BatchResult]:
        """Results after the commit. Raises WriterBusy."""
        assert self._landing is not None
        return await self._landing.submit(self._writer.submit, items, size)


async def _send_reply(scope: Any, reply: IngestReply | InboundReply, send: Send) -> None:
    headers = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(reply.body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    if scope[IS_WHOLE] and not scope[PLACE].is_known and "Connection" not in reply.headers:
        headers.append((b"connection", b"close"))  # the protocol ends it, too, and after the rest of a body
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _enter(chunk_limit: asyncio.Semaphore, *, patient: bool) -> bool:
    """Waits until another chunk may be recorded. False if that takes too long.

    patient: True if the response has begun: then it waits without limit
    """
    try:
        async with asyncio.timeout(FIRST_CHUNK_WITHIN if chunk_limit.locked() and not patient else None):
            await chunk_limit.acquire()
    except TimeoutError:
        return False
    return True


class Door:
    """Listens once constructed; `open` serves until `close`. Raises OSError if the address is taken.

    hosts: the host names that requests may use
    clients: the proxies whose X-Forwarded-For is believed
    limits: of open connections
    on_death: called when its thread dies
    """

    def __init__(
        self,
        host: str,
        port: int,
        reception: Reception,
        *,
        hosts: Hosts = LOCAL,
        clients: ClientAddresses = DIRECT,
        limits: PlaceLimits | None = None,
        on_death: Callable[[BaseException], object],
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=2048)
        self.port = int(self._socket.getsockname()[1])
        self._reception = reception
        self._on_death = on_death
        places = DoorPlaces(limits, clients, reception.note_connection)
        protocol = functools.partial(DoorProtocol, ours=hosts.at(host, self.port), places=places, on_refused=reception.refused.count)
        config = uvicorn.Config(
            Edge(reception, clients),
            loop="uvloop",
            http=cast("type[asyncio.Protocol]", protocol),  # uvicorn only calls it
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="edge", daemon=True)
        state = self._server.server_state
        for queue in reception.queues:
            queue.others_may_send = lambda: len(state.connections) > len(state.tasks)

    def open(self) -> None:
        self._thread.start()

    def ask_to_close(self) -> None:
        """Accepts no new connections, answers running requests. From any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Waits at most GRACE seconds for running requests; what was accepted is recorded."""
        self.ask_to_close()
        self._thread.join(GRACE + 1.0)
        self._reception.close()

    def _run(self) -> None:
        show_thread_name()
        try:
            self._server.run(sockets=[self._socket])
            if not self._server.should_exit:
                raise RuntimeError("the server ended")
        except BaseException as error:  # whatever it is, the process must not continue half alive
            log.critical("edge_died", error=type(error).__name__, message=str(error)[:300], exc_info=error)
            self._on_death(error)
