"""The places of the fast door: which connections stay open, so that strangers keep nobody out who has a token (H5).

              a valid token
    strangers ------------> known senders
    half of `most`          `most`; one account half of them
    `of_address` each

A connection is a stranger until one of its requests has a valid token. Where strangers have no place left, the one that came first goes: of those
that the door waits for, if there are any, else of those whose token is being looked up. Among known senders the one that has been idle for
longest goes, never one whose request is in hand. Trusted proxies are known from the start: many senders are behind each of their connections.
"""

from __future__ import annotations

import functools
import resource
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from heliograph.domain.client_address import ClientAddresses
from heliograph.engine.counters import ConnectionEnd

SETTLING: Final = 0.5
"""Seconds for which a stranger may be beyond the budget of its address, so that many connections at once can send their first requests."""
MOST_ADDRESSES: Final = 10_000
"""Peers whose parsed addresses are remembered."""
KEPT_FILES: Final = 200
"""Files that the process needs for other things than connections."""


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """How many connections a door keeps open."""

    most: int = 2_000
    """Of known senders."""
    of_address: int = 100
    """Of one address (an IPv6 network /64) without a valid token."""

    @property
    def most_strangers(self) -> int:
        return max(1, self.most // 2)

    @property
    def of_account(self) -> int:
        return max(1, self.most // 2)

    def within(self, files: int) -> PlaceLimits:
        """These limits, or fewer places if the process may open only so many files. files: RLIM_INFINITY for any number"""
        if files == resource.RLIM_INFINITY:
            return self
        return PlaceLimits(max(2, min(self.most, (files - KEPT_FILES) * 2 // 3)), self.of_address)


class Connection(Protocol):
    """What the places ask of a connection."""

    @property
    def is_idle(self) -> bool:
        """True if no request is in hand, and no part of one has arrived."""

    @property
    def is_waiting(self) -> bool:
        """True if the door waits for the peer: for a request, for the rest of one, or until it reads its replies."""

    def drop(self, *, is_stranger: bool) -> None:
        """Ends the connection. A stranger is told why."""


type NoteEnd = Callable[[ConnectionEnd, str], object]
"""Called with the reason and the peer of each connection that is ended or refused."""


class Place:
    """The place of one connection."""

    __slots__ = ("account", "address", "arrived_at", "connection", "end", "is_known", "peer", "places")

    def __init__(self, places: DoorPlaces, connection: Connection, peer: str, address: str, arrived_at: float) -> None:
        self.places, self.connection, self.peer = places, connection, peer
        self.address = address
        """The client's, as `ClientAddresses.sharer` says it; "" for a trusted proxy."""
        self.arrived_at = arrived_at
        """Seconds of the event loop's clock."""
        self.is_known = False
        self.account: int | None = None
        self.end: ConnectionEnd | None = None
        """Why it was taken from its connection, if it was."""

    def admit(self, account: int) -> ConnectionEnd | None:
        """A request has a valid token of this account. Returns why the connection has no place among known senders; None: it has one."""
        if self.is_known and (self.account == account or not self.address):
            self.places.use(self)
            return None
        return self.end or self.places.admit(self, account)


class DoorPlaces:
    """The connections of a door. Only on the thread of its event loop.

    note: called for each connection that is ended or refused
    """

    def __init__(
        self, limits: PlaceLimits | None = None, clients: ClientAddresses | None = None, note: NoteEnd = lambda _end, _peer: None
    ) -> None:
        self.limits = limits or PlaceLimits()
        self.note = note
        clients = clients or ClientAddresses()
        self._address_of = functools.lru_cache(MOST_ADDRESSES)(lambda peer: clients.sharer(peer, ""))
        # each in the order in which its connections go
        self._strangers: dict[Place, None] = {}
        self._strangers_by_address: dict[str, dict[Place, None]] = {}
        self._known: OrderedDict[Place, None] = OrderedDict()
        self._known_by_account: Counter[int] = Counter()

    def take(self, connection: Connection, peer: str, now: float) -> Place | None:
        """The place of a new connection; None: it is refused, because all known senders work.

        now: seconds of the event loop's clock
        """
        place = Place(self, connection, peer, self._address_of(peer), now)
        if place.address:
            self._make_room_for_stranger(place.address, now)
        elif end := self._make_room_for_known(None):
            self.note(end, peer)
            return None
        self._add(place, is_known=not place.address)
        return place

    def admit(self, place: Place, account: int) -> ConnectionEnd | None:
        """Moves a connection to the known senders of this account. Returns the reason if they have no place for it."""
        self.leave(place)
        end = self._make_room_for_known(account)
        place.account = None if end else account
        self._add(place, is_known=not end)
        if end:
            self.note(end, place.peer)
        return end

    def use(self, place: Place) -> None:
        """A known connection has another request: it was not idle for longest."""
        self._known.move_to_end(place)

    def leave(self, place: Place) -> None:
        """Frees the place of a connection, once or more often."""
        if place.is_known:
            if place in self._known:
                del self._known[place]
                if place.account is not None:
                    self._known_by_account[place.account] -= 1
                    if not self._known_by_account[place.account]:
                        del self._known_by_account[place.account]
        elif place in self._strangers:
            del self._strangers[place]
            own = self._strangers_by_address[place.address]
            del own[place]
            if not own:
                del self._strangers_by_address[place.address]

    def _add(self, place: Place, *, is_known: bool) -> None:
        place.is_known = is_known
        if is_known:
            self._known[place] = None
            if place.account is not None:
                self._known_by_account[place.account] += 1
        else:
            self._strangers[place] = None
            self._strangers_by_address.setdefault(place.address, {})[place] = None

    def _make_room_for_stranger(self, address: str, now: float) -> None:
        """Ends strangers until another one of this address may stay.

        The address pays first. An honest sender of the same address still gets in: its connection is the newest.
        """
        most = self.limits.most_strangers
        own = self._strangers_by_address.get(address, {})
        while len(own) >= self.limits.of_address:
            oldest = _first_to_go(own)
            if oldest.arrived_at + SETTLING > now and len(self._strangers) < most:
                break
            self._end(oldest, ConnectionEnd.ADDRESS)
        if len(self._strangers) >= most:
            self._end(_first_to_go(self._strangers), ConnectionEnd.STRANGERS)

    def _make_room_for_known(self, account: int | None) -> ConnectionEnd | None:
        """Ends an idle connection if another one of this account would be too many. Returns the reason if there is no room."""
        if account is not None and self._known_by_account[account] >= self.limits.of_account:
            end, candidates = ConnectionEnd.ACCOUNT, (place for place in self._known if place.account == account)
        elif len(self._known) >= self.limits.most:
            end, candidates = ConnectionEnd.FULL, (place for place in self._known)
        else:
            return None
        idle = next((place for place in candidates if place.connection.is_idle), None)
        if idle is None:
            return end
        self._end(idle, end)
        return None

    def _end(self, place: Place, end: ConnectionEnd) -> None:
        self.leave(place)
        place.end = end
        self.note(end, place.peer)
        place.connection.drop(is_stranger=not place.is_known)


def _first_to_go(strangers: Iterable[Place]) -> Place:
    """strangers: at least one, the oldest first."""
    return next((place for place in strangers if place.connection.is_waiting), None) or next(iter(strangers))
