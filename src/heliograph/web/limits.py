"""Limits of requests at the pages' port: bytes by path, and time to arrive. (waitress has one size for all.)

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
from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest, RequestEntityTooLarge

from heliograph.domain.http_request import BODY_TOO_LARGE, MALFORMED, Chunks, RequestRefusal, read_head

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
