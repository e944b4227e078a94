"""The exact request for a destination and a change, with secrets masked; nothing is sent (C5, M7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from heliograph.connections.services.connections import OWNER
from heliograph.connections.vault import vault
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.request import PreparedConnection, Request, build_request, prepare
from heliograph.domain.connection.secret import MASK
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.mapping.mapping import Mapping
from heliograph.domain.mapping.rendering import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.configuration import EventConfig
from heliograph.outbound.masks import Masks, masks_of
from heliograph.store.database import Database
from heliograph.store.secrets import load_secrets

AS_SENT = MASK
"""Replaces what is only known when sending: the action's id, an access token, a signature."""


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """A request as everyone may see it; or its validation errors; or a sentence that says why there is none yet."""

    method: str = ""
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    problems: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sendable:
    """A destination whose requests can be built. It contains secrets: never log or store it."""

    prepared: PreparedConnection
    payload: Mapping
    header: Mapping | None  # its encrypted texts are not decrypted here
    secrets: dict[str, str] = field(repr=False)

    def request(self, flow: Flow, change: Change, config: AccountConfig, event: EventConfig, *, now: datetime) -> Request | InvalidValues:
        """The request for a change, by the change's own facts (D7)."""
        facts = ChangeFacts(change, config, event, flow_name=flow.name, now=now)
        return build_request(self.prepared, self.payload, self.header, facts, webhook_id=AS_SENT, timezone=ZoneInfo(facts.timezone))


def sendable(db: Database, config: AccountConfig, destination: Destination) -> Sendable | str:
    """A destination by current configuration; or a sentence that says why it sends nothing yet."""
    connection = config.connections.get(destination.connection or 0)
    payload = config.mappings.get(destination.payload_mapping or 0)
    if connection is None or payload is None:
        return "It has no connection yet." if connection is None else "It has no payload mapping yet."
    if set(connection.lacks) - {"connected"}:
        return "Its connection is incomplete."
    secrets = load_secrets(db, vault(), config.id, OWNER, [destination.connection or 0]).get(destination.connection or 0, {})
    try:
        prepared = prepare(connection, secrets)
    except HeliographError as error:
        return str(error)
    return Sendable(prepared, payload, config.mappings.get(destination.header_mapping or 0), secrets)


@dataclass(frozen=True, slots=True)
class BuiltPreview:
    """A request that was built to be looked at, with its masks. It contains secrets: never log or store it."""

    request: Request = field(repr=False)
    masks: Masks = field(repr=False)
    connection: Connection


class RequestPreviewer:
    """Builds requests by one configuration; each destination is prepared once."""

    def __init__(self, db: Database, config: AccountConfig) -> None:
        self._db, self._config = db, config
        self._found: dict[tuple[int | None, ...], Sendable | str] = {}

    def built(
        self, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
    ) -> BuiltPreview | RequestPreview:
        """The request to this destination for a change's own facts (D7); or what there is to say instead."""
        found = self._sendable(destination)
        if isinstance(found, str):
            return RequestPreview(why=found)
        request = found.request(flow, change, self._config, event, now=now)
        if isinstance(request, InvalidValues):
            return RequestPreview(problems=tuple(str(p) for p in request.problems))
        masks = masks_of(found.secrets.values(), request, credentials=found.prepared.credentials)
        return BuiltPreview(request, masks, found.prepared.connection)

    def _sendable(self, destination: Destination) -> Sendable | str:
        key = (destination.connection, destination.payload_mapping, destination.header_mapping)
        if key not in self._found:
            self._found[key] = sendable(self._db, self._config, destination)
        return self._found[key]


def preview(
    db: Database, config: AccountConfig, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
) -> RequestPreview:
    """The request to this destination, as everyone may see it."""
    found = RequestPreviewer(db, config).built(event, change, flow, destination, now=now)
    if isinstance(found, RequestPreview):
        return found
    request, masks = found.request, found.masks
    sent = [(name, masks.blotted(value)) for name, value in request.shown_headers]
    if found.connection.auth is Auth.OAUTH2:
        sent.append(("Authorization", AS_SENT))
    if found.connection.is_signed:
        sent += [("webhook-timestamp", AS_SENT), ("webhook-signature", AS_SENT)]
    shown = (request.body or b"").decode("utf-8", "replace")
    return RequestPreview(request.method, request.shown_url, tuple(sent), masks.blotted(shown))
