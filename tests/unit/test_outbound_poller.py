"""Both pollers report the same."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import pycurl
import pytest

from heliograph.outbound import poller
from heliograph.outbound.poller import READ, WRITE, Poller, SelectorPoller

MAKERS: list[Callable[[], Poller]] = [SelectorPoller]
if sys.platform == "linux":
    MAKERS.append(poller.EpollPoller)


@pytest.mark.parametrize("make", MAKERS)
def test_readiness_is_reported_as_libcurls_bits(make: Callable[[], Poller]) -> None:
    ours, theirs = socket.socketpair()
    watching = make()
    with ours, theirs:
        watching.watch(ours.fileno(), READ)
        assert watching.wait(0) == []
        theirs.send(b"x")
        assert watching.wait(1) == [(ours.fileno(), pycurl.CSELECT_IN)]
        watching.watch(ours.fileno(), READ | WRITE)
        assert watching.wait(1) == [(ours.fileno(), pycurl.CSELECT_IN | pycurl.CSELECT_OUT)]
        watching.watch(ours.fileno(), WRITE)
        assert watching.wait(1) == [(ours.fileno(), pycurl.CSELECT_OUT)]
        watching.watch(ours.fileno(), READ)
        ours.recv(1)
        theirs.close()
        ((descriptor, bits),) = watching.wait(1)
        assert descriptor == ours.fileno()
        assert bits & pycurl.CSELECT_IN
        watching.forget(ours.fileno())
        watching.forget(ours.fileno())
        assert watching.wait(0) == []
    watching.close()
