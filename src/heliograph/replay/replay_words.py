"""A replay in words: its selection, its verdicts and its stage."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heliograph.domain.delivery.replay import ReplayNote, ReplayVerdict
from heliograph.replay.replays import Stage
from heliograph.replay.selection import Selection
from heliograph.store.instants import from_micros
from heliograph.web.date_texts import date_text

VERDICTS: Final = {
    ReplayVerdict.NEW: gettext_lazy("New"),
    ReplayVerdict.DIFFERENT: gettext_lazy("Different"),
    ReplayVerdict.SAME: gettext_lazy("Same"),
    ReplayVerdict.FILTERED: gettext_lazy("Filtered"),
    ReplayVerdict.SUPERSEDED: gettext_lazy("Replaced by newer data"),
    ReplayVerdict.WOULD_FAIL: gettext_lazy("Would fail"),
}
"""In the order of the dry run."""
SAYS: Final = {
    ReplayVerdict.NEW: gettext_lazy("none of them was accepted there: never sent, or refused"),
    ReplayVerdict.DIFFERENT: gettext_lazy("not the same as last accepted there"),
    ReplayVerdict.SAME: gettext_lazy("the same as last accepted there"),
    ReplayVerdict.FILTERED: gettext_lazy("today’s rules of the flow leave them out"),
    ReplayVerdict.SUPERSEDED: gettext_lazy("newer data was sent there, or goes first"),
    ReplayVerdict.WOULD_FAIL: gettext_lazy("no request can be made from them"),
}
TONES: Final[Mapping[ReplayVerdict, str]] = {ReplayVerdict.SUPERSEDED: "quiet", ReplayVerdict.WOULD_FAIL: "invalid"}
NOTES: Final = {
    ReplayNote.NEWER_SENT: gettext_lazy("Newer data of this record was sent there."),
    ReplayNote.NEWER_WAITS: gettext_lazy("Newer data of this record is waiting to be sent there, and goes first."),
    ReplayNote.CONTENT_GONE: gettext_lazy("The content of this change is no longer stored."),
    ReplayNote.LAST_GONE: gettext_lazy("What was last accepted there is no longer stored, so it cannot be compared."),
    ReplayNote.NOT_COMPARED: gettext_lazy("Only a part of what was last accepted there is stored, so it cannot be compared."),
}
STAGES: Final = {
    Stage.CHECKING: gettext_lazy("Dry run"),
    Stage.CHECK_STOPPED: gettext_lazy("Dry run stopped"),
    Stage.CHECKED: gettext_lazy("Dry run, nothing sent"),
    Stage.WAITING: gettext_lazy("Waiting to send"),
    Stage.SENDING: gettext_lazy("Sending"),
    Stage.PAUSED: gettext_lazy("Paused"),
    Stage.FAILED: gettext_lazy("Stopped"),
    Stage.CANCELLED: pgettext_lazy("a replay", "Cancelled"),
    Stage.DONE: gettext_lazy("Done"),
}


def selected(selection: Selection, event: str) -> str:
    """A selection in words: "1 Oct 2026 to 11 Oct 2026, SUMMIT-26, every matching change".

    event: the code of the selected event; "" for all events
    """
    last = timezone.localtime(from_micros(selection.until - 1)).date()
    if selection.since is None:
        days = _("until %(day)s") % {"day": _day(last)}
    else:
        first = timezone.localtime(from_micros(selection.since)).date()
        days = _day(first) if first == last else _("%(since)s to %(until)s") % {"since": _day(first), "until": _day(last)}
    registrations = selection.registrations
    parts = [days, event or _("all events")]
    parts += [_("“%(text)s”") % {"text": registrations.text}] if registrations.text else []
    parts += [registrations.status] if registrations.status else []
    parts += [_("every matching change")] if selection.every else []
    parts += [_("including changes recorded without sending")] if selection.quiet else []
    return ", ".join(parts)


def _day(day: datetime.date) -> str:
    return date_text(day, "j M Y")
