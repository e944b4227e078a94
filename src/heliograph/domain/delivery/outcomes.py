"""How an attempt ends, and what that means (guide: The Retry Queue; D3, D4).

The type decides what happens next:

    Delivered         the target accepted it
    Refused           it failed: category and cause say when it is retried and what cures it
    ValidationFailed  the mapping could not build a request from the data; never retried
    CouldNotBegin     nothing was tried: its flow, connection or mapping cannot be used
    Cut               the worker stopped while it was in flight; it is sent again

Each says whether the request may have been sent ("left"). If so, its version counts as begun (D2), whatever the response. Durations are
microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import assert_never

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.retry_policy import LONGEST_RETRY_AFTER, SECOND, Category


class Cause(StrEnum):
    """Why an action failed or ended: what the Retry page groups by, and which saved fix resolves it (D7)."""

    ANSWER = "answer"
    """By the target's status code."""
    RULE = "rule"
    """By the connection's response rule (C7)."""
    DNS = "dns"
    """The target's name does not exist."""
    NO_NAME_SERVER = "no_name_server"
    """No name server answered when Heliograph asked for the target's address, which says nothing about the target."""
    REFUSED = "refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    GARBLED = "garbled"
    """The answer is not HTTP."""
    PROXY = "proxy"
    BLOCKED = "blocked"
    """The address is one that outgoing requests may never reach (C6)."""
    OAUTH = "oauth"
    """The token service refused us (C4)."""
    BAD_REQUEST = "bad_request"
    """The connection's URL or headers cannot form a request."""
    EXCEPTION = "exception"
    """An internal exception."""
    POISON = "poison"
    """It was in flight at three crashes of its worker."""
    SOURCE = "source"
    """A source could not be read; a Retry item without a flow."""
    UNTAGGED = "untagged"
    FLOW_INACTIVE = "flow_inactive"
    FLOW_INCOMPLETE = "flow_incomplete"
    FLOW_MODE = "flow_mode"
    """It was created in one mode, and the flow is now in the other."""
    FLOW_WATCH = "flow_watch"
    "The flow now watches for something else."
    CONNECTION_GONE = "connection_gone"
    MAPPING_GONE = "mapping_gone"
    INVALID = "invalid"
    FLOW_DELETED = "flow_deleted"
    DESTINATION_REMOVED = "destination_removed"
    ERASED = "erased"
    DISCARDED = "discarded"
    """Made in one mode, the flow in the other: a person said that it is not to be sent."""
    REPLAY_CANCELLED = "replay_cancelled"
    """Its replay was cancelled before it was sent (Y1)."""
    SUPERSEDED = "superseded"
    """A newer version was sent (D2)."""
    NOT_SELECTED = "not_selected"
    """It is tagged now, but not for this flow (F7)."""
    CONTENT_REMOVED = "content_removed"
    """It waited for a tag or for a save until retention removed its content (F7, D5, X6)."""


CONNECTION_STATUSES = frozenset({408, 425, 429, 502, 503, 504, *range(520, 525)})
CONFIG_STATUSES = frozenset({401, 403, 404, 405, 410, 415, *range(300, 400)})

_TRANSPORT: dict[Cause, Category] = {
    Cause.DNS: Category.CONNECTION,
    Cause.NO_NAME_SERVER: Category.CONNECTION,
    Cause.REFUSED: Category.CONNECTION,
    Cause.TLS: Category.CONNECTION,
    Cause.TIMEOUT: Category.CONNECTION,
    Cause.RESET: Category.CONNECTION,
    Cause.GARBLED: Category.CONNECTION,
    Cause.PROXY: Category.CONNECTION,
    Cause.BLOCKED: Category.CONFIG,
    Cause.OAUTH: Category.CONFIG,
    Cause.BAD_REQUEST: Category.CONFIG,
    Cause.EXCEPTION: Category.SYSTEM,
    Cause.POISON: Category.SYSTEM,
    Cause.SOURCE: Category.SOURCE_API,
    Cause.RULE: Category.GENERAL,
}

NEVER_LEFT = frozenset(
    {Cause.DNS, Cause.NO_NAME_SERVER, Cause.REFUSED, Cause.TLS, Cause.BLOCKED, Cause.OAUTH, Cause.BAD_REQUEST, Cause.EXCEPTION}
)
"""Failures before the first byte of a request was written. An outcome that knows better (a connect timeout) sets `left` itself."""

CURED_BY_FLOW = frozenset(
    {
        Cause.FLOW_INACTIVE,
        Cause.FLOW_INCOMPLETE,
        Cause.FLOW_MODE,
        Cause.FLOW_WATCH,
        Cause.CONNECTION_GONE,
        Cause.MAPPING_GONE,
        Cause.UNTAGGED,
    }
)
CURED_BY_CONNECTION = frozenset(
    {Cause.ANSWER, Cause.RULE, Cause.BLOCKED, Cause.OAUTH, Cause.BAD_REQUEST, Cause.CONNECTION_GONE, Cause.FLOW_INCOMPLETE}
)
CURED_BY_ADDRESS = frozenset(
    {Cause.DNS, Cause.NO_NAME_SERVER, Cause.REFUSED, Cause.TLS, Cause.TIMEOUT, Cause.RESET, Cause.GARBLED, Cause.PROXY}
)
"""Failures to reach a target that another address, other certificates or other time limits of the connection may cure."""
CURED_BY_MAPPING = frozenset({Cause.MAPPING_GONE, Cause.FLOW_INCOMPLETE, Cause.ANSWER, Cause.RULE, Cause.BAD_REQUEST})


FAILURES_TO_TRIP = 5
"""Failures in a row to reach a target, after which it is probed by single requests until one is answered (C8). If more were allowed, a thousand dead
targets would cost the others too much."""


def was_tried(cause: Cause | None) -> bool:
    """True if a cause is that of a failed attempt. With any other cause nothing was tried: the flow could not send it, or somebody ended it."""
    return cause in _TRANSPORT or cause is Cause.ANSWER


class Lead(StrEnum):
    """What the target reports to have done with the record (C7, X2)."""

    CREATED = "created"
    UPDATED = "updated"

    @property
    def code(self) -> int:
        """Its number in tables; 0 there means not reported."""
        return 1 if self is Lead.CREATED else 2


@dataclass(frozen=True, slots=True)
class Delivered:
    """The target accepted it (D3). lead: what it did with the record, if a response rule reports that."""

    status: int
    lead: Lead | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The attempt failed. `message`: a sentence for the item page, without secrets. `status`: if there was an answer."""

    category: Category
    cause: Cause
    message: str
    left: bool
    status: int | None = None
    retry_after: int = 0
    stale: bool = False
    """True if the flow, mapping or connection was saved after the attempt began: a Config failure is then due at once (D7)."""

    @property
    def reached(self) -> bool:
        """True if the target itself responded, with any status; an error of a gateway does not count. The breaker counts the other failures."""
        return self.category is not Category.CONNECTION or self.status == 429 or (self.status is not None and self.cause is Cause.RULE)


@dataclass(frozen=True, slots=True)
class ValidationFailed:
    """The mapping found problems in the data (M5, M9): one sentence each."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CouldNotBegin:
    """Its flow is inactive, incomplete or in another mode, its connection or mapping is gone, or a person's consent is (D5).

    It uses no try, and waits for the save that lets it begin, unless it `is_by_time`.
    """

    cause: Cause
    message: str
    stale: bool = False
    is_by_time: bool = False
    """True if no save lets it begin: the mapping of a try "as it was" is gone (D8), or the key of this installation opens no secret. It is
    checked again at most three times, at the intervals of Config."""


@dataclass(frozen=True, slots=True)
class Cut:
    """We stopped it in flight. It uses no try and is sent again."""

    left: bool = True


type Outcome = Delivered | Refused | ValidationFailed | CouldNotBegin | Cut


def may_have_left(outcome: Outcome) -> bool:
    """True if a request may have been sent. Then older versions of the subject are never sent to this destination again (D2)."""
    match outcome:
        case Delivered():
            return True
        case Refused(left=left) | Cut(left=left):
            return left
        case ValidationFailed() | CouldNotBegin():
            return False
        case _:
            assert_never(outcome)


def category_of_status(status: int) -> Category | None:
    """The category of a failure by its HTTP status, None for success (D3, D4). A status that is no final one is General."""
    if 200 <= status < 300:
        return None
    if status in CONNECTION_STATUSES:
        return Category.CONNECTION
    if status in CONFIG_STATUSES:
        return Category.CONFIG
    return Category.GENERAL


def classify_status(status: int, *, retry_after: str | None = None, now: int) -> Delivered | Refused:
    """Classifies an answer by its status; `response_rule.classify_response` applies the connection's response rule first.

    retry_after: the raw header
    now: microseconds since the epoch, for a Retry-After that is a date
    """
    category = category_of_status(status)
    if category is None:
        return Delivered(status)
    return Refused(
        category,
        Cause.ANSWER,
        AttemptSentence.ANSWERED.fill(status=status),
        left=True,
        status=status,
        retry_after=parse_retry_after(retry_after, now),
    )


def classify_transport_error(cause: Cause, message: str, *, left: bool | None = None) -> Refused:
    """The outcome of a request without a response.

    left: whether the request may have been written; None: the cause decides (NEVER_LEFT)
    """
    return Refused(_TRANSPORT[cause], cause, message, left=cause not in NEVER_LEFT if left is None else left)


def parse_retry_after(value: str | None, now: int) -> int:
    """A Retry-After header (RFC 9110 §10.2.3) in microseconds from now, at most 24 h; 0 if it is missing or cannot be parsed."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) < 10 else LONGEST_RETRY_AFTER // SECOND
        return min(seconds * SECOND, LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        wait = round((when - datetime.fromtimestamp(now / SECOND, UTC)).total_seconds() * SECOND)
    except OverflowError:
        return 0
    return max(0, min(wait, LONGEST_RETRY_AFTER))


@dataclass(frozen=True, slots=True)
class HoldConnection:
    """The target asked for a retry-after pause: the connection sends nothing before `until` (C8)."""

    until: int


@dataclass(frozen=True, slots=True)
class PauseConnection:
    """The target responded with 410, gone for good: the connection is paused with that reason (C8)."""


def delivers_at_all(outcomes: Iterable[Outcome]) -> bool | None:
    """Whether a connection delivers: True if any outcome is a delivery, False if every attempt failed; None if there is neither.

    Faults of our own say nothing about it.
    """
    delivers: bool | None = None
    for outcome in outcomes:
        if isinstance(outcome, Delivered):
            return True
        if isinstance(outcome, Refused) and outcome.category is not Category.SYSTEM:
            delivers = False
    return delivers


def effect_on_connection(outcome: Outcome, now: int) -> HoldConnection | PauseConnection | None:
    """The effect of an outcome on the whole connection."""
    if isinstance(outcome, Refused):
        if outcome.status == 410 and outcome.cause is Cause.ANSWER:
            return PauseConnection()
        if outcome.retry_after > 0:
            return HoldConnection(now + min(outcome.retry_after, LONGEST_RETRY_AFTER))
    return None
