"""The clients of a trial's load: each posts registrations on loopback, one request at a time, over keep-alive connections, until it is settled.

Each trial has its own subclass of LoadClient. `bench` posts a fixed work as fast as it is answered, or at a rate. `verify` posts versions until the
trial ends, to doors that are killed.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

_PATH: Final = b"POST /ingest/registrations HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"


class LoadClient:
    """A client. It has one connection for each door; a connection that the door has closed is opened again."""

    answer_within: float | None = None
    """Seconds to wait for an answer; None: as long as it takes."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.connections: dict[int, _LoadConnection] = {}
        self._request = b""
        self._timer: asyncio.TimerHandle | None = None

    # --- decided by the subclass

    def next_due(self) -> float | None:
        """The monotonic time of the next request; None if there is none."""
        raise NotImplementedError

    def next_request(self) -> bytes | None:
        """The next request, as made by `request_of`, once it is due; None to ask `next_due` again."""
        raise NotImplementedError

    def choose_door(self) -> int:
        """The port for the next attempt."""
        raise NotImplementedError

    def settle(self, status: int, answer: bytes) -> bool:
        """Takes an answer. Returns False if the request must be sent again."""
        raise NotImplementedError

    def lose(self, error: Exception) -> None:
        """Takes an attempt that got no answer: calls `send_again`, or ends `done` with the error."""
        raise NotImplementedError

    # --- common to all clients

    async def connect(self, port: int) -> _LoadConnection:
        """Opens a connection to a door."""
        _, connection = await self.loop.create_connection(lambda: _LoadConnection(self), "127.0.0.1", port)
        self.connections[port] = connection
        return connection

    def begin(self) -> None:
        """Sends the next request when it is due."""
        due = self.next_due()
        if due is None:
            self.done.set_result(None)
        elif (wait := due - time.monotonic()) > 0:
            self.loop.call_later(wait, self._send_next)
        else:
            self._send_next()

    def send_again(self, after: float) -> None:
        """Sends the same request again after these seconds."""
        self.loop.call_later(after, self._send)

    def _send_next(self) -> None:
        request = self.next_request()
        if request is None:
            self.begin()
        else:
            self._request = request
            self._send()

    def _send(self) -> None:
        port = self.choose_door()
        connection = self.connections.get(port)
        if connection is None or connection.transport.is_closing():
            self._connecting = self.loop.create_task(self._connect_and_post(port))
        else:
            self._post(port, connection)

    async def _connect_and_post(self, port: int) -> None:
        try:
            async with asyncio.timeout(self.answer_within):
                connection = await self.connect(port)
        except OSError as error:
            self.lose(error)
        else:
            self._post(port, connection)

    def _post(self, port: int, connection: _LoadConnection) -> None:
        if self.answer_within is not None:
            self._timer = self.loop.call_later(self.answer_within, self._time_out, connection)
        connection.waits = True
        connection.transport.write(_PATH % port + self._request)

    def _time_out(self, connection: _LoadConnection) -> None:
        connection.waits = False
        connection.transport.abort()
        self.lose(TimeoutError())

    def take(self, answer: bytes) -> None:
        """Takes a whole answer from a connection."""
        self._stop_timer()
        if self.settle(int(answer[9:12]), answer):
            self.begin()

    def take_loss(self, error: OSError) -> None:
        """Takes the loss of a connection on which an answer was due."""
        self._stop_timer()
        self.lose(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class _LoadConnection(asyncio.Protocol):
    """A keep-alive connection to a door."""

    def __init__(self, client: LoadClient) -> None:
        self._client = client
        self._buffer = b""
        self.waits = False
        """True if a request was sent and is not answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waits:
            self.waits = False
            self._client.take_loss(exc if isinstance(exc, OSError) else ConnectionResetError("closed without an answer"))

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            length_at = data[:end].lower().find(b"content-length: ")
            length = int(data[length_at + 16 : data.find(b"\r", length_at)]) if length_at >= 0 else None
            if data.endswith(b"0\r\n\r\n") if length is None else len(data) >= end + 4 + length:
                self._buffer = b""
                if self.waits:
                    self.waits = False
                    self._client.take(data)
                return
        self._buffer = data


def request_of(body: bytes, kind: str, token: str, key: str) -> bytes:
    """A request without its first two lines, which name the door.

    kind: the content type
    key: the Idempotency-Key
    """
    head = f"Authorization: Bearer {token}\r\nContent-Type: {kind}\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def body_of(answer: bytes) -> bytes:
    """The decoded body of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
