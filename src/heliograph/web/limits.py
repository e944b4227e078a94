"""Limits of requests and answers at the pages' port: bytes by path, time to arrive, and time to be read. (waitress has one size for all, and
closes a connection only after two minutes of silence, and never while a thread makes its answer.)

A TLS proxy in front buffers requests anyway; these limits apply if someone gets past it, or if there is none.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge

from heliograph.domain.http_request import BODY_TOO_LARGE, MALFORMED, PAGES_HEALTH, Chunks, RequestRefusal, read_head
from heliograph.web import unread_answers
from heliograph.web.cpu_time import CpuTime

log = structlog.get_logger(__name__)

LARGEST_FORM: Final = 4 * 1024 * 1024
LARGEST_FILE: Final = 100 * 1024 * 1024
"""Bytes of a body; waitress stores more than 512 KB on disk while it arrives."""
LARGEST_UNASKED: Final = 64 * 1024
"""A document up to this size is read before its token is checked."""
FILES: Final = "/import/"
DOCUMENTS: Final = "/ingest/"
CALLS: Final = "/in/"
API: Final = "/api/"
"""The beginning of addresses at which every error is a problem document."""
LARGEST: Final = ((FILES, LARGEST_FILE), (DOCUMENTS, 33 * 1024 * 1024), (CALLS, 1024 * 1024 + 1))
"""By path prefix: imported files, and documents and calls of sources, whose own limits are in `engine.ingest`."""
HEAD_WITHIN: Final = 10.0
BODY_WITHIN: Final = 30.0
"""Seconds from the beginning of a request to the end of its head (HEAD_WITHIN) and to the end of its body (BODY_WITHIN, plus a second per
SLOWEST bytes). A request begins with its first byte, the first one with the connection."""
SLOWEST: Final = 64 * 1024
CONNECTIONS: Final = 500
"""Open connections at most; from one peer that is no trusted proxy at most PEER_CONNECTIONS."""
PEER_CONNECTIONS: Final = 250
LARGEST_ANSWER: Final = 1024 * 1024 * 1024
"""Bytes of an answer that may wait for its reader; waitress stores more than 1 MB on disk. So the thread that makes it never waits for the reader."""
READS_WITHIN: Final = 30.0
"""Seconds within which a reader must take some bytes of its answer. For all of it, it has as many, plus a second per SLOWEST_READER bytes."""
SLOWEST_READER: Final = 16 * 1024
EVERY: Final = 1.0
"""Seconds between two checks for slow requests and slow readers."""
SHARE: Final = 0.1
BURST: Final = 0.2
LONGEST_PAUSE: Final = 0.25
"""While others want the processors, one connection may use BURST seconds of CPU at once, and then SHARE of a processor. After an answer, it then
pauses: it is not read for up to LONGEST_PAUSE seconds. So a client that requests page after page leaves the processors to deliveries."""


class TooSlow(BadRequest):  # type: ignore[misc]
    """408 (RFC 9110 §15.5.9)."""

    code = 408
    reason = "Request Timeout"


class UnknownSender(BadRequest):  # type: ignore[misc]
    """403 (RFC 9110 §15.5.4), before a file is received."""

    code = 403
    reason = "Forbidden"


class Answer(Protocol):
    """A complete response."""

    @property
    def status(self) -> int: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


type Admits = Callable[[str, str, Mapping[str, str], str], Answer | Future[Any] | None]
"""Decides whether a document is read, by its method, path, headers (as waitress names them) and client. Never blocks.

Returns None to read it, the response that refuses it, or a future of either.
"""


@dataclass(frozen=True, slots=True)
class HeadRules:
    """What is asked about requests before they are handled, on the thread that reads all of them."""

    sends_files: Callable[[str], bool] = lambda _cookies: True
    """Whether the sender with these cookies may send a file."""
    admits: Admits = lambda *_head: None
    """Decides whether a large document is read."""
    on_refused: Callable[[str, str], object] = lambda _path, _status: None
    """Called with path and status of a request that is refused by its head, or while it is read."""


ANY_HEAD: Final = HeadRules()
"""Every body is read."""


class RefusalAnswer(BadRequest):  # type: ignore[misc]
    """A response in place of the page's; waitress closes the connection after it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        headers = {"Content-Type": self.answer.content_type, **self.answer.headers}
        return f"{self.answer.status} {HTTPStatus(self.answer.status).phrase}", list(headers.items()), self.answer.body


def largest(path: str) -> int:
    """The most bytes that a request's body may have."""
    return next((size for begins, size in LARGEST if path.startswith(begins)), LARGEST_FORM)


class ChunkedBody:
    """A chunked body with the interface that waitress expects, parsed by our own strict rules."""

    def __init__(self, buffer: Any) -> None:
        self._buffer, self._chunks = buffer, Chunks()
        self.error: RefusalAnswer | None = None

    @property
    def completed(self) -> bool:
        return self._chunks.done

    def received(self, data: bytes) -> int:
        """Consumes bytes and returns how many."""
        fed = self._chunks.feed(data)
        if isinstance(fed, RequestRefusal):
            self.error = RefusalAnswer(fed)
            return len(data)
        for part in fed[1]:
            self._buffer.append(part)
        return fed[0]

    def __len__(self) -> int:
        return int(self._buffer.__len__())

    def getfile(self) -> Any:
        return self._buffer.getfile()

    def getbuf(self) -> Any:
        return self._buffer


class BoundedParser(HTTPRequestParser):  # type: ignore[misc]
    """Parses one request.

    A body larger than a form is read only from authorized senders: a file by its cookies (adj.rules.sends_files), a document by its token
    (adj.rules.admits). A small one is always read, because the error of its page says more.

    began: the monotonic clock's seconds
    decision: the pending decision whether to read the body
    """

    adj: Any
    completed: bool
    headers_finished: bool
    error: BadRequest | None
    body_rcv: Any

    def __init__(self, adj: Any, peer: str = "") -> None:
        super().__init__(adj)
        self.peer = peer
        self.began = time.monotonic()
        self.decision: Future[Answer | None] | None = None
        self._continues = False

    def parse_header(self, header_plus: bytes) -> None:
        """Like waitress; afterwards the size limit is that of the path."""
        super().parse_header(header_plus)
        if self.chunked:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())
        self.adj = copy.copy(self.adj)
        self.adj.max_request_body_size = largest(self.path)
        if self.content_length >= self.adj.max_request_body_size:
            self.expect_continue = False  # it is refused before it is sent

    def received(self, data: bytes) -> int:
        """Like waitress, after our own parsing of the head."""
        consumed = int(super().received(data)) if self.completed or self.headers_finished else self._receive_head(data)
        if isinstance(self.error, RequestEntityTooLarge) and self.path.startswith((API, CALLS)):
            self.refuse(RefusalAnswer(BODY_TOO_LARGE))
        return consumed

    def _receive_head(self, data: bytes) -> int:
        head = read_head(self.header_plus + data, self.adj.ours)
        if isinstance(head, RequestRefusal):
            self.refuse(RefusalAnswer(head))
            return len(data)
        consumed: int = super().received(data)
        if self.error is not None and not isinstance(self.error, RequestEntityTooLarge):
            self.refuse(RefusalAnswer(MALFORMED))  # waitress's parser cannot read it
        elif self.headers_finished and not self.empty:
            self._ask()
        return consumed

    def refuse(self, error: BadRequest) -> None:
        """Answers with this instead of handling the request; no more of it is read."""
        self.version, self.headers_finished = "1.1", True
        self.error, self.completed, self.expect_continue, self.decision = error, True, False, None

    def _ask(self) -> None:
        is_file = self.path.startswith(FILES) and (self.chunked or self.content_length >= LARGEST_FORM)
        is_large_document = self.path.startswith(DOCUMENTS) and (self.chunked or self.content_length > LARGEST_UNASKED)
        if is_file and not self.completed and not self.adj.rules.sends_files(str(self.headers.get("COOKIE", ""))):
            self.refuse(UnknownSender("Sign in as a Planner or an Administrator to send a file."))
        elif is_large_document:
            client = self.adj.clients.client(self.peer, str(self.headers.get("X_FORWARDED_FOR", "")))
            decision = self.adj.rules.admits(self.command, self.path, self.headers, client)
            if isinstance(decision, Future):
                self.decision, self.completed = decision, False  # also for a body that is too large: only a known sender learns that
                self._continues, self.expect_continue = self.expect_continue, False
            elif decision is not None:
                self.refuse(RefusalAnswer(decision))

    def land(self) -> bool:
        """Continues once the decision about the body is known. True if the body is refused, and the request answered."""
        assert self.decision is not None
        answer, self.decision = self.decision.result(), None
        if answer is not None or self.error is not None:
            self.refuse(self.error if answer is None else RefusalAnswer(answer))
            return True
        self.expect_continue = self._continues
        return False

    def is_late(self, now: float) -> bool:
        """True if it should have arrived by now."""
        if not self.headers_finished:
            return now > self.began + HEAD_WITHIN
        size = self.adj.max_request_body_size if self.chunked else self.content_length
        return bool(now > self.began + BODY_WITHIN + size / SLOWEST)


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """Answers refused requests; malformed ones are logged."""

    def execute(self) -> None:
        refusal = getattr(self.request.error, "answer", None)
        if isinstance(refusal, RequestRefusal):
            log.warning("request_refused", door="pages", peer=self.channel.addr[0], reason=refusal.detail, found=refusal.received)
        super().execute()
        self.channel.adj.rules.on_refused(str(getattr(self.request, "path", "")), self.status)


class PageTask(WSGITask):  # type: ignore[misc]
    """Answers a request, and charges its CPU time to the connection, which may have to pause then (`BoundedChannel.charge`).

    Documents are not charged, because all other requests give way to them. The task charges, and not the channel, because the connection's next
    request begins right after the task.
    """

    def service(self) -> None:
        began = CpuTime.now()
        try:
            super().service()
        finally:
            if not self.request.path.startswith(DOCUMENTS):
                self.channel.charge(CpuTime.now().since(began))


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection with limited requests."""

    task_class = PageTask
    error_task_class = RefusalTask
    request: BoundedParser | None
    client = ""  # the client of the latest request; "" if the address stands for many clients
    thread_client = ""  # the client to whose share of the threads the current task counts; "" for no share
    paused_until = 0.0
    _unread_since = 0.0  # the time since which an answer waits for its reader; 0 if none does
    _read = 0  # bytes that the reader took since then, and when it took the last
    _read_at = 0.0
    _spent = 0.0  # seconds of CPU above its share, and when that was counted
    _spent_at = 0.0

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        peer = str(addr[0])
        connections = sum(channel.addr[0] == peer for channel in list(server.active_channels.values()))
        super().__init__(server, sock, addr, adj, map=map)
        if connections >= PEER_CONNECTIONS and not adj.clients.trusts(peer):
            self.will_close = True

    def add_task(self) -> None:
        """Gives the next request to the threads, or lets it wait while its client holds its share of them (`ThreadShares`).

        The probe's request belongs to no share: it asks whether any thread is free, and may come from the address of a proxy that all people share.
        """
        request = self.requests[0] if self.requests else None
        headers = getattr(request, "headers", {})
        self.client = str(self.adj.clients.sharer(str(self.addr[0]), str(headers.get("X_FORWARDED_FOR", ""))))
        is_probe = getattr(request, "path", "") == PAGES_HEALTH  # a request that was refused by its head has no path
        self.thread_client = "" if is_probe else self.client
        self.adj.shares.add(self, self.thread_client)

    def service(self) -> None:
        """Like waitress; then the client's next request may have a thread."""
        thread_client = self.thread_client  # before the connection's next request sets it
        try:
            super().service()
        finally:
            self.adj.shares.end(thread_client)

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Like waitress; counts what the reader takes."""
        sent = int(super().send(data, do_close=do_close))
        if sent:
            self._read += sent
            self._read_at = time.monotonic()
        return sent

    def parser_class(self, adj: Any) -> BoundedParser:
        """The parser of one request; it knows the peer's address."""
        return BoundedParser(adj, str(self.addr[0]))

    def received(self, data: bytes) -> bool:
        """Like waitress. If a request waits for a decision of ours, that decision wakes the loop."""
        went_on = bool(super().received(data))
        if self.request is not None and self.request.decision is not None:
            self.request.decision.add_done_callback(lambda _: self.server.pull_trigger())
        return went_on

    def charge(self, cpu: CpuTime) -> None:
        """Counts the CPU time of a page. Runs on the page's thread, once its answer is sent and before its request leaves the connection's queue."""
        now = time.monotonic()
        spent = max(0.0, self._spent - (now - self._spent_at) * SHARE) + cpu.ran
        self._spent, self._spent_at = min(spent, BURST + LONGEST_PAUSE * SHARE), now
        if cpu.is_contended and spent > BURST:
            self.paused_until = now + min((spent - BURST) / SHARE, LONGEST_PAUSE)

    def readable(self) -> bool:
        """Called on every turn of the loop. Nothing is read while the connection pauses, and no body before the decision about it is known."""
        if self.paused_until > time.monotonic():
            return False
        request = self.request
        if request is not None and request.decision is not None:
            if not request.decision.done():
                return False
            with self.requests_lock:
                if request.land():
                    self._answer(request)
                elif request.expect_continue and not self.requests and not self.sent_continue:
                    self.send_continue()
        return bool(super().readable())

    def _reads_too_slowly(self, now: float) -> bool:
        """True if the reader should have taken more of its answer by now."""
        if not self.total_outbufs_len:
            self._unread_since = 0.0
            return False
        if not self._unread_since:
            self._unread_since = self._read_at = now
            self._read = 0
        return now > self._read_at + READS_WITHIN or now > self._unread_since + READS_WITHIN + self._read / SLOWEST_READER

    def end_if_slow(self, now: float) -> None:
        """Answers 408 to a request that does not arrive in time. Closes a connection on which no request has begun, or whose response is not read.

        Runs on the thread that reads.
        """
        if self._reads_too_slowly(now):
            log.warning("reader_cut_off", door="pages", peer=self.addr[0], unread=self.total_outbufs_len)
            self.handle_close()
            return
        request = self.request
        if request is not None and request.is_late(now):
            with self.requests_lock:
                request.refuse(TooSlow("The request did not arrive in time."))
                self._answer(request)
        elif (
            request is None
            and not self.requests
            and self.last_activity == self.creation_time
            and time.time() > self.creation_time + HEAD_WITHIN
        ):
            self.will_close = True

    def _answer(self, request: BoundedParser) -> None:
        """Under the lock: answers after earlier requests have been answered."""
        self.request = None
        self.requests.append(request)
        if len(self.requests) == 1:
            self.server.add_task(self)


def next_end_of_pause(server: Any, longest: float) -> float:
    """Seconds until the next connection may be read again, at most `longest`."""
    now = time.monotonic()
    pauses = (channel.paused_until - now for channel in list(server.active_channels.values()))
    return min((pause + 0.001 for pause in pauses if pause > 0), default=longest)  # polling rounds down to milliseconds


class SlowOnes:
    """Ends slow requests, slow readers, and connections of clients for whom too many bytes wait."""

    def __init__(self, server: Any) -> None:
        self._server, self._next = server, 0.0

    def end(self) -> None:
        """Called on every turn of the server's loop; checks the connections once every EVERY seconds."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            for channel in list(self._server.active_channels.values()):
                channel.end_if_slow(now)
            for channel in unread_answers.hoarders(list(self._server.active_channels.values()), unread_answers.MOST_UNREAD):
                log.warning("hoarder_cut_off", door="pages", peer=channel.addr[0], unread=channel.total_outbufs_len)
                channel.handle_close()
