"""What is wrong with one item of the Retry Queue, and what cures it (D6, D8)."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.refusals import UNKNOWN_REFUSAL, refusals
from heliograph.domain.delivery.action import QueueStatus
from heliograph.retry.cure_words import Failure, cure_of
from heliograph.retry.fix_links import Trouble
from heliograph.retry.item_words import why
from heliograph.retry.retry_items import RetryItem


@dataclass(frozen=True, slots=True)
class ItemStory:
    """What is wrong with an item, in words."""

    cause: str
    """Without a full stop, as titles are."""
    cure: str
    """"" if nothing is known, or if the item is Done."""
    trouble: Trouble
    """The failure and where it happened, for the link to the page that fixes it."""


def story_of(item: RetryItem, reader: AccountReader) -> ItemStory:
    """The story of an item, with what its target answered."""
    action, refusal = item.action, UNKNOWN_REFUSAL
    if action is not None and item.failure is not None:
        refusal = refusals(reader, {action.id: item.failure}).get(action.id, UNKNOWN_REFUSAL)
    failure = Failure(item.row.cause, item.row.category, item.answered, refusal, item.blamed)
    is_done = item.queue is QueueStatus.DONE
    return ItemStory(
        cause=why(item, refusal.says).rstrip("."),
        cure="" if is_done else cure_of(failure, prospect=item.prospect, used_up=item.queue is QueueStatus.FAILED, is_single=True),
        trouble=Trouble(failure, item.row.flow, action.destination if action else None, item.prospect),
    )
