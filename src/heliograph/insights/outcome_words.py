"""The outcome of a change in one flow, as the feed shows it: a chip, and a sentence if something waits or failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.accounts.models import User
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import not_triggered
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.prospects import prospect_of
from heliograph.domain.delivery.action import ActionState, Origin, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.insights.feed import FeedRow, FlowOutcome
from heliograph.retry.cure_words import Failure
from heliograph.retry.fix_links import FixLink, Trouble, cured_at
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAction
from heliograph.web.templatetags.moments import soon


@dataclass(frozen=True, slots=True)
class OutcomeChip:
    """A chip of components/outcome.html."""

    name: str
    """The connection that it went over; without one, the flow."""
    answer: str
    """The outcome in a word or two, such as the HTTP status."""
    word: str
    """The state, for readers who do not see the icon."""
    flow: str
    href: str
    tone: str = ""
    icon: str = ""
    """ "" for the flash of an action on its way."""


@dataclass(frozen=True, slots=True)
class OutcomeNote:
    """A sentence below the chips, with a link to the page that cures the failure; link and URL are "" if there is none."""

    text: str
    link: str = ""
    href: str = ""


_NOT_TRIGGERED: Final = gettext_lazy("not triggered")
_WAITS: Final = gettext_lazy("will be retried")


def chip_of(outcome: FlowOutcome, why: str) -> OutcomeChip:
    """The chip of an outcome.

    why: the URL of the page that explains the decision
    """
    if outcome.action is None:
        return _chip_of_run(outcome, why)
    chip = _chip_of_action(outcome, outcome.action)
    if outcome.action.origin is not Origin.REPLAY:
        return chip
    answer = _("Replay, %(answer)s") % {"answer": chip.answer} if chip.answer else _("Replay")
    return replace(chip, answer=answer)


def _chip_of_action(outcome: FlowOutcome, action: StoredAction) -> OutcomeChip:
    status = outcome.attempt.status if outcome.attempt else None
    where = {"name": outcome.connection, "flow": outcome.flow, "href": reverse("retry-item", args=(f"a{action.id}",))}
    answer = str(status or "")
    match action.state:
        case ActionState.SUCCESS:
            return OutcomeChip(**where, answer=answer, word=_("delivered"), icon="check")
        case ActionState.QUEUED:
            due = soon(from_micros(action.due_at)) if action.due_at else ""
            return OutcomeChip(**where, answer=due or answer, word=str(_WAITS), tone="wait", icon="clock")
        case ActionState.FAILED:
            return OutcomeChip(**where, answer=answer or _("failed"), word=_("failed"), tone="failed", icon="failed")
        case ActionState.VALIDATION:
            return OutcomeChip(**where, answer=_("not sent"), word=_("validation error"), tone="invalid", icon="invalid")
        case ActionState.SUPERSEDED:
            return OutcomeChip(**where, answer=_("newer data was sent"), word=_("replaced by newer data"), tone="unread", icon="dash")
        case _ if outcome.prospect.is_held:
            return OutcomeChip(**where, answer=_("held"), word=_("held"), tone="wait", icon="clock")
        case _:
            return OutcomeChip(**where, answer=_("on its way"), word=_("on its way"))


def _chip_of_run(outcome: FlowOutcome, why: str) -> OutcomeChip:
    where = {"name": outcome.flow, "flow": outcome.flow}
    if not outcome.is_open_or_failed:
        return OutcomeChip(**where, answer=str(_NOT_TRIGGERED), word=str(_NOT_TRIGGERED), tone="unread", icon="dash", href=why)
    untagged = outcome.reason is not None and outcome.reason.is_untagged and not outcome.stop
    answer, item = _("no tag") if untagged else _("not checked"), reverse("retry-item", args=(f"r{outcome.id}",))
    if outcome.queue is QueueStatus.FAILED:
        return OutcomeChip(**where, answer=answer, word=_("failed"), tone="failed", icon="failed", href=item)
    word = _("waits for a tag") if untagged else str(_WAITS)
    return OutcomeChip(**where, answer=answer, word=word, tone="wait", icon="clock", href=item)


def notes_of(row: FeedRow, reader: AccountReader, user: User) -> list[OutcomeNote]:
    """A sentence, with its cure, for each outcome that waits, failed or was not sent. Equal sentences are listed once."""
    notes = [note for outcome in row.outcomes if (note := note_of(outcome, row, reader, user)) is not None]
    return list(dict.fromkeys(notes))


def note_of(outcome: FlowOutcome, row: FeedRow, reader: AccountReader, user: User | None) -> OutcomeNote | None:
    """The sentence for an outcome that waits, failed or was not sent; None for any other.

    user: who gets the link to the page that cures it; None for no link
    """
    action = outcome.action
    if action is None:
        sentence, _state = not_triggered(outcome.reason, outcome.queue, row.change, reader.config, row.event, outcome.flow_id, outcome.stop)
        if not outcome.is_open_or_failed:
            return OutcomeNote(sentence) if len(row.outcomes) == 1 else None
        cause = Cause.UNTAGGED if outcome.reason is not None and outcome.reason.is_untagged else Cause.EXCEPTION
        fix = cured_at(Trouble(Failure(cause), flow=outcome.flow_id, prospect=outcome.prospect), reader.config, user) if user else FixLink()
        return OutcomeNote(sentence, fix.text, fix.href)
    keeps = hindrance(outcome.prospect)
    if action.state is ActionState.PENDING and keeps:
        return OutcomeNote(delivery_words.did(action, None, outcome.connection, keeps))
    if action.state not in (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION):
        return None
    status = outcome.attempt.status if outcome.attempt else None
    failure = Failure(action.cause, action.category, status, connection=action.connection)
    trouble = Trouble(failure, action.flow, action.destination, prospect_of(reader.config, action, {}))
    fix = cured_at(trouble, reader.config, user) if user else FixLink()
    return OutcomeNote(delivery_words.did(action, outcome.attempt, outcome.connection), fix.text, fix.href)
