"""HTTP at the fast door: uvicorn's protocol behind our own strict parsing (rule H1), with the timeouts that uvicorn lacks."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from heliograph.domain.http_request import MALFORMED, PROBLEM_TYPE, Chunks, RequestRefusal, read_head
from heliograph.engine.ingest.reply_transport import ReplyTransport

log = structlog.get_logger(__name__)

HEAD_WITHIN: Final = 10.0
"""Seconds for a request's head to arrive, counted from the connection or from its first byte."""
REST_WITHIN: Final = 5.0
"""Seconds for the remaining body of a request that has been replied to."""

IS_WHOLE: Final = "heliograph.is_whole"
"""In an ASGI scope: whether the body has arrived with its head."""

_UPGRADE: Final = re.compile(rb"\r\nupgrade:[^\r]*", re.IGNORECASE)


class DoorProtocol(HttpToolsProtocol):
    """Parses each head itself and passes it on as a whole, then its body up to the end that the head states.

    A head that can be read in two ways is refused once earlier requests have their replies, and the connection ends.

    A connection without requests is closed: a head must arrive within HEAD_WITHIN. (uvicorn's own timeout between requests stops at the first
    byte, even if that is an empty line or the rest of a refused body.)
    """

    def __init__(self, *args: Any, ours: frozenset[bytes], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ours = ours
        self._head = b""  # the beginning of a head
        self._left = 0  # bytes of the body still to come
        self._is_whole = False
        self._chunks: Chunks | None = None
        self._refusal: RequestRefusal | None = None
        self._head_late: asyncio.TimerHandle | None = None
        self._rest_late: asyncio.TimerHandle | None = None
        self._in_message = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", ReplyTransport(transport)))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._rest_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        while data and self._refusal is None and not self.transport.is_closing():
            taken = self._take(data)
            data = data[taken:]
        if self._in_message and self.cycle.response_complete:
            self._await_rest()

    def on_headers_complete(self) -> None:
        cast("dict[str, Any]", self.scope)[IS_WHOLE] = self._is_whole
        super().on_headers_complete()
        self._in_message = True

    def on_message_complete(self) -> None:
        self._in_message = False
        self._rest_came()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        cast("ReplyTransport", self.transport).flush()
        is_last = not self.pipeline
        super().on_response_complete()
        if self._refusal is not None:
            if is_last:
                self._answer_refusal(self._refusal)
        elif self._in_message and is_last:
            self._await_rest()

    def send_400_response(self, _msg: str) -> None:
        """Answers what uvicorn's parser cannot read."""
        self._refuse(MALFORMED)

    def _take(self, data: bytes) -> int:
        """Consumes at most one head, and the part of its body that has arrived. Returns the number of bytes."""
        if self._left:
            part = data[: self._left]
            self._left -= len(part)
            super().data_received(part)
            return len(part)
        if self._chunks is not None:
            fed = self._chunks.feed(data)
            if isinstance(fed, RequestRefusal):
                self._refuse(fed)
                return len(data)
            if self._chunks.done:
                self._chunks = None
            super().data_received(data[: fed[0]])
            return fed[0]
        return self._take_head(data)

    def _take_head(self, data: bytes) -> int:
        whole = self._head + data if self._head else data
        head = read_head(whole, self._ours)
        if head is None:
            self._head = whole
            self._unset_keepalive_if_required()
            if self._head_late is None:
                self._await_head()
            return len(data)
        if isinstance(head, RequestRefusal):
            self._refuse(head)
            return len(data)
        self._head_came()
        end = min(head.size + head.length, len(whole))
        self._left = head.size + head.length - end
        self._chunks = Chunks() if head.chunked else None
        self._is_whole = not self._left and not head.chunked
        taken = end - len(self._head)
        self._head = b""
        if head.upgrade:  # the parser would take the following bytes for another protocol
            super().data_received(_UPGRADE.sub(b"", whole[: head.size]) + whole[head.size : end])
        else:
            super().data_received(whole if end == len(whole) else whole[:end])
        return taken

    def _refuse(self, refusal: RequestRefusal) -> None:
        """Refuses a request, after earlier requests have their replies: replies keep the order of requests."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = refusal
        self.flow.pause_reading()
        log.warning("request_refused", door="fast", peer=self.client and self.client[0], reason=refusal.detail, found=refusal.received)
        in_hand = not getattr(self.cycle, "response_complete", True)
        if in_hand and self._in_message:  # the body of the newest request cannot be read
            if self.pipeline:
                self.pipeline.popleft()  # it has not begun; another one is being handled
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        elif in_hand:
            return
        self._answer_refusal(refusal)

    def _answer_refusal(self, refusal: RequestRefusal) -> None:
        if self.transport.is_closing():
            return
        body = refusal.body
        headers = [
            *self.server_state.default_headers,
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {refusal.status} {refusal.phrase}".encode(), *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def _await_head(self) -> None:
        self._head_late = self.loop.call_later(HEAD_WITHIN, self._too_slow)

    def _head_came(self) -> None:
        if self._head_late is not None:
            self._head_late.cancel()
            self._head_late = None

    def _await_rest(self) -> None:
        if self._rest_late is None and not self.transport.is_closing():
            self._rest_late = self.loop.call_later(REST_WITHIN, self._too_slow)

    def _rest_came(self) -> None:
        if self._rest_late is not None:
            self._rest_late.cancel()
            self._rest_late = None

    def _too_slow(self) -> None:
        self._head_late = self._rest_late = None
        if not self.transport.is_closing():
            self.transport.close()
