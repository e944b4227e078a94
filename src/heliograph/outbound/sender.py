"""Sends requests: libcurl's multi interface on its own thread (C6, D9).

    start()           from any thread
    inbox
    URL and headers   parsed on the sender's thread, like everything below but the look-up
    addresses         looked up on the resolver's threads
    guard             refuses addresses that the account may not reach
    libcurl
    done(result)

`done` must be quick and must not raise: an exception in it ends the sender, which calls `on_crash`, because a half-alive sender would be
worse. Callers limit the requests of a connection; here each request waits only for its own target.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Final

import pycurl

from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.errors import HeliographError
from heliograph.outbound import authorities
from heliograph.outbound.curl_headers import BadHeader, header_lines
from heliograph.outbound.exchange import CutOff, Failure, Route, Timings
from heliograph.outbound.handles import Handles
from heliograph.outbound.name_lookups import NameLookups
from heliograph.outbound.poller import READ, open_poller
from heliograph.outbound.proxy import NAMED, Proxy, Via
from heliograph.outbound.request_job import OnResult, RequestJob
from heliograph.outbound.resolver import NoAddress, Resolution, ResolvedAddresses, Resolver
from heliograph.outbound.route_cache import RouteCache
from heliograph.outbound.target import InvalidTarget, Target, read_target
from heliograph.outbound.transfer import Transfer

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
MOST_AT_ONCE: Final = 128  # requests started before sockets are checked again


class SenderStopped(HeliographError):
    """The sender is stopping and takes no more requests."""


class Sender:
    """One multi handle, used by one thread: its own, or that of its driver. It owns `resolver` and closes it."""

    def __init__(
        self,
        resolver: Resolver | None = None,
        *,
        ca_file: str | None = None,
        proxy: Proxy | None = None,
        user_agent: str = "Heliograph",
        on_crash: Callable[[BaseException], None] | None = None,
        driven: bool = False,
    ) -> None:
        """driven: it has no thread of its own; the owner calls `turn` repeatedly, on one thread, until it returns False."""
        self._resolver = resolver or Resolver()
        self._proxy = proxy
        self._on_crash = on_crash
        self._inbox: deque[RequestJob] = deque()
        self._lookups = NameLookups(self._resolver, self.wake)
        self._open: dict[pycurl.Curl, tuple[Transfer, RequestJob]] = {}
        self._handles = Handles(ca_file or authorities.bundle(), user_agent)
        self._timer: float | None = None
        self._woken = False
        self._closed = False
        self._stop_at: float | None = None
        self._poller = open_poller()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poller.watch(self._wake_read, READ)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        # connections to keep, idle ones included: half of the descriptors that this process may have
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most_connections = 32_768 if descriptors == resource.RLIM_INFINITY else max(64, min(32_768, descriptors // 2))
        self._multi.setopt(pycurl.M_MAXCONNECTS, most_connections)
        self._gate = threading.Lock()
        self._ended = threading.Event()
        self._driver = 0
        if not driven:
            threading.Thread(target=self._run, name="sender", daemon=True).start()

    # From any thread.

    def start(self, request: Request, route: Route, done: OnResult, began: float | None = None) -> None:
        """Sends the request; `done` is called once, on the sender's thread. The total timeout counts from `began` (monotonic; default: now). Raises SenderStopped."""
        now = time.monotonic() if began is None else began
        job = RequestJob(request, route, done, now, now + route.total_timeout)
        with self._gate:
            if self._stop_at is not None:
                raise SenderStopped
            self._inbox.append(job)
            if threading.get_ident() != self._driver:
                self._wake()

    def stop(self, deadline: float) -> None:
        """Accepts no more requests, gives running ones `deadline` seconds to end, cuts off the rest (CutOff), frees everything. Callable
        again."""
        with self._gate:
            self._stop_at = min(self._stop_at or float("inf"), time.monotonic() + deadline)
            self._wake()
        if threading.get_ident() != self._driver:
            self._ended.wait()

    @property
    def under_way(self) -> int:
        """Requests that are started and not done, approximately (for metrics)."""
        return len(self._inbox) + self._lookups.waiting + len(self._open)

    @property
    def opened(self) -> int:
        """Requests that libcurl has in flight, approximately."""
        return len(self._open)

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def wake(self) -> None:
        """Ends the wait of the current turn, or of the next one. From any thread."""
        with self._gate:
            self._wake()

    def turn(self, most: float) -> bool:
        """One round of a driven sender: waits at most `most` seconds for something to happen. False: it was stopped and has ended,
        everything is freed."""
        if self._ended.is_set():
            return False
        self._driver = threading.get_ident()
        if self._round(most):
            return True
        self._release()
        self._ended.set()
        return False

    def _wake(self) -> None:
        """Under the lock: once the pipe is closed, its number may be another file's."""
        if self._woken or self._closed:
            return
        self._woken = True
        with suppress(BlockingIOError):  # full: it wakes anyway
            os.write(self._wake_write, b"\0")

    # The sender's thread.

    def _run(self) -> None:
        self._driver = threading.get_ident()
        try:
            try:
                while self._round(None):
                    pass
            finally:
                self._release()
                self._ended.set()
        except BaseException as error:  # whatever it is, the process must be told
            if self._on_crash is None:
                raise
            self._on_crash(error)

    def _round(self, most: float | None) -> bool:
        """One round. True if there is another one. most: seconds to wait; None: until something happens."""
        self._take_in()
        now = time.monotonic()
        if self._timer is not None and self._timer <= now:
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._hand_back()
        while (job := self._lookups.overdue(now)) is not None:
            host = job.target.host if job.target else ""
            if job.asked_of_proxy:
                self._refuse(job, Cause.PROXY, AttemptSentence.PROXY_NOT_LOOKED_UP_IN_TIME.fill())
            else:
                self._refuse(job, Cause.NO_NAME_SERVER, AttemptSentence.NAME_NOT_LOOKED_UP_IN_TIME.fill(host=host))
        if self._stop_at is not None and (not self.under_way or self._stop_at <= now):
            self._cut()
            return False
        for descriptor, bits in self._poller.wait(self._pause(most)):
            if descriptor == self._wake_read:
                with suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._woken = False  # before the inbox is read: anything added from now on wakes again
            else:
                self._multi.socket_action(descriptor, bits)
        self._hand_back()
        return True

    def _pause(self, most: float | None) -> float | None:
        """Seconds until something is due, at most `most`; None: wait until something happens."""
        lookups = self._lookups
        if self._inbox or lookups.answers:
            return 0.0
        due = [
            moment for moment in (self._timer, self._stop_at, lookups.deadlines[0][0] if lookups.deadlines else None) if moment is not None
        ]
        if not due:
            return most
        wait = max(0.0, min(due) - time.monotonic())
        return wait if most is None else min(wait, most)

    def _take_in(self) -> None:
        for _ in range(min(len(self._inbox), MOST_AT_ONCE)):
            self._begin(self._inbox.popleft())
        while self._lookups.answers:
            job, answer = self._lookups.answers.popleft()
            if not self._lookups.end(job):
                continue
            if job.asked_of_proxy:
                self._by_proxy(job, answer)
            else:
                job.name_took = time.monotonic() - job.began
                self._connect(job, answer)

    def _begin(self, job: RequestJob) -> None:
        request = job.request
        if request.method not in METHODS:
            self._refuse(job, Cause.BAD_REQUEST, AttemptSentence.BAD_METHOD.fill(method=repr(request.method[:20])))
            return
        if request.method == "GET" and request.body is not None:
            self._refuse(job, Cause.BAD_REQUEST, AttemptSentence.GET_WITH_BODY.fill())
            return
        try:
            target = job.target = _read_target(request.url)
        except InvalidTarget as error:
            self._refuse(job, Cause.BAD_REQUEST, str(error))
            return
        if target.literal:
            self._connect(job, ResolvedAddresses((target.host,)))
            return
        answer = self._lookups.resolve(job, target.host, job.route.connection)
        if answer is not None:
            self._connect(job, answer)

    def _connect(self, job: RequestJob, answer: Resolution) -> None:
        target = job.target
        assert target is not None
        if isinstance(answer, NoAddress):
            self._refuse(job, Cause.NO_NAME_SERVER if answer.is_unanswered else Cause.DNS, answer.message)
            return
        route_cache = self._handles.route_cache(job.route)
        entry, reason = route_cache.resolve_entry(target, answer.literals)
        if not entry:
            self._refuse(job, Cause.BLOCKED, AttemptSentence.BLOCKED.fill(target=target, why=reason))
            return
        if self._proxy is not None:
            job.asked_of_proxy = route_cache.asked_of_proxy(target, answer.literals)
            if job.asked_of_proxy:
                proxy = self._proxy.target
                addresses = ResolvedAddresses((proxy.host,)) if proxy.literal else self._lookups.resolve(job, proxy.host, NAMED)
                if addresses is not None:
                    self._by_proxy(job, addresses)
                return
        self._send(job, target, route_cache, entry)

    def _by_proxy(self, job: RequestJob, answer: Resolution) -> None:
        """Sends by the proxy. answer: the proxy's own addresses. The guard does not check them, because the operator chose them."""
        assert self._proxy is not None
        assert job.target is not None
        if isinstance(answer, NoAddress):
            self._refuse(job, Cause.PROXY, AttemptSentence.PROXY_NOT_LOOKED_UP.fill())
            return
        proxy = self._proxy.target
        literals = ",".join(f"[{literal}]" if ":" in literal else literal for literal in answer.literals)
        via = Via(self._proxy, answer.literals, job.asked_of_proxy)
        self._send(job, job.target, self._handles.route_cache(job.route), f"+{proxy.bracketed}:{proxy.port}:{literals}", via)

    def _send(self, job: RequestJob, target: Target, route_cache: RouteCache[Transfer], entry: str, via: Via | None = None) -> None:
        request = job.request
        now = time.monotonic()
        if job.deadline <= now:
            self._refuse(job, Cause.TIMEOUT, AttemptSentence.NOT_CONNECTED_IN_TIME.fill(target=target))
            return
        job.waited = now - job.began
        try:
            lines = header_lines(request.headers)
        except BadHeader as error:
            self._refuse(job, Cause.BAD_REQUEST, str(error))
            return
        lines.append("Expect:")
        if request.body is not None and all(name.lower() != "content-type" for name, _ in request.headers):
            lines.append("Content-Type:")  # otherwise libcurl would send the type of a form
        transfer = self._handles.acquire(route_cache)
        try:
            transfer.prepare(request, target, entry, lines, now, job.deadline, via)
            self._multi.add_handle(transfer.curl)
        except (pycurl.error, ValueError, TypeError):
            transfer.close()
            self._refuse(job, Cause.BAD_REQUEST, AttemptSentence.NOT_SENDABLE.fill(target=target))
            return
        self._open[transfer.curl] = transfer, job

    def _refuse(self, job: RequestJob, cause: Cause, message: str) -> None:
        job.done(Failure(cause, message, left=False, timings=Timings(name=job.name_took, total=time.monotonic() - job.began)))

    def _hand_back(self) -> None:
        """Removes finished transfers from libcurl and returns their results."""
        left = 1
        while left:
            left, ended, failed = self._multi.info_read()
            for curl in ended:
                self._end(curl, 0)
            for curl, code, _ in failed:
                self._end(curl, code)

    def _end(self, curl: pycurl.Curl, code: int) -> None:
        transfer, job = self._open[curl]
        if transfer.stale and (now := time.monotonic()) < job.deadline:
            self._multi.remove_handle(curl)
            transfer.prepare_again(now, job.deadline)
            self._multi.add_handle(curl)
            return
        del self._open[curl]
        result = transfer.finish(code, name=job.name_took, waited=job.waited)
        self._multi.remove_handle(curl)
        self._handles.put_back(transfer)
        job.done(result)

    # libcurl's callbacks.

    def _on_socket(self, what: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poller.forget(descriptor)
        else:
            self._poller.watch(descriptor, what)

    def _on_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    # The end.

    def _cut(self) -> None:
        """Cuts off open requests. Closes the resolver first, so that no more answers arrive."""
        self._resolver.close()
        unsent = [*self._inbox, *self._lookups.drop_all()]
        self._inbox.clear()
        for job in unsent:
            job.done(CutOff(left=False))
        for transfer, job in list(self._open.values()):
            self._multi.remove_handle(transfer.curl)
            transfer.close()
            job.done(CutOff(left=transfer.sent))
        self._open.clear()

    def _release(self) -> None:
        with self._gate:
            self._stop_at = self._stop_at or 0.0
            self._closed = True
        self._resolver.close()
        for transfer, _ in self._open.values():
            transfer.close()
        self._handles.close()
        self._multi.close()
        self._poller.close()
        os.close(self._wake_read)
        os.close(self._wake_write)


_read_target = lru_cache(maxsize=4096)(read_target)
