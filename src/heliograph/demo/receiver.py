"""The demo's three targets on loopback: "Slack", "CRM" and "badge printer", each with typical troubles of its kind."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

SLACK, CRM, BADGES = "/services/T0DEMO/B0DEMO/no-secret-at-all", "/api/leads", "/print"
# Share of requests that meet a trouble; the badge printer has a bad day, so that Retry has something to show.
TROUBLE = {SLACK: 0.12, CRM: 0.12, BADGES: 0.7}
MOST_BODY = 1_000_000


@dataclass(slots=True)
class DemoTargets:
    """The targets' behaviour. Set `troubled` to False and everything succeeds."""

    troubled: bool = True
    taken: Counter[str] = field(default_factory=Counter)
    seed: int = 26
    _random: random.Random = field(init=False)
    _leads: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 -- a story, not a secret

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """(status, headers, body) of the answer to a request; None: drop the connection."""
        with self._lock:
            meets_trouble = self.troubled and self._random.random() < TROUBLE.get(path, 0)
            which = self._random.random()
            if path == SLACK:
                return self._slack(body, which if meets_trouble else None)
            if path == CRM:
                return self._crm(body, which if meets_trouble else None)
            if path == BADGES:
                return self._badges(body, which if meets_trouble else None)
        return HTTPStatus.NOT_FOUND, {}, b"no such target"

    def _slack(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes]:
        if trouble is not None:
            if trouble < 0.6:
                return HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "5"}, b"rate_limited"
            return HTTPStatus.INTERNAL_SERVER_ERROR, {}, b"rollup_error"
        if not isinstance(_json(body), dict):
            return HTTPStatus.BAD_REQUEST, {}, b"invalid_payload"
        self.taken["Slack"] += 1
        return HTTPStatus.OK, {}, b"ok"

    def _crm(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes]:
        if trouble is not None:
            if trouble < 0.5:
                return HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "3"}, b'{"error": "The CRM is being updated"}'
            return HTTPStatus.FORBIDDEN, {}, b'{"error": "This user may not write leads"}'
        lead = _json(body)
        key = lead.get("ExternalId") if isinstance(lead, dict) else None
        if not key:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {}, b'{"error": "ExternalId is missing"}'
        created = key not in self._leads
        self._leads.add(str(key))
        self.taken["CRM"] += 1
        return (
            HTTPStatus.CREATED if created else HTTPStatus.OK,
            {"Content-Type": "application/json"},
            json.dumps({"created": created}).encode(),
        )

    def _badges(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes] | None:
        if trouble is not None:
            return None if trouble < 0.7 else (HTTPStatus.INTERNAL_SERVER_ERROR, {}, b"out of paper")
        form = parse_qs(body.decode("utf-8", "replace"))
        if "name" not in form:
            return HTTPStatus.BAD_REQUEST, {}, b"a badge needs a name"
        self.taken["badge printer"] += 1
        return HTTPStatus.ACCEPTED, {}, b"printing"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class _DemoHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "heliograph-demo"
    timeout = 60

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BODY)
        body = self.rfile.read(length)
        server = self.server
        assert isinstance(server, _DemoServer)
        answer = server.targets.answer(self.path, body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, text = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the screen shows what arrives."""


class _DemoServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, targets: DemoTargets) -> None:
        super().__init__(("127.0.0.1", 0), _DemoHandler)
        self.targets = targets


def start(targets: DemoTargets) -> int:
    """Serves the targets from a daemon thread. Returns the port on 127.0.0.1."""
    server = _DemoServer(targets)
    threading.Thread(target=server.serve_forever, name="demo receiver", daemon=True).start()
    return int(server.server_address[1])
