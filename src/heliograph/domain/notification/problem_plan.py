"""When a problem begins and when it is resolved (B4, O5): one problem per cause, however many registrations it stops.

    seen for OPENS_AFTER      it is opened, and told
    seen again, any number    its number grows, and nobody is told again
    not seen for its calm     it is resolved, and whoever was told is told so

A target that fails and recovers in turn would be a message each time. So the calm that a cause needs grows with the times that it was opened
within a day: such a target stays one open problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.domain.delivery.retry_policy import DAY, MINUTE, SECOND
from heliograph.domain.notification.kinds import Kind

OPENS_AFTER: Final = {Kind.REFUSES: MINUTE}
"""Microseconds that something lasts before it is a problem. Other kinds last by what they are."""
CALM: Final = (30 * SECOND, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
"""Microseconds without the cause after which a problem is resolved, by how often it was opened within FLAPS_WITHIN; the last for any more."""
FLAPS_WITHIN: Final = DAY
AT_ONCE: Final = frozenset({Kind.ENDED, Kind.ENDS, Kind.SUMMARY})
"""Kinds of which nobody is told that they are over."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A cause as it is now."""

    key: str
    """What makes it the same cause: "refuses:connection:12"."""
    kind: Kind
    since: int
    """Microseconds."""
    number: int = 0
    """The registrations, deliveries … that it stops."""
    connection: int | None = None
    flows: frozenset[int] = frozenset()
    started_by: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its words need, as JSON: names and codes, no values of a registration and no secrets."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A problem that was opened before, and is not resolved."""

    id: int
    key: str
    kind: Kind
    opened: int
    openings: int = 1
    """How often its cause was opened within FLAPS_WITHIN, with this time."""
    calm_since: int | None = None
    """Since when the cause has not been seen; None while it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look at an account changes."""

    opened: Sequence[Observed] = ()
    seen: Sequence[tuple[Stored, Observed]] = ()
    """Problems that go on, with what is observed now."""
    calmed: Sequence[Stored] = ()
    """Problems whose cause has just disappeared."""
    resolved: Sequence[Stored] = ()


def plan(observed: Iterable[Observed], stored: Iterable[Stored], now: int) -> Plan:
    """Compares what is observed with the open problems.

    now: microseconds
    """
    now_seen = {each.key: each for each in observed}
    open_problems = {each.key: each for each in stored}
    opened = [each for each in now_seen.values() if each.key not in open_problems and now - each.since >= OPENS_AFTER.get(each.kind, 0)]
    gone = [each for each in open_problems.values() if each.key not in now_seen]
    return Plan(
        opened,
        [(open_problems[key], each) for key, each in now_seen.items() if key in open_problems],
        [each for each in gone if each.calm_since is None],
        [each for each in gone if each.calm_since is not None and now - each.calm_since >= calm_of(each)],
    )


def calm_of(problem: Stored) -> int:
    """Microseconds without its cause after which a problem is resolved."""
    if problem.kind in AT_ONCE:
        return 0
    return CALM[min(max(problem.openings, 1), len(CALM)) - 1]


def is_part_of(kind: Kind, connection: int | None, refusing: Iterable[int]) -> bool:
    """Whether a problem is the consequence of another one that the same recipient already knows: what waits for, or was used up by, a connection
    that refuses is not another message.

    refusing: the connections of whose refusal the recipient was told, while it lasts
    """
    return kind in (Kind.WAITS, Kind.FAILED) and connection is not None and connection in set(refusing)
