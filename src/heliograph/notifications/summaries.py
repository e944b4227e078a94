"""The morning summary: once a day, and only if something waits or has failed (B4)."""

from __future__ import annotations

from functools import partial
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.notification.audience import Recipient
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Settings, connection_of
from heliograph.notifications.delivered_yesterday import delivered_yesterday
from heliograph.notifications.letter_words import Summary, summary_letter
from heliograph.notifications.letters import Phase
from heliograph.notifications.models import Message
from heliograph.notifications.observations import Look
from heliograph.notifications.watch import Watched, put_message
from heliograph.store.instants import from_micros

LATE_BY: Final = 120
"""Minutes after its time in which a summary is still made, such as after an update. Later it would be no morning summary."""


def put_summaries(watched: Watched, look: Look, reader: AccountReader) -> None:
    """Puts the summaries into the outbox whose time has come. In the caller's transaction and scope."""
    if not look.waiting and not look.failed:
        return
    about = f"summary:{from_micros(watched.now).astimezone(watched.zone).date()}"
    stored = Message.objects.filter(account_id=watched.account, key__startswith=f"{about}:").values_list("way", "address")
    sent_to = {(way, address.lower()) for way, address in stored}
    recipients = [each for each in _recipients(watched) if (each.way, each.address.lower()) not in sent_to]
    if not recipients:
        return
    summary = Summary(look.lines, look.waiting, look.failed, delivered_yesterday(reader, watched.zone, watched.now))
    write = partial(summary_letter, summary, watched.name, watched.now)
    for recipient in recipients:
        put_message(watched, about, Kind.SUMMARY, Phase.SUMMARY, write, recipient)


def _recipients(watched: Watched) -> list[Recipient]:
    """Whoever wants a summary at this time of the day. In quiet hours there is none."""
    audience = watched.audience
    recipients = []
    for person in audience.people:
        if person.chooses and _is_time(person.wants, watched):
            recipients += _on(person.wants, person.id, person.address, watched)
    if _is_time(audience.account, watched):
        recipients += _on(audience.account, 0, "", watched)
    return recipients


def _is_time(settings: Settings, watched: Watched) -> bool:
    local = from_micros(watched.now).astimezone(watched.zone)
    return 0 <= local.hour * 60 + local.minute - settings.summary_at < LATE_BY and not settings.quiet.contains(local)


def _on(settings: Settings, user: int, own_address: str, watched: Watched) -> list[Recipient]:
    recipients = []
    for way in sorted(settings.ways_of(Kind.SUMMARY)):
        connection = connection_of(way)
        if connection is None:
            recipients.append(Recipient("mail", own_address if way == MAIL else way, user))
        elif connection in watched.audience.usable - watched.audience.in_trouble:
            recipients.append(Recipient("connection", str(connection), user))
        elif own_address:
            recipients.append(Recipient("mail", own_address, user))
    return recipients
