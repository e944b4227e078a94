"""No wrapping of an address opens what the address itself does not (C6)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from heliograph.outbound.guard import Policy, allow

PRIVATE = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "0.0.0.0/8",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "198.18.0.0/15",
    "192.0.0.0/24",
]


def within(network: str) -> st.SearchStrategy[IPv4Address]:
    parsed = IPv4Network(network)
    return st.integers(int(parsed[0]), int(parsed[-1])).map(IPv4Address)


inner = st.one_of([within(network) for network in PRIVATE])
low = st.integers(0, 2**32 - 1)
high = st.integers(0, 2**64 - 1)
WRAPPERS = (
    lambda v4, rest: IPv6Address(0xFFFF << 32 | v4),
    lambda v4, rest: IPv6Address(max(v4, 2)),  # below: :: and ::1, which are not wrapped addresses
    lambda v4, rest: IPv6Address(0xFFFF << 48 | v4),
    lambda v4, rest: IPv6Address(0x64_FF9B << 96 | v4),
    lambda v4, rest: IPv6Address(0x2002 << 112 | v4 << 80 | rest),
    lambda v4, rest: IPv6Address(0x2001 << 112 | rest >> 32 << 64 | v4 ^ 0xFFFF_FFFF),
    lambda v4, rest: IPv6Address(0x2001 << 112 | v4 << 64 | rest & 0xFFFF_FFFF),
    lambda v4, rest: IPv6Address((0x2606_4700 << 96) | 0x5EFE << 32 | v4),
)
ports = st.integers(1, 65_535)
policies = st.lists(
    st.one_of(
        st.builds(
            IPv6Network,
            st.builds(
                lambda bits, length: (bits >> 128 - length << 128 - length if length else 0, length),
                st.integers(0, 2**128 - 1),
                st.integers(0, 128),
            ),
        ),
        st.just(IPv6Network("::/0")),
        st.just(IPv6Network("2000::/3")),
    ),
    max_size=3,
).map(lambda networks: Policy(tuple(networks)))


@given(inner, st.sampled_from(WRAPPERS), high, ports, policies)
def test_C6_a_wrapper_never_opens_a_private_ipv4_address(v4, wrap, rest, port, policy) -> None:
    """Not even if the operator allowed IPv6 networks: IPv4 networks must be named as such."""
    assert not allow(str(wrap(int(v4), rest)), port, policy).allowed


@given(st.integers(0, 2**128 - 1).map(IPv6Address), ports)
def test_C6_only_global_unicast_is_public(address, port) -> None:
    if allow(str(address), port, Policy()).allowed:
        carried = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFF_FFFF) if address in IPv6Network("64:ff9b::/96") else None)
        assert address in IPv6Network("2000::/3") or (carried is not None and carried.is_global)


@given(low.map(IPv4Address), ports)
def test_C6_what_is_not_global_is_never_public(address, port) -> None:
    permission = allow(str(address), port, Policy())
    assert not (permission.allowed and (not address.is_global or address.is_multicast))


@given(st.text(), ports)
def test_C6_judge_answers_any_text(text, port) -> None:
    allow(text, port, Policy())


@given(st.one_of(low.map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)), ports, policies)
def test_C6_a_longer_allow_list_never_closes_anything(address, port, policy) -> None:
    if allow(str(address), port, Policy()).allowed:
        assert allow(str(address), port, policy).allowed
