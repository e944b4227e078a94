"""The address of a client, also behind trusted proxies (rule O1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
