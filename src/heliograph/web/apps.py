"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The app "web"."""

    name = "heliograph.web"
