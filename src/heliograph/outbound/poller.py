"""Reports which sockets are ready, as libcurl's bits. Uses `select.epoll` where available: the portable selectors cost several microseconds
per request."""

from __future__ import annotations

import select
import selectors
import sys
from typing import Final, Protocol

import pycurl

READ: Final = pycurl.POLL_IN
WRITE: Final = pycurl.POLL_OUT


class Poller(Protocol):
    """Watches descriptors. `want` is a sum of READ and WRITE; `wait` returns (descriptor, CSELECT bits)."""

    def watch(self, descriptor: int, want: int) -> None: ...
    def forget(self, descriptor: int) -> None: ...
    def wait(self, seconds: float | None) -> list[tuple[int, int]]: ...
    def close(self) -> None: ...


def open_poller() -> Poller:
    """The cheapest poller of this system."""
    return EpollPoller() if sys.platform == "linux" else SelectorPoller()


if sys.platform == "linux":
    _EPOLL_OF: Final = {READ: select.EPOLLIN, WRITE: select.EPOLLOUT, READ | WRITE: select.EPOLLIN | select.EPOLLOUT}

    class EpollPoller:
        """Linux."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._watched: dict[int, int] = {}

        def watch(self, descriptor: int, want: int) -> None:
            if descriptor in self._watched:
                self._epoll.modify(descriptor, _EPOLL_OF[want])
            else:
                self._epoll.register(descriptor, _EPOLL_OF[want])
            self._watched[descriptor] = want

        def forget(self, descriptor: int) -> None:
            if self._watched.pop(descriptor, None) is not None:
                self._epoll.unregister(descriptor)

        def wait(self, seconds: float | None) -> list[tuple[int, int]]:
            return [(descriptor, _curl_bits(events)) for descriptor, events in self._epoll.poll(seconds)]

        def close(self) -> None:
            self._epoll.close()

    def _curl_bits(events: int) -> int:
        bits = 0
        if events & (select.EPOLLIN | select.EPOLLHUP):
            bits |= pycurl.CSELECT_IN
        if events & select.EPOLLOUT:
            bits |= pycurl.CSELECT_OUT
        if events & (select.EPOLLERR | select.EPOLLHUP):
            bits |= pycurl.CSELECT_ERR
        return bits


class SelectorPoller:
    """Everywhere else (kqueue on macOS)."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, descriptor: int, want: int) -> None:
        events = (selectors.EVENT_READ if want & READ else 0) | (selectors.EVENT_WRITE if want & WRITE else 0)
        try:
            self._selector.modify(descriptor, events)
        except KeyError:
            self._selector.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        try:
            self._selector.unregister(descriptor)
        except (KeyError, OSError):
            return

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0) | (pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(seconds)
        ]

    def close(self) -> None:
        self._selector.close()
