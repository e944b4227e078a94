"""The contents of the Retry Queue: its items, its filters, and what makes items one group (guide: The Retry Queue; D6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from heliograph.deliveries.account_reader import RowPerson
from heliograph.deliveries.delivery_words import CAUSES
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect
from heliograph.deliveries.untagged_key import ANY_EVENT, untagged_key
from heliograph.domain.delivery.action import OPEN_STATUSES, SUBMITTABLE, QueueStatus, is_submittable
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.store.queue.action_rows import StoredAction, StoredAttempt

SCAN_LIMIT: Final = 50_000
"""Items that are read for one page or one count of a narrowed list, because few of them may match."""
SCAN_LIMIT_FOR_TEXT: Final = 10_000
"""The limit for a search by text, which also reads the registration of each item."""


LONGEST_CAUSE: Final = 700
"""Characters of a group's key."""


class StatusChoice(StrEnum):
    """The choices of the filter by status: the statuses themselves, and the two kinds of items that wait."""

    WAITING = "waiting"
    """Retry and Error, without items that wait for a tag: `ItemState.WAITING`."""
    UNTAGGED = "untagged"
    """Items that wait for a tag: `ItemState.UNTAGGED`."""
    RETRY = QueueStatus.RETRY.value
    ERROR = QueueStatus.ERROR.value
    FAILED = QueueStatus.FAILED.value
    DONE = QueueStatus.DONE.value

    @property
    def statuses(self) -> tuple[QueueStatus, ...]:
        """The statuses of the items that it chooses."""
        match self:
            case StatusChoice.WAITING:
                return OPEN_STATUSES
            case StatusChoice.UNTAGGED:
                return (QueueStatus.RETRY,)
            case _:
                return (QueueStatus(self.value),)

    @property
    def untagged(self) -> bool | None:
        """True if it chooses only items that wait for a tag, False if it chooses only others, None if it chooses either."""
        return {StatusChoice.WAITING: False, StatusChoice.UNTAGGED: True}.get(self)


@dataclass(frozen=True, slots=True)
class RetryFilter:
    """Which items of the queue are selected. Fields that are left empty select all items."""

    statuses: tuple[QueueStatus, ...] = ()
    category: Category | None = None
    flow: int | None = None
    event: int | None = None
    connection: int | None = None
    text: str = ""
    """Words in the code or name of a registration, or a text in the reason."""
    cause: str = ""
    """The key of a group, see `group_key`."""
    ended_since: int | None = None
    """Only items that ended at this instant (microseconds) or later."""
    untagged: bool | None = None
    """True: only items that wait for a tag; False: only the others; None: all."""

    @property
    def scan_limit(self) -> int | None:
        """How many items are read for a page or a count; None (no limit) if the filter names at most statuses, for which an index serves."""
        if self.text:
            return SCAN_LIMIT_FOR_TEXT
        is_narrow = self.untagged is not None or any((self.cause, self.category, self.flow, self.event, self.connection))
        return SCAN_LIMIT if is_narrow else None

    def as_json(self) -> dict[str, Any]:
        """The filter as a job stores it in its parameters."""
        return {
            "statuses": [status.value for status in self.statuses],
            "category": self.category.value if self.category else None,
            "flow": self.flow,
            "event": self.event,
            "connection": self.connection,
            "text": self.text,
            "cause": self.cause,
            "ended_since": self.ended_since,
            "untagged": self.untagged,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RetryFilter:
        """The filter that `as_json` stored."""
        return cls(
            statuses=tuple(QueueStatus(value) for value in stored["statuses"]),
            category=Category(stored["category"]) if stored["category"] else None,
            flow=stored["flow"],
            event=stored["event"],
            connection=stored["connection"],
            text=stored["text"],
            cause=stored["cause"],
            ended_since=stored.get("ended_since"),
            untagged=stored.get("untagged"),
        )


def submittable(retry_filter: RetryFilter) -> RetryFilter | None:
    """The filter without the status Done, which cannot be submitted; None if the filter selects nothing else."""
    statuses = tuple(status for status in retry_filter.statuses or SUBMITTABLE if status in SUBMITTABLE)
    return replace(retry_filter, statuses=statuses) if statuses else None


def downloadable(retry_filter: RetryFilter) -> RetryFilter | None:
    """The filter without items that are Done or wait for a tag; None if the filter selects only these."""
    rows = submittable(retry_filter)
    return None if rows is None or retry_filter.untagged else replace(rows, untagged=False)


@dataclass(frozen=True, slots=True)
class StuckItem:
    """A stuck run: one that waits for a tag, or that is judged again (F7)."""

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
    due_at: int | None
    """When it is judged again (microseconds); None if no time is set; 0 if it was submitted by hand."""
    message: str
    """Why the worker could not judge it when it last looked; "" if it lacks a tag."""
    created: int
    ended: int | None = None

    @property
    def waits_for_flow(self) -> bool:
        """Whether it waits for its flow, and for no tag (`item_state_of`)."""
        return self.cause is Cause.UNTAGGED and self.message != "" and self.queue in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class Untagged:
    """The status (of a registration, a session or an event) or the property (of a registration) that has no tag. kind is None if it is not known."""

    kind: TagKind | None
    name: str


NOTHING_UNTAGGED = Untagged(None, "")


@dataclass(frozen=True, slots=True)
class RetryItem:
    """One item of the Retry Queue, with its names. Exactly one of action and run is set."""

    action: StoredAction | None
    run: StuckItem | None
    person: RowPerson | None
    event: str
    flow: str
    connection: str = ""
    """The name of the connection that its last attempt went over; before the first attempt, of the one that it waits for (X2a)."""
    blamed_name: str = ""
    """The name of the connection to blame (`blamed`), for words that say why it failed."""
    failure: StoredAttempt | None = None
    """Its last failed attempt; None if there is none, or if its flow keeps it from beginning."""
    lacks: Untagged = NOTHING_UNTAGGED
    """The thing without a tag, for a run."""
    prospect: Prospect = NO_PROSPECT

    @property
    def key(self) -> str:
        """Its key in URLs: a12 for an action, r34 for a run."""
        return f"a{self.action.id}" if self.action else f"r{self.run.id}" if self.run else ""

    @property
    def row(self) -> StoredAction | StuckItem:
        """The item's row in the database: the action or the run."""
        row = self.action or self.run
        assert row is not None
        return row

    @property
    def answered(self) -> int | None:
        """The HTTP status of its last failed attempt; None if nothing was answered."""
        return self.failure.status if self.failure else None

    @property
    def blamed(self) -> int | None:
        """The connection that its last failed attempt went over; without one, the connection that it waits for, or its own once it has ended."""
        if self.failure is not None:
            return self.failure.connection
        return None if self.action is None else self.action.waits_at if self.action.state.is_open else self.action.connection

    @property
    def is_queued(self) -> bool:
        """Whether it is, or was, in the Retry Queue. An action whose first attempt was delivered, or is still to come, never was."""
        return self.row.queue is not None

    @property
    def is_submittable(self) -> bool:
        """Whether it can be submitted: something is left to send, and its flow and destination are there (D8)."""
        return not self.prospect.is_over and is_submittable(self.row.queue, self.row.cause)

    @property
    def queue(self) -> QueueStatus:
        """Its status; Done for an action that never was in the queue."""
        return self.row.queue or QueueStatus.DONE


def group_key(item: RetryItem) -> str:
    """The key of an item's group. Items with equal keys have one cause, and one fix cures them.

        an action whose flow has to be mended:  CAUSE~fFLOW~~
        any other action:                       CAUSE~CONNECTION~HTTP STATUS~MESSAGE
        a run that waits for its flow:          CAUSE~fFLOW~~
        any other run:                          CAUSE~~EVENT~KIND:NAME of what has no tag

    The message is in the key only if the cause has no words of its own.
    """
    if item.action is not None:
        return action_key(item.action, item.blamed, item.answered)
    assert item.run is not None
    return run_key(item.run, item.lacks)


def action_key(action: StoredAction, blamed: int | None, answered: int | None) -> str:
    """The key of an action's group.

    blamed: the connection that its last failed attempt went over
    answered: the HTTP status of that attempt; None if nothing was answered
    """
    if action.cause in CURED_BY_FLOW:
        return f"{action.cause.value}~f{action.flow}~~"
    message = "" if action.cause in CAUSES else action.message
    return f"{action.cause.value if action.cause else ''}~{blamed}~{answered or ''}~{message}"


def run_key(run: StuckItem, lacks: Untagged) -> str:
    """The key of a run's group.

    lacks: the thing without a tag
    """
    if run.waits_for_flow:
        return f"{run.cause.value}~f{run.flow}~~"
    # A run that was not selected once it had its tag still belongs to the group of that tag.
    cause = Cause.UNTAGGED if run.cause is Cause.NOT_SELECTED else run.cause
    return untagged_key(run.event, lacks.kind, lacks.name, cause)


def is_in_group(item: RetryItem, key: str) -> bool:
    """Whether an item belongs to a group, or to the groups of one thing without a tag in all events."""
    if group_key(item) == key:
        return True
    return item.run is not None and run_key(replace(item.run, event=ANY_EVENT), item.lacks) == key


@dataclass(frozen=True, slots=True)
class GroupParts:
    """The parts of a group's key; None or "" for what the key does not contain."""

    cause: str
    connection: int | None
    flow: int | None
    answered: int | None
    message: str

    @property
    def event(self) -> int:
        """The event of a group of runs; ANY_EVENT for all. It has the place in the key where a group of actions has the HTTP status."""
        return self.answered or ANY_EVENT

    @property
    def is_of_runs(self) -> bool:
        """Whether it is a group of runs that wait for a tag, or to be judged again. A group of actions has a connection or a flow."""
        return self.connection is None and self.flow is None


def parts_of(key: str) -> GroupParts:
    """The parts of a group's key."""
    cause, _, rest = key.partition("~")
    place, _, rest = rest.partition("~")
    answered, _, message = rest.partition("~")
    flow = read_id(place[1:]) if place.startswith("f") else None
    return GroupParts(cause, None if flow else read_id(place), flow, read_id(answered), message)
