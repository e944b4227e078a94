"""What is wrong with an item of the Retry Queue, in words: for rows, for its page and for files."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries import delivery_words
from heliograph.deliveries.prospect_words import may_go
from heliograph.domain.delivery.action import ENDS_RUN, OPEN_STATUSES, ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.retry.retry_items import RetryItem, Untagged


def is_of_other_mode(item: RetryItem) -> bool:
    """Whether an item may be discarded: it waits, and was made in the other mode of its flow (Live or Test)."""
    return item.action is not None and item.action.cause is Cause.FLOW_MODE and item.queue in OPEN_STATUSES


def next_try(item: RetryItem) -> int | None:
    """When an item is tried next (microseconds); None if no time is set, or if its flow or connection keeps it."""
    return item.row.due_at if item.row.due_at and item.queue in OPEN_STATUSES and may_go(item.prospect) else None


def outlook(item: RetryItem) -> str:
    """What happens to an item next, in a sentence."""
    due = item.row.due_at
    if item.queue in OPEN_STATUSES and item.run is not None and item.prospect.is_over:
        return _("It ends as Done within minutes.") if item.run.cause is Cause.UNTAGGED else _("It ends as Done at its next try.")
    if item.queue in OPEN_STATUSES and item.run is not None and due is None and not item.run.waits_for_flow:
        return _("It waits for a tag. If you submit it, it is checked again, which does not count as a retry.")
    if item.queue in OPEN_STATUSES:
        if not may_go(item.prospect) or due is None:
            return _("It waits.")
        return delivery_words.next_try(due) + "."
    if item.queue is QueueStatus.FAILED:
        return _("It is sent again only if you submit it.") if item.is_submittable else _("It is no longer sent.")
    return why(item)


def why(item: RetryItem, target_words: str = "") -> str:
    """What is wrong with an item.

    target_words: the reason that the target gave
    """
    if item.run is not None:
        if item.run.cause is Cause.NOT_SELECTED:
            return _("It has a tag now, but not one for this flow.")
        if item.run.cause is Cause.FLOW_DELETED or (
            item.run.cause is Cause.UNTAGGED and item.queue in OPEN_STATUSES and item.prospect.is_over
        ):
            return _("Too late: the flow was deleted before it had a tag.")
        if item.run.cause in ENDS_RUN:
            return delivery_words.cause_of(Cause.CONTENT_REMOVED, "")
        if item.queue is QueueStatus.DONE:
            return _("Checked again.")
        if item.run.cause is Cause.UNTAGGED and not item.run.message:
            return _("%(thing)s has no tag.") % {"thing": thing_named(item.lacks)}
        return delivery_words.cause_of(item.run.cause, "", item.run.message)
    action = item.action
    assert action is not None
    if action.state is ActionState.SUPERSEDED:
        return _("Replaced by newer data.")
    if not item.is_queued:
        return delivery_words.did(action, None, item.connection)
    if item.queue is QueueStatus.DONE:
        return _("Delivered by a retry.")
    if action.cause is Cause.ANSWER and item.answered is not None:
        return delivery_words.refusal(item.blamed_name, item.answered, target_words)
    return delivery_words.cause_of(action.cause, item.blamed_name, action.message)


_THINGS: Final = {
    TagKind.REGISTRATION_STATUS: gettext_lazy("The registration status “%(name)s”"),
    TagKind.SESSION_STATUS: gettext_lazy("The session status “%(name)s”"),
    TagKind.EVENT_STATUS: gettext_lazy("The event status “%(name)s”"),
    TagKind.REGISTRATION_PROPERTY: gettext_lazy("The property “%(name)s”"),
}


def thing_named(untagged: Untagged) -> str:
    """What has no tag, at the beginning of a sentence: "The session status “Attended”"."""
    words = _THINGS.get(untagged.kind) if untagged.kind else None
    return str(words) % {"name": untagged.name} if words else _("The thing that it is about")


def tries(item: RetryItem) -> int:
    """How often an item was retried automatically; of a run, how often it was decided again."""
    return max(item.action.tries - 1, 0) if item.action else item.row.tries
