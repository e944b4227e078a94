"""Readers that read nothing hold no thread of the pages, are cut off, and no client holds more than its share of the threads (O10)."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from tests.waiting import PATIENCE, until

from heliograph.commands import pages_probe
from heliograph.commands.pages_probe import PagesProbe
from heliograph.domain.http_request import PAGES_HEALTH
from heliograph.engine.supervisor.operations_port import operations_port

pytestmark = pytest.mark.once
THREADS = 8
LARGE = 40_000_000
"""Bytes: more than the buffers of the kernel and of waitress."""

# /slow ends when the test creates the file "go"; each one that runs leaves a file.
PROGRAM = f"""
import ipaddress, pathlib, sys, time, uuid
from heliograph.web import bounded_channel, unread_answers
from heliograph.web.server import serve_pages

folder = pathlib.Path(sys.argv[1])
if "impatient" in sys.argv:
    bounded_channel.READS_WITHIN, bounded_channel.EVERY = 1.0, 0.1
if "hoard" in sys.argv:
    unread_answers.MOST_UNREAD, bounded_channel.EVERY = 50_000_000, 0.1
if "few" in sys.argv:
    bounded_channel.PEER_CONNECTIONS = 3
trusted = [ipaddress.ip_network("127.0.0.0/8")] if "proxy" in sys.argv else []

def large():
    for _ in range(400):
        yield b"x" * 100_000
    (folder / "made").touch()
    (folder / ("made-" + uuid.uuid4().hex)).touch()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/large":
        return large()
    if environ["PATH_INFO"] == "/slow":
        (folder / ("slow-" + uuid.uuid4().hex)).touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    return [b"a page"]

serve_pages(
    "127.0.0.1", 0, threads={THREADS}, application=application, trusted_proxies=trusted, on_ready=lambda host, port: print(port, flush=True)
)
"""


@contextmanager
def server(folder: Path, *more: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), *more], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection from one of the loopback's addresses, with a small buffer."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    peer.settimeout(PATIENCE)
    peer.bind((address, 0))
    peer.connect(("127.0.0.1", port))
    return peer


def ask(port: int, path: str, address: str = "127.0.0.1", forwarded: str = "") -> socket.socket:
    """Asks, and reads nothing."""
    peer = connect(port, address)
    head = f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
    peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}Connection: close\r\n\r\n".encode())
    return peer


def read_all(peer: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    answer = bytearray()
    try:
        while more := peer.recv(1_000_000):
            answer += more
    except ConnectionResetError:
        pass
    return bytes(answer)


def is_answered(port: int, path: str = "/", address: str = "127.0.0.1", forwarded: str = "") -> bool:
    with closing(ask(port, path, address, forwarded)) as peer:
        return b"a page" in read_all(peer)


def slow_ones(folder: Path) -> int:
    return len(list(folder.glob("slow-*")))


def test_O10_readers_that_read_nothing_keep_nobody_waiting(tmp_path: Path) -> None:
    with server(tmp_path) as port, ExitStack() as stuck:
        readers = [stuck.enter_context(closing(ask(port, "/large"))) for _ in range(2 * THREADS)]
        until((tmp_path / "made").exists)  # with nobody reading: it waits for nobody
        assert is_answered(port)
        assert is_answered(port, "/ingest/v1/registrations")
        assert len(read_all(readers[0])) > LARGE, "one that reads after all gets the whole"


def test_O10_readers_that_read_nothing_are_cut_off_and_others_get_the_whole(tmp_path: Path) -> None:
    with server(tmp_path, "impatient") as port, closing(ask(port, "/large")) as stuck:
        with closing(ask(port, "/large")) as reader:
            assert len(read_all(reader)) > LARGE
        until(lambda: _is_cut_off(stuck))
        assert len(read_all(stuck)) < LARGE
        assert is_answered(port)


def test_O10_what_waits_for_one_client_is_bounded(tmp_path: Path) -> None:
    with server(tmp_path, "hoard") as port, ExitStack() as stuck:
        first = stuck.enter_context(closing(ask(port, "/large")))
        until((tmp_path / "made").exists)
        others = [stuck.enter_context(closing(ask(port, "/large"))) for _ in range(3)]
        until(lambda: all(map(_is_cut_off, others)))
        assert len(read_all(first)) > LARGE, "one answer is whole, however large"
        with closing(ask(port, "/large", "127.0.0.2")) as somebody_else:
            assert len(read_all(somebody_else)) > LARGE


def test_O10_what_waits_for_many_behind_a_proxy_is_not_counted_as_one_client(tmp_path: Path) -> None:
    with server(tmp_path, "hoard", "proxy") as port, ExitStack() as stuck:
        many = [stuck.enter_context(closing(ask(port, "/large"))) for _ in range(4)]
        until(lambda: len(list(tmp_path.glob("made-*"))) == len(many))
        named = [stuck.enter_context(closing(ask(port, "/large", forwarded="192.0.2.1"))) for _ in range(3)]
        until(lambda: sum(map(_is_cut_off, named)) == 2)
        assert all(len(read_all(peer)) > LARGE for peer in many), "a proxy that names nobody stands for many"


def _is_cut_off(peer: socket.socket) -> bool:
    """True once the server has reset the connection, which shows without reading."""
    try:
        peer.send(b"x")
    except OSError:
        return True
    return False


def test_O10_one_client_leaves_threads_to_others(tmp_path: Path) -> None:
    with server(tmp_path) as port, ExitStack() as busy:
        slow = [busy.enter_context(closing(ask(port, "/slow"))) for _ in range(2 * THREADS)]
        until(lambda: slow_ones(tmp_path) == THREADS - 2)
        for _ in range(3):
            assert is_answered(port, address="127.0.0.2")
        assert slow_ones(tmp_path) == THREADS - 2, "the others wait for their own"
        (tmp_path / "go").touch()
        assert all(b"a page" in read_all(peer) for peer in slow)


def test_O10_behind_a_trusted_proxy_the_share_is_that_of_the_forwarded_address(tmp_path: Path) -> None:
    with server(tmp_path, "proxy") as port, ExitStack() as busy:
        for _ in range(2 * THREADS):
            busy.enter_context(closing(ask(port, "/slow", forwarded="198.51.100.9, 192.0.2.1")))
        until(lambda: slow_ones(tmp_path) == THREADS - 2)
        assert is_answered(port, forwarded="192.0.2.2")
        assert is_answered(port, forwarded="2001:db8::1")
        assert is_answered(port), "a proxy that names nobody stands for many"
        (tmp_path / "go").touch()


def test_O10_one_peer_has_a_share_of_the_connections(tmp_path: Path) -> None:
    with server(tmp_path, "few") as port, ExitStack() as open_ones:
        for _ in range(3):
            assert open_ones.enter_context(closing(connect(port)))
        with closing(ask(port, "/")) as one_more:
            assert read_all(one_more) == b""
        assert is_answered(port, address="127.0.0.2")
    with server(tmp_path, "few", "proxy") as port, ExitStack() as open_ones:
        for _ in range(5):
            assert open_ones.enter_context(closing(connect(port)))
        assert is_answered(port), "a trusted proxy stands for many"


def test_O10_O2_ready_asks_the_pages_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_probe, "REMEMBERED", 0.0)
    with server(tmp_path) as port, ExitStack() as busy:
        probe = PagesProbe("0.0.0.0", port, within=1.0)
        with operations_port("127.0.0.1", 0, lambda: {"pages": "running"}, pages_answer=probe.answers) as operations:
            assert ready(operations) == 200
            for address in ("127.0.0.1", "127.0.0.2"):
                for _ in range(THREADS):
                    busy.enter_context(closing(ask(port, "/slow", address)))
            until(lambda: slow_ones(tmp_path) == THREADS)
            assert ready(operations) == 503
            (tmp_path / "go").touch()
            until(lambda: ready(operations) == 200)
    assert not probe.answers()


def test_O10_O2_one_clients_share_of_the_threads_says_nothing_of_the_pages(tmp_path: Path) -> None:
    with server(tmp_path) as port, ExitStack() as busy:
        slow = [busy.enter_context(closing(ask(port, "/slow"))) for _ in range(2 * THREADS)]
        until(lambda: slow_ones(tmp_path) == THREADS - 2)
        assert PagesProbe("127.0.0.1", port, within=PATIENCE).answers(), "from the address that holds its whole share"
        (tmp_path / "go").touch()
        assert all(b"a page" in read_all(peer) for peer in slow)


def test_O10_what_follows_the_probes_request_on_its_connection_counts_to_its_client(tmp_path: Path) -> None:
    with server(tmp_path) as port, ExitStack() as busy:
        for _ in range(2 * THREADS):
            peer = busy.enter_context(closing(connect(port)))
            requests = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in (PAGES_HEALTH, "/slow"))
            peer.sendall("".join(requests).encode())
        until(lambda: slow_ones(tmp_path) == THREADS - 2)
        for _ in range(3):
            assert is_answered(port, address="127.0.0.2")
        assert slow_ones(tmp_path) == THREADS - 2
        (tmp_path / "go").touch()


def test_O10_a_request_that_is_refused_by_its_head_is_answered(tmp_path: Path) -> None:
    """Such a request has no path, which the shares of the threads must not need."""
    with server(tmp_path) as port, connect(port) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n")
        assert read_all(peer).startswith(b"HTTP/1.1 400 ")


def ready(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", "/health/ready")
        return connection.getresponse().status
