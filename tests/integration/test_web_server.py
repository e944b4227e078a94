"""The pages' server as a process: it reports when it is ready, answers running requests, and stops in time."""

from __future__ import annotations

import http.client
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.processors import busy_processors
from tests.waiting import PATIENCE, until

from heliograph.web.server import GRACE

# /slow is answered only after the signal: the test creates the file "go".
PROGRAM = """
import pathlib, sys, time
from heliograph.web import bounded_channel, limits
from heliograph.web.server import serve_pages
if "impatient" in sys.argv:
    limits.HEAD_WITHIN = limits.BODY_WITHIN = bounded_channel.REST_WITHIN = 0.3
    bounded_channel.EVERY = 0.1
if "drowsy" in sys.argv or "sleepy" in sys.argv:
    bounded_channel.SHARE, bounded_channel.BURST, bounded_channel.LONGEST_PAUSE = 1e-6, 0.0, 1e6 if "drowsy" in sys.argv else 1.0
folder = pathlib.Path(sys.argv[1])

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        (folder / "asked").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    if environ["PATH_INFO"] in ("/work", "/ingest/work"):
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            pass
    body = b"x" * 300_000
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

def sends_files(cookies):
    return cookies == "planner"

serve_pages("127.0.0.1", 0, threads=4, application=application, rules=limits.HeadRules(sends_files), on_ready=lambda host, port: print(port, flush=True))
print("stopped", flush=True)
"""


@contextmanager
def server(folder: object, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), *more], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def ask(port: int, path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    return connection


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was still in the queue of the closing socket
        return False
    return False


def test_answers_what_was_asked_before_it_stops(tmp_path) -> None:
    with server(tmp_path) as (process, port), closing(ask(port, "/")) as idle, closing(ask(port, "/slow")) as busy:
        assert len(idle.getresponse().read()) == 300_000
        until((tmp_path / "asked").exists)
        process.send_signal(signal.SIGTERM)
        until(lambda: refuses(port))
        assert process.poll() is None
        (tmp_path / "go").touch()
        assert len(busy.getresponse().read()) == 300_000
        assert process.wait(timeout=PATIENCE) == 0


def answered(connection: http.client.HTTPConnection, within: float = PATIENCE) -> bool:
    """Whether something has come by then."""
    assert connection.sock
    return bool(select.select([connection.sock], [], [], within)[0])


def follows(connection: http.client.HTTPConnection, path: str = "/") -> http.client.HTTPConnection:
    """Reads the answer, and asks again."""
    assert len(connection.getresponse().read()) == 300_000
    connection.request("GET", path)
    return connection


def test_D9_a_connection_that_asks_for_page_after_page_rests_while_others_want_the_processors(tmp_path) -> None:
    """Nobody else waits for it, and what it has asked for is answered when the server stops."""
    with busy_processors(), server(tmp_path, "drowsy") as (process, port), closing(ask(port, "/work")) as reader:
        follows(reader)
        with closing(ask(port, "/")) as person:
            assert len(person.getresponse().read()) == 300_000
        assert not answered(reader, within=1.0)
        process.send_signal(signal.SIGTERM)
        assert len(reader.getresponse().read()) == 300_000


def test_D9_it_is_read_again_after_its_rest(tmp_path) -> None:
    with busy_processors(), server(tmp_path, "sleepy") as (_process, port), closing(ask(port, "/work")) as reader:
        for _ in range(3):
            assert answered(follows(reader, "/work"))


def test_D9_who_sends_documents_never_rests(tmp_path) -> None:
    with busy_processors(), server(tmp_path, "drowsy") as (_process, port), closing(ask(port, "/ingest/work")) as sender:
        for _ in range(3):
            assert answered(follows(sender, "/ingest/work"))


def test_stops_within_ten_seconds_whatever_is_going_on(tmp_path) -> None:
    with server(tmp_path) as (process, port), closing(ask(port, "/slow")):
        until((tmp_path / "asked").exists)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)  # the slow answer never comes
    assert GRACE < 10


def said(port: int, *parts: bytes) -> bytes:
    """Everything returned for these bytes, until the server closes or has answered a head."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        for part in parts:
            peer.sendall(part)
        answer = b""
        while b"\r\n\r\n" not in answer and (more := peer.recv(65_536)):
            answer += more
        return answer


def test_what_does_not_arrive_is_ended(tmp_path) -> None:
    with server(tmp_path, "impatient") as (_process, port):
        assert b" 408 " in said(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert b" 408 " in said(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", b"half")
        assert said(port) == b""  # no request was ever sent
        with closing(ask(port, "/slow")) as busy:  # a running request may take its time
            until((tmp_path / "asked").exists)
            assert b" 408 " in said(port, b"GET")
            (tmp_path / "go").touch()
            assert len(busy.getresponse().read()) == 300_000


def test_who_writes_the_whole_body_before_reading_gets_the_refusal(tmp_path) -> None:
    """As proxies do. A connection that was closed with unread bytes was reset, and the answer lost."""
    with server(tmp_path) as (_process, port), closing(socket.create_connection(("127.0.0.1", port), PATIENCE)) as peer:
        body = b"x" * 6 * 1024 * 1024
        peer.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 65_536):
            peer.sendall(body[at : at + 65_536])
        answer = b"".join(iter(lambda: peer.recv(65_536), b""))
        assert b" 413 " in answer.partition(b"\r\n")[0]


def test_who_goes_on_after_a_refusal_is_waited_for_so_long(tmp_path) -> None:
    with server(tmp_path, "impatient") as (_process, port), closing(socket.create_connection(("127.0.0.1", port), PATIENCE)) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
        assert b" 413 " in b"".join(iter(lambda: peer.recv(65_536), b""))
        with pytest.raises(ConnectionError):
            until(lambda: peer.send(b"x") == 0)


def test_a_body_may_be_as_large_as_its_address_needs(tmp_path) -> None:
    with server(tmp_path) as (_process, port):
        wish = "POST {} HTTP/1.1\r\nHost: localhost\r\nCookie: planner\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n"
        for path, size, answer in (
            ("/signal/mappings/new/", 3_000_000, b"HTTP/1.1 100 "),
            ("/signal/mappings/new/", 5_000_000, b"HTTP/1.1 413 "),
            ("/import/", 50_000_000, b"HTTP/1.1 100 "),
            ("/import/", 150_000_000, b"HTTP/1.1 413 "),
            ("/ingest/v1/registrations", 32 * 1024 * 1024, b"HTTP/1.1 100 "),
            ("/ingest/v1/registrations", 40_000_000, b"HTTP/1.1 413 "),
        ):
            assert said(port, wish.format(path, size).encode()).startswith(answer), (path, size)
        of_api = said(port, wish.format("/api/v1/registrations.ndjson", 5_000_000).encode())
        assert b"Content-Type: application/problem+json" in of_api
        chunk = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000)
        for place in (b"/", b"/api/v1/tags"):
            answer = said(port, b"POST " + place + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk] * 5)
            assert b" 413 " in answer
            assert (b"application/problem+json" in answer) is (place != b"/")


def test_a_file_is_read_only_from_somebody_who_may_send_it(tmp_path) -> None:
    with server(tmp_path) as (_process, port):
        wish = "POST /import/ HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n{}\r\nExpect: 100-continue\r\n\r\n"
        large, chunked, form = "Content-Length: 50000000", "Transfer-Encoding: chunked", "Content-Length: 1000"
        for cookies, body, answer in (
            ("planner", large, b"HTTP/1.1 100 "),
            ("planner", chunked, b"HTTP/1.1 100 "),
            ("viewer", large, b"HTTP/1.1 403 "),
            ("viewer", chunked, b"HTTP/1.1 403 "),
            ("", large, b"HTTP/1.1 403 "),
            ("viewer", form, b"HTTP/1.1 100 "),  # the page says what is missing
        ):
            assert said(port, wish.format(cookies, body).encode()).startswith(answer), (cookies, body)
        assert b"403 Forbidden" in said(port, wish.format("viewer", large).replace("Expect: 100-continue\r\n", "").encode())
