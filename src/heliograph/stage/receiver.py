"""The receiver of a trial's deliveries on loopback: HTTP/1.1 with keep-alive. A function of the caller decides what a target does with a request.

`bench` runs it in a process of its own, so it parses the end of a request and nothing else: it must never be the bottleneck.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, Self, cast

type TakeRequest = Callable[[ReceiverConnection, bytes, bytes], None]
"""Takes a request: its connection, which answers it, its head (without the empty line) and its body."""
_NO_HEADERS: Final[Mapping[str, str]] = {}


class ReceiverConnection(asyncio.Protocol):
    """A sender's keep-alive connection."""

    def __init__(self, take: TakeRequest, opened: set[ReceiverConnection]) -> None:
        """opened: the set that contains the connection while it is open"""
        self._take, self._opened = take, opened
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._opened.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._opened.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            head = data[at:end]
            start = end + 4
            length_at = head.find(b"ontent-Length: ")
            stop = start + (int(head[length_at + 15 :].split(b"\r", 1)[0]) if length_at >= 0 else 0)
            if len(data) < stop:
                break
            self._take(self, head, data[start:stop])
            at = stop
        self._rest = data[at:]

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Answers the request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items())
        self.transport.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode("latin-1") + body)

    def break_off(self, half: bytes, *, reset: bool) -> None:
        """Writes the beginning of an answer and ends the connection: with RST, or with FIN."""
        self.transport.write(half)
        if reset:
            self.reset()
        else:
            self.transport.close()

    def reset(self) -> None:
        """Resets the connection (RST) instead of answering."""
        peer = self.transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Receiver:
    """Listens on a thread of its own, from `start` or `with` on."""

    def __init__(self, take: TakeRequest) -> None:
        self._take = take
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._ready = threading.Event()
        self.port = 0

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> Self:
        """Returns once it listens."""
        self._thread.start()
        self._ready.wait()
        return self

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        opened: set[ReceiverConnection] = set()
        server = self._loop.run_until_complete(listen(self._loop, self._take, opened))
        self.port = port_of(server)
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for connection in list(opened):
                connection.transport.abort()
            self._loop.run_until_complete(server.wait_closed())
            self._loop.close()


async def listen(loop: asyncio.AbstractEventLoop, take: TakeRequest, opened: set[ReceiverConnection]) -> asyncio.Server:
    """Listens on a free port of loopback."""
    return await loop.create_server(lambda: ReceiverConnection(take, opened), "127.0.0.1", 0, backlog=4096)


def port_of(server: asyncio.Server) -> int:
    """The port on which it listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port


def path_of(head: bytes) -> str:
    """The path of a request, with its query."""
    return head.split(b" ", 2)[1].decode("latin-1")


def header_of(head: bytes, name: str) -> str:
    """A header of a request; "" if it has none of this name (lower case)."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.decode("latin-1").partition(":")
        if key.lower() == name:
            return value.strip()
    return ""
