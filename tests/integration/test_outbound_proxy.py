"""The operator's proxy (C6): it is only asked for addresses that were checked here, and nothing else passes the guard through it."""

from __future__ import annotations

import base64
import itertools
import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.authority import Authority
from tests.processes import free_port
from tests.proxy import Proxy
from tests.receiver import Answer, Receiver
from tests.waiting import PATIENCE

from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound import proxy as outbound_proxy
from heliograph.outbound.address_check import check_url
from heliograph.outbound.exchange import Failure, Response, Route, SendResult
from heliograph.outbound.guard import Policy
from heliograph.outbound.proxy import ProxyError
from heliograph.outbound.resolver import Resolver
from heliograph.outbound.sender import Sender

PUBLIC, OTHER, PUBLIC_SIX = "93.184.216.34", "93.184.216.35", "2606:2800:220:1::1"
NAMES = {
    "crm.example.com": (PUBLIC_SIX, PUBLIC),
    "six.example.com": (PUBLIC_SIX,),
    "inside.example.com": ("10.0.0.1",),
    "own.example.com": ("127.0.0.1",),
    "proxy.example.com": ("127.0.0.1",),
}


def look_up(host: str) -> tuple[str, ...]:
    if host not in NAMES:
        raise OSError(f"{host} is not known")
    return NAMES[host]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def target(authority: Authority) -> Iterator[Receiver]:
    with Receiver(tls=authority.server(*NAMES, "127.0.0.1")) as receiver:
        yield receiver


@pytest.fixture
def proxy(target: Receiver) -> Iterator[Proxy]:
    with Proxy(target.port) as started:
        yield started


type Send = Callable[..., SendResult]


@pytest.fixture
def sending(authority: Authority) -> Iterator[Callable[..., Send]]:
    """Creates senders with a proxy, and functions that send by them."""
    made: list[Sender] = []

    def make(url: str, *, names: Callable[[str], tuple[str, ...]] = look_up) -> Send:
        parsed = outbound_proxy.Proxy.parse(url) if url else None
        sender = Sender(Resolver(names, fresh_for=0), ca_file=str(authority.ca_file), proxy=parsed)
        made.append(sender)
        route = Route(1, 1, total_timeout=PATIENCE)

        def send(url: str, route: Route = route) -> SendResult:
            results: queue.Queue[SendResult] = queue.Queue()
            headers = (("Authorization", "Bearer of-the-target"), ("Content-Type", "application/json"))
            sender.start(Request("POST", url, headers, b"{}"), route, results.put)
            return results.get(timeout=2 * PATIENCE)

        return send

    yield make
    for sender in made:
        sender.stop(0)


def test_C6_the_proxy_is_asked_for_the_judged_address_and_sees_nothing(sending, proxy: Proxy, target: Receiver) -> None:
    send = sending(proxy.url)
    result = send("https://crm.example.com/hook?s3cr3t")
    assert isinstance(result, Response), result
    assert check_url("https://crm.example.com/hook?s3cr3t", Policy(), look_up).allowed
    assert (result.status, result.address) == (200, PUBLIC)
    assert result.header("x-of-the-proxy") is None
    assert isinstance(send("https://crm.example.com/again"), Response)
    (asked,) = proxy.asked  # the second one used the same connection
    assert asked.target == f"{PUBLIC}:443"
    assert {"authorization", "content-type"}.isdisjoint(asked.headers)
    assert asked.headers["host"] == f"{PUBLIC}:443"
    assert [(request.path, request.header("host")) for request in target.requests] == [
        ("/hook?s3cr3t", "crm.example.com"),
        ("/again", "crm.example.com"),
    ]


def test_C6_an_ipv6_address_is_asked_for_where_there_is_no_other(sending, proxy: Proxy) -> None:
    assert isinstance(sending(proxy.url)("https://six.example.com/"), Response)
    assert proxy.asked[0].target == f"[{PUBLIC_SIX}]:443"


def test_C6_the_proxys_credentials_are_the_proxys_alone(sending, target: Receiver) -> None:
    wanted = "Basic " + base64.b64encode(b"user:p@ss:word").decode()
    with Proxy(target.port, credentials=wanted) as proxy:
        send = sending(f"http://user:p%40ss%3Aword@127.0.0.1:{proxy.port}")
        assert isinstance(send("https://crm.example.com/"), Response)
        assert proxy.asked[0].headers["proxy-authorization"] == wanted
    assert all(request.header("proxy-authorization") is None for request in target.requests)


@pytest.mark.parametrize(
    "url", ["https://inside.example.com/", "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/", "http://crm.example.com/"]
)
def test_C6_what_the_guard_refuses_is_not_asked_for(sending, proxy: Proxy, url: str) -> None:
    send = sending(proxy.url)
    result = send(url)
    assert isinstance(result, Failure)
    assert (result.cause, result.left) == (Cause.BLOCKED, False)
    assert proxy.connections == 0
    assert isinstance(send("https://crm.example.com/proof"), Response)


def test_C6_a_name_that_is_rebound_is_judged_each_time(sending, proxy: Proxy, target: Receiver) -> None:
    turns = itertools.cycle([(PUBLIC,), ("127.0.0.1",), (OTHER,), ("169.254.169.254",)])
    send = sending(proxy.url, names=lambda _: next(turns))
    results = [send("https://crm.example.com/") for _ in range(8)]
    assert [isinstance(result, Response) for result in results] == [True, False] * 4
    assert {asked.target for asked in proxy.asked} == {f"{PUBLIC}:443", f"{OTHER}:443"}
    assert len(target.requests) == 4


def test_C6_what_the_operator_allowed_is_reached_without_the_proxy(sending, proxy: Proxy, target: Receiver) -> None:
    send = sending(proxy.url)
    allowed = Route(1, 1, Policy.parse(["127.0.0.0/8"]))
    assert isinstance(send(f"https://own.example.com:{target.port}/", allowed), Response)
    assert proxy.connections == 0
    assert isinstance(send("https://crm.example.com/", allowed), Response)  # one route, both ways
    assert isinstance(send(f"https://own.example.com:{target.port}/", allowed), Response)
    assert len(proxy.asked) == 1


def test_C6_a_proxy_by_name_is_looked_up_by_our_own_resolver(sending, proxy: Proxy) -> None:
    assert isinstance(sending(f"http://proxy.example.com:{proxy.port}")("https://crm.example.com/"), Response)
    result = sending("http://dead.example.com:3128")("https://crm.example.com/")
    assert isinstance(result, Failure)
    assert (result.cause, result.left) == (Cause.PROXY, False)
    assert "proxy could not be looked up" in result.message


@pytest.mark.parametrize(("status", "words"), [(403, "does not allow"), (407, "other credentials"), (502, "could not reach")])
def test_D4_what_a_proxy_refuses_is_its_own_failure(sending, target: Receiver, status: int, words: str) -> None:
    with Proxy(target.port, status=status) as proxy:
        result = sending(proxy.url)("https://crm.example.com/hook?s3cr3t")
    assert isinstance(result, Failure)
    assert (result.cause, result.left) == (Cause.PROXY, False)
    assert words in result.message
    assert "s3cr3t" not in result.message
    assert target.connections == 0


def test_D4_a_proxy_that_is_down_is_its_own_failure(sending) -> None:
    result = sending(f"http://127.0.0.1:{free_port()}")("https://crm.example.com/")
    assert isinstance(result, Failure)
    assert (result.cause, result.left) == (Cause.PROXY, False)
    assert "proxy cannot be reached" in result.message


def test_D4_behind_a_proxy_the_targets_certificate_counts(sending, proxy: Proxy, authority: Authority) -> None:
    with Receiver(tls=authority.server("other.example")) as wrong, Proxy(wrong.port) as leading_elsewhere:
        result = sending(leading_elsewhere.url)("https://crm.example.com/")
    assert isinstance(result, Failure)
    assert (result.cause, "another name" in result.message) == (Cause.TLS, True)


def test_C3_a_connection_is_tried_through_the_proxy_as_well(sending, proxy: Proxy, target: Receiver) -> None:
    result = sending(proxy.url)("https://crm.example.com/", replace(Route(1, 1), connect_only=True))
    assert isinstance(result, Response)
    assert (result.status, result.address) == (0, PUBLIC)
    assert result.timings.tls > 0
    assert target.requests == []


def test_C6_proxies_of_the_environment_are_ignored_beside_ours(
    sending, proxy: Proxy, target: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(default=Answer(500)) as trap:
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, trap.url())
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("no_proxy", "crm.example.com")
        assert isinstance(sending(proxy.url)("https://crm.example.com/"), Response)
        assert isinstance(sending("")(f"https://own.example.com:{target.port}/", Route(1, 1, Policy.parse(["127.0.0.1"]))), Response)
        assert trap.connections == 0
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    "url",
    ["proxy.example.com:3128", "socks5://proxy.example.com:1080", "http://proxy.example.com", "http://user:s3cr3t@proxy:3128/path", ""],
)
def test_O1_a_wrong_proxy_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ProxyError) as refused:
        outbound_proxy.Proxy.parse(url)
    assert "s3cr3t" not in str(refused.value)
