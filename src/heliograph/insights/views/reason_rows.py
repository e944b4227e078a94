"""Why actions of a period failed and what waits for a tag: the rows for insights/reasons.html and insights/untagged.html (X2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.figures import Figures
from heliograph.insights.failure_reasons import FailureReason, failure_reasons
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.views.insights_frame import Frame
from heliograph.retry.fix_links import FixLink, cured_at
from heliograph.retry.retry_items import StatusChoice
from heliograph.retry.retry_queue import RetryQueue


def reason_rows(reader: AccountReader, frame: Frame) -> tuple[list[dict[str, Any]], bool]:
    """Why actions of the period failed, for insights/reasons.html, and whether these are all reasons."""
    reasons, all_reasons = failure_reasons(reader, frame.window, frame.mode, frame.replays)
    return [_reason_row(reason, reader, frame) for reason in reasons], all_reasons


def untagged_words(number: int, reader: AccountReader) -> str:
    """ "894 wait for a tag". Figures count what waits for its flow among them, so the flow is named as long as the account has such runs."""
    if not number or not RetryQueue(reader).undecided().stopped.number:
        return delivery_words.waits_for_tag(number)
    text = ngettext("%(n)s waits for a tag or for its flow", "%(n)s wait for a tag or for their flow", number)
    return text % {"n": intcomma(number)}


def untagged_context(tiles: Figures, frame: Frame, words: str) -> dict[str, Any]:
    """What insights/untagged.html needs.

    words: `untagged_words`
    """
    return {
        "untagged": words if tiles.untagged else "",
        "untagged_href": frame.number_at(RecordKind.UNTAGGED, tiles.untagged),
    }


def _reason_row(reason: FailureReason, reader: AccountReader, frame: Frame) -> dict[str, Any]:
    """A reason for insights/reasons.html."""
    tone, state = delivery_words.state_of(reason.state)
    fix = cured_at(reason.trouble, reader.config, frame.request.user)
    if not fix.text and reason.trouble.failure.status is not None:
        fix = FixLink(_("See the answer"), reverse("retry-item", args=(f"a{reason.action}",)))
    return {
        "number": reason.number,
        "tone": tone,
        "state": state,
        "cause": reason.cause,
        "quote": reason.says,
        "cure": reason.cure,
        "href": frame.number_at(reason.kind, reason.number, alike=reason.action),
        "fix": fix.text,
        "fix_href": fix.href,
        **_list_of(reason, frame),
    }


def _list_of(reason: FailureReason, frame: Frame) -> dict[str, str]:
    """The link to the actions of a reason: in Retry, where they can be sent again, or to their records."""
    if reason.state is ActionState.VALIDATION:
        text = ngettext("Open the registration", "Open the %(n)s registrations", reason.number) % {"n": intcomma(reason.number)}
        href = frame.number_at(reason.kind, reason.number, alike=reason.action)
        return {"list": text if href else "", "list_href": href}
    status = StatusChoice.FAILED if reason.state is ActionState.FAILED else StatusChoice.WAITING
    query = urlencode({"cause": reason.key, "status": status.value})
    return {"list": ngettext("See it in Retry", "See them in Retry", reason.number), "list_href": f"{reverse('retry')}?{query}#items"}
