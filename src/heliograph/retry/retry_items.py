"""The contents of the Retry Queue: its items, its filters, and what makes items one group (guide: The Retry Queue; D6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from heliograph.deliveries.actions import Action
from heliograph.deliveries.database import RowPerson
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect
from heliograph.deliveries.refusals import LastFailure
from heliograph.deliveries.words import CAUSES
from heliograph.domain.delivery.action import QueueStatus, is_submittable
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id
from heliograph.domain.setup.tags import TagKind

OPEN = (QueueStatus.RETRY, QueueStatus.ERROR)
LOOKED: Final = 50_000
LOOKED_BESIDE: Final = 10_000
"""The same where each item's registration is looked up too."""


@dataclass(frozen=True, slots=True)
class RetryFilter:
    """The filters. statuses: () = all. text: in a registration or a reason. cause: the key of a group. ended_since: only what is Done, since that
    instant (microseconds)."""

    statuses: tuple[QueueStatus, ...] = ()
    category: Category | None = None
    flow: int | None = None
    event: int | None = None
    connection: int | None = None
    text: str = ""
    cause: str = ""
    ended_since: int | None = None
    untagged: bool | None = None
    """True: only what waits for a tag; False: without it; None: both."""

    @property
    def looked(self) -> int | None:
        """How many items are looked at for a page or a number, because few of them may match; None where nothing narrows it but the status."""
        if self.text:
            return LOOKED_BESIDE
        return LOOKED if self.cause or any((self.category, self.flow, self.event, self.connection)) else None

    def as_json(self) -> dict[str, Any]:
        """For a job's parameters."""
        return {
            "statuses": [status.value for status in self.statuses],
            "category": self.category.value if self.category else None,
            "flow": self.flow,
            "event": self.event,
            "connection": self.connection,
            "text": self.text,
            "cause": self.cause,
            "untagged": self.untagged,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> RetryFilter:
        """From what `as_json` wrote."""
        return cls(
            statuses=tuple(QueueStatus(value) for value in found["statuses"]),
            category=Category(found["category"]) if found["category"] else None,
            flow=found["flow"],
            event=found["event"],
            connection=found["connection"],
            text=found["text"],
            cause=found["cause"],
            untagged=found.get("untagged"),
        )


@dataclass(frozen=True, slots=True)
class StuckItem:
    """A run that waits for a tag, or that is judged again (F7). due: None: not by time; 0: submitted by hand."""

    id: int
    change: int
    flow: int
    registration: int | None
    event: int
    mode: int
    queue: QueueStatus
    category: Category
    cause: Cause
    tries: int
    due: int | None
    message: str
    created: int
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Untagged:
    """What has no tag: a status of a registration, a session or an event, or a property of a registration. kind None: that is not known."""

    kind: TagKind | None
    name: str

    @property
    def key(self) -> str:
        """Its part of a group's key: a session's status is not one of a registration with the same name."""
        return f"{self.kind.value}:{self.name}" if self.kind else ""


NOTHING_UNTAGGED = Untagged(None, "")


@dataclass(frozen=True, slots=True)
class RetryItem:
    """One item. Exactly one of action and run is set.

    connection: the name of the one that its last attempt went over; before the first, of the one that it waits for
    failure: its last failed attempt, None before that, and where its flow keeps it from beginning
    lacks: what has no tag
    """

    action: Action | None
    run: StuckItem | None
    person: RowPerson | None
    event: str
    flow: str
    connection: str = ""
    failure: LastFailure | None = None
    lacks: Untagged = NOTHING_UNTAGGED
    prospect: Prospect = NO_PROSPECT

    @property
    def key(self) -> str:
        """Its name in URLs: a12 for an action, r34 for a run."""
        return f"a{self.action.id}" if self.action else f"r{self.run.id}" if self.run else ""

    @property
    def of(self) -> Action | StuckItem:
        """The action or the run."""
        found = self.action or self.run
        assert found is not None
        return found

    @property
    def answered(self) -> int | None:
        """The status of the answer that it waits or failed for."""
        return self.failure.status if self.failure else None

    @property
    def blamed(self) -> int | None:
        """The connection that its last failed attempt went over; before that, the one that it waits for."""
        return self.failure.connection if self.failure else self.action.connection if self.action else None

    @property
    def is_queued(self) -> bool:
        """Whether it is, or was, in the Retry Queue. An action whose first attempt was delivered, or is still to come, never was."""
        return self.of.queue is not None

    @property
    def is_submittable(self) -> bool:
        """Whether it can be submitted: something is left to send, and its flow and destination are there (D8)."""
        return not self.prospect.is_over and is_submittable(self.of.queue, self.of.cause)

    @property
    def queue(self) -> QueueStatus:
        """Its status; Done for what never was in the queue."""
        return self.of.queue or QueueStatus.DONE


def group_key(item: RetryItem) -> str:
    """The key of an item's group. Of an action: cause, the connection that answered, its answer, and its message where the cause has no words of its own; or cause and
    flow, where the flow has to be mended. Of a run: cause, event, and what lacks a tag."""
    if item.action is not None:
        a = item.action
        if a.cause in CURED_BY_FLOW:  # whatever it would have been sent to
            return f"{a.cause.value}~f{a.flow}~~"
        return f"{a.cause.value if a.cause else ''}~{item.blamed}~{item.answered or ''}~{'' if a.cause in CAUSES else a.message}"
    assert item.run is not None
    return run_key(item.run, item.lacks)


def run_key(run: StuckItem, lacks: Untagged) -> str:
    """The key of a run's group. lacks: what lacks a tag."""
    cause = Cause.UNTAGGED if run.cause is Cause.NOT_SELECTED else run.cause  # that is how it was cured
    return f"{cause.value}~~{run.event}~{lacks.key}"


@dataclass(frozen=True, slots=True)
class GroupParts:
    """What a group's key says: nothing, where it says nothing of it. event: of a run's."""

    cause: str
    connection: int | None
    flow: int | None
    answered: int | None
    message: str

    @property
    def event(self) -> int:
        return self.answered or 0

    @property
    def is_of_runs(self) -> bool:
        """Whether it is a group of runs, not of actions: these have a connection or a flow."""
        return self.connection is None and self.flow is None


def parts_of(key: str) -> GroupParts:
    """A group's key, taken apart."""
    cause, _, rest = key.partition("~")
    place, _, rest = rest.partition("~")
    answered, _, message = rest.partition("~")
    flow = read_id(place[1:]) if place.startswith("f") else None
    return GroupParts(cause, None if flow else read_id(place), flow, read_id(answered), message)
