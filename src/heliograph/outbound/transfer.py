"""A libcurl handle and what it learns during one request. Used only on the sender's thread.

A handle stays configured for its route; only what differs per request is set again. `reset()` comes before another route's request.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import Final

import pycurl

from heliograph import failpoints
from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.exchange import Failure, Response, SendResult, Timings
from heliograph.outbound.failures import explain
from heliograph.outbound.proxy import Via, refused
from heliograph.outbound.route_cache import RouteCache
from heliograph.outbound.stale_check import KeptConnections
from heliograph.outbound.target import Target

# The most common keep-alive timeout of servers is 5 s (Apache, Node.js, uvicorn). A request on a connection that is just being closed
# fails, and we do not repeat it on our own, so connections are reused for a shorter time.
LONGEST_IDLE: Final = 4
LONGEST_LIFE: Final = 300
# Nothing is read of a body declared longer than this; of a shorter one, the beginning is kept (Route.body_cap).
LARGEST_DECLARED: Final = 64 * 1024 * 1024
SMALL_BUFFER: Final = 16 * 1024  # bytes, libcurl's minimum; a longer body takes several writes
_MICRO: Final = 1_000_000
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
NOWHERE: Final = Target("http", "", 80, literal=False, path_and_query="/")


class Transfer:
    """A handle, configured for one route, that sends one request at a time."""

    def __init__(self, kept_connections: KeptConnections) -> None:
        self.curl = pycurl.Curl()
        self.route_cache: RouteCache[Transfer] | None = None
        self._kept_connections = kept_connections
        self._opened: list[socket.socket] = []
        self._resolve: list[str | bytes] = []
        self._nothing_set()
        self._forget()

    def _nothing_set(self) -> None:
        self._target = NOWHERE
        self._via: Via | None = None
        self._method = ""
        self._fresh_only = False
        self._milliseconds = 0
        self._deadline = 0.0

    def _forget(self) -> None:
        self.sent = False
        """The request may have reached the target."""
        self.stale = False
        """The reused connection was already dead; nothing was written."""
        self.address = ""
        self._reused = False
        self._descriptors: list[int] = []
        self._blocked: str | None = None
        self._twice = False
        self._late = False
        self._exhausted = False
        self._lines: list[bytes] = []
        self._lines_size = 0
        self._lines_too_long = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._truncated = False

    def set_up(self, route_cache: RouteCache[Transfer], ca_file: str, user_agent: str) -> None:
        """Sets everything that is the same for all requests of a route."""
        curl, route = self.curl, route_cache.route
        if self.route_cache is not None:
            curl.reset()
        self.route_cache = route_cache
        self._nothing_set()
        self._body_cap, self._header_cap = route.body_cap, route.header_cap
        self._connect_milliseconds = max(1, round(route.connect_timeout * 1000))
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),  # otherwise libcurl uses the environment's proxies
            (pycurl.NOPROXY, ""),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CAINFO, ca_file) if not route.authorities else (pycurl.CAINFO_BLOB, route.authorities.encode()),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.USERAGENT, user_agent),
            (pycurl.MAXAGE_CONN, LONGEST_IDLE),
            (pycurl.MAXLIFETIME_CONN, LONGEST_LIFE),
            (pycurl.MAXFILESIZE_LARGE, LARGEST_DECLARED),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.PROXY_CAINFO, ca_file),
            (
                pycurl.UPLOAD_BUFFERSIZE,
                SMALL_BUFFER,
            ),  # otherwise 64 KB for each running request: a thousand targets that do not answer have many
        ):
            curl.setopt(option, value)
        if route.identity:  # libcurl reuses a connection only for the same certificate
            curl.setopt(pycurl.SSLCERT_BLOB, route.identity.encode())
            curl.setopt(pycurl.SSLKEY_BLOB, route.identity.encode())
        if route.connect_only:
            curl.setopt(pycurl.CONNECT_ONLY, 1)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.SOCKOPTFUNCTION, self._opened_socket)
        curl.setopt(pycurl.PREREQFUNCTION, self._about_to_send)
        curl.setopt(pycurl.RESOLVER_START_FUNCTION, self._never_resolve)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        curl.setopt(pycurl.WRITEFUNCTION, self._body)

    def prepare(
        self, request: Request, target: Target, entry: str, lines: list[str | bytes], now: float, deadline: float, via: Via | None = None
    ) -> None:
        """Sets what differs per request. `entry`: the checked addresses (with `via`: the proxy's), passed so that libcurl resolves nothing
        itself. `deadline`: the end of the total timeout on the monotonic clock; `now`: the current time on it.

        Raises pycurl.error, ValueError or TypeError if libcurl rejects a value.
        """
        self._forget()
        curl = self.curl
        if request.method != self._method:
            self._set_method(request.method)
        if request.body is not None:
            curl.setopt(pycurl.POSTFIELDS, request.body)
        elif request.method != "GET":
            curl.setopt(pycurl.POSTFIELDS, b"")
        if target is not self._target:
            curl.setopt(pycurl.URL, target.url)
            self._target = target
        if via is not None or self._via is not None:
            self._set_proxy(via, target)
        curl.setopt(pycurl.HTTPHEADER, lines)
        self._resolve = [entry]
        self._set_timeouts(now, deadline, fresh_only=False)

    def prepare_again(self, now: float, deadline: float) -> None:
        """Repeats the request on a new connection, after `stale`."""
        self._forget()
        self._set_timeouts(now, deadline, fresh_only=True)

    def _set_timeouts(self, now: float, deadline: float, *, fresh_only: bool) -> None:
        curl = self.curl
        self._deadline = deadline
        curl.setopt(pycurl.RESOLVE, self._resolve)
        if fresh_only != self._fresh_only:
            curl.setopt(pycurl.FRESH_CONNECT, int(fresh_only))
            self._fresh_only = fresh_only
        milliseconds = max(1, round((deadline - now) * 1000))
        if milliseconds != self._milliseconds:
            curl.setopt(pycurl.TIMEOUT_MS, milliseconds)
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, min(milliseconds, self._connect_milliseconds))
            self._milliseconds = milliseconds

    def _set_proxy(self, via: Via | None, target: Target) -> None:
        curl = self.curl
        if via is None:
            curl.setopt(pycurl.PROXY, "")
            curl.setopt(pycurl.HTTPPROXYTUNNEL, 0)
            for option in (pycurl.CONNECT_TO, pycurl.PROXYUSERNAME, pycurl.PROXYPASSWORD):
                curl.unsetopt(option)
        else:
            proxy = via.proxy.target
            curl.setopt(pycurl.PROXY, f"{proxy.scheme}://{proxy.bracketed}:{proxy.port}")
            curl.setopt(pycurl.HTTPPROXYTUNNEL, 1)  # for http:// targets too: the proxy must see no URL and resolve no name
            curl.setopt(pycurl.CONNECT_TO, [via.connect_to(target)])
            if via.proxy.user:
                curl.setopt(pycurl.PROXYUSERNAME, via.proxy.user)
                curl.setopt(pycurl.PROXYPASSWORD, via.proxy.password)
        self._via = via

    def _set_method(self, method: str) -> None:
        curl = self.curl
        self._method = ""
        if method == "GET":
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POST, 1)
        if method in ("GET", "POST"):
            curl.unsetopt(pycurl.CUSTOMREQUEST)
        else:
            curl.setopt(pycurl.CUSTOMREQUEST, method)
        self._method = method

    # libcurl's callbacks. None of them may raise: pycurl would print a traceback and continue as if they had refused.

    def _open_socket(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        """Checks every address right before connecting to it, for every spelling of the URL and whatever the name was resolved to."""
        family, kind, protocol, peer = address
        self._close_opened()
        if not self._is_allowed(peer[0], peer[1]):
            return pycurl.SOCKET_BAD
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._exhausted = True
            return pycurl.SOCKET_BAD
        self._opened.append(opened)
        return opened

    def _opened_socket(self, descriptor: int, _purpose: int) -> int:
        """libcurl has its own duplicate of the socket by now."""
        self._descriptors.append(descriptor)
        self._close_opened()
        return pycurl.SOCKOPT_OK

    def _about_to_send(self, peer: str, local: str, port: int, local_port: int) -> int:
        """The last check before the first byte: a reused connection may be dead, or may have been checked for another account.

        From here on the request counts as sent.

        libcurl repeats a request when a reused connection closes without an answer. That would be two requests in one attempt, so it is
        refused.
        """
        if self.sent:
            self._twice = True
            return pycurl.PREREQFUNC_ABORT
        if time.monotonic() >= self._deadline:  # the process was suspended: another one may own the connection by now
            self._late = True
            return pycurl.PREREQFUNC_ABORT
        if not self._is_allowed(peer, port):
            return pycurl.PREREQFUNC_ABORT
        if self._descriptors:
            self._kept_connections.note(local, local_port, self._descriptors)
        elif self._kept_connections.is_stale(local, local_port, secure=self._target.scheme == "https"):
            self.stale = True
            return pycurl.PREREQFUNC_ABORT
        self.address = self._via.asked_for if self._via else peer
        self.sent = True
        self._reused = not self._descriptors
        failpoints.reach(failpoints.Instant.REQUEST_CONNECTED)
        return pycurl.PREREQFUNC_OK

    def _never_resolve(self) -> int:
        """libcurl gets every address from us. If it tries to resolve a name, it has parsed the URL differently."""
        return 1

    def _header(self, line: bytes) -> int | None:
        if line.startswith(b"HTTP/"):  # also after 1xx: only the last answer counts
            self._lines.clear()
        self._lines_size += len(line)
        if self._lines_size > self._header_cap:
            self._lines_too_long = True
            return -1
        if self._via is not None and not self.sent:  # the proxy's answer to CONNECT
            return None
        self._lines.append(line)
        return None

    def _body(self, chunk: bytes) -> int | None:
        space = self._body_cap - self._size
        if len(chunk) > space:
            self._chunks.append(chunk[:space])
            self._truncated = True
            return -1
        self._chunks.append(chunk)
        self._size += len(chunk)
        return None

    def _is_allowed(self, address: str, port: int) -> bool:
        assert self.route_cache is not None
        if self._via is not None:  # its target was checked, and libcurl reuses connections by the address that the proxy was asked for
            return self._via.is_proxy(address, port)
        permission = self.route_cache.allow(address, port, plain=self._target.scheme == "http")
        if not permission.allowed:
            self._blocked = permission.reason
        return permission.allowed

    def _close_opened(self) -> None:
        while self._opened:
            self._opened.pop().close()

    # The end.

    def finish(self, code: int, *, name: float, waited: float) -> SendResult:
        """The result. `code`: libcurl's, 0 for success. `name`: seconds for the look-up. `waited`: seconds from `start()` until libcurl had
        it."""
        self._close_opened()
        timings = self._timings(name, waited)
        if code == 0 and self.route_cache is not None and self.route_cache.route.connect_only:
            return Response(
                0,
                (),
                b"",
                truncated=False,
                timings=timings,
                address=self._via.asked_for if self._via else str(self.curl.getinfo(pycurl.PRIMARY_IP)),
            )
        cut_by_cap = self._truncated and code == pycurl.E_WRITE_ERROR
        if code == 0 or cut_by_cap or (code == pycurl.E_FILESIZE_EXCEEDED and self._lines):
            status = self.curl.getinfo(pycurl.RESPONSE_CODE)
            return Response(int(status), tuple(self._lines), b"".join(self._chunks), code != 0, timings, self.address, self._reused)
        cause, message = self._explain(code, timings)
        verify = int(self.curl.getinfo(pycurl.SSL_VERIFYRESULT)) if code == pycurl.E_SSL_CACERT else 0
        return Failure(cause, message, self.sent, timings, self.address, self._reused, verify)

    def _explain(self, code: int, timings: Timings) -> tuple[Cause, str]:
        target = self._target
        if self._blocked is not None and not self.sent:
            return Cause.BLOCKED, AttemptSentence.BLOCKED.fill(target=target, why=self._blocked)
        if self.stale or (self._late and not self.sent):
            return Cause.TIMEOUT, AttemptSentence.NOT_CONNECTED_IN_TIME.fill(target=target)
        if self._exhausted and not self.sent:
            return Cause.EXCEPTION, AttemptSentence.NO_SOCKET.fill()
        if self._lines_too_long:
            return Cause.GARBLED, AttemptSentence.HEADERS_LONGER_THAN.fill(target=target, most=f"{self._header_cap:,}")
        if self._twice:
            return Cause.RESET, AttemptSentence.CLOSED_WITHOUT_ANSWER.fill(target=target)
        if self._via is not None and not self.sent and (trouble := self._proxy_trouble(code)):
            return Cause.PROXY, trouble
        verify = int(self.curl.getinfo(pycurl.SSL_VERIFYRESULT))
        system = int(self.curl.getinfo(pycurl.OS_ERRNO))
        return explain(code, target, sent=self.sent, answered=bool(self._lines), verify=verify, system=system, seconds=timings.total)

    def _proxy_trouble(self, code: int) -> str | None:
        """The sentence for a failure of the proxy, not of the target; None if there is none."""
        status = int(self.curl.getinfo(pycurl.HTTP_CONNECTCODE))
        if status and not 200 <= status < 300:
            return refused(status, self._target)
        if not self.curl.getinfo(pycurl.CONNECT_TIME_T):
            return AttemptSentence.PROXY_NOT_REACHED.fill()
        return AttemptSentence.PROXY_SILENT.fill() if not status and code != pycurl.E_SSL_CACERT else None

    def _timings(self, name: float, waited: float) -> Timings:
        info = self.curl.getinfo
        first = info(pycurl.STARTTRANSFER_TIME_T) if self._lines else 0
        connected = secured = 0.0
        if not self._reused:
            connected, secured = info(pycurl.CONNECT_TIME_T) / _MICRO, info(pycurl.APPCONNECT_TIME_T) / _MICRO
        return Timings(
            name=name,
            connect=connected,
            tls=max(0.0, secured - connected) if secured else 0.0,
            sent=waited + info(pycurl.PRETRANSFER_TIME_T) / _MICRO if self.sent else 0.0,
            first=waited + first / _MICRO if first else 0.0,
            total=waited + info(pycurl.TOTAL_TIME_T) / _MICRO,
        )

    def close(self) -> None:
        """Frees the handle. It must have left its multi."""
        self._close_opened()
        self.curl.close()
