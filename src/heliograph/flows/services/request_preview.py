"""The exact request for a destination and a change, with secrets masked; nothing is sent (C5, M7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from heliograph.connections.services.connections import OWNER
from heliograph.connections.vault import vault
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.masks import MASK, Masks, masks_of
from heliograph.domain.connection.request import PreparedConnection, Request, build_request, prepare
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.mapping.rendering import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.configuration import EventConfig
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
class BuiltPreview:
    """A request that was built to be looked at, with its masks. It contains secrets: never log or store it."""

    request: Request = field(repr=False)
    masks: Masks = field(repr=False)
    connection: Connection


class RequestPreviewer:
    """Builds requests by one configuration; each connection's secrets are read once."""

    def __init__(self, db: Database, config: AccountConfig) -> None:
        self._db, self._config = db, config
        self._prepared: dict[int, tuple[PreparedConnection, Sequence[str]] | RequestPreview] = {}

    def built(
        self, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
    ) -> BuiltPreview | RequestPreview:
        """The request to this destination for a change's own facts (D7); or what there is to say instead."""
        config = self._config
        connection = config.connections.get(destination.connection or 0)
        payload = config.mappings.get(destination.payload_mapping or 0)
        header = config.mappings.get(destination.header_mapping or 0)  # its encrypted texts are not decrypted here
        if connection is None or payload is None:
            return RequestPreview(why="It has no connection yet." if connection is None else "It has no payload mapping yet.")
        found = self._of_connection(destination.connection or 0, connection)
        if isinstance(found, RequestPreview):
            return found
        prepared, secrets = found
        facts = ChangeFacts(change, config, event, flow_name=flow.name, now=now)
        request = build_request(prepared, payload, header, facts, webhook_id=AS_SENT, timezone=ZoneInfo(facts.timezone))
        if isinstance(request, InvalidValues):
            return RequestPreview(problems=tuple(str(p) for p in request.problems))
        return BuiltPreview(request, masks_of(secrets, request, credentials=prepared.credentials), connection)

    def _of_connection(self, id: int, connection: Connection) -> tuple[PreparedConnection, Sequence[str]] | RequestPreview:
        if id not in self._prepared:
            self._prepared[id] = self._read(id, connection)
        return self._prepared[id]

    def _read(self, id: int, connection: Connection) -> tuple[PreparedConnection, Sequence[str]] | RequestPreview:
        if set(connection.lacks) - {"connected"}:
            return RequestPreview(why="Its connection is incomplete.")
        try:
            secrets = load_secrets(self._db, vault(), self._config.id, OWNER, [id]).get(id, {})
            return prepare(connection, secrets), list(secrets.values())
        except HeliographError as error:
            return RequestPreview(why=str(error))


def preview(
    db: Database, config: AccountConfig, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
) -> RequestPreview:
    """The request to this destination, by current configuration and the change's own facts (D7)."""
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
