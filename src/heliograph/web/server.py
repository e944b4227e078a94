"""The pages' web server: waitress, with a fixed number of threads (docs/design/processes.md, section 2: under ASGI their number would be
unbounded).

SIGTERM and SIGINT stop it: it accepts no new connections, finishes running requests, and after `GRACE` seconds cuts off the rest.
"""

from __future__ import annotations

import ipaddress
import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import MultiSocketServer, create_server

from heliograph.domain.http_request import LOCAL, Hosts
from heliograph.web.limits import LARGEST_FILE, Admits, BoundedChannel, SlowOnes, next_end_of_rest
from heliograph.web.texts import pages_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GRACE = 8.0
"""Seconds for running requests to end; the supervisor kills after 10."""

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_BY", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")


class Forwarded:
    """Determines the client: X-Forwarded-For and -Proto count only from trusted proxies, and are removed for everything behind.

    In X-Forwarded-For, the last address that is not a trusted proxy counts: anything before it may have been written by the client.
    """

    def __init__(self, application: WSGIApplication, trusted: Sequence[Network]) -> None:
        self.application = application
        self.trusted = tuple(trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        hops = environ.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        for name in FORWARDED:
            environ.pop(name, None)
        if self._trusts(_address(environ.get("REMOTE_ADDR", ""))):
            environ["REMOTE_ADDR"] = self._client(hops, environ["REMOTE_ADDR"])
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
        return self.application(environ, start_response)

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.trusted)

    def _client(self, hops: str, peer: str) -> str:
        known = peer
        for hop in reversed(hops.split(",")):
            address = _address(hop)
            if address is None:
                break
            known = str(address)
            if not self._trusts(address):
                break
        return known


def _address(text: str) -> Address | None:
    """The address of "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; None if it is not valid."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def pages_server(
    host: str,
    port: int,
    *,
    application: WSGIApplication,
    threads: int = 8,
    trusted_proxies: Sequence[Network] = (),
    hosts: Hosts = LOCAL,
    sends_files: Callable[[str], bool] = lambda _cookies: True,
    admits: Admits = lambda *_head: None,
) -> Any:
    """Waitress, already listening, with our limits; see `serve_pages`. Raises OSError if the address is taken."""
    # A queue as long as the number of threads is normal for a moment; waitress warns about the first waiting request.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server: Any = create_server(
        Forwarded(application, trusted_proxies),
        host=host,
        port=port,
        threads=threads,
        ident=None,
        clear_untrusted_proxy_headers=False,  # Forwarded does that, and supports networks
        max_request_body_size=LARGEST_FILE,
        connection_limit=500,
        asyncore_use_poll=True,
    )
    if isinstance(server, MultiSocketServer):
        server.close()
        raise OSError(f"{host} stands for several addresses; name one, such as 127.0.0.1")
    server.channel_class = BoundedChannel
    server.adj.ours = hosts.at(host, int(server.effective_port))
    server.adj.sends_files, server.adj.admits = sends_files, admits
    return server


def serve_pages(
    host: str,
    port: int,
    *,
    threads: int = 8,
    trusted_proxies: Sequence[Network] = (),
    on_ready: Callable[[str, int], None] | None = None,
    application: WSGIApplication | None = None,
    hosts: Hosts = LOCAL,
    sends_files: Callable[[str], bool] = lambda _cookies: True,
    admits: Admits = lambda *_head: None,
) -> None:
    """Serves on host and port until SIGTERM or SIGINT; for the main thread. port 0: any free port.

    on_ready: called with the actual address once connections are accepted. application: Django's by default. hosts: the host names that
    requests may use. sends_files: whether the sender with these cookies may send a file; admits: whether a large document is to be read;
    both are called before reading, on the thread that reads all requests. Raises OSError if the address is taken.
    """
    server = pages_server(
        host,
        port,
        application=application or pages_application(),
        threads=threads,
        trusted_proxies=trusted_proxies,
        hosts=hosts,
        sends_files=sends_files,
        admits=admits,
    )
    slow_ones = SlowOnes(server)
    stopping = False

    def stop(_number: int, _frame: Any) -> None:
        nonlocal stopping
        stopping = True
        server.pull_trigger()

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if on_ready:
            on_ready(str(server.effective_host), int(server.effective_port))
        while not stopping:
            _turn(server, next_end_of_rest(server, 1.0))
            slow_ones.end()
        _finish(server, time.monotonic() + GRACE)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _turn(server: Any, timeout: float) -> None:
    wasyncore.loop(timeout=timeout, use_poll=True, map=server._map, count=1)  # noqa: SLF001 - waitress runs its own loop for ever


def _finish(server: Any, deadline: float) -> None:
    """Finishes running requests, closes idle connections, and returns by the deadline (of the monotonic clock)."""
    server.accepting = False
    server.del_channel()
    server.socket.close()
    for channel in list(server.active_channels.values()):
        channel.rests_until = 0.0
    _turn(server, 0.0)  # what came while a connection rested is read before the idle ones are closed
    while server.active_channels and time.monotonic() < deadline:
        for channel in list(server.active_channels.values()):
            if not channel.requests and not channel.total_outbufs_len:
                channel.handle_close()
        _turn(server, 0.05)
    server.task_dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()))
    server.trigger.close()
    wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001
