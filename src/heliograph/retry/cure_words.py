"""What cures a failure, in words (D6). The Retry Queue says the same of an answer as Save & Test and Send a sample do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.connections import diagnosis_words
from heliograph.deliveries.exchanges import Exchange
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.target_reply import UTF_8, TargetReply
from heliograph.domain.delivery.outcomes import CONNECTION_STATUSES, Cause

_FINAL = (Cause.FLOW_DELETED, Cause.DESTINATION_REMOVED, Cause.ERASED, Cause.DISCARDED, Cause.REPLAY_CANCELLED)
_OF_SETUP = (401, 403, 404, 405, 410, 415)
"""Answers that another address, other credentials or another content type cure; a redirect does, too."""


def is_of_setup(cause: Cause | None, status: int | None) -> bool:
    """Whether an answer is cured in Connection Setup: the target did not accept who sends, or where to, or how."""
    return cause is Cause.ANSWER and status is not None and (status in _OF_SETUP or 300 <= status < 400)


def is_of_mapping(cause: Cause | None, status: int | None) -> bool:
    """Whether the target did not accept what is sent: another try of the same would be refused again."""
    return (
        cause is Cause.ANSWER
        and status is not None
        and 400 <= status < 500
        and status not in CONNECTION_STATUSES
        and not is_of_setup(cause, status)
    )


def said_by_target(kept: Exchange | None) -> str:
    """The target's own short word for it, such as no_service; "" where it has none."""
    if kept is None or kept.status is None:
        return ""
    body = kept.response_body.encode("utf-8", "replace")
    return own_words(TargetReply(kept.status, kept.response_headers, body, cut=kept.truncated, charset=UTF_8))


def cure_of(
    cause: Cause | None, status: int | None = None, *, connection: Connection | None = None, paused: bool = False, used_up: bool = False
) -> str:
    """What cures a cause, in one to three sentences; "" where nothing is to be said.

    connection: that it went over, as it is now; paused: it sends nothing until it is released; used_up: it is sent again only by hand.
    """
    said = _cure(cause, status, connection, used_up=used_up)
    if paused and cause not in _FINAL:
        said = f"{said} {_('The connection is paused: choose Release in its menu once that is done.')}".strip()
    return said


def _cure(cause: Cause | None, status: int | None, connection: Connection | None, *, used_up: bool) -> str:
    if is_of_setup(cause, status):
        assert status is not None
        remedy = diagnosis_words.remedy_of_answer(status, keyless=connection is not None and connection.auth is Auth.OPEN)
        after = _("Then submit them again.") if used_up else _("Once that is saved, all are sent at once, in order.")
        return f"{remedy} {after}"
    if is_of_mapping(cause, status):
        return _("It does not take what is sent. Correct the mapping or the connection, then submit them again.")
    if used_up and cause not in _FINAL:
        return _("Look what its cause was, then submit it again.")
    match cause:
        case Cause.DNS | Cause.REFUSED | Cause.TIMEOUT | Cause.RESET | Cause.ANSWER | Cause.GARBLED:
            return _("Usually passes by itself.")
        case Cause.TLS | Cause.BLOCKED | Cause.OAUTH | Cause.BAD_REQUEST:
            return _("Look at the connection’s setup.")
        case Cause.FLOW_MODE:
            return _("Discard it, or switch the flow back: then all are sent at once, in order.")
        case Cause.FLOW_INACTIVE | Cause.FLOW_INCOMPLETE | Cause.FLOW_WATCH:
            return _("Once the flow runs again as it did, all are sent at once, in order.")
        case Cause.CONNECTION_GONE:
            return _("Choose another connection in the flow.")
        case Cause.MAPPING_GONE:
            return _("Choose another mapping in the flow.")
        case Cause.UNTAGGED:
            return _("Once it carries a tag, it is judged again at once.")
        case Cause.FLOW_DELETED | Cause.DESTINATION_REMOVED | Cause.ERASED:
            return _("Nothing is left to send.")
        case _:
            return ""
