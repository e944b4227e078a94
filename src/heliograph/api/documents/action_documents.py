"""Actions and their attempts as JSON: what was sent, and what the targets answered (D1, D8, F10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, cast

import msgspec

from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing
from heliograph.deliveries import delivery_words
from heliograph.deliveries.exchanges import Exchange
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.prospects import Prospect
from heliograph.domain.delivery.action import AttemptKind, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAction, StoredAttempt

type StateOfAction = Annotated[
    Literal["pending", "queued", "success", "failed", "validation", "superseded"],
    msgspec.Meta(
        description="queued: it waits in the Retry Queue. validation: its request could not be made. superseded: a newer one was sent."
    ),
]
type OriginOfAction = Annotated[
    Literal["recorded", "reconsidered", "replay", "resent"],
    msgspec.Meta(description="reconsidered: its change was checked again. resent: by hand, or by sync now."),
]
type Headers = Annotated[list[tuple[str, str]], msgspec.Meta(description="Names and values, in their order; secrets are masked.")]
VERSIONS: Final = ("flow", "connection", "payload_mapping", "header_mapping")


class ActionDocument(Document):
    """A request to one destination of a flow about one change, with all its attempts."""

    id: Id
    webhook_id: Annotated[str, msgspec.Meta(description="The header `webhook-id` of all its requests.")]
    state: StateOfAction
    text: Annotated[str, msgspec.Meta(description="What became of it, in a sentence.")]
    hindrance: Annotated[
        str, msgspec.Meta(description="What keeps it from being sent, in a sentence; empty if nothing does, or if it has ended.")
    ]
    queue: Annotated[QueueStatus | None, msgspec.Meta(description="Its status in the Retry Queue; null if it never was there.")]
    category: Category | None
    cause: Annotated[Cause | None, msgspec.Meta(description="Why it failed, or ended otherwise.")]
    flow: NameOfThing
    destination: Id
    connection: Annotated[
        NameOfThing, msgspec.Meta(description="The connection of its last attempt; before the first one, its destination's.")
    ]
    change: Id
    registration: Annotated[Id | None, msgspec.Meta(description="Null for a change of an event, and if the person was erased.")]
    event: Id
    mode: Mode
    origin: OriginOfAction
    repeats: Annotated[Id | None, msgspec.Meta(description="The action that it sends again.")]
    attempts: Annotated[int, msgspec.Meta(description="Attempts that have ended.")]
    due: Annotated[Instant | None, msgspec.Meta(description="The next try; null: at once, or none.")]
    created: Instant
    ended: Instant | None

    @classmethod
    def from_action(
        cls,
        action: StoredAction,
        prospect: Prospect,
        last: StoredAttempt | None,
        flows: Mapping[int, str],
        connections: Mapping[int, str],
    ) -> ActionDocument:
        """The document of an action.

        last: its last attempt; None if there is none
        flows, connections: names by id
        """
        name = connections.get(action.connection, "")
        keeps = hindrance(prospect) if action.state.is_open else ""
        return cls(
            id=str(action.id),
            webhook_id=action.uid,
            state=cast("StateOfAction", action.state.name.lower()),
            text=delivery_words.did(action, last, name, keeps),
            hindrance=keeps,
            queue=action.queue,
            category=action.category,
            cause=action.cause,
            flow=NameOfThing(id=str(action.flow), name=flows.get(action.flow, "")),
            destination=str(action.destination),
            connection=NameOfThing(id=str(action.connection), name=name),
            change=str(action.change),
            registration=None if action.registration is None else str(action.registration),
            event=str(action.event),
            mode=Mode.of_code(action.mode),
            origin=cast("OriginOfAction", action.origin.name.lower()),
            repeats=None if action.repeated is None else str(action.repeated),
            attempts=action.sent,
            due=from_micros(action.due_at) if action.state.is_open and action.due_at else None,
            created=from_micros(action.created),
            ended=None if action.ended is None else from_micros(action.ended),
        )


class SentRequest(msgspec.Struct, kw_only=True):
    """The request of an attempt. is_cut: the end of a long body was not stored."""

    method: str
    url: str
    headers: Headers
    body: str
    is_cut: bool
    curl: Annotated[
        str, msgspec.Meta(description="A command that sends it again. Each masked secret is a variable, such as $SECRET_AUTHORIZATION.")
    ]


class TargetAnswer(msgspec.Struct, kw_only=True):
    """The answer to an attempt. is_cut: the end of a long body is not here; address: of the target."""

    status: int | None
    headers: Headers
    body: str
    is_cut: bool
    address: str
    timings: Annotated[dict[str, int], msgspec.Meta(description="Milliseconds by step: `name`, `connect`, `tls`, `first`, `body`, `rest`.")]


class AttemptDocument(Document):
    """An attempt to deliver an action."""

    number: int
    kind: AttemptKind
    at: Instant
    took_ms: int
    state: Annotated[StateOfAction, msgspec.Meta(description="Of the action, after it.")]
    status: Annotated[int | None, msgspec.Meta(description="The HTTP status; null if there was no answer.")]
    category: Category | None
    message: Annotated[str, msgspec.Meta(description="What went wrong without an answer.")]
    connection: NameOfThing
    versions: Annotated[dict[str, int], msgspec.Meta(description="The versions of the flow, the connection and the mappings that it used.")]

    @classmethod
    def members(cls, attempt: StoredAttempt, connections: Mapping[int, str]) -> dict[str, object]:
        """The members that all documents of an attempt have."""
        numbers = [int(number) for number in attempt.versions.replace(",", " ").split() if number.isdecimal()]
        return {
            "number": attempt.number,
            "kind": attempt.kind,
            "at": from_micros(attempt.at),
            "took_ms": delivery_words.milliseconds(attempt.took),
            "state": attempt.state.name.lower(),
            "status": attempt.status,
            "category": attempt.category,
            "message": attempt.message,
            "connection": NameOfThing(id=str(attempt.connection), name=connections.get(attempt.connection, "")),
            "versions": {name: number for name, number in zip(VERSIONS, numbers, strict=False) if number},
        }

    @classmethod
    def from_attempt(cls, attempt: StoredAttempt, connections: Mapping[int, str]) -> AttemptDocument:
        """The document of an attempt."""
        return cls(**cls.members(attempt, connections))  # type: ignore[arg-type]


class AttemptExchange(AttemptDocument):
    """An attempt with what was sent and what came back, as it is stored: secrets are masked.

    request: null if nothing was sent, or if it was removed
    removed: when request and answer were removed, in a sentence; empty if they were not
    """

    request: SentRequest | None
    response: TargetAnswer | None
    removed: str

    @classmethod
    def from_exchange(
        cls, attempt: StoredAttempt, exchange: Exchange | None, removed: str, connections: Mapping[int, str]
    ) -> AttemptExchange:
        """The document of an attempt. exchange: None if none is stored."""
        return cls(
            **cls.members(attempt, connections),  # type: ignore[arg-type]
            request=_request(exchange) if exchange else None,
            response=_response(exchange) if exchange else None,
            removed=removed,
        )


class ActionStory(ActionDocument):
    """An action with its attempts in order."""

    tries: list[AttemptDocument]

    @classmethod
    def from_delivery(
        cls,
        action: StoredAction,
        prospect: Prospect,
        attempts: Sequence[StoredAttempt],
        flows: Mapping[int, str],
        connections: Mapping[int, str],
    ) -> ActionStory:
        """The document of an action in the timeline."""
        document = ActionDocument.from_action(action, prospect, attempts[-1] if attempts else None, flows, connections)
        tries = [AttemptDocument.from_attempt(attempt, connections) for attempt in attempts]
        return cls(**msgspec.structs.asdict(document), tries=tries)


def _request(exchange: Exchange) -> SentRequest | None:
    if not exchange.sent:
        return None
    return SentRequest(
        method=exchange.method,
        url=exchange.url,
        headers=list(exchange.request_headers),
        body=exchange.request_body,
        is_cut=exchange.request_cut,
        curl=exchange.curl(),
    )


def _response(exchange: Exchange) -> TargetAnswer | None:
    if exchange.status is None and not exchange.timings:
        return None
    return TargetAnswer(
        status=exchange.status,
        headers=list(exchange.response_headers),
        body=exchange.response_body,
        is_cut=exchange.truncated,
        address=exchange.address,
        timings=dict(exchange.timings),
    )
