"""Sync now for one registration, with what is to be said of it (X5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_operations import sync_now
from heliograph.deliveries.prospect_words import on_their_way
from heliograph.deliveries.prospects import connection_holds
from heliograph.setup.setup_errors import Invalid


@dataclass(frozen=True, slots=True)
class Synced:
    """The actions that sync now has made."""

    connections: Sequence[int]
    """The connection of each action."""
    text: str
    """How many there are, for which connections, and what keeps them from being sent."""


def check_flow(reader: AccountReader, flow: int | None) -> None:
    """Raises Invalid for a flow that the account does not have."""
    if flow is not None and flow not in reader.config.flows:
        raise Invalid({"flow": [_("This flow does not exist.")]})


def sync_registration(reader: AccountReader, registration: int, flow: int | None) -> Synced:
    """Sends the registration as it is now. flow: through this one; None: through every one that takes it. Raises NothingToSync."""
    connections = sync_now(reader.account, registration, flow)
    return Synced(connections, on_their_way(connections, reader.connection_names(connections), connection_holds(reader)))
