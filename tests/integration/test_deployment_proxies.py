"""nginx and Caddy with the files of deploy/, in front of a real Heliograph: TLS, sizes, addresses of clients, timeouts, a scrape (O20)."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests import tls_proxies
from tests.authority import Authority
from tests.databases import DatabaseFacts
from tests.processes import PASSWORD, Starter
from tests.tls_proxies import Loopback, Ports
from tests.visitor import SIGN_IN, Answer, Visitor
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.once
MIB = 1024 * 1024
TRIES = 40


@pytest.mark.parametrize(
    ("proxy", "own_refusals"),
    [
        pytest.param(tls_proxies.nginx, {413}, marks=pytest.mark.needs("nginx"), id="nginx"),
        pytest.param(tls_proxies.caddy, {413, 502}, marks=pytest.mark.needs("caddy"), id="caddy"),
    ],
)
def test_O20_a_proxy_of_the_examples_stands_in_front(
    heliograph: Starter,
    fresh_database: DatabaseFacts,
    tmp_path: Path,
    proxy: Callable[[Ports, Authority, Path], AbstractContextManager[None]],
    own_refusals: Collection[int],
) -> None:
    """own_refusals: what the proxy answers beyond its own limit. Caddy 2.6 answers 502 if Heliograph has not yet refused by then."""
    authority, ports = Authority(tmp_path), Ports.free()
    assert heliograph.run("createaccount", "ACME").returncode == 0
    heliograph.adds_ada("planner")
    made = json.loads(heliograph.run("createtoken", "ACME", "--name", "door", "--json").output.splitlines()[-1])
    serve = heliograph("serve", **ports.settings())
    serve.until_answers(f"http://127.0.0.1:{ports.pages}{SIGN_IN}")

    def visitor(source: str, port: int = ports.https, **headers: str) -> Visitor:
        return Visitor(f"https://localhost:{port}", by=Loopback(authority, source), **headers)

    with proxy(ports, authority, tmp_path), _connected(ports, authority) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: local")  # and nothing more
        # TLS, also for those who come without
        plain = Visitor(f"http://localhost:{ports.http}").get(SIGN_IN)
        assert plain.status in (301, 308)
        assert plain.headers["Location"].startswith("https://localhost")
        assert "max-age" in visitor("127.0.0.3").get(SIGN_IN).headers["Strict-Transport-Security"]
        _assert_clients_are_told_apart(visitor("127.0.0.2", X_Forwarded_For="198.51.100.7"), visitor("127.0.0.3"))
        until(lambda: '"127.0.0.2"' in serve.output or "address=127.0.0.2" in serve.output)
        assert "198.51.100.7" not in serve.output
        assert "proxy_is_not_trusted" not in serve.output
        _assert_sizes(visitor("127.0.0.3", Authorization=f"Bearer {made['token']}"), own_refusals)
        # A scrape comes from one machine, at a port of its own
        scrape = visitor("127.0.0.9", ports.scrape).get("/metrics")
        assert scrape.status == 200
        assert b"heliograph_build_info" in scrape.body
        assert visitor("127.0.0.3", ports.scrape).get("/metrics").status == 403
        assert visitor("127.0.0.9").get("/metrics").status == 404
        # Who never ends a request is sent away
        while slow.recv(4096):
            pass
        assert serve.terminate() == 0
        assert visitor("127.0.0.3").get(SIGN_IN).status == 502


def _connected(ports: Ports, authority: Authority) -> ssl.SSLSocket:
    trust = ssl.create_default_context(cafile=str(authority.ca_file))
    return trust.wrap_socket(socket.create_connection(("127.0.0.1", ports.https), PATIENCE), server_hostname="localhost")


def _assert_clients_are_told_apart(attacker: Visitor, ada: Visitor) -> None:
    """One who guesses passwords, with a forged header, is slowed down; nobody else is."""
    token = attacker.token()
    assert 429 in [attacker.sign_in("mallory@example.org", f"wrong {n}", token).status for n in range(TRIES)]
    signed_in = ada.sign_in("ada@example.org", PASSWORD)
    assert signed_in.status == 302
    cookies = signed_in.headers.get_all("Set-Cookie") or []
    assert cookies
    assert all("Secure" in cookie for cookie in cookies), cookies
    assert ada.get("/registrations/").status == 200


def _assert_sizes(sender: Visitor, own_refusals: Collection[int]) -> None:
    """What is too large for Heliograph gets its own answer, and what is larger than that the proxy's."""

    def post(path: str, size: int) -> Answer | None:
        try:
            return sender.send(path, b"x" * size, **{"Content-Type": "application/json"})
        except (urllib.error.URLError, ConnectionError):
            return None  # sent away by the proxy in the middle of the body

    document, form = post("/ingest/registrations", 2 * MIB), post(SIGN_IN, 9 * MIB // 2)
    assert document is not None
    assert (document.status, document.headers["Content-Type"]) == (413, "application/problem+json")
    assert form is None or form.status == 413
    for answer in (post("/ingest/registrations", 34 * MIB), post(SIGN_IN, 6 * MIB)):
        assert answer is None or answer.status in own_refusals
