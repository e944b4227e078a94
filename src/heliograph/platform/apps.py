"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """The app "platform"."""

    name = "heliograph.platform"
