"""The kinds of notifications in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.domain.notification.kinds import Kind

NAMES: Final[Mapping[Kind, Promise]] = {
    Kind.REFUSES: gettext_lazy("A connection refuses or is paused"),
    Kind.WAITS: gettext_lazy("Something waits longer than"),
    Kind.FAILED: gettext_lazy("Something failed for good"),
    Kind.ENDED: gettext_lazy("An import or replay ended"),
    Kind.ENDS: gettext_lazy("A certificate or secret ends soon"),
    Kind.TROUBLE: gettext_lazy("Disk or worker in trouble"),
    Kind.SUMMARY: gettext_lazy("Morning summary at"),
}
NOTES: Final[Mapping[Kind, Promise]] = {
    Kind.REFUSES: gettext_lazy("Or a source can’t be read"),
    Kind.FAILED: gettext_lazy("After three retries"),
    Kind.ENDED: gettext_lazy("The ones you started"),
    Kind.ENDS: gettext_lazy("14 days and 2 days before"),
    Kind.TROUBLE: gettext_lazy("Operators only"),
    Kind.SUMMARY: gettext_lazy("Only when something waits or failed"),
}
SHORT: Final[Mapping[Kind, Promise]] = {
    Kind.REFUSES: gettext_lazy("Refuses, paused"),
    Kind.WAITS: gettext_lazy("Waits too long"),
    Kind.FAILED: gettext_lazy("Failed for good"),
    Kind.ENDED: gettext_lazy("Ended"),
    Kind.ENDS: gettext_lazy("Certificate ends"),
    Kind.TROUBLE: gettext_lazy("Disk or worker"),
    Kind.SUMMARY: gettext_lazy("Morning summary"),
}


def minutes_words(minutes: int) -> str:
    """ "30 min", "4 hours"."""
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    return ngettext("%(n)s hour", "%(n)s hours", minutes // 60) % {"n": minutes // 60}


def clock_words(minutes: int) -> str:
    """Minutes since midnight as "08:00"."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
