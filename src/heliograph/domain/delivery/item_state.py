"""The state of an item of the Retry Queue: the one definition of "waiting", "waits for a tag" and "failed" (N2).

An item is an action that was not delivered, or a decision that could not be made. Every page that counts items (the panel, Overview, flows,
connections, Retry) counts by this rule, so that they show the same number at one moment:

    ItemState  Retry's status     meaning
    WAITING    Retry, Error       sent, or decided, again automatically, or once its flow runs again
    UNTAGGED   Retry, Error       a decision that is made once a status or property has a tag; it has not failed
    FAILED     Failed             sent again only if somebody submits it
    None       Done, or none      delivered, replaced by newer data, or never in the queue

A decision *waits for its flow* if the flow was off, incomplete or in its other mode when the worker last looked: it has no tag to wait for, so it is
WAITING. The worker stores why, as the message of the stuck run.

The guide's names (Retry, Error, Failed, Done) stay the names of statuses. Insights counts
actions by the time of their creation: its Failed are the actions of the period that are FAILED here.
"""

from __future__ import annotations

from enum import StrEnum

from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause


class ItemState(StrEnum):
    """The state of an item of the Retry Queue, as pages count it."""

    WAITING = "waiting"
    UNTAGGED = "untagged"
    FAILED = "failed"


def item_state_of(queue: QueueStatus | None, cause: Cause | None, *, waits_for_flow: bool = False) -> ItemState | None:
    """The state of an action or a stuck run; None if nothing of it is left to do.

    queue: its status in the Retry Queue; None if it never was there
    waits_for_flow: whether it is a decision that waits for its flow
    """
    if queue in (None, QueueStatus.DONE):
        return None
    if cause is Cause.UNTAGGED and not waits_for_flow:
        return ItemState.UNTAGGED
    return ItemState.FAILED if queue is QueueStatus.FAILED else ItemState.WAITING
