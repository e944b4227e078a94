"""The address of a client, also behind trusted proxies (rule O1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PRIVATE: Final = tuple(
    map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"))
)
"""Loopback and the networks in which a proxy may stand (RFC 1918, RFC 6598, RFC 4193)."""


class ClientAddresses:
    """Determines clients by their peer and X-Forwarded-For.

    In X-Forwarded-For, the last address that is not a trusted proxy counts: anything before it may have been written by the client.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def trusts(self, peer: str) -> bool:
        """Whether this peer is a trusted proxy."""
        return self._is_trusted(parse_address(peer))

    def client(self, peer: str, hops: str) -> str:
        """The client's address. hops: the value of X-Forwarded-For, which counts if the peer is a trusted proxy."""
        if not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed(hops.split(",")):
            address = parse_address(hop)
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(address):
                break
        return client

    def sharer(self, peer: str, hops: str) -> str:
        """The client for the limits of threads: its IPv4 address, or the /64 network of its IPv6 address, because one machine has all of that.

        "" for a trusted proxy that does not name its client: many clients may be behind it.
        """
        client = self.client(peer, hops)
        address = parse_address(client)
        if address is None or self._is_trusted(address):
            return "" if address is not None else client
        return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))

    def counted_sender(self, peer: str, hops: str) -> str:
        """The sender for whom wrong passwords are counted, so that one client never locks out all others.

        An untrusted peer of a loopback or private address may be a proxy that the operator did not name. Then the last hop, which that proxy has
        added, tells its clients apart. Nothing else is believed of it, and for each user the passwords are counted as well. "" for a loopback peer
        that names nobody: all clients may be behind it.
        """
        address = parse_address(peer)
        if address is None or self._is_trusted(address) or not any(address in network for network in _PRIVATE):
            return self.sharer(peer, hops) or self.client(peer, hops)
        hop = parse_address(hops.rpartition(",")[2])
        if hop is not None:
            return f"{peer} for {hop if hop.version == 4 else ipaddress.ip_network((hop, 64), strict=False)}"
        return "" if address.is_loopback else peer

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def parse_address(text: str) -> Address | None:
    """The address of "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; None if it is not valid."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
