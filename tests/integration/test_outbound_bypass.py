"""Ways around the guard, each proven closed by a listener that receives nothing, not even a connection (C6)."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pycurl
import pytest
from tests.authority import Authority
from tests.receiver import Answer as Reply
from tests.receiver import Receiver
from tests.waiting import PATIENCE

from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.address_check import check_url
from heliograph.outbound.exchange import Failure, Response, Route, SendResult
from heliograph.outbound.guard import Policy
from heliograph.outbound.resolver import Resolution, ResolvedAddresses, Resolver, look_up
from heliograph.outbound.route_cache import RouteCache
from heliograph.outbound.sender import Sender
from heliograph.outbound.target import Target
from heliograph.outbound.transfer import Transfer

HERE = Policy.parse(["127.0.0.0/8", "::1"])


@pytest.fixture
def listener() -> Iterator[Receiver]:
    """Listens on every address of this machine and notices whatever reaches it."""
    with Receiver("::") as started:
        yield started


@pytest.fixture
def senders() -> Iterator[list[Sender]]:
    made: list[Sender] = []
    yield made
    for sender in made:
        sender.stop(0)


def send(sender: Sender, url: str, route: Route, method: str = "POST") -> SendResult:
    results: queue.Queue[SendResult] = queue.Queue()
    sender.start(Request(method, url, (), b"{}" if method == "POST" else None), route, results.put)
    return results.get(timeout=PATIENCE)


def names_of(table: dict[str, tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    return lambda host: table[host] if host in table else look_up(host)


NAMES = {
    "intranet.test": ("127.0.0.1",),
    "metadata.test": ("169.254.169.254",),
    "six.test": ("::1",),
    "mapped.test": ("::ffff:127.0.0.1",),
    "nat64.test": ("64:ff9b::7f00:1",),
    "compatible.test": ("::7f00:1",),
    "sixtofour.test": ("2002:7f00:1::1",),
    "any.test": ("0.0.0.0",),
    "anysix.test": ("::",),
    "private.test": ("10.0.0.1", "192.168.0.1"),
    "zone.test": ("fe80::1%lo",),
    "multicast.test": ("224.0.0.1",),
    "several.test": ("127.0.0.1", "::1", "0.0.0.0"),
}
BLOCKED = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F000001",
    "2130706433",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "0x0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "169.254.169.254",
    "168.63.129.16",
    "10.0.0.1",
    "127.0.0.1.",
    "0x7f.0x0.0x0.0x1",
    "00000177.0.0.1",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[2002:a9fe:a9fe::]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2606:4700::5efe:7f00:1]",
    "[fd00:ec2::254]",
    "[fe80::a9fe:a9fe]",
    "[2001:db8::1]",
    "[5f00::1]",
    "100.100.100.200",
    "100.64.0.1",
    "192.168.1.1",
    "172.31.255.255",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "１２７.0.0.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    *NAMES,
]
UNREADABLE = [
    "http://127.0.0.1@example.test:{port}/",
    "http://example.test@127.0.0.1:{port}/",
    "http://a:b@127.0.0.1:{port}/",
    "http://example.test#@127.0.0.1:{port}/",
    "http://example.test\\@127.0.0.1:{port}/",
    "http://127.0.0.1\\.example.test:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "http://127.0.0.1:{port}:80/",
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://::1:{port}/",
    "http://127.0.0.1%00.example.test:{port}/",
    "http://127.0.0.1%2eexample.test:{port}/",
    "http://127.0.0.1\t:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\n",
    "http://0x7f.0.0.0.1:{port}/",
    "http://127.0.0.256:{port}/",
    "http://1e3.0.0.0x:{port}/",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_GET",
    "dict://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "telnet://127.0.0.1:{port}",
    "ws://127.0.0.1:{port}/",
    "javascript://127.0.0.1:{port}/",
    "https+unix://127.0.0.1:{port}/",
]


@pytest.mark.parametrize("host", BLOCKED)
def test_C6_no_notation_reaches_this_machine(host: str, listener: Receiver, senders: list[Sender]) -> None:
    sender = Sender(Resolver(names_of(NAMES)))
    senders.append(sender)
    result = send(sender, f"http://{host}:{listener.port}/", Route(1, 1))
    assert isinstance(result, Failure)
    assert result.cause is Cause.BLOCKED or (
        host == "localhost." and result.cause in (Cause.DNS, Cause.NO_NAME_SERVER)
    )  # not every system's hosts file knows it with a dot
    assert not result.left
    assert listener.connections == 0
    checked = check_url(f"http://{host}:{listener.port}/", Policy(), names_of(NAMES))
    assert not checked.allowed
    assert result.cause in (Cause.DNS, Cause.NO_NAME_SERVER) or checked.reason == result.message
    assert isinstance(send(sender, f"http://127.0.0.1:{listener.port}/proof", Route(2, 2, HERE)), Response)
    assert [request.path for request in listener.requests] == ["/proof"]


@pytest.mark.parametrize("url", UNREADABLE)
def test_C6_a_url_with_two_readings_is_refused(url: str, listener: Receiver, senders: list[Sender]) -> None:
    """Even for an account that may reach this machine: it is unclear where such a URL leads."""
    sender = Sender(Resolver(names_of({"example.test": ("127.0.0.1",)})))
    senders.append(sender)
    result = send(sender, url.format(port=listener.port), Route(1, 1, HERE))
    if url.startswith("http://example.test#"):  # only one reading: the fragment is dropped, and port 80 belongs to someone else
        assert isinstance(result, (Failure, Response))
    else:
        assert isinstance(result, Failure)
        assert (result.cause, result.left) == (Cause.BAD_REQUEST, False)
        assert check_url(url.format(port=listener.port), HERE).reason == result.message
    assert listener.connections == 0


class Rebinding(Resolver):
    """A resolver that returns an address which was never checked, like a hole in front of the socket."""

    def __init__(self, literal: str) -> None:
        super().__init__()
        self._literal = literal

    def resolve(self, host: str, owner: object, done: Callable[[Resolution], None]) -> Resolution | None:
        return ResolvedAddresses((self._literal,))


def unjudged(_: RouteCache, target: Target, literals: tuple[str, ...]) -> tuple[str, str]:
    """Replaces the first check, so that the one at the socket must hold alone."""
    return f"+{target.bracketed}:{target.port}:{','.join(f'[{literal}]' if ':' in literal else literal for literal in literals)}", ""


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "::"])
def test_C6_the_socket_is_judged_whatever_was_judged_before(
    literal: str, listener: Receiver, senders: list[Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding, or our own mistake."""
    monkeypatch.setattr(RouteCache, "resolve_entry", unjudged)
    sender = Sender(Rebinding(literal))
    senders.append(sender)
    result = send(sender, f"http://rebound.test:{listener.port}/", Route(1, 1))
    assert isinstance(result, Failure)
    assert (result.cause, result.left) == (Cause.BLOCKED, False)
    assert listener.connections == 0


def test_C6_libcurl_looks_up_nothing_itself(listener: Receiver, senders: list[Sender], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the given address there is no look-up, and no connection."""
    prepare = Transfer.prepare

    def forgetful(transfer: Transfer, *arguments: Any) -> None:
        prepare(transfer, *arguments)
        transfer.curl.unsetopt(pycurl.RESOLVE)

    monkeypatch.setattr("heliograph.outbound.transfer.Transfer.prepare", forgetful)
    sender = Sender()
    senders.append(sender)
    result = send(sender, f"http://localhost:{listener.port}/", Route(1, 1, HERE))
    assert isinstance(result, Failure)
    assert not result.left
    assert listener.connections == 0


def test_C6_a_kept_connection_is_judged_again_for_another_account(
    listener: Receiver, senders: list[Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RouteCache, "resolve_entry", unjudged)
    sender = Sender(Resolver(names_of(NAMES)))
    senders.append(sender)
    url = f"http://intranet.test:{listener.port}/"
    allowed, other = Route(1, 1, HERE), Route(2, 2)
    assert isinstance(send(sender, url + "first", allowed), Response)
    refused = send(sender, url + "second", other)
    assert isinstance(refused, Failure)
    assert (refused.cause, refused.left) == (Cause.BLOCKED, False)
    assert isinstance(send(sender, url + "third", allowed), Response)
    assert [request.path for request in listener.requests] == ["/first", "/third"]


def test_C6_one_account_does_not_reach_what_another_was_allowed(listener: Receiver, senders: list[Sender]) -> None:
    sender = Sender()
    senders.append(sender)
    url = f"http://127.0.0.1:{listener.port}/"
    for number in range(3):
        assert isinstance(send(sender, f"{url}{number}", Route(1, 1, HERE)), Response)
        assert isinstance(send(sender, url, Route(2, 2, Policy.parse(["10.0.0.0/8", f"127.0.0.1:{listener.port + 1}"]))), Failure)
    assert [request.path for request in listener.requests] == ["/0", "/1", "/2"]


def test_C6_of_a_names_addresses_only_the_allowed_are_tried(senders: list[Sender]) -> None:
    """Happy eyeballs would try the others when the first one fails."""
    with Receiver("127.0.0.1") as receiver, socket.create_server(("127.0.0.2", receiver.port)) as trap:
        sender = Sender(Resolver(names_of({"both.test": ("127.0.0.2", "127.0.0.1")})))
        senders.append(sender)
        policy = Policy.parse([f"127.0.0.1:{receiver.port}"])
        assert isinstance(send(sender, f"http://both.test:{receiver.port}/", Route(1, 1, policy)), Response)
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://93.184.216.34:25/", "other than HTTP"),
        ("https://93.184.216.34:6379/", None),
        ("https://mail.example:587/", "other than HTTP"),
        ("http://93.184.216.34/", "use https://"),
        ("http://[2606:2800:220:1::1]:8080/", "use https://"),
        ("http://mail.example/", "use https://"),
    ],
)
def test_C6_public_addresses_by_https_alone_and_not_at_other_protocols_ports(url: str, words: str | None, senders: list[Sender]) -> None:
    names = names_of({"mail.example": ("93.184.216.34",)})
    checked = check_url(url, Policy(), names)
    assert checked.allowed is (words is None)
    if words is None:  # not sent: it would leave this machine
        return
    assert words in checked.reason
    sender = Sender(Resolver(names))
    senders.append(sender)
    result = send(sender, url, Route(1, 1))
    assert isinstance(result, Failure)
    assert (result.cause, result.left, result.message) == (Cause.BLOCKED, False, checked.reason)
    assert check_url(url, Policy.parse(["93.184.216.34/32", "2606:2800:220:1::1"]), names).allowed


@pytest.mark.parametrize("entry", ["127.0.0.0/8", "127.0.0.1", "127.0.0.1:{port}", "0.0.0.0/0"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "127.0.0.1.", "intranet.test", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "metadata.test", "nat64.test"]
)
def test_C6_checking_and_sending_agree_also_where_something_is_allowed(entry: str, host: str, senders: list[Sender]) -> None:
    """What is reported as allowed is reached; what is not receives nothing."""
    with Receiver("127.0.0.1") as receiver:
        policy = Policy.parse([entry.format(port=receiver.port)])
        names = names_of({**NAMES, "localhost": ("127.0.0.1",)})
        url = f"http://{host}:{receiver.port}/"
        checked = check_url(url, policy, names)
        if checked.allowed and host == "nat64.test":
            return  # this network does not exist here
        sender = Sender(Resolver(names))
        senders.append(sender)
        result = send(sender, url, Route(1, 1, policy))
        if checked.allowed:
            assert isinstance(result, Response)
        else:
            assert isinstance(result, Failure)
            assert (result.cause, result.message) == (Cause.BLOCKED, checked.reason)
        assert receiver.connections == int(checked.allowed)
        assert checked.allowed is (host != "metadata.test")


@pytest.mark.parametrize("first", ["certificate", "authority"])
def test_C6_a_kept_connection_is_one_accounts_own_in_tls_as_well(first: str, tmp_path: Path, senders: list[Sender]) -> None:
    """An account's client certificate, or its own authority, is not used for another account that sends to the same host."""
    authority = Authority(tmp_path)
    trusted = authority.ca_file.read_text()
    clients = authority.ca_file if first == "certificate" else None
    with Receiver(tls=authority.server("127.0.0.1", clients=clients)) as receiver:
        sender = Sender()
        senders.append(sender)
        identity = authority.identity("sender.example") if first == "certificate" else ""
        ours = Route(1, 1, HERE, authorities=trusted, identity=identity)
        other = Route(2, 2, HERE, authorities=trusted if first == "certificate" else "")
        assert isinstance(send(sender, receiver.url("/ours"), ours), Response)
        assert isinstance(send(sender, receiver.url("/other"), other), Failure)
        again = send(sender, receiver.url("/again"), ours)
        assert isinstance(again, Response)
        assert again.reused
        assert [request.path for request in receiver.requests] == ["/ours", "/again"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_C6_a_redirect_leads_nowhere(status: int, listener: Receiver, senders: list[Sender]) -> None:
    with Receiver() as redirecting:
        redirecting.answer(
            "/",
            Reply(
                status, headers={"Location": f"http://127.0.0.1:{listener.port}/", "Refresh": f"0; url=http://127.0.0.1:{listener.port}/"}
            ),
        )
        sender = Sender()
        senders.append(sender)
        result = send(sender, redirecting.url(), Route(1, 1, HERE))
        assert isinstance(result, Response)
        assert result.status == status
        assert listener.connections == 0


def test_C6_alt_svc_and_hsts_are_not_remembered(listener: Receiver, senders: list[Sender]) -> None:
    with Receiver() as receiver:
        receiver.answer_all(
            Reply(headers={"Alt-Svc": f'h2="127.0.0.1:{listener.port}"; ma=3600', "Strict-Transport-Security": "max-age=3600"})
        )
        sender = Sender()
        senders.append(sender)
        for _ in range(2):
            assert isinstance(send(sender, receiver.url(), Route(1, 1, HERE)), Response)
        assert len(receiver.requests) == 2
        assert listener.connections == 0
