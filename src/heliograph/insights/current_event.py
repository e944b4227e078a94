"""The event that the account works on now: its figures so far are a period of Insights (X1)."""

from __future__ import annotations

import datetime

from django.utils import timezone

from heliograph.store.models import Event

LOOKED_AT = 500
"""Newest events of an account among which it is."""


def current_event() -> Event | None:
    """The event of the account that ends next; of those without an end, or if all have ended, the newest. None without any event."""
    newest = list(Event.objects.order_by("-id").only("id", "code", "end", "created")[:LOOKED_AT])
    now = timezone.now()
    to_come = [event for event in newest if event.end is not None and event.end >= now]
    far = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return min(to_come, key=lambda event: event.end or far) if to_come else newest[0] if newest else None
