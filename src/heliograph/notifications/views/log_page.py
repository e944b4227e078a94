"""What was sent, to whom, and what was not (B4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import User
from heliograph.accounts.roles import AccountRequest
from heliograph.notifications.letter_words import number_words
from heliograph.notifications.letters import Letter
from heliograph.notifications.models import Message, MessageState, Problem
from heliograph.notifications.views.settings_pages import ENTRY, tabs
from heliograph.store.django_database import read_database
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.list_filters import ChoiceFilter, ListFilters
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import short_moment

TONES: Final = {
    MessageState.WAITING: "wait",
    MessageState.SENDING: "wait",
    MessageState.SENT: "quiet",
    MessageState.NOT_SENT: "failed",
    MessageState.NOT_NEEDED: "quiet",
}
MOST_COUNTED: Final = 10_000


def _states() -> list[Choice]:
    return [
        Choice("sent", _("Sent")),
        Choice("not-sent", _("Not sent")),
        Choice("waiting", _("Waiting")),
        Choice("not-needed", _("Not needed")),
    ]


_BY_CHOICE: Final[Mapping[str, tuple[MessageState, ...]]] = {
    "sent": (MessageState.SENT,),
    "not-sent": (MessageState.NOT_SENT,),
    "waiting": (MessageState.WAITING, MessageState.SENDING),
    "not-needed": (MessageState.NOT_NEEDED,),
}


class LogFilters(ListFilters):
    """The filters of the log."""

    no_match = gettext_lazy("No message")
    no_match_text = gettext_lazy("Nothing matches the filters in the last 30 days. Change one of them.")
    show_all = gettext_lazy("Show all messages")

    whose = ChoiceFilter(gettext_lazy("To"), options=lambda: [Choice("me", _("Me"))], every=gettext_lazy("Everybody"), param="to")
    state = ChoiceFilter(gettext_lazy("State"), options=_states, every=gettext_lazy("Any state"))


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row of the log."""

    at: datetime
    title: str
    note: str
    href: str
    to: str
    way: str
    tone: str
    state: str
    result: str


@require_safe
def notification_log(request: AccountRequest) -> HttpResponse:
    """The messages of the last 30 days, the newest first."""
    filters = LogFilters(request)
    rows = Message.objects.filter(account_id=request.account.pk)
    if filters.cleaned_data["whose"]:
        rows = rows.filter(user_id=request.user.pk)
    if states := _BY_CHOICE.get(filters.cleaned_data["state"]):
        rows = rows.filter(state__in=states)
    listed = keyset(rows, "created", "id", read_cursor(request, (int, int)))
    total = rows[: MOST_COUNTED + 1].count()
    number = intcomma(total) if total <= MOST_COUNTED else _("more than %(n)s") % {"n": intcomma(MOST_COUNTED)}
    return page(
        request,
        "notifications/log.html",
        here=ENTRY,
        tabs=tabs("notification-log"),
        filters=filters,
        result=ngettext("%(n)s message", "%(n)s messages", total) % {"n": number},
        rows=_rows(request, list(listed.rows)),
        pager=Pager.from_page(request, listed, ""),
    )


def _rows(request: AccountRequest, messages: list[Message]) -> list[LogRow]:
    users = dict(User.objects.filter(account=request.account, pk__in={message.user_id for message in messages}).values_list("pk", "name"))
    ids = [int(message.address) for message in messages if message.way == "connection"]
    with read_database() as db:
        names: dict[int, str] = dict(
            db.all(
                f"SELECT id, name FROM connection WHERE account_id = :account AND {db.member('id', 'ids')}",
                {"account": request.account.pk, "ids": ids},
            )
            if ids
            else ()
        )
    numbers = dict(
        Problem.objects.filter(account_id=request.account.pk, resolved=None, pk__in={m.problem_id for m in messages}).values_list(
            "pk", "number"
        )
    )
    return [_row(message, users, names, numbers) for message in messages]


def _row(message: Message, users: Mapping[int, str], connections: Mapping[int, str], numbers: Mapping[int, int]) -> LogRow:
    is_mail = message.way == "mail"
    to = (users.get(message.user_id) or message.address) if is_mail else connections.get(int(message.address), _("A deleted connection"))
    note = ""
    if message.state == MessageState.WAITING and message.in_quiet_hours:
        note = _("Held for quiet hours until %(time)s") % {"time": short_moment(message.due)}
    elif message.state == MessageState.WAITING and message.tries:
        text = _("Next try %(time)s") if message.tries == 1 else _("Tried %(n)s times, next at %(time)s")
        note = text % {"n": message.tries, "time": short_moment(message.due)}
    elif message.phase == "opened" and numbers.get(message.problem_id):
        note = _("Now %(n)s") % {"n": number_words(numbers[message.problem_id])}
    return LogRow(
        message.ended or message.created,
        message.title,
        note,
        Letter.from_body(message.body).path,
        to,
        _("E-mail") if is_mail else _("Connection"),
        TONES[MessageState(message.state)],
        str(MessageState(message.state).label),
        message.result,
    )
