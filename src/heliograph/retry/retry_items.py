"""The contents of the Retry Queue: items, and groups of items with the same cause (guide: The Retry Queue; D6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.deliveries.actions import Action
from heliograph.deliveries.database import RowPerson
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_id

OPEN = (QueueStatus.RETRY, QueueStatus.ERROR)


@dataclass(frozen=True, slots=True)
class RetryFilter:
    """The filters. statuses: () = all. text: in a registration or a reason. cause: the key of a group."""

    statuses: tuple[QueueStatus, ...] = ()
    category: Category | None = None
    flow: int | None = None
    event: int | None = None
    connection: int | None = None
    text: str = ""
    cause: str = ""

    @property
    def narrows(self) -> bool:
        """True if it selects less than everything."""
        return self != RetryFilter()


@dataclass(frozen=True, slots=True)
class StuckItem:
    """A run to be reconsidered (F7). due 0: submitted by hand."""

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


@dataclass(frozen=True, slots=True)
class RetryItem:
    """One item. Exactly one of action and run is set. status_answered: of the target's last answer; lacks: what has no tag, in words."""

    action: Action | None
    run: StuckItem | None
    person: RowPerson | None
    event: str
    flow: str
    connection: str = ""
    answered: int | None = None
    lacks: str = ""

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
    def queue(self) -> QueueStatus:
        """Its status."""
        found = self.of.queue
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Items with the same cause. n: how many of the examined items. People and flows are counted separately. flow, destination: None if
    there are several."""

    key: str
    cause: Cause | None
    category: Category | None
    connection: int | None
    connection_name: str
    answered: int | None
    lacks: str
    event: str
    message: str
    n: int
    people: int
    flows: int
    flow: int | None
    destination: int | None
    next: int | None
    since: int


def group_key(item: RetryItem) -> str:
    """The key that puts items into one group: cause, connection and answer; for a run: cause, event and what has no tag."""
    if item.action is not None:
        a = item.action
        return f"{a.cause.value if a.cause else ''}~{a.connection}~{item.answered or ''}~{a.message}"
    run = item.run
    assert run is not None
    return f"{run.cause.value}~~{run.event}~{item.lacks}"


def parts_of(key: str) -> tuple[str, int, int | None, str]:
    """Cause, connection, answer and message of a group's key; zeros for missing parts."""
    cause, _, rest = key.partition("~")
    connection, _, rest = rest.partition("~")
    answered, _, message = rest.partition("~")
    return cause, read_id(connection) or 0, read_id(answered), message


def _only[T](found: set[T]) -> T | None:
    return next(iter(found)) if len(found) == 1 else None


def group_of(key: str, items: Sequence[RetryItem]) -> CauseGroup:
    first = items[0]
    due = [item.of.due for item in items if item.of.due is not None and item.queue in OPEN]
    categories = Counter(item.of.category for item in items)
    return CauseGroup(
        key=key,
        cause=first.of.cause,
        category=categories.most_common(1)[0][0],
        connection=first.action.connection if first.action else None,
        connection_name=first.connection,
        answered=first.answered,
        lacks=first.lacks,
        event=first.event,
        message=first.of.message,
        n=len(items),
        people=len({item.of.registration for item in items}),
        flows=len({item.of.flow for item in items}),
        flow=_only({item.of.flow for item in items}),
        destination=_only({item.action.destination if item.action else None for item in items}),
        next=min(due) if due else None,
        since=min(item.of.created for item in items),
    )
