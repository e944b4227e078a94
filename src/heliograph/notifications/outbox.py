"""The outbox: messages are claimed, sent and settled (B4; docs/design/notifications.md, section 4).

    WAITING --claim--> SENDING --sent--> SENT
       ^                  |------------> NOT_SENT       no further try makes sense
       |---a later try----|
                          |------------> claimed again, once its process is dead or its claim is over

A message is claimed and settled in transactions of their own, and nothing is open while it is sent. So none is lost. If a process dies after
the server took a message and before that is recorded, it is sent once more with the same Message-ID or webhook-id, by which mail programs and
receivers of Standard Webhooks know that it is the same.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connections, transaction
from django.db.models import Q

from heliograph.domain.notification.tries import Result, next_try
from heliograph.jobs import owners
from heliograph.notifications.models import Message, MessageState
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros

CLAIM_LASTS: Final = timedelta(minutes=3)
"""Longer than any try: a mail server has 10 seconds for each step, a connection at most 20 and its access token 45."""
AT_ONCE: Final = 20
"""Messages to one recipient that become one, if they were held or are more than SEPARATE."""
SEPARATE: Final = 3
LONGEST_RESULT: Final = 500
WAKE: Final = threading.Event()
"""Set by a page that has put something into the outbox: the thread of this process looks at once."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Messages to one recipient that are sent as one: one, or several that were held or came together."""

    messages: list[Message]

    @property
    def first(self) -> Message:
        return self.messages[0]


def claim(owner: str, *, without_mail: bool = False, now: int | None = None) -> Claimed | None:
    """Claims what is due next, for all accounts; None if nothing is. Call it outside of any transaction, with scopes disabled.

    without_mail: only messages over connections, because the mail server cannot be reached
    now: microseconds; None for the database's clock
    """
    with transaction.atomic():
        at = from_micros(now or of_django(connections["default"]).now())
        open_messages = Message.objects.filter(state__lt=MessageState.SENT, due__lte=at).order_by("due", "id")
        if without_mail:
            open_messages = open_messages.exclude(way="mail")
        first = None
        for candidate in open_messages.filter(Q(state=MessageState.WAITING) | Q(state=MessageState.SENDING)).select_for_update(
            skip_locked=True
        )[:50]:
            is_abandoned = candidate.claimed_until is None or candidate.claimed_until <= at or owners.is_dead(candidate.owner)
            if candidate.state == MessageState.WAITING or is_abandoned:
                first = candidate
                break
        if first is None:
            return None
        messages = [first]
        if first.state == MessageState.WAITING and not first.tries:
            others = open_messages.filter(
                account_id=first.account_id, way=first.way, address=first.address, state=MessageState.WAITING, tries=0
            ).exclude(pk=first.pk)
            together = list(others.select_for_update(skip_locked=True)[: AT_ONCE - 1])
            of_quiet_hours = [message for message in together if message.in_quiet_hours]
            if first.in_quiet_hours and of_quiet_hours:
                messages += of_quiet_hours
            elif len(together) >= SEPARATE:
                messages += together
        for message in messages:
            message.state, message.owner, message.claimed_until = MessageState.SENDING, owner, at + CLAIM_LASTS
            message.tries += 1
            if message is not first:
                message.uid = first.uid  # they are sent as one
            message.save(update_fields=["state", "owner", "claimed_until", "tries", "uid"])
        return Claimed(messages)


def settle(claimed: Claimed, owner: str, result: Result, words: str, *, now: int | None = None) -> None:
    """Records how a try ended. A message that another process has claimed since stays that process's.

    words: why it was not sent
    now: microseconds; None for the database's clock
    """
    with transaction.atomic():
        micros = now or of_django(connections["default"]).now()
        for message in claimed.messages:
            again = next_try(result, message.tries, micros)
            changes: dict[str, object] = {"owner": "", "claimed_until": None, "result": words[:LONGEST_RESULT]}
            if result is Result.SENT:
                changes |= {"state": MessageState.SENT, "ended": from_micros(micros)}
            elif again is None:
                changes |= {"state": MessageState.NOT_SENT, "ended": from_micros(micros)}
            else:
                changes |= {"state": MessageState.WAITING, "due": from_micros(again)}
            Message.objects.filter(pk=message.pk, owner=owner, state=MessageState.SENDING).update(**changes)
