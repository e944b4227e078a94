"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class PresetsConfig(AppConfig):
    """The app "presets"."""

    name = "heliograph.presets"
