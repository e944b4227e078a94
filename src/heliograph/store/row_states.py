"""The states of the queue's rows as SQL conditions, each with the index that contains only its rows (docs/design/indexes.md).

The numbers are literals, because the planner uses a partial index only where a statement contains the index's own condition. Each condition
begins with its column, so that an alias may stand before it: f"a.{ACTION_OPEN}" is "a.state < 10".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from heliograph.domain.delivery.action import FIRST_ENDED, OPEN_STATUSES, SUBMITTABLE, ActionState, AttemptKind, QueueStatus
from heliograph.domain.delivery.lanes import LaneState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.decision import FlowVerdict


def listed(numbers: Iterable[int]) -> str:
    """Numbers as the list of an IN: "2, 11, 12"."""
    return ", ".join(str(int(number)) for number in numbers)


LANE_READY: Final = f"state = {LaneState.READY}"
"""Has something to send (lane_ready)."""
LANE_WAITING: Final = f"state = {LaneState.WAITING}"
"""Waits until `due_at` (lane_due); where that is null, for a save."""

ACTION_OPEN: Final = f"state < {FIRST_ENDED}"
"""Is to be sent, at once or again (action_open)."""
ACTION_ENDED: Final = f"state >= {FIRST_ENDED}"
ACTION_UNDELIVERED: Final = f"state IN ({listed((ActionState.PENDING, ActionState.QUEUED))})"
"""Selects the same rows as ACTION_OPEN, in the form that an index by state needs (action_of_flow)."""
ACTION_FAILURE: Final = f"state IN ({listed((ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION))})"
"""Has failed, and was not delivered since (action_failed)."""
ACTION_WAITS_FOR_SAVE: Final = f"state = {ActionState.QUEUED} AND due_at IS NULL"
"""Could not begin, and waits for something that a person saves (`OpenAction.waits_for_save`). No alias fits before it."""
ACTION_IN_QUEUE: Final = "queue > 0"
"""Is or was in the Retry Queue (action_queue)."""
ACTION_LEAD: Final = "lead > 0"
"""The target reported that it created or updated a lead (action_lead)."""

ATTEMPT_AGAIN: Final = f"kind > {AttemptKind.FIRST.code}"
ATTEMPT_LAST: Final = f"state IN ({listed((ActionState.FAILED, ActionState.VALIDATION))})"
"""The attempt was the last of an action that then failed for good. With ATTEMPT_AGAIN the two halves of the index attempt_not_first."""

RUN_TRIGGERED: Final = f"decision = {FlowVerdict.TRIGGERED.code}"
RUN_NOT_TRIGGERED: Final = f"decision = {FlowVerdict.NOT_TRIGGERED.code}"
"""Has no action (run_not_triggered)."""

STUCK_RUN_WAITING: Final = f"queue < {QueueStatus.FAILED.code}"
"""Waits for a tag, or to be judged again (stuck_run_due)."""
STUCK_RUN_UNTAGGED: Final = f"queue = {QueueStatus.RETRY.code} AND cause = '{Cause.UNTAGGED.value}' AND message = ''"
"""Waits for a tag (`domain.delivery.item_state`). No alias fits before it."""
STUCK_RUN_WAITS_FOR_FLOW: Final = f"queue = {QueueStatus.RETRY.code} AND cause = '{Cause.UNTAGGED.value}' AND message <> ''"
"""Waits for its flow. No alias fits before it."""
STUCK_RUN_OPEN: Final = f"queue < {QueueStatus.DONE.code}"
"""Waits or has failed (stuck_run_open)."""

ITEM_WAITING: Final = f"queue IN ({listed(status.code for status in OPEN_STATUSES)})"
"""An action or a stuck run that is tried again: Retry or Error."""
ITEM_SUBMITTABLE: Final = f"queue IN ({listed(status.code for status in SUBMITTABLE)})"
ITEM_ENDED: Final = f"queue IN ({listed((QueueStatus.FAILED.code, QueueStatus.DONE.code))})"
