"""The client's address: forwarded headers count only from trusted proxies (O1; docs/design/security.md, section 4)."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from structlog.testing import capture_logs

from heliograph.domain.client_address import ClientAddresses
from heliograph.domain.http_request import COUNTED_SENDER
from heliograph.web.server import Forwarded

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def seen(peer: str, **headers: str) -> dict[str, Any]:
    """What the application behind it sees."""
    kept: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: object) -> list[bytes]:
        kept.update(environ)
        return []

    Forwarded(application, PROXIES)({"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", **headers}, lambda *_: lambda _: None)
    return kept


def test_O1_a_trusted_proxy_is_believed() -> None:
    environ = seen("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7", HTTP_X_FORWARDED_PROTO="https")
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["wsgi.url_scheme"] == "https"


def test_O1_nobody_else_is() -> None:
    environ = seen("192.0.2.1", HTTP_X_FORWARDED_FOR="10.0.0.9", HTTP_X_FORWARDED_PROTO="https")
    assert environ["REMOTE_ADDR"] == "192.0.2.1"
    assert environ["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.0.2.1", "", "unix"])
def test_O1_nothing_forwarded_reaches_the_application(peer: str) -> None:
    names = ("FOR", "PROTO", "HOST", "PORT", "BY")
    environ = seen(peer, HTTP_FORWARDED="for=x", **{f"HTTP_X_FORWARDED_{name}": "x" for name in names})
    assert not [name for name in environ if "FORWARDED" in name]


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("203.0.113.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"),  # anything before it may have been written by the client
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("192.0.2.7, nonsense", "10.0.0.1"),
        ("192.0.2.7, nonsense, 10.0.0.2", "10.0.0.2"),
        ("", "10.0.0.1"),
    ],
)
def test_O1_the_last_address_that_is_no_proxy_counts(hops: str, client: str) -> None:
    assert seen("10.0.0.1", HTTP_X_FORWARDED_FOR=hops)["REMOTE_ADDR"] == client


def test_O1_the_last_scheme_counts_and_only_a_known_one() -> None:
    assert seen("fd00::1", HTTP_X_FORWARDED_PROTO="http, https")["wsgi.url_scheme"] == "https"
    assert seen("fd00::1", HTTP_X_FORWARDED_PROTO="javascript")["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize(
    ("peer", "hops", "sharer"),
    [
        ("203.0.113.5", "192.0.2.1", "203.0.113.5"),  # nobody trusts that peer
        ("10.1.2.3", "198.51.100.9, 192.0.2.1", "192.0.2.1"),
        ("10.1.2.3", "", ""),
        ("10.1.2.3", "10.1.2.4", ""),
        ("10.1.2.3", "2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("2001:db8:9::7", "", "2001:db8:9::/64"),
    ],
)
def test_O10_who_shares_threads_is_the_client_and_never_a_trusted_proxy(peer: str, hops: str, sharer: str) -> None:
    assert ClientAddresses([ipaddress.ip_network("10.0.0.0/8")]).sharer(peer, hops) == sharer


@pytest.mark.parametrize(
    ("peer", "hops", "sender"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "192.0.2.1", "198.51.100.7"),  # a stranger is not believed
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"),  # a trusted proxy is
        ("10.0.0.1", "", "10.0.0.1"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7", "127.0.0.1 for 192.0.2.7"),  # perhaps a proxy that nobody named: the hop that it added
        ("172.17.0.1", "2001:db8::7", "172.17.0.1 for 2001:db8::/64"),
        ("192.168.1.9", "", "192.168.1.9"),
        ("127.0.0.1", "", ""),
        ("127.0.0.1", "nonsense", ""),
    ],
)
def test_O12_the_sender_for_whom_wrong_passwords_are_counted(peer: str, hops: str, sender: str) -> None:
    environ = seen(peer, HTTP_X_FORWARDED_FOR=hops)
    assert environ[COUNTED_SENDER] == sender


def test_O12_a_proxy_that_is_not_named_is_logged_once() -> None:
    door = Forwarded(lambda *_: [], PROXIES)
    with capture_logs() as lines:
        for peer in ("192.0.2.1", "10.0.0.1", "192.0.2.1"):
            door({"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, lambda *_: lambda _: None)
    assert [(line["event"], line["peer"]) for line in lines] == [("proxy_is_not_trusted", "192.0.2.1")]
