"""What a request to the pages' port may take: bytes by its address, and time to arrive. (waitress has one size for all, and closes a connection only once nothing has come for two minutes.)

A TLS proxy in front buffers requests anyway; this holds where somebody gets past it, or there is none.
"""

from __future__ import annotations

import copy
import time
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest

LARGEST_FORM: Final = 4 * 1024 * 1024
LARGEST_FILE: Final = 100 * 1024 * 1024
"""Bytes of a body; waitress keeps what is over 512 KB on disk while it arrives."""
FILES: Final = "/import/"
LARGEST: Final = ((FILES, LARGEST_FILE), ("/ingest", 33 * 1024 * 1024))
"""By how an address begins: files that are imported, and documents, whose own limits stand in `engine.ingest`."""
HEAD_WITHIN: Final = 10.0
BODY_WITHIN: Final = 30.0
"""Seconds from the connection or a request's first byte to the end of its head; and to the end of its body, beside a second for each SLOWEST bytes."""
SLOWEST: Final = 64 * 1024
EVERY: Final = 1.0
"""Seconds between two looks at what is too slow."""


class TooSlow(BadRequest):  # type: ignore[misc]
    """408 (RFC 9110 §15.5.9)."""

    code = 408
    reason = "Request Timeout"


class UnknownSender(BadRequest):  # type: ignore[misc]
    """403 (RFC 9110 §15.5.4), before a file has arrived."""

    code = 403
    reason = "Forbidden"


def largest(path: str) -> int:
    """Bytes that a request's body may have."""
    return next((size for begins, size in LARGEST if path.startswith(begins)), LARGEST_FORM)


class BoundedParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads one request. began: by the monotonic clock. adj.sends_files: whether who has these cookies may send a file."""

    adj: Any
    completed: bool

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        """As waitress does; from then on its largest body is that of its address."""
        super().parse_header(header_plus)
        self.adj = copy.copy(self.adj)
        self.adj.max_request_body_size = largest(self.path)
        if self.content_length >= self.adj.max_request_body_size:
            self.expect_continue = False  # it is refused before it is sent

    def received(self, data: bytes) -> int:
        """As waitress does. What is larger than a form is read only from somebody who may send it; a form is small, and its page says more."""
        begins = not self.headers_finished
        consumed: int = super().received(data)
        if begins and self.headers_finished and not self.completed and self._is_a_file() and not self.adj.sends_files(self._cookies()):
            self.error = UnknownSender("Sign in as a Planner or an Administrator to send a file.")
            self.completed, self.expect_continue = True, False
        return consumed

    def _is_a_file(self) -> bool:
        return bool(self.path.startswith(FILES) and (self.chunked or self.content_length >= LARGEST_FORM))

    def _cookies(self) -> str:
        return str(self.headers.get("COOKIE", ""))

    def is_late(self, now: float) -> bool:
        """Whether it should have arrived by now."""
        if not self.headers_finished:
            return now > self.began + HEAD_WITHIN
        size = self.adj.max_request_body_size if self.chunked else self.content_length
        return bool(now > self.began + BODY_WITHIN + size / SLOWEST)


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose requests are bounded."""

    parser_class = BoundedParser
    request: BoundedParser | None

    def end_if_slow(self, now: float) -> None:
        """Answers 408 to a request that does not arrive, and closes a connection on which none has begun. On the thread that reads."""
        request = self.request
        if request is not None and request.is_late(now):
            with self.requests_lock:
                if not request.headers_finished:
                    request.parse_header(b"GET / HTTP/1.0\r\n")  # so that there is something to answer
                request.error, request.completed = TooSlow("The request did not arrive in time."), True
                self.request = None
                self.requests.append(request)
                if len(self.requests) == 1:
                    self.server.add_task(self)
        elif (
            request is None
            and not self.requests
            and self.last_activity == self.creation_time
            and time.time() > self.creation_time + HEAD_WITHIN
        ):
            self.will_close = True


class SlowOnes:
    """Looks for them now and then."""

    def __init__(self, server: Any) -> None:
        self._server, self._next = server, 0.0

    def end(self) -> None:
        """Once in a while, of every turn of the server's loop."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            for channel in list(self._server.active_channels.values()):
                channel.end_if_slow(now)
