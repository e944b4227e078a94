"""Times as pages show them, in the account's time zone, which is active while its pages are rendered.

Tables of records show absolute times (14 Oct 2026, 14:31:07); only lists of flows show how long ago.
"""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext

from heliograph.web.date_texts import date_text

register = template.Library()

JUST_NOW = datetime.timedelta(minutes=1)
AN_HOUR = datetime.timedelta(hours=1)
SECONDS_SHOWN = 100
"""From this many seconds on a time to come is told in minutes."""
HOURS_SHOWN = 48
"""From this many hours on a time to come is told in days."""


def _local(moment: datetime.datetime) -> datetime.datetime:
    return timezone.localtime(moment)


@register.filter
def moment(value: datetime.datetime | None) -> str:
    """14 Oct 2026, 14:31:07"""
    return date_text(_local(value), "j M Y, H:i:s") if value else ""


@register.filter
def minute(value: datetime.datetime | None) -> str:
    """14 Oct 2026, 14:31"""
    return date_text(_local(value), "j M Y, H:i") if value else ""


def minute_in(value: datetime.datetime | None, zone: str) -> str:
    """14 Oct 2026, 14:31 in another time zone than the account's, such as an event's."""
    return date_text(value.astimezone(ZoneInfo(zone)), "j M Y, H:i") if value else ""


@register.filter
def short_moment(value: datetime.datetime | None) -> str:
    """14 Oct, 14:31"""
    return date_text(_local(value), "j M, H:i") if value else ""


@register.filter
def soon(value: datetime.datetime | None, now: datetime.datetime | None = None) -> str:
    """14:31 if it is today, else 15 Oct, 14:31: when something is tried next."""
    if not value:
        return ""
    today = _local(now or timezone.now()).date()
    return clock_minute(value) if _local(value).date() == today else short_moment(value)


def since_when(value: datetime.datetime, now: datetime.datetime | None = None) -> str:
    """What follows "since": 14:31 if it is today, else 15 Oct, 14:31, with the article of a language that has one there."""
    text = soon(value, now)
    # Translators: a date after "since", such as "15 Oct, 14:31"; French: le %(date)s
    return text if text == clock_minute(value) else pgettext("after since", "%(date)s") % {"date": text}


@register.filter
def soon_to_the_second(value: datetime.datetime | None, now: datetime.datetime | None = None) -> str:
    """14:31:07 within the next hour, else as `soon`: a person who waits for it needs the second."""
    if not value:
        return ""
    now = now or timezone.now()
    return clock(value) if value - now < AN_HOUR and _local(value).date() == _local(now).date() else soon(value, now)


@register.filter
def seconds_until(value: datetime.datetime, now: datetime.datetime | None = None) -> int:
    """Whole seconds until then; negative if it has passed."""
    return int((value - (now or timezone.now())).total_seconds())


@register.filter
def until(value: datetime.datetime | None, now: datetime.datetime | None = None) -> str:
    """Now; in 28 s; in 5 min; in 1 h 37 min; in 2 d: how long it is until then. The pages' script counts it down."""
    if not value:
        return ""
    seconds = seconds_until(value, now)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if seconds <= 0:
        return gettext("Now")
    if seconds < SECONDS_SHOWN:
        return gettext("in %(n)s s") % {"n": seconds}
    if hours == 0:
        return gettext("in %(n)s min") % {"n": minutes}
    if hours < HOURS_SHOWN:
        return (
            gettext("in %(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
            if minutes
            else gettext("in %(n)s h") % {"n": hours}
        )
    return ngettext("in %(n)d day", "in %(n)d days", hours // 24) % {"n": hours // 24}


@register.filter
def countdown(value: datetime.datetime, now: datetime.datetime | None = None) -> SafeString:
    """`until` within a sentence, with the exact time on pointing at it. The pages' script counts it down."""
    now = now or timezone.now()
    return format_html(
        '<time datetime="{}" title="{}" data-until="{}" data-now="{}" data-left="{}">{}</time>',
        iso(value),
        soon_to_the_second(value, now),
        gettext("in # s"),
        gettext("now"),
        seconds_until(value, now),
        until(value, now) if value > now else gettext("now"),
    )


@register.filter
def clock(value: datetime.datetime | None) -> str:
    """14:31:07"""
    return date_text(_local(value), "H:i:s") if value else ""


@register.filter
def clock_minute(value: datetime.datetime | None) -> str:
    """14:31"""
    return date_text(_local(value), "H:i") if value else ""


@register.filter
def day(value: datetime.datetime | None) -> str:
    """Wednesday, 14 October 2026"""
    return date_text(_local(value), "l, j F Y") if value else ""


@register.filter
def iso(value: datetime.datetime | None) -> str:
    """2026-10-14T14:31:07+02:00, for <time datetime>."""
    return _local(value).isoformat(timespec="seconds") if value else ""


@register.filter
def ago(value: datetime.datetime | None, now: datetime.datetime | None = None) -> str:
    """Just now; 2 min ago; 13:05 of today; Yesterday, 17:20; 9 Oct, 18:00; 9 Oct 2025, 18:00."""
    if not value:
        return ""
    now = now or timezone.now()
    passed = now - value
    if passed < JUST_NOW:
        return gettext("Just now")
    if passed < AN_HOUR:
        minutes = int(passed.total_seconds() // 60)
        return ngettext("%(n)d min ago", "%(n)d min ago", minutes) % {"n": minutes}
    then, today = _local(value), _local(now).date()
    time = date_text(then, "H:i")
    if then.date() == today:
        return gettext("Today, %(time)s") % {"time": time}
    if then.date() == today - datetime.timedelta(days=1):
        return gettext("Yesterday, %(time)s") % {"time": time}
    return date_text(then, "j M, H:i" if then.year == today.year else "j M Y, H:i")
