"""Which addresses may be reached (C6): a table of addresses by people and attackers."""

from __future__ import annotations

import pytest

from heliograph.outbound.guard import BLOCKED_PORTS, GuardError, Policy, allow

NOTHING = Policy()

REFUSED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "this machine": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0", "febf::1"],
    "site-local": ["fec0::1", "feff::1"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "fd20:ce::254"],
    "credentials": ["169.254.170.2", "169.254.170.23"],
    "platform": ["168.63.129.16"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255"],
    "6to4 relay": ["192.88.99.1"],
    "protocol": ["192.0.0.1", "2001:1::1", "2001:20::1"],
    "outside": ["5f00::1", "4000::1", "8000::1", "100::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:7f00:1"],
    "IPv4-translated": ["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
    "IPv4-compatible": ["::127.0.0.1", "::7f00:1", "::8.8.8.8", "::2"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:80ff:fffe", "2001::1"],
    "ISATAP": ["2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1"],
    "no address": [
        "",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.1:80",
        "[::1]",
        "1.2.3",
        "::ffff:300.1.1.1",
        "x" * 10_000,
    ],
}
ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "223.255.255.255",
    "168.63.129.15",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize(("kind", "address"), [(kind, address) for kind, addresses in REFUSED.items() for address in addresses])
def test_C6_is_refused(kind: str, address: str) -> None:
    permission = allow(address, 443, NOTHING)
    assert not permission.allowed
    assert permission.reason
    assert len(permission.reason) < 250


@pytest.mark.parametrize("address", ALLOWED)
def test_C6_public_addresses_are_allowed(address: str) -> None:
    permission = allow(address, 443, NOTHING)
    assert permission.allowed, permission.reason
    assert not permission.by_operator


@pytest.mark.parametrize(
    ("entries", "address", "port", "allowed"),
    [
        (["10.1.0.0/16"], "10.1.2.3", 80, True),
        (["10.1.0.0/16"], "10.2.2.3", 80, False),
        (["10.1.0.0/16"], "::ffff:10.1.2.3", 80, True),
        (["10.1.0.0/16"], "64:ff9b::10.1.2.3", 80, True),
        (["10.1.0.0/16"], "::10.1.2.3", 80, False),
        (["fd00:7::/32"], "fd00:7::1", 9000, True),
        (["fd00:7::/32"], "fd00:8::1", 9000, False),
        (["::/0"], "::1", 80, True),
        (["::/0"], "::ffff:127.0.0.1", 80, False),
        (["::/0"], "::127.0.0.1", 80, False),
        (["::/0"], "64:ff9b::127.0.0.1", 80, False),
        (["::/0"], "2002:7f00:1::", 80, False),
        (["::/0"], "ff02::1", 80, False),
        (["0.0.0.0/0"], "127.0.0.1", 80, True),
        (["0.0.0.0/0"], "169.254.169.254", 80, False),
        (["0.0.0.0/0"], "168.63.129.16", 80, False),
        (["0.0.0.0/0"], "224.0.0.1", 80, False),
        (["169.254.169.254"], "169.254.169.254", 80, True),
        (["169.254.169.254/32"], "::ffff:169.254.169.254", 80, True),
        (["127.0.0.1:8025"], "127.0.0.1", 8025, True),
        (["127.0.0.1:8025"], "127.0.0.1", 8026, False),
        (["127.0.0.1:8025"], "127.0.0.2", 8025, False),
        (["127.0.0.1:8025"], "::ffff:127.0.0.1", 8025, True),
        (["[::1]:8025"], "::1", 8025, True),
        (["[::1]:8025"], "::1", 80, False),
        (["10.0.0.0/8"], "10.0.0.1", 25, True),
        ([], "8.8.8.8", 25, False),
        (["127.0.0.1:25"], "127.0.0.1", 25, True),
    ],
)
def test_C6_what_the_operator_allowed(entries: list[str], address: str, port: int, allowed: bool) -> None:
    permission = allow(address, port, Policy.parse(entries))
    assert (permission.allowed, permission.by_operator) == (allowed, allowed)


def test_C6_networks_of_one_account_and_of_all_are_joined() -> None:
    joined = Policy.parse(["10.0.0.0/8"]).joined(Policy.parse(["127.0.0.1:8025", "fd00::/8"]))
    assert all(allow(*peer, joined).allowed for peer in (("10.1.1.1", 80), ("127.0.0.1", 8025), ("fd00::9", 80)))
    assert not allow("127.0.0.1", 80, joined).allowed


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("10.1.2.3/16", "host bits"),
        ("intranet", "network"),
        ("localhost:8025", "not a name"),
        ("127.0.0.1:0", "port"),
        ("127.0.0.1:65536", "port"),
        ("127.0.0.1:x", "port"),
        ("127.0.0.1:²", "port"),
        ("[::1]", "network"),
        ("10.0.0.0/8,192.168.0.0/16", "network"),
    ],
)
def test_C6_an_unreadable_entry_is_named(entry: str, words: str) -> None:
    with pytest.raises(GuardError) as error:
        Policy.parse([entry])
    assert entry in str(error.value)
    assert words in str(error.value)


def test_C6_empty_entries_allow_nothing() -> None:
    assert Policy.parse(["", "  "]) == NOTHING


def test_C6_ports_of_other_protocols() -> None:
    assert {22, 25, 53, 110, 143, 465, 587, 6667} <= BLOCKED_PORTS
    assert not {80, 443, 3000, 8000, 8080, 8443} & BLOCKED_PORTS
