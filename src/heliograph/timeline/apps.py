"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class TimelineConfig(AppConfig):
    """The app "timeline"."""

    name = "heliograph.timeline"
