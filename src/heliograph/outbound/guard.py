"""Which addresses an outgoing request may reach (C6).

`allow()` checks the address that is about to be connected to, or that a reused connection is connected to; never a name. It is pure. An
IPv6 address may contain an IPv4 address (mapped, NAT64, 6to4, Teredo ...); the inner address is checked too, so a wrapper opens nothing.
`is_global` of ipaddress alone is not enough and differs between Python versions, so the tables below are explicit and `is_global` is a
second check.

What the operator allowed is a `Policy`: networks (for one account and for all, joined by the caller) and exact address:port pairs. An
allowed network opens all its addresses except those where cloud platforms serve machine credentials, which must be named exactly. Nothing
opens multicast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from heliograph.domain.delivery.attempt_sentences import AttemptReason
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import gettext_noop

type IPAddress = IPv4Address | IPv6Address
type IPNetwork = IPv4Network | IPv6Network
type Table = tuple[tuple[IPNetwork, str], ...]


class GuardError(HeliographError):
    """The list of allowed networks is not valid."""


@dataclass(frozen=True, slots=True)
class AddressPermission:
    """Whether an address may be reached, and why: words that fit after "blocked: ".

    by_operator: it is allowed because the operator opened it, not because it is public (then plain http is accepted too).
    """

    allowed: bool
    reason: str
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The networks and endpoints that the operator allowed beyond the public internet. The default allows none."""

    networks: tuple[IPNetwork, ...] = ()
    endpoints: frozenset[tuple[IPAddress, int]] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Parses settings: networks (`10.1.0.0/16`, `fd00:7::/32`, one address) and exact endpoints (`127.0.0.1:8025`, `[::1]:8025`).
        Raises GuardError."""
        networks: list[IPNetwork] = []
        endpoints: set[tuple[IPAddress, int]] = set()
        for entry in (entry.strip() for entry in entries):
            if not entry:
                continue
            endpoint = _endpoint(entry)
            if endpoint is not None:
                endpoints.add(endpoint)
                continue
            try:
                networks.append(ip_network(entry))
            except ValueError as error:
                raise GuardError(
                    f"{entry!r} is neither a network like 10.1.0.0/16 (without host bits) nor an address and port like 127.0.0.1:8025: {error}"
                ) from None
        return cls(tuple(networks), frozenset(endpoints))

    def joined(self, other: Policy) -> Policy:
        """Both policies together: what was allowed to one account and to all."""
        return Policy((*self.networks, *other.networks), self.endpoints | other.endpoints)


def allow(address: str, port: int, policy: Policy, *, plain: bool = False) -> AddressPermission:
    """Decides whether a connection to this address literal and port may be opened or reused. A zone id (`fe80::1%eth0`) is ignored.

    plain: without TLS, which is accepted only for what the operator allowed.
    """
    try:
        literal = ip_address(address.partition("%")[0])
    except (ValueError, AddressValueError):
        return AddressPermission(False, AttemptReason.NO_ADDRESS.fill(address=repr(address[:64])))
    layers, wrapper = _layers(literal)
    if (layers[0], port) in policy.endpoints:
        return AddressPermission(True, f"{literal} port {port} is allowed by the operator", by_operator=True)
    by_operator = True
    for layer in layers:
        permission = _allow_layer(layer, policy)
        if not permission.allowed:
            if layer == literal:
                return AddressPermission(False, permission.reason)
            return AddressPermission(False, AttemptReason.WRAPPED.fill(address=literal, inner=layer, form=wrapper, why=permission.reason))
        by_operator = by_operator and permission.by_operator
    if not by_operator and port in BLOCKED_PORTS:
        return AddressPermission(False, AttemptReason.OTHER_PROTOCOL.fill(port=port))
    if not by_operator and plain:
        return AddressPermission(False, AttemptReason.PLAIN.fill(address=literal))
    return AddressPermission(
        True, f"{literal} is allowed by the operator" if by_operator else f"{literal} is a public address", by_operator
    )


def _allow_layer(address: IPAddress, policy: Policy) -> AddressPermission:
    if address.is_multicast:
        return AddressPermission(False, AttemptReason.MULTICAST.fill(address=address))
    machine = _CLOUD.get(address)
    for network in policy.networks:
        if address in network and (machine is None or network.num_addresses == 1):
            return AddressPermission(True, f"{address} is allowed by the operator", by_operator=True)
    if machine is not None:
        return AddressPermission(False, AttemptReason.CLOUD.fill(address=address, what=machine))
    special = _special(address)
    if special is not None:
        return AddressPermission(False, AttemptReason.SPECIAL.fill(address=address, what=special))
    return AddressPermission(True, f"{address} is a public address")


@lru_cache(maxsize=4096)
def _special(address: IPAddress) -> str | None:
    """A description of an address that is not an ordinary public one; None for a public one."""
    table = _SPECIAL_4 if isinstance(address, IPv4Address) else _SPECIAL_6
    for network, words in table:
        if address in network:
            return AttemptReason.OF_NETWORK.fill(kind=words, network=network)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return gettext_noop("outside of the public IPv6 range (2000::/3)")
    if isinstance(address, IPv6Address) and address in _SIX_TO_FOUR:
        return None  # the inner address decides
    return None if address.is_global else gettext_noop("a special-purpose address")


def _layers(literal: IPAddress) -> tuple[tuple[IPAddress, ...], str]:
    """The addresses that a literal stands for, all of which must be allowed, and the name of the wrapping.

    If the wrapping is transparent (the packet really goes to the inner address), only the inner address counts; otherwise `::/0` in an
    allow list would open 127.0.0.1.
    """
    if isinstance(literal, IPv4Address):
        return (literal,), ""
    number = int(literal)
    low = IPv4Address(number & 0xFFFF_FFFF)
    if literal in _MAPPED:
        return (low,), "IPv4-mapped"
    if literal in _NAT64:
        return (low,), "NAT64"
    if literal in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & 0xFFFF_FFFF),), "6to4"
    if literal in _TEREDO:
        return (literal, IPv4Address(number >> 64 & 0xFFFF_FFFF), IPv4Address(~number & 0xFFFF_FFFF)), "Teredo"
    if literal in _TRANSLATED:
        return (literal, low), "IPv4-translated"
    if literal in _COMPATIBLE and number > 1:
        return (literal, low), "IPv4-compatible"
    if number >> 32 & 0xFDFF_FFFF == 0x0000_5EFE:
        return (literal, low), "ISATAP"
    return (literal,), ""


def _endpoint(entry: str) -> tuple[IPAddress, int] | None:
    """Parses `127.0.0.1:8025` or `[::1]:8025`; None if the entry has no port."""
    host, colon, port = entry.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed):
        return None
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise GuardError(f"{entry!r}: an exception is an address and a port, like 127.0.0.1:8025, not a name") from None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise GuardError(f"{entry!r}: the port is a number from 1 to 65535")
    return address, int(port)


def _table(*rows: tuple[str, str]) -> Table:
    return tuple((ip_network(network), words) for network, words in rows)


_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")

# Where cloud platforms serve a machine's credentials or settings. Most are in ranges that are refused anyway; an operator who allows such a
# range does not mean these.
_CLOUD: Final[dict[IPAddress, str]] = {
    ip_address(address): words
    for address, words in (
        ("169.254.169.254", gettext_noop("a cloud metadata address")),
        ("169.254.170.2", gettext_noop("a cloud credentials address")),
        ("169.254.170.23", gettext_noop("a cloud credentials address")),
        ("169.254.169.253", gettext_noop("a cloud resolver's address")),
        ("169.254.0.23", gettext_noop("a cloud metadata address")),
        ("168.63.129.16", gettext_noop("a cloud platform's own address")),
        ("100.100.100.200", gettext_noop("a cloud metadata address")),
        ("192.0.0.192", gettext_noop("a cloud metadata address")),
        ("fd00:ec2::254", gettext_noop("a cloud metadata address")),
        ("fd00:ec2::253", gettext_noop("a cloud resolver's address")),
        ("fd00:ec2::23", gettext_noop("a cloud credentials address")),
        ("fd20:ce::254", gettext_noop("a cloud metadata address")),
        ("fd00:c1::a9fe:a9fe", gettext_noop("a cloud metadata address")),
        ("fe80::a9fe:a9fe", gettext_noop("a cloud metadata address")),
    )
}

# IANA special-purpose registries, and the gaps in their "globally reachable" column.
_SPECIAL_4: Final = _table(
    ("127.0.0.0/8", gettext_noop("a loopback address")),
    ("10.0.0.0/8", gettext_noop("a private address")),
    ("172.16.0.0/12", gettext_noop("a private address")),
    ("192.168.0.0/16", gettext_noop("a private address")),
    ("169.254.0.0/16", gettext_noop("a link-local address")),
    ("100.64.0.0/10", gettext_noop("a shared address of a provider's network")),
    ("0.0.0.0/8", gettext_noop("an address of this machine")),
    ("192.0.0.0/24", gettext_noop("a protocol address")),
    ("192.0.2.0/24", gettext_noop("a documentation address")),
    ("198.51.100.0/24", gettext_noop("a documentation address")),
    ("203.0.113.0/24", gettext_noop("a documentation address")),
    ("192.88.99.0/24", gettext_noop("a 6to4 relay's address")),
    ("198.18.0.0/15", gettext_noop("a benchmarking address")),
    ("240.0.0.0/4", gettext_noop("a reserved address")),
)
_SPECIAL_6: Final = _table(
    ("::1/128", gettext_noop("the loopback address")),
    ("::/128", gettext_noop("an address of this machine")),
    ("fe80::/10", gettext_noop("a link-local address")),
    ("fec0::/10", gettext_noop("a site-local address")),
    ("fc00::/7", gettext_noop("a private address")),
    ("64:ff9b:1::/48", gettext_noop("a local NAT64 address")),
    ("2001::/23", gettext_noop("a protocol address")),
    ("2001:db8::/32", gettext_noop("a documentation address")),
    ("3fff::/20", gettext_noop("a documentation address")),
    ("3ffe::/16", gettext_noop("a returned address")),
)

# The Fetch standard's list (https://fetch.spec.whatwg.org/#port-blocking): ports where an HTTP request could be read as commands of another protocol.
_PORTS: Final = (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 "
    "123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 "
    "993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
)
BLOCKED_PORTS: Final = frozenset(map(int, _PORTS.split()))
