"""Connections between the machines of a cluster, through forwarders on loopback that can be cut: then nothing passes, and nobody is told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self


class Link:
    """A forwarder to one port. What stands in it while it is cut passes once it is whole again, as a network delivers late what it repeats."""

    def __init__(self, links: Links, target: int) -> None:
        self._links, self._target = links, target
        self._whole = asyncio.Event()
        self._whole.set()
        self.port = links.run(self._listen())

    def cut(self) -> None:
        """Lets nothing pass from now on."""
        self._links.run(self._set(whole=False))

    def mend(self) -> None:
        self._links.run(self._set(whole=True))

    async def _set(self, *, whole: bool) -> None:
        if whole:
            self._whole.set()
        else:
            self._whole.clear()

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        await self._whole.wait()  # the end of a connection is news, too
        writer.close()


class Links:
    """All links, on one thread, while `with` lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def to(self, port: int) -> Link:
        """A new link to a port of this machine."""
        return Link(self, port)

    def run[T](self, coroutine: asyncio._CoroutineLike[T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
