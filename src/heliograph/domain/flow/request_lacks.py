"""What a destination lacks before a request can be made (F2, D7). Editor, preview, dry run of a replay and worker share this rule."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Destination
from heliograph.domain.sentence_template import gettext_noop

if TYPE_CHECKING:
    from heliograph.domain.flow.account_config import AccountConfig


class RequestLack(StrEnum):
    """One thing that is lacking, with the sentence that says so."""

    CONNECTION = gettext_noop("The destination has no connection.")
    CONNECTION_SETTINGS = gettext_noop("The connection of the destination is incomplete.")
    SIGN_IN = gettext_noop("Nobody has signed in for the connection of the destination yet.")
    PAYLOAD_MAPPING = gettext_noop("The destination has no payload mapping.")
    HEADER_MAPPING = gettext_noop("The header mapping of the destination has been deleted.")

    @property
    def cause(self) -> Cause:
        """Why the worker cannot begin without it."""
        return Cause.MAPPING_GONE if self in (RequestLack.PAYLOAD_MAPPING, RequestLack.HEADER_MAPPING) else Cause.CONNECTION_GONE


def request_lacks(destination: Destination, config: AccountConfig) -> list[RequestLack]:
    """Everything that a destination lacks, at most one thing of the connection and one of each mapping. Empty if a request can be made."""
    lacks = []
    connection = config.connections.get(destination.connection) if destination.connection is not None else None
    if connection is None:
        lacks.append(RequestLack.CONNECTION)
    elif connection.lacks:
        lacks.append(RequestLack.SIGN_IN if connection.lacks == ("connected",) else RequestLack.CONNECTION_SETTINGS)
    if destination.payload_mapping is None or destination.payload_mapping not in config.mappings:
        lacks.append(RequestLack.PAYLOAD_MAPPING)
    if destination.header_mapping is not None and destination.header_mapping not in config.mappings:
        lacks.append(RequestLack.HEADER_MAPPING)
    return lacks
