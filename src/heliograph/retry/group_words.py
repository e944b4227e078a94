"""A cause of the Retry Queue in words (D6)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries import delivery_words
from heliograph.domain.delivery.outcomes import Cause
from heliograph.retry.cause_groups import CauseGroup
from heliograph.retry.item_words import thing_named


def title_of(group: CauseGroup) -> str:
    """What is wrong with the items of a cause, without a full stop."""
    if group.waits_for_flow:
        return delivery_words.cause_of(group.prospect.stop, "", group.message).rstrip(".")
    if group.cause is Cause.UNTAGGED:
        return _("%(thing)s of %(event)s has no tag") % {"thing": thing_named(group.lacks), "event": group.event}
    if group.cause is Cause.ANSWER and group.answer_status:
        return delivery_words.refusal(group.connection_name, group.answer_status, group.refusal.says).rstrip(".")
    return delivery_words.cause_of(group.cause, group.connection_name, group.message).rstrip(".")
