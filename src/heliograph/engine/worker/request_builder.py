"""Builds the request of an action from current configuration and the facts of its change (D7, F2, M1-M9).

It runs on the worker's reading thread. Configuration, and connections with their secrets, are compiled once per version. Bad data never
raises: an action that cannot be sent has an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import structlog

from heliograph.domain.connection.connection import Auth, TokenUrls
from heliograph.domain.connection.oauth_access import Usable
from heliograph.domain.connection.request import PreparedConnection, Request, build_request, prepare
from heliograph.domain.connection.response_rule import Rule
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Origin
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow, Mode
from heliograph.domain.flow.stop_causes import destination_of, stop_of, stop_sentence
from heliograph.domain.mapping.mapping import Mapping
from heliograph.domain.mapping.mapping_renderer import InvalidValues
from heliograph.domain.registration.change import Change
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.snapshot import ConfigProvider
from heliograph.engine.worker.config_view import ConfigView, UsedVersions, used_of
from heliograph.engine.worker.oauth_tokens import OAuthClient, OAuthTokens, TokenPending
from heliograph.outbound.exchange import Route
from heliograph.outbound.guard import Policy
from heliograph.outbound.masks import Masks, masks_of
from heliograph.outbound.routes import Limits, network_policy, route_of
from heliograph.outbound.signature import signed
from heliograph.recording.contents import ask_changes
from heliograph.store import configuration_versions
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import StoredAction
from heliograph.store.secrets import SecretError, Vault, load_secrets

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode
"""Writes the same JSON as the standard library in a fifth of the time."""

_MOST_MASKS = 16
"""The most combinations of access token and header mapping whose masks are cached for a connection. Beyond that the cache starts again."""


@dataclass(frozen=True, slots=True)
class ReadyRequest:
    """A request to send."""

    request: Request = field(repr=False)
    route: Route
    used: UsedVersions
    masks: Masks = field(repr=False)
    """The masks of the connection and of the access token. The request's own are added when it is stored."""
    generation: int = 0
    """That of the access token. 0: none."""
    rule: Rule = ()
    """The connection's response rule."""


@dataclass(frozen=True, slots=True)
class DestinationGone:
    """The flow, the destination or the account is gone, so the lane's open actions end (P12)."""

    cause: Cause


class MappingThenGone(HeliographError):
    """The mapping that it was sent with is no longer kept."""


type _Current = tuple[Flow, Destination, UsedVersions]
type Built = ReadyRequest | TokenPending | Refused | ValidationFailed | CouldNotBegin | DestinationGone


@dataclass(slots=True)
class ReadContent:
    """The changes and events of the actions of one read."""

    changes: dict[int, Change | None]
    events: dict[int, EventConfig]


@dataclass(frozen=True, slots=True)
class _ConnectionWithSecrets:
    """A connection with its secrets."""

    version: int
    """The account's version at which it was read."""
    made_of: tuple[int, tuple[str, ...]]
    """The connection's number, and the networks that its account may reach."""
    prepared: PreparedConnection = field(repr=False)
    route: Route
    signing: tuple[str, ...] = field(repr=False)
    masks: Masks = field(repr=False)
    token_urls: TokenUrls
    client_secret: str = field(repr=False)
    masks_by_credentials: dict[tuple[str, frozenset[str]], Masks] = field(default_factory=dict, repr=False)
    """The masks for each access token with the sealed texts of a header mapping."""

    def masks_with(self, token: str, texts: frozenset[str]) -> Masks:
        """The masks for a token ("" for none) and a header mapping, computed once.

        texts: the values of the mapping's headers
        """
        masks = self.masks_by_credentials.get((token, texts))
        if masks is None:
            if len(self.masks_by_credentials) >= _MOST_MASKS:
                self.masks_by_credentials.clear()
            credentials = [*texts, *([f"Bearer {token}"] if token else [])]
            masks = self.masks_by_credentials[token, texts] = self.masks.also(credentials=credentials)
        return masks


@dataclass(frozen=True, slots=True)
class _UnsealedHeader:
    """A header mapping as it is sent."""

    version: int
    """The account's version at which it was read."""
    mapping: Mapping = field(repr=False)
    secret_texts: frozenset[str] = field(repr=False)
    """Readable: never store or log them."""


class RequestBuilder:
    """Builds the requests of one worker. Caches configuration, connections with their secrets, and header mappings while their version is in
    force."""

    def __init__(
        self, provider: ConfigProvider, vault: Vault, policy: Callable[[int], Policy], tokens: OAuthTokens, limits: Limits | None = None
    ) -> None:
        self.view = ConfigView(provider)
        self.tokens = tokens
        self._provider, self._vault, self._policy, self._limits = provider, vault, policy, limits or Limits()
        self._connections: dict[int, _ConnectionWithSecrets] = {}
        self._unsealed_headers: dict[int, _UnsealedHeader] = {}

    def content(self, db: Database, actions: Iterable[StoredAction]) -> ReadContent:
        """The changes and events of actions that were just read.

        The configuration is confirmed after the actions were read, so that a lane that a saved fix made due is sent with that fix.
        """
        action_list = list(actions)
        events: dict[int, EventConfig] = {}
        with db.together():
            changes_of = ask_changes(db, sorted({a.change for a in action_list}))
            versions_of = configuration_versions.ask_versions(
                db, sorted({a.account for a in action_list}), sorted({a.event for a in action_list})
            )
        changes = {id: change for id, (change, _) in changes_of().items()}
        for (scope, id), version in versions_of().items():
            if scope == configuration_versions.ACCOUNT:
                self.view.confirmed(id, version)
            else:
                events[id] = self._provider.event(id, version)  # the provider caches by version
        return ReadContent(changes, events)

    # One action.

    def build(self, stored: StoredAction, content: ReadContent, db: Database) -> Built:
        """The request of an action, or why there is none. An internal error is an outcome too (D4)."""
        try:
            return self._build(stored, content, db)
        except Exception as error:
            log.exception("request_build_failed", action=stored.id, change=stored.change)
            return Refused(Category.SYSTEM, Cause.EXCEPTION, AttemptSentence.INTERNAL_ERROR.fill(error=type(error).__name__), left=False)

    def _build(self, stored: StoredAction, content: ReadContent, db: Database) -> Built:
        config = self.view.account(stored.account)
        if config is None:
            return DestinationGone(Cause.FLOW_DELETED)
        change = content.changes.get(stored.change)
        event = content.events.get(stored.event)
        current = self._destination(config, stored, change)
        if not isinstance(current, tuple):
            return current
        flow, destination, used = current
        if change is None or event is None:
            return ValidationFailed((AttemptSentence.CONTENT_GONE.fill(),))
        assert destination.connection is not None
        assert destination.payload_mapping is not None
        try:
            opened = self._open(config, destination.connection, db)
        except HeliographError as error:
            return CouldNotBegin(Cause.CONNECTION_GONE, str(error), is_by_time=isinstance(error, SecretError))
        bearer: Usable | None = None
        connection = config.connections[destination.connection]
        if connection.auth is Auth.OAUTH2:
            token = self.tokens.token_of(destination.connection, opened.route) or self.tokens.enrol(
                OAuthClient(config.id, destination.connection, connection, opened.token_urls, opened.client_secret, opened.route)
            )
            if not isinstance(token, Usable):
                return token
            bearer = token
        facts = ChangeFacts(change, config, event, flow_name=flow.name, now=datetime.now(UTC))
        zone = ZoneInfo(facts.timezone)
        try:
            payload, (header, secret_texts), used = self._mappings(config, stored, destination, used, db)
        except HeliographError as error:
            return CouldNotBegin(Cause.MAPPING_GONE, str(error), is_by_time=isinstance(error, (MappingThenGone, SecretError)))
        request = build_request(
            opened.prepared,
            payload,
            header,
            facts,
            webhook_id=stored.uid,
            timezone=zone,
            bearer=bearer.token if bearer else None,
            encode=_encode,
            replay=stored.origin is Origin.REPLAY,
        )
        if isinstance(request, InvalidValues):
            return ValidationFailed(tuple(f"{p.target} {p.reason}" for p in request.problems))
        if opened.signing:
            request = signed(request, opened.signing, datetime.now(UTC))
        masks = opened.masks_with(bearer.token if bearer else "", secret_texts) if bearer or secret_texts else opened.masks
        return ReadyRequest(request, opened.route, used, masks, bearer.generation if bearer else 0, connection.rule)

    def _destination(
        self, config: AccountConfig, stored: StoredAction, change: Change | None
    ) -> _Current | CouldNotBegin | DestinationGone:
        """The current flow and destination, or why the action cannot begin (D5, D7); computed once per version of the configuration."""
        key = (stored.flow, stored.destination, stored.mode, None if change is None else int(change.facets))
        cache = self.view.cache(config.id)
        if key not in cache:
            cache[key] = self._looked_up(config, stored, change)
        current: _Current | CouldNotBegin | DestinationGone = cache[key]
        return current

    def _looked_up(self, config: AccountConfig, stored: StoredAction, change: Change | None) -> _Current | CouldNotBegin | DestinationGone:
        flow, destination = config.flows.get(stored.flow), destination_of(config, stored.flow, stored.destination)
        if flow is None or destination is None:
            return DestinationGone(Cause.FLOW_DELETED if flow is None else Cause.DESTINATION_REMOVED)
        made_in = Mode.of_code(stored.mode)
        facets, complete = (change.facets if change is not None else None), self.view.is_complete(config, flow)
        stop = stop_of(config, flow.id, destination.id, made_in, facets, complete=complete)
        if stop is None:
            return flow, destination, used_of(config, flow, destination)
        return CouldNotBegin(stop, stop_sentence(stop, config, flow, made_in, destination))

    def _mappings(
        self, config: AccountConfig, stored: StoredAction, destination: Destination, used: UsedVersions, db: Database
    ) -> tuple[Mapping, tuple[Mapping | None, frozenset[str]], UsedVersions]:
        """The payload mapping, the header mapping with its sealed texts, and the versions used: today's, or, for "as it was", those that the
        destination had then (D8). Raises HeliographError if they are not there any more."""
        if stored.mapped_as_of is not None:
            today = config
            try:
                config = self._provider.account(stored.account, stored.mapped_as_of)
            except KeyError:
                raise MappingThenGone(AttemptSentence.MAPPING_THEN_GONE) from None
            flow_then = config.flows.get(stored.flow)
            destination_then = next((d for d in flow_then.destinations if d.id == stored.destination), None) if flow_then else None
            if flow_then is None or destination_then is None or destination_then.payload_mapping not in config.mappings:
                raise MappingThenGone(AttemptSentence.MAPPING_THEN_GONE)
            if destination_then.header_mapping is not None and destination_then.header_mapping not in today.mappings:
                raise MappingThenGone(AttemptSentence.MAPPING_THEN_GONE)  # its sealed texts went with it
            destination, then = destination_then, used_of(config, flow_then, destination_then)
            used = replace(used, payload=then.payload, header=then.header)
        assert destination.payload_mapping is not None
        header = destination.header_mapping
        header_with_texts = self._unsealed(config, header, db) if header is not None else (None, frozenset[str]())
        return config.mappings[destination.payload_mapping], header_with_texts, used

    def _unsealed(self, config: AccountConfig, id: int, db: Database) -> tuple[Mapping, frozenset[str]]:
        """A header mapping as it is sent, and its sealed texts; read again for every version of the account's configuration. Raises
        HeliographError if a text cannot be read."""
        mapping = config.mappings[id]
        if not mapping.typed_secrets:
            return mapping, frozenset()
        header = self._unsealed_headers.get(id)
        if header is None or header.version != config.version:
            texts = load_secrets(db, self._vault, config.id, "mapping", [id]).get(id, {})
            header = self._unsealed_headers[id] = _UnsealedHeader(config.version, mapping.with_texts(texts), frozenset(texts.values()))
        return header.mapping, header.secret_texts

    def _open(self, config: AccountConfig, id: int, db: Database) -> _ConnectionWithSecrets:
        """The connection with its secrets, read again for every version of the account's configuration. Raises HeliographError if it cannot
        be used."""
        opened = self._connections.get(id)
        if opened is None or opened.version != config.version:
            connection = config.connections[id]
            secrets = load_secrets(db, self._vault, config.id, "connection", [id]).get(id, {})
            made_of = (config.numbers.get(("connection", id), 0), config.networks)
            if opened is not None and opened.made_of == made_of:
                route = opened.route  # the same object while the connection is the same: libcurl's handles are cached by route
            else:
                route = route_of(config.id, id, connection, secrets, network_policy(self._policy(config.id), config.networks), self._limits)
            signing = (
                tuple(secrets[name] for name in (Secret.SIGNING, Secret.SIGNING_BEFORE) if secrets.get(name))
                if connection.is_signed
                else ()
            )
            prepared, client_secret = prepare(connection, secrets), secrets.get(Secret.CLIENT_SECRET, "")
            masks = masks_of(secrets.values(), credentials=prepared.credentials)
            opened = self._connections[id] = _ConnectionWithSecrets(
                config.version, made_of, prepared, route, signing, masks, connection.token_urls(secrets), client_secret
            )
        return opened
