"""Contradictions between a destination's mappings and its connection (M9, C2). A flow with one would run, but each of its requests would
fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from heliograph.domain.connection.connection import Auth, Connection, KeyPlace, Method
from heliograph.domain.connection.target_url import LONGEST_URL
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination
from heliograph.domain.mapping.mapping import FixedText, Mapping


class ClashKind(StrEnum):
    """Why a mapping and a connection do not go together."""

    HEADER = "header"
    """The mapping sets the header that the connection authenticates with."""
    PARAMETER = "parameter"
    """The mapping sets the parameter of the query in which the connection sends its key."""
    QUERY = "query"
    """The names and typed texts of the mapping alone are longer than a URL may be."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A mapping and a connection that contradict each other, by their names.

    row: the target field; "" for the whole mapping
    """

    kind: ClashKind
    connection: str
    mapping: str
    row: str = ""


def clashes(config: AccountConfig) -> set[Clash]:
    """The clashes of all flows of an account."""
    return {clash for flow in config.flows.values() for each in flow.destinations if (clash := clash_of(each, config)) is not None}


def clash_of(destination: Destination, config: AccountConfig) -> Clash | None:
    """The first clash of a destination; None if its mappings suit its connection, or if one of them is not chosen yet."""
    connection = config.connections.get(destination.connection or 0)
    if connection is None:
        return None
    header = config.mappings.get(destination.header_mapping or 0)
    if header is not None:
        row = next((row for row in header.rows if row.target.lower() == connection.auth_header), None)
        if row is not None:
            return Clash(ClashKind.HEADER, connection.name, header.name, row.target)
    payload = config.mappings.get(destination.payload_mapping or 0)
    return _of_query(payload, connection) if payload is not None and connection.method is Method.GET else None


def _of_query(payload: Mapping, connection: Connection) -> Clash | None:
    if connection.auth is Auth.KEY and connection.key_place is KeyPlace.QUERY:
        row = next((row for row in payload.rows if row.form_name == connection.key_name), None)
        if row is not None:
            return Clash(ClashKind.PARAMETER, connection.name, payload.name, row.target)
    # The fewest characters of the URL: a row with source fields may be left out of it
    length = len(connection.origin)
    for row in payload.rows:
        if not any(row.sources):
            texts = [row.form_name, *(part.text for part in row.parts if isinstance(part, FixedText))]
            length += 2 + sum(len(quote(text.encode("utf-8", "replace"), safe="")) for text in texts)
    return Clash(ClashKind.QUERY, connection.name, payload.name) if length > LONGEST_URL else None
