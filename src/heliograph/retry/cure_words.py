"""What cures a failure, in words (D6, D7).

The words for an answer are those of Save & Test and of Send a sample. They promise nothing that today's flow and connection do not allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from heliograph.connections import diagnosis_words
from heliograph.deliveries import delivery_words
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect
from heliograph.deliveries.refusals import UNKNOWN_REFUSAL, Refusal
from heliograph.domain.connection.diagnosis import Finding, refusal_finding
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, Cause, was_tried
from heliograph.domain.delivery.retry_policy import Category

_FINAL = (
    Cause.FLOW_DELETED,
    Cause.DESTINATION_REMOVED,
    Cause.ERASED,
    Cause.CONTENT_REMOVED,
    Cause.DISCARDED,
    Cause.REPLAY_CANCELLED,
)
_OF_SETUP: Final = frozenset(
    {
        Finding.UNAUTHORIZED,
        Finding.FORBIDDEN,
        Finding.LACKS_SCOPE,
        Finding.NOT_FOUND,
        Finding.METHOD,
        Finding.GONE,
        Finding.CONTENT_TYPE,
        Finding.MOVED,
    }
)
"""Findings about the connection: the target refused the sign-in, the URL or the kind of request."""
_OF_MAPPING: Final = frozenset({Finding.NOT_UNDERSTOOD, Finding.TOO_LARGE})
"""Findings about the body. Another try of the same body would be refused again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The facts of a failure on which its cure depends."""

    cause: Cause | None
    category: Category | None = None
    status: int | None = None
    """The HTTP status of the answer; None if there was no answer."""
    refusal: Refusal = UNKNOWN_REFUSAL
    """What the target answered, and how the connection signs in."""
    connection: int | None = None
    """The connection that the attempt went over; None if nothing was tried, or if several failures differ in it."""

    @property
    def finding(self) -> Finding | None:
        """What an answer most likely means; None for any other failure."""
        if self.cause is not Cause.ANSWER or self.status is None:
            return None
        return refusal_finding(self.status, self.refusal.error)

    @property
    def is_of_setup(self) -> bool:
        """True if it is cured in Connection Setup."""
        return self.finding in _OF_SETUP

    @property
    def is_of_mapping(self) -> bool:
        """True if it is cured in the mapping."""
        return self.finding in _OF_MAPPING

    @property
    def is_due_once_cured(self) -> bool:
        """True if saving its fix makes it due at once (D7)."""
        return self.category is Category.CONFIG or self.cause in CURED_BY_ADDRESS


def cure_of(failure: Failure, *, prospect: Prospect = NO_PROSPECT, used_up: bool = False, is_single: bool = False) -> str:
    """What cures a failure, in one to three sentences; "" if nothing is known.

    used_up: True if it has no automatic retries left, so that it is sent again only by hand
    is_single: True if it is the failure of one item
    """
    if failure.cause in (Cause.DISCARDED, Cause.REPLAY_CANCELLED) and not prospect.is_over:
        return ""
    if failure.cause in _FINAL or prospect.is_over:
        return _("Nothing is left to send.")
    return f"{_cure(failure, prospect, used_up=used_up, is_single=is_single)} {hindrance(prospect)}".strip()


def _cure(failure: Failure, prospect: Prospect, *, used_up: bool, is_single: bool) -> str:
    if was_tried(failure.cause) and failure.connection and prospect.connection not in (None, failure.connection):
        facts = {"connection": delivery_words.isolated(prospect.name)}
        if used_up:
            return _("The flow now sends over %(connection)s. Submit it again to send it there.") % facts
        return _("The flow now sends over %(connection)s. The next try goes there.") % facts
    if failure.finding is not None and failure.is_of_setup:
        remedy = diagnosis_words.remedy_of(failure.finding, failure.refusal.sign_in)
        return f"{remedy} {_once_saved(failure, prospect, used_up=used_up, is_single=is_single)}"
    if failure.is_of_mapping:
        one = _("It refuses what is sent. Correct the mapping or the connection, then submit it again.")
        return one if is_single else _("It refuses what is sent. Correct the mapping or the connection, then submit the items again.")
    if failure.cause is Cause.RULE and failure.category is not Category.CONNECTION:
        return f"{_('Check the connection’s setup.')} {_once_saved(failure, prospect, used_up=used_up, is_single=is_single)}"
    if used_up:
        return _("Fix the cause, then submit it again.")
    match failure.cause:
        case Cause.NO_NAME_SERVER:
            return _("It is not the URL: Heliograph’s own network has trouble with names. Usually passes automatically.")
        case Cause.DNS | Cause.REFUSED | Cause.TIMEOUT | Cause.RESET | Cause.ANSWER | Cause.GARBLED | Cause.RULE:
            return _("Usually passes automatically.")
        case Cause.TLS | Cause.BLOCKED | Cause.OAUTH | Cause.BAD_REQUEST:
            return _("Check the connection’s setup.")
        case Cause.FLOW_MODE:
            return _("Discard it, or switch the flow back.")
        case Cause.CONNECTION_GONE:
            return _("Complete the flow’s connection, or choose another one in the flow.")
        case Cause.MAPPING_GONE:
            return _("Choose another mapping in the flow.")
        case Cause.UNTAGGED if prospect.stop is None:
            return _("It has not failed: once it has a tag, it is checked right away, however long it has waited.")
        case _:
            return ""


def _once_saved(failure: Failure, prospect: Prospect, *, used_up: bool, is_single: bool) -> str:
    """What happens to the items of a failure once Connection Setup is saved."""
    if used_up:
        return _("Then submit it again.") if is_single else _("Then submit them again.")
    if not failure.is_due_once_cured:
        return _("Then submit it again, or wait for the next try.") if is_single else _("Then submit them again, or wait for the next try.")
    if prospect.stop or prospect.hold:
        return _("Once that is saved, all are due right away, in order.")
    return _("Once that is saved, all are sent right away, in order.")
