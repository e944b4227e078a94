"""The one place that joins the parts: who loads configuration for whom. Below it nobody knows the flows' loader; all know `domain.snapshot.Source`."""

from __future__ import annotations

from collections.abc import Callable

from heliograph.domain.snapshot import Source
from heliograph.flows.snapshot import SnapshotSource
from heliograph.store.database import Database


def snapshot_source(database: Callable[[], Database]) -> Source:
    """A loader with a memory, for a process or a thread. database: gives the connection to load by, of the calling thread; see SnapshotSource."""
    return SnapshotSource(database)
