"""How a test's server ends: with nothing left open, which the garbage collector would otherwise report during a later test."""

from __future__ import annotations

import asyncio
import contextlib

from tests.waiting import PATIENCE


def end(loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> None:
    """Ends the server, its connections and its tasks, and closes the loop, which nothing runs any more."""
    loop.run_until_complete(_end(server))
    for _ in range(3):  # a transport closes its socket one iteration after it is told to
        loop.call_soon(loop.stop)
        loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    await _tasks_ended()  # connections accepted just now become transports by a task
    getattr(server, "abort_clients", server.close)()  # from 3.13 on: also closes those in a TLS handshake
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), PATIENCE)
    await _tasks_ended()


async def _tasks_ended() -> None:
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
