"""The target of all deliveries, in its own process: it answers as fast as Python can, and notes what arrived when.

It only parses the end of a request and the change's number, which the bench's mapping puts first in the body, so that it is never the
bottleneck. Paths: /d/N is answered, /hang never, /reset is reset, /slow after a second, /busy with 503 and Retry-After, /drip at 10 KB/s.
GET /control/NAME answers the bench's questions. Ends with its parent. Prints its port.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from typing import Final, cast

import uvloop

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'
BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
DRIPS: Final = 50_000
"""Bytes of a dripping answer."""
FIRST: Final = b'{"change":'
KEPT: Final = 500
"""Bodies kept for the floor, which posts the same ones."""
PLACES: Final = 4096
"""A key is change × PLACES + the number of the path."""


class Noted:
    """Everything that has arrived."""

    def __init__(self) -> None:
        self.keys, self.times = array("q"), array("q")
        self.bodies: list[bytes] = []
        self.cpu = time.process_time()

    def read_note(self, name: str) -> bytes:
        """The answer to one of the bench's questions."""
        if name == "reset":
            self.__init__()  # type: ignore[misc]
        if name == "arrivals":
            return self.keys.tobytes() + self.times.tobytes()
        if name == "bodies":
            return json.dumps([body.decode() for body in self.bodies]).encode()
        return json.dumps(
            {"received": len(self.keys), "last": self.times[-1] if self.times else 0, "cpu": time.process_time() - self.cpu}
        ).encode()


noted = Noted()


class ReceiverConnection(asyncio.Protocol):
    """One sender's keep-alive connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            head = data[at:end]
            start = end + 4
            where = head.find(b"ontent-Length: ")
            stop = start + (int(head[where + 15 :].split(b"\r", 1)[0]) if where >= 0 else 0)
            if len(data) < stop:
                break
            self._take(head, data[start:stop])
            at = stop
        self.rest = data[at:]

    def _take(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST /d/"):
            comma = body.find(b",", 10)
            change = int(body[10:comma]) if body.startswith(FIRST) else 0
            noted.keys.append(change * PLACES + int(head[8 : head.find(b" ", 8)]))
            noted.times.append(time.monotonic_ns())
            if len(noted.bodies) < KEPT:
                noted.bodies.append(body)
            self.transport.write(ANSWER)
        elif head.startswith(b"GET /control/"):
            content = noted.read_note(head[13 : head.find(b" ", 13)].decode())
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        elif b"/reset" in head[:20]:
            self.transport.abort()
        elif b"/busy" in head[:20]:
            self.transport.write(BUSY)
        elif b"/drip" in head[:20]:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DRIPS)
            self._drip(DRIPS)
        elif b"/slow" in head[:20]:
            asyncio.get_running_loop().call_later(1.0, self.transport.write, ANSWER)

    def _drip(self, left: int) -> None:
        if left and not self.transport.is_closing():
            self.transport.write(b"x" * min(left, 1_000))
            asyncio.get_running_loop().call_later(0.1, self._drip, max(0, left - 1_000))


async def serve() -> None:
    """Serves until the parent has gone."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(ReceiverConnection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 -- what the parent waits for
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
