"""The connections of the pages' port: how many, how long a request may take to arrive and an answer to be read, and how much of a processor one may
use. (waitress closes a connection only after two minutes of silence, and never while a thread makes its answer.)"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any, Final

import structlog
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from heliograph.domain.http_request import PAGES_HEALTH, REST_WITHIN, RequestRefusal
from heliograph.web import limits, unread_answers
from heliograph.web.cpu_time import CpuTime
from heliograph.web.limits import DOCUMENTS, BoundedParser, TooSlow

log = structlog.get_logger(__name__)

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
    """A connection with limited requests.

    A refused request is answered before its body is there. Closing a connection with unread bytes resets it, and a sender that writes the whole body
    before it reads, as proxies do, would never see the answer. So the rest is read and dropped for up to REST_WITHIN.
    """

    task_class = PageTask
    error_task_class = RefusalTask
    request: BoundedParser | None
    close_when_flushed: bool
    client = ""  # the client of the latest request; "" if the address stands for many clients
    thread_client = ""  # the client to whose share of the threads the current task counts; "" for no share
    paused_until = 0.0
    _is_refused = False  # the latest request was refused, perhaps in the middle of its body
    _rest_until = 0.0  # when the connection is closed if the peer has not closed it; 0 while requests are read
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
        self._is_refused = self.requests[0].error is not None
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
        if self._rest_until:
            return False
        went_on = bool(super().received(data))
        if self.request is not None and self.request.decision is not None:
            self.request.decision.add_done_callback(lambda _: self.server.pull_trigger())
        return went_on

    def handle_write(self) -> None:
        """Like waitress; but the rest of a refused request is taken before the connection is closed."""
        if self.close_when_flushed and self._is_refused and self._has_flushed():
            self.close_when_flushed = False
            self._rest_until = time.monotonic() + REST_WITHIN
            with suppress(OSError):  # the peer has gone
                self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_write()

    def _has_flushed(self) -> bool:
        """Writes what waits. True if nothing waits any more and the peer is still there."""
        self._flush_exception(self._flush_some)
        return self.connected and not self.will_close and not self.total_outbufs_len

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
        if self._rest_until and now > self._rest_until:
            self.handle_close()
            return
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
            and time.time() > self.creation_time + limits.HEAD_WITHIN
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
