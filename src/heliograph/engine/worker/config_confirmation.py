"""How recently the reading thread has confirmed the configuration (F2; docs/design/queue.md, section 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.domain.flow.flow import Destination, Flow

CONFIRM_EVERY = 0.25
CONFIRM_IDLE = 1.0
"""Seconds between two full confirmations while no lane is in memory and nobody has written to the database: then only time can change
anything."""
CONFIRMED_FOR = 2.0
"""Seconds after which nothing more is started on an unconfirmed configuration (F2)."""


@dataclass(slots=True)
class Confirmation:
    """When the configuration and the states of the connections were last confirmed, and which connection each destination had then.

    All times are monotonic seconds. The lane reader reads; this class says when, and what a read has changed.
    """

    slots_changed: bool = False
    """True after this worker has won or lost slots: then everything is confirmed again. Set by the settling thread."""
    _confirmed_at: float = -math.inf
    _read_at: float = -math.inf
    _data_version: int | None = None
    """The database's data version at the last full confirmation; None on PostgreSQL."""
    _connections: dict[int, int | None] = field(default_factory=dict)
    """The connection of each destination, as last confirmed."""

    def is_due(self, now: float) -> bool:
        return now - self._confirmed_at > CONFIRM_EVERY or self.slots_changed

    @property
    def is_known(self) -> bool:
        """False until the states of all connections were read, and again after a new connection came into memory."""
        return self._confirmed_at > -math.inf

    def allows_starts(self, now: float) -> bool:
        return now - self._confirmed_at <= CONFIRMED_FOR

    @property
    def knows_destinations(self) -> bool:
        """False at the start and after a change of slots: then the destinations of every account are compared, not only those of changed
        accounts."""
        return bool(self._connections)

    def revoke(self) -> None:
        """Demands a confirmation before the next start. Called when a connection comes into memory, because it may be paused or limited."""
        self._confirmed_at = self._read_at = -math.inf

    def extend(self, now: float, data_version: int | None, *, memory_is_empty: bool) -> bool:
        """Confirms without reading if nothing can have changed. False: the caller must read everything, then call `complete`.

        data_version: the SQLite database's; None on PostgreSQL.
        """
        is_unchanged = data_version is not None and data_version == self._data_version
        if is_unchanged and memory_is_empty and not self.slots_changed and now - self._read_at < CONFIRM_IDLE:
            self._confirmed_at = now
            return True
        return False

    def complete(self, now: float, data_version: int | None) -> None:
        """Notes that everything was read. now and data_version: of the moment before that read, so that a later commit causes another one."""
        self._confirmed_at = self._read_at = now
        self._data_version = data_version

    def forget_destinations(self) -> None:
        """Compares all destinations again after a change of slots: the previous owner may have left lanes at a destination's former
        connection."""
        self.slots_changed = False
        self._connections.clear()

    def moved(self, destinations: Mapping[int, tuple[Flow, Destination]]) -> Iterable[int]:
        """The destinations whose connection has changed since the last call. Notes their new connections."""
        for destination_id, (_flow, destination) in destinations.items():
            if self._connections.get(destination_id) != destination.connection:
                self._connections[destination_id] = destination.connection
                yield destination_id
