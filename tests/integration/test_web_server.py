"""The pages' server as a process: it says when it is ready, answers what it was asked, and stops in time."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.waiting import until

# /slow is answered only after the signal has come: the file "go" is made by the test.
PROGRAM = """
import pathlib, sys, time
from heliograph.web.server import serve_pages
folder = pathlib.Path(sys.argv[1])

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        (folder / "asked").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    body = b"x" * 300_000
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

serve_pages("127.0.0.1", 0, threads=2, application=application, on_ready=lambda host, port: print(port, flush=True))
print("stopped", flush=True)
"""


@contextmanager
def server(folder: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def ask(port: int, path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was still in the queue of the socket that is being closed
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
        assert process.wait(timeout=45) == 0


def test_stops_in_ten_seconds_whatever_is_going_on(tmp_path) -> None:
    with server(tmp_path) as (process, port), closing(ask(port, "/slow")):
        until((tmp_path / "asked").exists)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=45)
        assert time.monotonic() - began < 10
