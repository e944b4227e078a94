"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class InsightsConfig(AppConfig):
    """The app "insights"."""

    name = "heliograph.insights"
