"""Checks whether a reused connection is still open, right before a request is written to it.

libcurl looks for dead connections only once a second. A request written to a closed one would end as "closed without an answer", and it
would not be known whether it was sent. This check finds the dead connection before a byte is written, so the request uses a new one. Only a
close that arrives at that very moment is missed.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Sequence
from typing import Final

_CLOSED: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


class KeptConnections:
    """The descriptors of a multi's connections, by local address: only the address is reported by libcurl both on connecting and on reuse."""

    def __init__(self) -> None:
        self._descriptors: dict[tuple[str, int], int] = {}
        self._poll = select.poll()

    def note(self, local: str, port: int, candidates: Sequence[int]) -> None:
        """Notes a new connection. `candidates`: the sockets opened for it; several if addresses were tried in parallel."""
        for descriptor in candidates:
            if len(candidates) == 1 or _local_port(descriptor) == port:
                self._descriptors[local, port] = descriptor
                return
        self._descriptors.pop((local, port), None)

    def is_stale(self, local: str, port: int, *, secure: bool) -> bool:
        """True if the other side has closed it, or (without TLS) has sent bytes before the request, which would be read as its response."""
        descriptor = self._descriptors.get((local, port))
        if descriptor is None:
            return False
        self._poll.register(descriptor, select.POLLIN | getattr(select, "POLLRDHUP", 0))
        events = self._poll.poll(0)
        self._poll.unregister(descriptor)
        if not events:
            return False
        seen = events[0][1]
        return bool(seen & _CLOSED) or not secure  # over TLS, unread session tickets are normal


def _local_port(descriptor: int) -> int:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as duplicate:
            port: int = duplicate.getsockname()[1]
            return port
    except OSError:
        return 0
