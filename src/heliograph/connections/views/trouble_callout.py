"""The callout of a connection that refuses or does not answer: the target's own words first, then what is most likely wrong, since when, and how
many wait (C3). After a save it says what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may
from heliograph.connections import diagnosis_words
from heliograph.connections.connection_deliveries import ConnectionPace, SentSince, last_refusal
from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.waiting_items import waiting_items
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.diagnosis import refusal_finding
from heliograph.store.instants import from_micros
from heliograph.web.list_count import ListCount, many
from heliograph.web.templatetags.moments import clock_minute, since_when

_TROUBLES: Final = frozenset({Health.REFUSES, Health.SILENT, Health.BLOCKED})


@dataclass(frozen=True, slots=True)
class TroubleCallout:
    """The callout of connections/trouble.html. A text is "" if there is nothing to say."""

    title: str
    quote: str
    source: str
    """When the target said that, and with which status."""
    text: str
    likely: str
    link: str
    href: str
    waits: str
    waits_href: str


def trouble_callout(
    reader: AccountReader, row: ConnectionRow, user: User, pace: ConnectionPace, *, on_setup: bool
) -> TroubleCallout | None:
    """The callout of a connection whose last attempt failed; None for any other.

    on_setup: True on Connection Setup, where the cure is the form itself
    """
    last = row.evidence.attempt if row.evidence is not None else None
    if row.health not in _TROUBLES or last is None or last.succeeded:
        return None
    refusal = last_refusal(reader, last)
    finding = refusal_finding(last.status, refusal.error) if last.status is not None else None
    since = pace.failing_since or last.at
    state = {
        Health.REFUSES: _("Refusing since %(time)s"),
        Health.SILENT: _("Not answering since %(time)s"),
        Health.BLOCKED: _("Address not allowed since %(time)s"),
    }[row.health]
    time = clock_minute(from_micros(last.at))
    quote, source = message_words(last.message).rstrip("."), _("At %(time)s") % {"time": time}
    if last.status is not None and not refusal.says:
        quote = delivery_words.answered(last.status)
    elif last.status is not None:
        quote = refusal.says
        source = _("Its answer at %(time)s, %(status)s") % {"time": time, "status": delivery_words.answered(last.status)}
    may_change = may(user, Role.ADMINISTRATOR) and not on_setup
    # A save sends only what a setting can cure; what failed by the target's own fault waits for its next try.
    cured_here = on_setup and may(user, Role.ADMINISTRATOR) and waiting_items(reader.db, reader.config, row.id).due >= row.waiting
    return TroubleCallout(
        title=state % {"time": since_when(from_micros(since))},
        quote=quote,
        source=source,
        text=_waiting_text(row.waiting_count, cured_here=cured_here),
        likely=diagnosis_words.likely_remedy(finding, refusal.sign_in) if finding is not None else "",
        link=_("Open Setup") if may_change else "",
        href=reverse("connection", args=(row.id,)) if may_change else "",
        waits=ngettext("See it", "See the %(n)s", row.waiting) % {"n": many(row.waiting_count)} if row.waiting else "",
        waits_href=_retry_url(row),
    )


def sent_text(sent: SentSince) -> str:
    """What became of what waited, after a save: "2 of 3 are sent"."""
    total = sent.sent + sent.under_way
    if sent.under_way:
        if sent.sent:
            return _("%(sent)s of %(all)s sent") % {"sent": many(sent.sent), "all": many(total)}
        return ngettext("%(n)s is being sent", "%(n)s are being sent", total) % {"n": many(total)}
    return ngettext("%(n)s sent", "%(n)s sent", sent.sent) % {"n": many(sent.sent)}


def left_text(row: ConnectionRow) -> dict[str, str]:
    """How many items still wait for a connection that answers again, with the link to the page that sends them at once."""
    number = {"n": many(row.waiting_count)}
    return {
        "text": ngettext("%(n)s waits for its next try", "%(n)s wait for their next try", row.waiting) % number,
        "link": ngettext("Send it now, in Retry", "Send them now, in Retry", row.waiting),
        "href": _retry_url(row),
    }


def _retry_url(row: ConnectionRow) -> str:
    return f"{reverse('retry')}?{urlencode({'connection': row.id, 'status': 'waiting'})}"


def _waiting_text(waiting: ListCount, *, cured_here: bool) -> str:
    if not waiting.number:
        return ""
    number = {"n": many(waiting)}
    if cured_here:
        return (
            ngettext(
                "%(n)s waits. It is sent as soon as you save a correction.",
                "%(n)s wait. They are sent as soon as you save a correction.",
                waiting.number,
            )
            % number
        )
    return (
        ngettext(
            "%(n)s waits, and is sent as soon as it works again.", "%(n)s wait, and are sent as soon as it works again.", waiting.number
        )
        % number
    )
