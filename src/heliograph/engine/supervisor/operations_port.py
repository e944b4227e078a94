"""The operations port: whether the processes of this start are alive and serving (O2). It has its own address, kept off the public network.

- GET /health/live: 200 while the supervisor answers; it restarts dead processes by itself
- GET /health/ready: 200 once every process serves, the pages answer a request and the database can be used; 503 with Retry-After and the reason while
  one starts, rests after a death, has no thread for a request, all drain, or the database is gone or its disk full
- GET /metrics: the figures of this installation, for Prometheus
- GET /status: what the processes of this start are and counted, for `heliograph status`
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Final

from heliograph.domain.http_request import LOCAL, Hosts, host_problem
from heliograph.engine.supervisor.installation_status import RUNNING, STATUS, ProcessFigures

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
METRICS: Final = "/metrics"
PAGES: Final = "pages"
"""The process that serves pages."""

type States = Callable[[], Mapping[str, str]]
"""Name and state of each process."""

type PagesAnswer = Callable[[], bool]
"""Whether the pages respond to a request. Called only while there is a process of that name."""

type DatabaseProblem = Callable[[], str]
"""A sentence that says why the database cannot be used; "" if it can."""

type Processes = Callable[[], ProcessFigures]

type Exposition = Callable[[str], tuple[str, bytes]]
"""The metrics in the format that an Accept header asks for: content type and text."""


class _OperationsHandler(BaseHTTPRequestHandler):
    timeout: ClassVar = 5  # seconds for a request to arrive
    error_content_type, error_message_format = "text/plain", "%(code)d %(message)s\n"
    server_version, sys_version = "Heliograph", ""
    server: _OperationsServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        # Probes use as host the address that they connect to, which cannot be known in advance (a pod's). A page of another site uses its own name
        # (DNS rebinding).
        host, port = self.connection.getsockname()[:2]
        host_values = [value.encode("latin-1", "replace") for value in self.headers.get_all("Host", [])]
        refused = host_problem(host_values, self.server.ours | LOCAL.at(host, port))
        if refused:
            self._answer(HTTPStatus(refused.status), refused.content)
        elif path == LIVE:
            self._answer(HTTPStatus.OK, {"live": True})
        elif path == READY:
            self._answer_ready()
        elif path == METRICS and self.server.exposition:
            self._send(HTTPStatus.OK, *self.server.exposition(self.headers.get("Accept", "")))
        elif path == STATUS and self.server.processes:
            self._answer(HTTPStatus.OK, self.server.processes().for_port())
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"there are": [LIVE, READY, METRICS, STATUS]})

    def _answer_ready(self) -> None:
        states = self.server.states()
        answer: dict[str, object] = {"processes": dict(states)}
        reasons: list[str] = []
        if self.server.database_problem is not None:
            reasons += filter(None, [self.server.database_problem()])
        if others := [f"{name} ({state})" for name, state in states.items() if state != RUNNING]:
            reasons.append(f"Not every process serves: {', '.join(others)}.")
        elif not states:
            reasons.append("No process has started yet.")
        elif self.server.pages_answer is not None and PAGES in states:
            pages_answer = self.server.pages_answer()
            answer["pages"] = "answer" if pages_answer else "do not answer"
            if not pages_answer:
                reasons.append("The pages do not answer a request.")
        if reasons:
            answer["reason"] = " ".join(reasons)
        self._answer(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, {"ready": not reasons} | answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: HTTPStatus, content: Mapping[str, object]) -> None:
        self._send(status, "application/json", json.dumps(content).encode() + b"\n")

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: a probe every few seconds is not worth a line."""


class _OperationsServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        states: States,
        hosts: Hosts,
        exposition: Exposition | None,
        processes: Processes | None,
        pages_answer: PagesAnswer | None,
        database_problem: DatabaseProblem | None,
    ) -> None:
        self.states, self.exposition, self.processes = states, exposition, processes
        self.pages_answer, self.database_problem = pages_answer, database_problem
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _OperationsHandler)
        self.ours = hosts.at(address[0], int(self.server_address[1]))

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores probes that disconnected."""


@contextlib.contextmanager
def operations_port(
    host: str,
    port: int,
    states: States,
    hosts: Hosts = LOCAL,
    exposition: Exposition | None = None,
    processes: Processes | None = None,
    pages_answer: PagesAnswer | None = None,
    database_problem: DatabaseProblem | None = None,
) -> Iterator[int]:
    """Serves on a thread of its own while the block runs. Yields the port, for callers that passed 0. Raises OSError if the address is not
    available."""
    server = _OperationsServer((host, port), states, hosts, exposition, processes, pages_answer, database_problem)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="operations", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
