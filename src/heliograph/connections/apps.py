"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """The app "connections"."""

    name = "heliograph.connections"
