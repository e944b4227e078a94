"""The kinds of lists of records, one for each figure of Insights that links to its records; their filters and orders (X3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet
from heliograph.insights.replay_share import ReplayShare


class RecordKind(StrEnum):
    """The kinds of lists, one for each figure that links to its records."""

    CHANGES = "changes"
    REGISTRATIONS = "registrations"
    RECORDED = "recorded"
    TRIGGERED = "triggered"
    SUCCESS = "success"
    PEOPLE = "people"
    """Registrations that something was sent for, each once: at its newest delivery."""
    FAILURES = "failures"
    QUEUED = "queued"
    FAILED = "failed"
    VALIDATION = "validation"
    SUPERSEDED = "superseded"
    PENDING = "pending"
    """Never tried, and about to be."""
    HELD = "held"
    """Never tried, because their connection sends nothing at present."""
    LEADS_CREATED = "leads-created"
    LEADS_UPDATED = "leads-updated"
    NOT_TRIGGERED = "not-triggered"
    UNTAGGED = "untagged"
    UNDECIDED = "undecided"
    FLOWS = "flows"
    IN_RETRY_QUEUE = "in-retry-queue"
    RETRIES = "retries"
    ABANDONED = "abandoned"
    VALIDATION_ERRORS = "validation-errors"
    ATTEMPTS = "attempts"

    @property
    def is_stuck(self) -> bool:
        """Whether its rows are runs that wait in the Retry Queue."""
        return self in (RecordKind.UNTAGGED, RecordKind.UNDECIDED)

    @property
    def row_kind(self) -> RowKind:
        """The kind of the list's rows."""
        return _ROW_KINDS.get(self, RowKind.ACTION)


class RowKind(StrEnum):
    """The kinds of rows that a list can have."""

    CHANGE = "change"
    REGISTRATION = "registration"
    ACTION = "action"
    RUN = "run"
    ATTEMPT = "attempt"
    FLOW = "flow"
    ITEM = "item"
    """An action or a run that waits in the Retry Queue."""


_ROW_KINDS: Final = {
    RecordKind.CHANGES: RowKind.CHANGE,
    RecordKind.RECORDED: RowKind.CHANGE,
    RecordKind.REGISTRATIONS: RowKind.REGISTRATION,
    RecordKind.NOT_TRIGGERED: RowKind.RUN,
    RecordKind.UNTAGGED: RowKind.RUN,
    RecordKind.UNDECIDED: RowKind.RUN,
    RecordKind.FLOWS: RowKind.FLOW,
    RecordKind.IN_RETRY_QUEUE: RowKind.ITEM,
    RecordKind.RETRIES: RowKind.ATTEMPT,
    RecordKind.ABANDONED: RowKind.ATTEMPT,
    RecordKind.VALIDATION_ERRORS: RowKind.ATTEMPT,
    RecordKind.ATTEMPTS: RowKind.ATTEMPT,
}

STATES_OF: Final = {
    RecordKind.SUCCESS: (ActionState.SUCCESS,),
    RecordKind.FAILURES: (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION),
    RecordKind.QUEUED: (ActionState.QUEUED,),
    RecordKind.FAILED: (ActionState.FAILED,),
    RecordKind.VALIDATION: (ActionState.VALIDATION,),
    RecordKind.SUPERSEDED: (ActionState.SUPERSEDED,),
    RecordKind.PENDING: (ActionState.PENDING,),
    RecordKind.HELD: (ActionState.PENDING,),
    RecordKind.IN_RETRY_QUEUE: (ActionState.QUEUED,),
}
"""The states of the actions of a list. An action leaves the list when its state changes."""
KIND_OF_STATE: Final = {
    states[0]: kind for kind, states in STATES_OF.items() if len(states) == 1 and kind not in (RecordKind.IN_RETRY_QUEUE, RecordKind.HELD)
}


class Outcome(StrEnum):
    """The outcomes of records by which a list can be filtered."""

    SUCCESS = "success"
    WAITING = "waiting"
    FAILED = "failed"
    VALIDATION = "validation"
    SUPERSEDED = "superseded"
    PENDING = "pending"
    NOT_TRIGGERED = "not-triggered"

    @property
    def state(self) -> ActionState | None:
        """The state of an action with this outcome; None if the outcome has no action."""
        return _STATE_OF.get(self)


_STATE_OF: Final = {
    Outcome.SUCCESS: ActionState.SUCCESS,
    Outcome.WAITING: ActionState.QUEUED,
    Outcome.FAILED: ActionState.FAILED,
    Outcome.VALIDATION: ActionState.VALIDATION,
    Outcome.SUPERSEDED: ActionState.SUPERSEDED,
    Outcome.PENDING: ActionState.PENDING,
}
_ENDS: Final = (Outcome.SUCCESS, Outcome.WAITING, Outcome.FAILED, Outcome.VALIDATION)


def outcomes_of(kind: RecordKind) -> tuple[Outcome, ...]:
    """The outcomes by which a list can be filtered; () if all of its records have one outcome."""
    match kind.row_kind:
        case RowKind.CHANGE | RowKind.REGISTRATION:
            return () if kind is RecordKind.RECORDED else tuple(Outcome)
        case RowKind.ATTEMPT:
            return () if kind in (RecordKind.ABANDONED, RecordKind.VALIDATION_ERRORS) else _ENDS
        case RowKind.ITEM:
            return (Outcome.WAITING, Outcome.NOT_TRIGGERED)
        case RowKind.ACTION if kind in (RecordKind.TRIGGERED, RecordKind.FAILURES):
            states = STATES_OF.get(kind, tuple(ActionState))
            return tuple(outcome for outcome in Outcome if outcome.state in states)
        case _:
            return ()


def has_replays(kind: RecordKind) -> bool:
    """Whether a list can contain records of replays. A replay makes actions and attempts, but no changes and no decisions."""
    return kind.row_kind in (RowKind.ACTION, RowKind.ATTEMPT, RowKind.ITEM)


class RecordSort(StrEnum):
    """The order of a list."""

    NEWEST = ""
    OLDEST = "oldest"
    MOST_CHANGES = "changes"
    """For lists of registrations and flows: those with most changes first."""


def sorts_of(kind: RecordKind) -> tuple[RecordSort, ...]:
    """The orders that a list can have."""
    return tuple(RecordSort) if kind.row_kind in (RowKind.REGISTRATION, RowKind.FLOW) else (RecordSort.NEWEST, RecordSort.OLDEST)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records a list contains. Jobs store it (`as_json`)."""

    kind: RecordKind
    since: int
    """Microseconds."""
    until: int
    """Microseconds, exclusive."""
    mode: Mode = Mode.LIVE
    text: str = ""
    """A part of a registration's code or name."""
    event: int | None = None
    flow: int | None = None
    connection: int | None = None
    facet: Facet | None = None
    """The facet of recorded changes (RECORDED)."""
    category: Category | None = None
    """The category of the failure that a retry was made for (RETRIES)."""
    alike: int | None = None
    """An action: only actions that failed like it."""
    outcome: Outcome | None = None
    left_kind: RecordKind | None = None
    """Only records that left the list of this kind after `left_since`. A job stores it as "was"."""
    left_since: int | None = None
    """Microseconds. A job stores it as "seen"."""
    replays: ReplayShare = ReplayShare.ALL
    """Which replays the figure counts."""

    @property
    def whole(self) -> Self:
        """The filter without the parts by which a person narrowed it: all records that the figure counts."""
        return replace(self, text="", event=None, flow=None, outcome=None, connection=self.connection if self._is_of_connection else None)

    @property
    def is_whole(self) -> bool:
        """Whether it selects all records that the figure counts."""
        return self == self.whole and self.alike is None and self.left_kind is None

    @property
    def _is_of_connection(self) -> bool:
        """Whether the figure itself is one of a connection, so that the connection is no narrowing."""
        return self.kind in (RecordKind.ATTEMPTS, RecordKind.PEOPLE)

    def as_json(self) -> dict[str, Any]:
        """The filter as a job stores it in its parameters."""
        stored_names = {"left_kind": "was", "left_since": "seen"}
        return {stored_names.get(name, name): getattr(value, "value", value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Self:
        """The filter that `as_json` stored."""
        values = dict(given)
        left_kind, left_since = values.pop("was"), values.pop("seen")
        return cls(
            **values
            | {
                "kind": RecordKind(given["kind"]),
                "mode": Mode(given["mode"]),
                "facet": Facet(given["facet"]) if given["facet"] else None,
                "category": Category(given["category"]) if given["category"] else None,
                "outcome": Outcome(given["outcome"]) if given["outcome"] else None,
                "left_kind": RecordKind(left_kind) if left_kind else None,
                "left_since": left_since,
                "replays": ReplayShare(given.get("replays", "")),
            }
        )
