"""A real HTTP proxy with CONNECT on this machine. Whatever address it is asked for, it connects to one receiver, so public addresses can be
tested.

with Proxy(receiver.port) as proxy:
    ...
    assert proxy.asked[0].target == "93.184.216.34:443"
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Self

from tests import loops
from tests.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Asked:
    """One CONNECT request. Header names are in lower case."""

    target: str
    headers: dict[str, str]


class Proxy:
    """Listens inside `with`. status: its answer to CONNECT; credentials: the required Proxy-Authorization, "" for none."""

    def __init__(self, leads_to: int, *, status: int = 200, credentials: str = "") -> None:
        self._leads_to, self.status, self._credentials = leads_to, status, credentials
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        loops.end(self._loop, server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self.asked.append(Asked(first.split(" ")[1], headers))
            status = self.status if not self._credentials or headers.get("proxy-authorization") == self._credentials else 407
            writer.write(f"HTTP/1.1 {status} Said\r\nX-Of-The-Proxy: yes\r\n\r\n".encode())
            await writer.drain()
            if status == 200:
                there, back = await asyncio.open_connection("127.0.0.1", self._leads_to)
                with contextlib.closing(back):
                    await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()
