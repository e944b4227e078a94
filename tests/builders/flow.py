"""Flows and their destinations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.flows.models import Flow as StoredFlow
from heliograph.flows.services.flows import save_flow
from heliograph.setup.services.transaction import SetupTransaction


def destination(connection: int, mapping: int, name: str = "", *, header: int | None = None, does: Does = Does.UPDATES) -> Destination:
    """A new destination that is complete."""
    name = name or f"To {connection}"
    return Destination(0, name, connection=connection, payload_mapping=mapping, header_mapping=header, does=does)


def flow(
    transaction: SetupTransaction,
    name: str,
    to: Sequence[Destination],
    *,
    mode: Mode = Mode.LIVE,
    watch: Watch = Watch.REGISTRATION,
    active: bool = True,
    **fields: Any,
) -> StoredFlow:
    """A new flow, active and Live unless told otherwise. Keywords are its lists of tags (ids) and its filters."""
    return save_flow(transaction, Flow(0, 1, name, mode, active, watch, destinations=tuple(to), **fields))
