"""A real receiver of webhooks on this machine, with programmable answers.

    with Receiver() as receiver:
        receiver.answer("/crm", Answer(503), Answer(200))        # in turn; the last one stays
        ...
        first, second = receiver.wait_for(2, path="/crm")

HTTP/1.1 with keep-alive, on a thread of its own; every request is noted in the order in which it was complete. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Self

from tests import loops
from tests.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Received:
    """One request. `path` includes the query; header names are lower case; `at` is monotonic seconds; `connection` numbers the TCP
    connections from 1."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    connection: int

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    then: "answer", or instead: "hang" (nothing, ever), "reset" (RST), "close" (FIN without an answer), "partial" (half of the body, then
    FIN). delay: seconds before it. drip: seconds between single bytes of the whole answer. raw: these bytes instead of an HTTP answer.
    last: closes the connection afterwards.
    """

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    then: Literal["answer", "hang", "reset", "close", "partial"] = "answer"
    raw: bytes | None = None
    last: bool = False


type Answering = Answer | Callable[[Received], Answer]


class Receiver:
    """Listens from `with` (or `start`) to the end (or `close`). `tls`: a server context for https."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None, default: Answering | None = None
    ) -> None:
        self.host = host
        self.port = port
        self._tls = tls
        self._default: Answering = default or Answer()
        self._scripts: dict[str, list[Answering]] = {}
        self._requests: list[Received] = []
        self._connections = 0
        self._change = threading.Condition()
        self._protocols: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    # Programming.

    def answer(self, path: str, *answers: Answering) -> None:
        """Sets the answers to this path (without query), in order; the last one stays. Replaces earlier settings."""
        with self._change:
            self._scripts[path] = list(answers)

    def answer_all(self, answering: Answering) -> None:
        """Sets the answer to all other paths."""
        with self._change:
            self._default = answering

    def url(self, path: str = "/", host: str | None = None) -> str:
        named = host or self.host
        return f"{'https' if self._tls else 'http'}://{f'[{named}]' if ':' in named else named}:{self.port}{path}"

    # Reading.

    @property
    def requests(self) -> list[Received]:
        with self._change:
            return list(self._requests)

    def at(self, path: str) -> list[Received]:
        """The requests to one path, with any query."""
        return [request for request in self.requests if request.path.partition("?")[0] == path]

    @property
    def connections(self) -> int:
        """TCP connections accepted so far, including unused ones."""
        with self._change:
            return self._connections

    @property
    def open_connections(self) -> int:
        with self._change:
            return len(self._protocols)

    def wait_for(self, count: int, timeout: float = PATIENCE, *, path: str | None = None) -> list[Received]:
        """All requests (to a path), once there are at least `count`. Raises AssertionError after `timeout` seconds."""

        def seen() -> list[Received]:
            return [request for request in self._requests if path is None or request.path.partition("?")[0] == path]

        with self._change:
            if not self._change.wait_for(lambda: len(seen()) >= count, timeout):
                raise AssertionError(f"{len(seen())} of {count} requests{f' to {path}' if path else ''} came within {timeout} s")
            return seen()

    def forget(self) -> None:
        """Empties the list of requests."""
        with self._change:
            self._requests.clear()

    def drop_connections(self) -> None:
        """Closes every open connection, like a server that restarts."""
        self._loop.call_soon_threadsafe(self._drop)

    # Running.

    def start(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.port), family=family, backlog=1024, dualstack_ipv6=self.host == "::")
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, started), name=f"receiver-{self.port}", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def close(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(lambda: _Connection(self), sock=listener, ssl=self._tls, backlog=1024))
        loop.set_exception_handler(lambda *_: None)  # a client that gives up during a TLS handshake is not our error
        started.set()
        loop.run_forever()
        self._drop()
        loops.end(loop, server)

    def _drop(self) -> None:
        for protocol in list(self._protocols):
            protocol.abort()

    def _opened(self, protocol: _Connection) -> int:
        with self._change:
            self._connections += 1
            self._protocols.add(protocol)
            self._change.notify_all()
            return self._connections

    def _closed(self, protocol: _Connection) -> None:
        with self._change:
            self._protocols.discard(protocol)
            self._change.notify_all()

    def _note(self, request: Received) -> Answer:
        with self._change:
            self._requests.append(request)
            script = self._scripts.get(request.path.partition("?")[0])
            answering = self._default if not script else script.pop(0) if len(script) > 1 else script[0]
            self._change.notify_all()
        return answering if isinstance(answering, Answer) else answering(request)


class _Connection(asyncio.Protocol):
    """One TCP connection: reads requests one after another, and answers each before it reads the next."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._number = self._receiver._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._receiver._loop.call_soon(self._receiver._closed, self)  # asyncio closes the socket after this call

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer.startswith(b"\x16") and self._transport is not None:  # a TLS greeting where none is expected
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
        elif not self._busy:
            self._next()

    def abort(self) -> None:
        """Closes it without sending another byte."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name == "content-length"), 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._busy = True
        answer = self._receiver._note(Received(method, path, headers, rest[:length], time.monotonic(), self._number))
        if answer.delay:
            self._timer = self._receiver._loop.call_later(answer.delay, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or answer.then == "hang":
            return
        if answer.then == "reset":
            opened = transport.get_extra_info("socket")
            if opened is not None:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        elif answer.then == "close":
            transport.close()
        elif answer.drip:
            self._drip(_bytes_of(answer), answer)
        elif answer.then == "partial":
            data = _bytes_of(answer)
            transport.write(data[: len(data) - max(1, len(_body_of(answer)) // 2)])
            transport.close()
        else:
            transport.write(_bytes_of(answer))
            self._answered(answer)

    def _drip(self, data: bytes, answer: Answer) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data[:1])
        if len(data) > 1:
            self._timer = self._receiver._loop.call_later(answer.drip, self._drip, data[1:], answer)
        else:
            self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        self._busy = False
        if answer.last or answer.raw is not None:
            assert self._transport is not None
            self._transport.close()
        elif self._buffer:
            self._next()


def _body_of(answer: Answer) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    return answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()


def _bytes_of(answer: Answer) -> bytes:
    if answer.raw is not None:
        return answer.raw
    body = _body_of(answer)
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Status"
    headers = {
        "content-length": str(len(body)),
        "content-type": "application/json" if isinstance(answer.body, (dict, list)) else "text/plain",
    }
    if answer.last:
        headers["connection"] = "close"
    headers |= {name.lower(): value for name, value in answer.headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} {phrase}\r\n{lines}\r\n".encode("latin-1") + body
