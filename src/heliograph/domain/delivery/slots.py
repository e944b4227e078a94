"""When a worker may use a slot (docs/design/queue.md, section 3; ARCHITECTURE.md, rule 7; checked exhaustively in
tests/property/test_slot_interleavings.py).

A connection belongs to a slot. A slot belongs to one worker until its lease ends by the database's clock; its epoch rises with each change of
owner. Two rules keep two workers from working on the same lane:

    may_start     a request starts only if it would end before the lease does
    may_settle    an outcome is settled only under the epoch under which its lane was read
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

SLOTS: Final = 64


def slot_of(number: int) -> int:
    """The slot of a connection by its id. The same function of an account's id gives the slot whose owner decides its stuck runs."""
    return number % SLOTS


def may_start(time_left: float, total_timeout: float) -> bool:
    """Decides whether a request may start.

    time_left: seconds of the lease, by a clock that never jumps, counted from before the lease was requested
    total_timeout: seconds that the request may take
    """
    return time_left > total_timeout


def may_settle(taken: int | None, present: int | None) -> bool:
    """Decides whether an outcome counts.

    taken: the slot's epoch when its lane was read
    present: the slot's epoch under the fence
    """
    return taken is not None and taken == present


def fair_share(alive: int) -> int:
    """The most slots that each of `alive` workers may own."""
    return math.ceil(SLOTS / max(alive, 1))


def claimable(owned: Collection[int], alive: int) -> int:
    """How many more slots a worker may claim."""
    return max(0, fair_share(alive) - len(owned))


def superfluous(owned: Collection[int], giving_up: Collection[int], alive: int) -> int:
    """How many more slots a worker must give up, besides those that it is already draining."""
    return max(0, len(owned) - fair_share(alive) - len(set(giving_up) & set(owned)))
