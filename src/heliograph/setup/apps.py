"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class SetupConfig(AppConfig):
    """The app "setup"."""

    name = "heliograph.setup"
