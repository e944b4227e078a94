"""Sends the head of a reply together with the beginning of its body, in one system call; a short reply takes one packet."""

from __future__ import annotations

import asyncio
from typing import Any, Final

LINGER: Final = 30.0
"""Seconds for which a closed connection waits until its peer has read what was sent. Then it is cut off."""
_FINAL: Final = b"HTTP/1.1 "
_INTERIM: Final = b"HTTP/1.1 1"


class ReplyTransport:
    """The transport of a connection as uvicorn uses it, which writes the head of a reply and then its body.

    The head waits for the body, or for `flush` if there is none. An interim reply (100 Continue) is sent at once, because the sender waits
    for it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing
        self.abort = transport.abort
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_FINAL) and not data.startswith(_INTERIM):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Sends a head without a body. Nothing is sent on a connection that is closing: its peer may be gone."""
        if self._head and not self.is_closing():
            self.write(b"")

    def close(self) -> None:
        """Closes once everything is sent. (By itself, that waits for ever for a peer that reads nothing.)"""
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(LINGER, self._transport.abort)
