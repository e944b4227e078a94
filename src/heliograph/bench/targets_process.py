"""The target of all deliveries, in its own process: it answers as fast as Python can, and notes what arrived when.

Of the body it reads only the change's number, which the bench's mapping puts first. It prints its port, and ends with its parent. Its paths:

    /d/N            answered at once
    /hang           never answered
    /reset          the connection is reset
    /slow           answered after a second
    /busy           answered with 503 and Retry-After
    /drip           answered at 10 KB/s
    /control/NAME   answers the bench's questions (GET)
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from typing import Final

import uvloop

from heliograph.stage.receiver import ReceiverConnection, listen, port_of

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'
DRIPS: Final = 50_000
"""Bytes of a dripping answer."""
FIRST: Final = b'{"change":'
KEPT: Final = 500
"""Bodies that are stored for the floor, which posts the same ones."""
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


def take(connection: ReceiverConnection, head: bytes, body: bytes) -> None:
    """Notes a delivery and answers it, or does what its path says."""
    if head.startswith(b"POST /d/"):
        comma = body.find(b",", 10)
        change = int(body[10:comma]) if body.startswith(FIRST) else 0
        noted.keys.append(change * PLACES + int(head[8 : head.find(b" ", 8)]))
        noted.times.append(time.monotonic_ns())
        if len(noted.bodies) < KEPT:
            noted.bodies.append(body)
        connection.transport.write(ANSWER)
    elif head.startswith(b"GET /control/"):
        connection.answer(200, noted.read_note(head[13 : head.find(b" ", 13)].decode()))
    elif b"/reset" in head[:20]:
        connection.reset()
    elif b"/busy" in head[:20]:
        connection.answer(503, headers={"Retry-After": "1"})
    elif b"/drip" in head[:20]:
        connection.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DRIPS)
        _drip(connection, DRIPS)
    elif b"/slow" in head[:20]:
        asyncio.get_running_loop().call_later(1.0, connection.transport.write, ANSWER)


def _drip(connection: ReceiverConnection, left: int) -> None:
    if left and not connection.transport.is_closing():
        connection.transport.write(b"x" * min(left, 1_000))
        asyncio.get_running_loop().call_later(0.1, _drip, connection, max(0, left - 1_000))


async def serve() -> None:
    """Serves until the parent has gone."""
    loop = asyncio.get_running_loop()
    server = await listen(loop, take, set())
    print(port_of(server), flush=True)  # noqa: T201 -- what the parent waits for
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
