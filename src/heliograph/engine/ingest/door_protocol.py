"""HTTP at the fast door: uvicorn's protocol behind our own strict parsing (rule H1), with the timeouts that uvicorn lacks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from heliograph.domain.http_request import MALFORMED, REST_WITHIN, Chunks, RequestRefusal, read_head
from heliograph.engine.counters import ConnectionEnd
from heliograph.engine.ingest.door_places import DoorPlaces, Place
from heliograph.engine.ingest.problem_documents import NO_PLACE, IngestReply
from heliograph.engine.ingest.reply_transport import ReplyTransport

log = structlog.get_logger(__name__)

HEAD_WITHIN: Final = 10.0
"""Seconds for a request's head to arrive, counted from the connection or from its first byte."""
READ_WITHIN: Final = 30.0
"""Seconds for a peer that does not read to begin again. Meanwhile up to 64 KB of replies wait here, and more in the system's buffers."""

IS_WHOLE: Final = "heliograph.is_whole"
"""In an ASGI scope: whether the body has arrived with its head."""
PLACE: Final = "heliograph.place"
"""In an ASGI scope: the `Place` of the connection."""

_UPGRADE: Final = re.compile(rb"\r\nupgrade:[^\r]*", re.IGNORECASE)


class DoorProtocol(HttpToolsProtocol):
    """Parses each head itself and passes it on as a whole, then its body up to the end that the head states.

    A head that can be read in two ways is refused once earlier requests have their replies, and the connection ends.

    on_refused: called with the status of each of these refusals

    A connection without requests is closed: a head must arrive within HEAD_WITHIN. (uvicorn's own timeout between requests stops at the first
    byte, even if that is an empty line or the rest of a refused body.)

    A connection without a valid token ends after its first request, and one whose peer does not read ends, too.
    """

    def __init__(self, *args: Any, ours: frozenset[bytes], places: DoorPlaces, on_refused: Callable[[int], object], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ours, self._places, self._on_refused = ours, places, on_refused
        self._place: Place | None = None
        self._head = b""  # the beginning of a head
        self._left = 0  # bytes of the body still to come
        self._is_whole = False
        self._chunks: Chunks | None = None
        self._refusal: RequestRefusal | None = None
        self._head_late: asyncio.TimerHandle | None = None
        self._rest_late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._has_request = False  # whether there has been one
        self._in_message = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", ReplyTransport(transport)))
        self._place = self._places.take(self, self._peer, self.loop.time())
        if self._place is None:
            self._on_refused(NO_PLACE.status)
            self._answer(NO_PLACE)
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._rest_came()
        self._reading_goes_on()
        if self._place is not None:
            self._places.leave(self._place)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        while data and self._refusal is None and not self.transport.is_closing():
            taken = self._take(data)
            data = data[taken:]
        if self._in_message and self.cycle.response_complete:
            self._await_rest()

    def on_headers_complete(self) -> None:
        scope = cast("dict[str, Any]", self.scope)
        scope[IS_WHOLE], scope[PLACE] = self._is_whole, self._place
        super().on_headers_complete()
        self._has_request = self._in_message = True

    def on_message_complete(self) -> None:
        self._in_message = False
        self._rest_came()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._end_stranger()

    def on_response_complete(self) -> None:
        cast("ReplyTransport", self.transport).flush()
        if self._is_stranger:
            self.pipeline.clear()
        is_last = not self.pipeline
        super().on_response_complete()
        if self._refusal is not None:
            if is_last:
                self._answer_refusal(self._refusal)
        elif self._in_message and is_last:
            self._await_rest()
        else:
            self._end_stranger()

    def pause_writing(self) -> None:
        super().pause_writing()

        def end() -> None:
            self._unread = None
            self._places.note(ConnectionEnd.UNREAD, self._peer)
            self.transport.abort()

        self._unread = self.loop.call_later(READ_WITHIN, end)

    def resume_writing(self) -> None:
        self._reading_goes_on()
        super().resume_writing()

    @property
    def is_idle(self) -> bool:
        """True if no request is in hand, and no part of one has arrived."""
        return self._has_answered and not self._head

    @property
    def is_waiting(self) -> bool:
        """True if the door waits for the peer: for a request, for the rest of one, or until it reads its replies."""
        return self._has_answered or self.flow.write_paused

    def drop(self, *, is_stranger: bool) -> None:
        """Ends the connection so that others have room. A stranger whose first request is here or on its way is told; a known sender knows that
        an idle connection may end at any time."""
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()
        elif not is_stranger or (self._has_request and self.cycle.response_started):
            self.transport.close()
        else:
            if self._has_request:  # its token is being looked up
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._answer(NO_PLACE)

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
        self._on_refused(refusal.status)
        self.flow.pause_reading()
        log.warning("request_refused", door="fast", peer=self._peer, reason=refusal.detail, found=refusal.received)
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
        if not self.transport.is_closing():
            self._answer(refusal)

    def _answer(self, reply: RequestRefusal | IngestReply) -> None:
        """Sends a reply that is no request's, and closes the connection."""
        phrase = reply.phrase if isinstance(reply, RequestRefusal) else HTTPStatus(reply.status).phrase
        body = reply.body
        headers = [
            *self.server_state.default_headers,
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in reply.headers.items() if name != "Connection"),
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {reply.status} {phrase}".encode(), *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    @property
    def _has_answered(self) -> bool:
        return not self._has_request or self.cycle.response_complete

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _end_stranger(self) -> None:
        """Closes the connection after a reply if it has had no valid token: refusing request after request costs as much as recording."""
        if self._is_stranger and not self.transport.is_closing():
            self.transport.close()

    @property
    def _is_stranger(self) -> bool:
        return self._place is not None and not self._place.is_known

    def _reading_goes_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

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
            self._places.note(ConnectionEnd.SLOW, self._peer)
            self.transport.close()
