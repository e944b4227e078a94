"""The places of the fast door under any order of connections, requests and ends (H5)."""

from __future__ import annotations

import ipaddress
import resource
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.client_address import ClientAddresses
from heliograph.engine.counters import ConnectionEnd
from heliograph.engine.ingest.door_places import SETTLING, DoorPlaces, Place, PlaceLimits

PROXY = "10.0.0.1"
LIMITS = PlaceLimits(most=8, of_address=2)


@dataclass(eq=False)
class Peer:
    """A connection, as the places see it."""

    address: str
    is_idle: bool = True
    is_waiting: bool = True
    dropped: list[bool] = field(default_factory=list)

    def drop(self, *, is_stranger: bool) -> None:
        self.dropped.append(is_stranger)


def door(limits: PlaceLimits = LIMITS) -> tuple[DoorPlaces, list[tuple[ConnectionEnd, str]]]:
    ends: list[tuple[ConnectionEnd, str]] = []
    return DoorPlaces(limits, ClientAddresses([ipaddress.ip_network(PROXY)]), lambda end, peer: ends.append((end, peer))), ends


steps = st.one_of(
    st.tuples(st.just("connect"), st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", PROXY])),
    st.tuples(st.just("admit"), st.integers(0, 30), st.integers(1, 3)),
    st.tuples(st.just("work"), st.integers(0, 30)),
    st.tuples(st.just("rest"), st.integers(0, 30)),
    st.tuples(st.just("leave"), st.integers(0, 30)),
)


@given(st.lists(steps, max_size=80), st.booleans())
def test_H5_places_are_bounded_and_only_who_waits_gives_one_up(done: list[tuple], slowly: bool) -> None:
    places, ends = door()
    held: list[tuple[Place, Peer]] = []
    dropped = 0
    for now, (what, *about) in enumerate(done):
        # each step long after the one before, or all at once
        time = float(now) if slowly else 0.0
        if what == "connect":
            peer = Peer(about[0])
            place = places.take(peer, peer.address, time)
            if place is not None:
                held.append((place, peer))
        elif held:
            place, peer = held[about[0] % len(held)]
            if what == "admit":
                if places_end := place.admit(about[1]):
                    assert ends[-1] == (places_end, peer.address)
                    assert not place.is_known
            elif what == "leave":
                places.leave(place)
                places.leave(place)
                held.remove((place, peer))
            else:
                peer.is_idle = peer.is_waiting = what == "rest"
        gone = [(place, peer) for place, peer in held if peer.dropped]
        assert all(peer.dropped == [not place.is_known] and (peer.is_idle or not place.is_known) for place, peer in gone)
        assert all(place.admit(1) is place.end is not None for place, _ in gone)
        dropped += len(gone)
        held = [each for each in held if not each[1].dropped]
        known = [place for place, _ in held if place.is_known]
        strangers = Counter(place.address for place, _ in held if not place.is_known)
        accounts = Counter(place.account for place in known if place.account is not None)
        assert len(known) <= LIMITS.most
        assert strangers.total() <= LIMITS.most_strangers + LIMITS.most  # what has no place among known senders goes back, and is closed
        assert all(count <= LIMITS.of_account for count in accounts.values())
        assert all(place.is_known for place, peer in held if peer.address == PROXY)
    assert dropped <= len(ends)


def test_H5_the_address_pays_before_others_and_its_oldest_first() -> None:
    places, ends = door()
    other, *own = [Peer("192.0.2.1"), *(Peer("192.0.2.2") for _ in range(20))]
    assert places.take(other, other.address, 0.0)
    for n, peer in enumerate(own):
        assert places.take(peer, peer.address, 1.0 + n * SETTLING)
    assert not other.dropped
    assert [bool(peer.dropped) for peer in own] == [True] * 18 + [False] * 2
    assert set(ends) == {(ConnectionEnd.ADDRESS, "192.0.2.2")}


def test_H5_many_connections_at_once_may_send_their_first_requests() -> None:
    places, ends = door(PlaceLimits(most=100, of_address=2))
    peers = [Peer("192.0.2.1") for _ in range(50)]
    assert all(places.take(peer, peer.address, n * SETTLING / 50) for n, peer in enumerate(peers))
    assert not ends
    assert places.take(Peer("192.0.2.1"), "192.0.2.1", 2.0)
    assert sum(bool(peer.dropped) for peer in peers) == 49


def test_H5_an_IPv6_network_is_one_address() -> None:
    places, ends = door()
    peers = [Peer(f"2001:db8::{n}") for n in range(1, 4)]
    for n, peer in enumerate(peers):
        places.take(peer, peer.address, float(n))
    assert [bool(peer.dropped) for peer in peers] == [True, False, False]
    assert ends == [(ConnectionEnd.ADDRESS, "2001:db8::1")]


def test_H5_a_stranger_whose_token_is_looked_up_goes_after_those_that_wait() -> None:
    places, ends = door()
    first, second, third, fourth = (Peer("192.0.2.1", is_idle=n > 0, is_waiting=n > 0) for n in range(4))
    places.take(first, first.address, 0.0)
    places.take(second, second.address, 1.0)
    places.take(third, third.address, 2.0)
    assert [bool(peer.dropped) for peer in (first, second, third)] == [False, True, False]
    third.is_waiting = third.is_idle = False
    places.take(fourth, fourth.address, 3.0)
    assert [bool(peer.dropped) for peer in (first, third, fourth)] == [True, False, False]
    assert ends == [(ConnectionEnd.ADDRESS, "192.0.2.1")] * 2


def test_H5_the_known_sender_that_was_idle_for_longest_makes_room() -> None:
    places, ends = door(PlaceLimits(most=4, of_address=10))
    peers = [Peer(f"192.0.2.{n}") for n in range(5)]
    for account, peer in enumerate(peers[:4]):
        place = places.take(peer, peer.address, 0.0)
        assert place
        assert place.admit(account) is None
        if account == 0:
            first = place
    assert first.admit(0) is None
    fifth = places.take(peers[4], peers[4].address, 0.0)
    assert fifth
    assert fifth.admit(4) is None
    assert [peer.dropped for peer in peers] == [[], [False], [], [], []]
    assert ends == [(ConnectionEnd.FULL, "192.0.2.1")]


def test_H5_there_are_no_more_places_than_files() -> None:
    assert PlaceLimits().within(resource.RLIM_INFINITY) == PlaceLimits()
    assert PlaceLimits().within(65_536) == PlaceLimits()
    few = PlaceLimits().within(1_024)
    assert few.most + few.most_strangers < 1_024
    assert PlaceLimits().within(64).most == 2
