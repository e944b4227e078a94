"""The pages' web server: waitress, with a fixed number of threads (docs/design/processes.md, section 2: under ASGI their number would be
unbounded).

SIGTERM, SIGINT and SIGHUP stop it: it accepts no new connections, finishes running requests, and after `GRACE` seconds cuts off the rest.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from waitress import wasyncore
from waitress.server import MultiSocketServer, create_server

from heliograph.domain.client_address import ClientAddresses, Network
from heliograph.domain.http_request import COUNTED_SENDER, LOCAL, PAGES_HEALTH, Hosts
from heliograph.engine.stop_signals import stop_signals
from heliograph.web.bounded_channel import CONNECTIONS, LARGEST_ANSWER, BoundedChannel, SlowOnes, next_end_of_pause
from heliograph.web.limits import ANY_HEAD, LARGEST_FILE, HeadRules
from heliograph.web.texts import pages_application
from heliograph.web.thread_shares import ThreadShares, share_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

GRACE = 8.0
"""Seconds for running requests to end; the supervisor kills after 10."""
FILES_WAIT = 0.5
"""Seconds without new connections after this process could open no more files."""

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_BY", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")


class Forwarded:
    """Determines the client: X-Forwarded-For and -Proto count only from trusted proxies, and are removed for everything behind.

    Answers PAGES_HEALTH itself: that asks whether a thread is free, not what pages can do.
    """

    def __init__(self, application: WSGIApplication, trusted: Sequence[Network]) -> None:
        self.application = application
        self._clients = ClientAddresses(trusted)
        self._has_warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        hops = environ.pop("HTTP_X_FORWARDED_FOR", "")
        environ[COUNTED_SENDER] = self._clients.counted_sender(environ.get("REMOTE_ADDR", ""), hops)
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        for name in FORWARDED:
            environ.pop(name, None)
        peer = environ.get("REMOTE_ADDR", "")
        if hops and not self._clients.trusts(peer) and not self._has_warned:
            self._has_warned = True  # once: a stranger can send this header, too
            log.warning("proxy_is_not_trusted", peer=peer, cure="If this is your proxy, name it in HELIOGRAPH_TRUSTED_PROXIES.")
        if self._clients.trusts(peer):
            environ["REMOTE_ADDR"] = self._clients.client(environ["REMOTE_ADDR"], hops)
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
        if environ.get("PATH_INFO") == PAGES_HEALTH:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3"), ("Cache-Control", "no-store")])
            return [b"ok\n"]
        return self.application(environ, start_response)


def pages_server(
    host: str,
    port: int,
    *,
    application: WSGIApplication,
    threads: int = 8,
    trusted_proxies: Sequence[Network] = (),
    hosts: Hosts = LOCAL,
    rules: HeadRules = ANY_HEAD,
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
        connection_limit=CONNECTIONS,
        outbuf_high_watermark=LARGEST_ANSWER,
        asyncore_use_poll=True,
    )
    if isinstance(server, MultiSocketServer):
        server.close()
        raise OSError(f"{host} stands for several addresses; name one, such as 127.0.0.1")
    server.channel_class = BoundedChannel
    server.adj.clients = ClientAddresses(trusted_proxies)
    server.adj.shares = ThreadShares(server.task_dispatcher.add_task, share_of(threads))
    server.add_task = BoundedChannel.add_task
    server.adj.ours = hosts.at(host, int(server.effective_port))
    server.adj.rules = rules
    _let_it_wait_for_files(server)
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
    rules: HeadRules = ANY_HEAD,
) -> None:
    """Serves until a signal asks it to stop; for the main thread of a process that ends then. Raises OSError if the address is taken.

    port: 0 for any free port.
    on_ready: called with the actual address once connections are accepted.
    application: Django's by default.
    hosts: the host names that requests may use.
    rules: what is asked before a request is handled.
    """
    server = pages_server(
        host,
        port,
        application=application or pages_application(),
        threads=threads,
        trusted_proxies=trusted_proxies,
        hosts=hosts,
        rules=rules,
    )
    slow_ones = SlowOnes(server)
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:  # after the first request the trigger may be closed
            stopping = True
            server.pull_trigger()

    with stop_signals(stop, process_ends=True):
        if on_ready:
            on_ready(str(server.effective_host), int(server.effective_port))
        while not stopping:
            _turn(server, next_end_of_pause(server, 1.0))
            slow_ones.end()
        _finish(server, time.monotonic() + GRACE)


def _let_it_wait_for_files(server: Any) -> None:
    """Has the server look for new connections only every FILES_WAIT seconds while it can open no file: the waiting ones would wake it at once, again and
    again."""
    accept, readable, waits_until = server.accept, server.readable, 0.0

    def accept_or_wait() -> Any:
        nonlocal waits_until
        try:
            return accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                waits_until = time.monotonic() + FILES_WAIT
            raise

    server.accept = accept_or_wait
    server.readable = lambda: time.monotonic() >= waits_until and readable()


def _turn(server: Any, timeout: float) -> None:
    wasyncore.loop(timeout=timeout, use_poll=True, map=server._map, count=1)  # noqa: SLF001 - waitress runs its own loop for ever


def _finish(server: Any, deadline: float) -> None:
    """Finishes running requests, closes idle connections, and returns by the deadline (of the monotonic clock)."""
    server.accepting = False
    server.del_channel()
    server.socket.close()
    for channel in list(server.active_channels.values()):
        channel.paused_until = 0.0
    _turn(server, 0.0)  # bytes that arrived during a pause are read before idle connections are closed
    while server.active_channels and time.monotonic() < deadline:
        for channel in list(server.active_channels.values()):
            if not channel.requests and not channel.total_outbufs_len:
                channel.handle_close()
        _turn(server, 0.05)
    server.task_dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()))
    server.trigger.close()
    wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001
