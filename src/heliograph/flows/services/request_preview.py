"""Builds the exact request for a destination and a change, with its secrets masked. Nothing is sent (C5, M7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from heliograph.accounts.vault import vault
from heliograph.connections.services.connections import OWNER
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.request import PreparedConnection, Request, build_request, prepare
from heliograph.domain.connection.secret import MASK
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.flow.request_lacks import RequestLack, request_lacks
from heliograph.domain.mapping.mapping import Mapping
from heliograph.domain.mapping.mapping_renderer import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.outbound.masks import Masks, masks_of
from heliograph.store.database import Database
from heliograph.store.secrets import load_secrets

AS_SENT = MASK
"""Stands for the parts that only sending determines: the action's id, an access token, a signature."""


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """A request with its secrets masked; or its validation errors; or a sentence that says why there is none yet."""

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
    """The destination as the current configuration sends to it; or a sentence that says why it cannot send yet."""
    lacks = [lack for lack in request_lacks(destination, config) if lack is not RequestLack.SIGN_IN]  # no access token is shown
    if lacks:
        return lacks[0].value
    assert destination.connection is not None
    assert destination.payload_mapping is not None
    secrets = load_secrets(db, vault(), config.id, OWNER, [destination.connection]).get(destination.connection, {})
    try:
        prepared = prepare(config.connections[destination.connection], secrets)
    except HeliographError as error:
        return error.sentence
    header = config.mappings[destination.header_mapping] if destination.header_mapping is not None else None
    return Sendable(prepared, config.mappings[destination.payload_mapping], header, secrets)


@dataclass(frozen=True, slots=True)
class BuiltPreview:
    """A request that was built for a preview, with its masks. It contains secrets: never log or store it."""

    request: Request = field(repr=False)
    masks: Masks = field(repr=False)
    connection: Connection


class RequestPreviewer:
    """Builds requests by one configuration, and prepares each destination once."""

    def __init__(self, db: Database, config: AccountConfig) -> None:
        self._db, self._config = db, config
        self._targets: dict[tuple[int | None, ...], Sendable | str] = {}

    def built(
        self, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
    ) -> BuiltPreview | RequestPreview:
        """The request to this destination with the change's own facts (D7); or a RequestPreview that says why there is none."""
        key = (destination.connection, destination.payload_mapping, destination.header_mapping)
        if key not in self._targets:
            self._targets[key] = sendable(self._db, self._config, destination)
        target = self._targets[key]
        if isinstance(target, str):
            return RequestPreview(why=target)
        request = target.request(flow, change, self._config, event, now=now)
        if isinstance(request, InvalidValues):
            return RequestPreview(problems=tuple(problem.sentence for problem in request.problems))
        masks = masks_of(target.secrets.values(), request, credentials=target.prepared.credentials)
        return BuiltPreview(request, masks, target.prepared.connection)


def preview(
    db: Database, config: AccountConfig, event: EventConfig, change: Change, flow: Flow, destination: Destination, *, now: datetime
) -> RequestPreview:
    """The request to this destination, with its secrets masked."""
    built_preview = RequestPreviewer(db, config).built(event, change, flow, destination, now=now)
    if isinstance(built_preview, RequestPreview):
        return built_preview
    request, masks = built_preview.request, built_preview.masks
    sent = [(name, masks.blotted(value)) for name, value in request.shown_headers]
    if built_preview.connection.auth is Auth.OAUTH2:
        sent.append(("Authorization", AS_SENT))
    if built_preview.connection.is_signed:
        sent += [("webhook-timestamp", AS_SENT), ("webhook-signature", AS_SENT)]
    body_text = (request.body or b"").decode("utf-8", "replace")
    return RequestPreview(request.method, request.shown_url, tuple(sent), masks.blotted(body_text))
