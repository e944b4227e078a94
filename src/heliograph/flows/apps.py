"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    """The app "flows"."""

    name = "heliograph.flows"
