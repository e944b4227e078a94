"""Refused requests at the real doors of real processes: their log lines, and the counters (A3, A12)."""

from __future__ import annotations

import http.client
import json
import re
from urllib.parse import urlencode

import pytest
from tests.databases import DatabaseFacts
from tests.processes import PASSWORD, Starter, free_port
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.once


class Browser:
    """A client of the pages' port that keeps cookies and uses any Host."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def asks(self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        body = urlencode(fields or {})
        said = {
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body if method == "POST" else None, said)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, kept = value.partition(";")[0].partition("=")
                    self.cookies[key] = kept
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def signs_in(self, password: str, host: str) -> tuple[int, str]:
        page = self.asks("GET", "/accounts/sign-in/")[1]
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        if not token:
            return 0, page
        fields = {"csrfmiddlewaretoken": token[0], "login": "ada@example.org", "password": password}
        return self.asks("POST", "/accounts/sign-in/", fields, Host=host)


def test_H3_A3_A12_a_refused_request_is_one_line_in_the_log(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    assert heliograph.run("createaccount", "ACME", "--name", "Acme").returncode == 0
    heliograph.adds_ada("viewer")
    port, door, operations = free_port(), free_port(), free_port()
    process = heliograph(
        "serve",
        HELIOGRAPH_BIND=f"127.0.0.1:{port}",
        HELIOGRAPH_BASE_URL=f"http://127.0.0.1:{port}",
        HELIOGRAPH_INGEST_BIND=f"127.0.0.1:{door}",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{operations}",
        HELIOGRAPH_LOG_FORMAT="json",
    )
    process.until_printed("Heliograph serves")
    hosts = (f"127.0.0.1:{port}", "127.0.0.1", "localhost", f"localhost:{port}", "[::1]")
    ada = Browser(port)
    assert ada.signs_in(PASSWORD, hosts[1])[0] == 302
    assert ada.asks("GET", "/signal/")[0] in {200, 302}

    def logged(*, at_least: int = 0) -> list[dict[str, str]]:
        def found() -> list[dict[str, str]]:
            lines = [line for line in process.output.splitlines() if line.startswith("{")]
            return [each for each in map(json.loads, lines) if each.get("level") in {"warning", "error", "critical"}]

        until(lambda: len(found()) >= at_least)
        return found()

    before = len(logged())
    for n, (browser, path, fields, headers, status, said) in enumerate(
        (
            (Browser(port), "/accounts/sign-in/", None, {"Host": "evil.example"}, 400, "none of ours"),
            (Browser(port), "/accounts/sign-in/", None, {"Host": "127.0.0.1:1"}, 400, "none of ours"),
            (Browser(door), "/ingest/registrations", {}, {"Host": "evil.example"}, 400, "none of ours"),
            (Browser(port), "/accounts/sign-in/", {"login": "x"}, {}, 403, "CSRF"),
            (ada, "/signal/connections/new/", None, {}, 403, "Forbidden"),
        ),
        1,
    ):
        assert browser.asks("GET" if fields is None else "POST", path, fields, **headers)[0] == status, (path, headers)
        now = logged(at_least=before + n)
        assert len(now) == before + n, now
        assert said in f"{now[-1].get('reason', '')} {now[-1]['event']}"
        assert "exception" not in now[-1]
    assert "Traceback" not in process.output
    # Five wrong passwords under five spellings of this host block the user.
    for host in hosts:
        assert "isn’t right" in Browser(port).signs_in("wrong", host)[1]
    assert "is paused until" in Browser(port).signs_in(PASSWORD, hosts[0])[1]
    assert process.terminate() == 0
