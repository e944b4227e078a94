"""The platform of `tests.rest_platform` as a real HTTP server on loopback, which can be killed and started again on its port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.rest_platform import Answer, Platform


class RestStub:
    """Serves a platform. Its lock is held while anything happens at the platform."""

    def __init__(self, platform: Platform, accepts: Callable[[str], bool] | None = None) -> None:
        """accepts: whether it takes a header Authorization; without it any will do. What it does not take gets 401."""
        self.platform, self.accepts = platform, accepts
        platform.clock, platform.step = 0, 1
        self.lock = threading.Lock()
        self.answers: list[Answer] = []
        """Given instead of the platform's, one each, before anything else."""
        self.refuses = ""
        """A piece of addresses that it answers 400; "" for none."""
        self.before_sending: Callable[[str], None] | None = None
        """Called in a thread of the server when an answer is made and not sent yet: what it changes is not part of that answer."""
        self.urls: list[str] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.at_once = self.most_at_once = 0
        """Requests that are being answered, and the most of them."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.stub = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def kill(self) -> None:
        """Nothing listens any more. Who connects is refused, and answers under way break off."""
        if self._server is not None and self._thread is not None:
            self._server.is_dead = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def edit(self, times: int = 1) -> None:
        """Random edits at the time of this machine."""
        for _ in range(times):
            with self.lock:
                self._set_clock()
                self.platform.edit()

    def write(self, key: str, content: dict[str, object] | None) -> None:
        with self.lock:
            self._set_clock()
            self.platform.write(key, content)

    def _set_clock(self) -> None:
        self.platform.clock = max(self.platform.clock + 1, time.time_ns() // 1_000)

    def answer(self, url: str, authorization: str) -> Answer:
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self._answer(url, authorization)
            if self.before_sending is not None:
                self.before_sending(url)
            return answer
        finally:
            with self.lock:
                self.at_once -= 1

    def _answer(self, url: str, authorization: str) -> Answer:
        self.urls.append(url)
        if self.accepts is not None and not self.accepts(authorization):
            return Answer(401, [])
        if self.refuses and self.refuses in url:
            return Answer(400, [])
        if self.answers:
            return self.answers.pop(0)
        with self.lock:
            self._set_clock()
            return self.platform.get(url)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    stub: RestStub
    is_dead = False

    def handle_error(self, *_: Any) -> None:
        """A killed process breaks its connections off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        answer = self.server.stub.answer(f"{self.server.stub.origin}{self.path}", self.headers.get("Authorization", ""))
        body = b"" if answer.json is None else json.dumps(answer.json).encode()
        if self.server.is_dead:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
