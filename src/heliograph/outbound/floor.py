"""The floor under the sender: the smallest loop that libcurl's socket interface needs, without guard, caps, threads and results.

`heliograph bench` compares deliveries with it. It checks no addresses, so it posts to this machine only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import pycurl

from heliograph.domain.connection.target_url import AddressError, split_address
from heliograph.domain.errors import HeliographError
from heliograph.outbound.poller import open_poller

HEADERS: Final = ("Content-Type: application/json", "webhook-id: msg_00000000000000000000000000", "Expect:")
HERE: Final = "http://127.0.0.1:"
"""Scheme, host and the colon before a port."""
LIBCURL: Final = f"{pycurl.version_info()[1]}, {pycurl.version.split()[0]}"


class NotHere(HeliographError):
    """The floor posts to this machine only."""


def is_here(url: str) -> bool:
    """True if a request to this URL stays on this machine. It checks the parsed host, because `http://127.0.0.1:x@example.org/` only begins
    like a local URL."""
    try:
        origin = split_address(url, http=True).origin
    except AddressError:
        return False
    return f"{origin}:".startswith(HERE)


class Loop:
    """A multi handle with `opened` concurrent requests. Raises NotHere."""

    def __init__(self, url: str, opened: int) -> None:
        if not is_here(url):
            raise NotHere
        self._poller, self._multi, self._due = open_poller(), pycurl.CurlMulti(), 0.0
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, opened)
        self._free = [self._handle(url) for _ in range(opened)]

    @staticmethod
    def _handle(url: str) -> pycurl.Curl:
        handle, chunks = pycurl.Curl(), list[bytes]()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.URL, url),
            (pycurl.PROXY, ""),
            (pycurl.TIMEOUT_MS, 10_000),
            (pycurl.WRITEFUNCTION, chunks.append),
        ):
            handle.setopt(option, value)
        return handle

    def _on_socket(self, what: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poller.forget(descriptor)
        else:
            self._poller.watch(descriptor, what)

    def _on_timer(self, milliseconds: int) -> None:
        self._due = float("inf") if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def post(self, bodies: Sequence[bytes], count: int) -> None:
        """Sends `count` requests, cycling through these bodies. Raises RuntimeError if one fails."""
        started = done = 0
        while done < count:
            while self._free and started < count:
                handle = self._free.pop()
                handle.setopt(pycurl.HTTPHEADER, HEADERS)
                handle.setopt(pycurl.POSTFIELDS, bodies[started % len(bodies)])
                self._multi.add_handle(handle)
                started += 1
            if self._due <= time.monotonic():
                self._due = float("inf")
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            for descriptor, bits in self._poller.wait(min(0.05, max(0.0, self._due - time.monotonic()))):
                self._multi.socket_action(descriptor, bits)
            left = 1
            while left:
                left, ended, failed = self._multi.info_read()
                if failed:
                    raise RuntimeError(str(failed[0][1:]))
                for handle in ended:
                    self._multi.remove_handle(handle)
                    self._free.append(handle)
                done += len(ended)
